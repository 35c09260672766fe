"""Networks that take images in one memory order only, in every way there is to say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.oracle.batching import choose_batching
from epsball.oracle.memory_format import takes_channels_last
from epsball.oracle.tuning import tune

if TYPE_CHECKING:
    from collections.abc import Callable

X = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """A convolution, something before it, something behind it, and a linear layer."""

    def __init__(self, before: Callable[[Tensor], Tensor], behind: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.before, self.behind = before, behind
        self.convolution, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(144, 3)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) / 4)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.behind(self.convolution(self.before(x))))
        return logits


class BackwardView(torch.autograd.Function):
    """The identity, whose backward pass lays its gradient out as one row."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        return gradient.view(len(gradient), -1).reshape(gradient.shape)


def same(x: Tensor) -> Tensor:
    return x


def flat(x: Tensor) -> Tensor:
    return x.flatten(1)


def as_it_lies(x: Tensor) -> Tensor:
    """The numbers in the order of memory."""
    return x.as_strided((len(x), 144), (144, 1))


PLAIN_ONLY = {
    "behind": Net(same, lambda x: x.view(len(x), -1)),
    "in-front": Net(lambda x: x.view(len(x), -1).reshape(x.shape), flat),
    "rows": Net(same, lambda x: x.view(-1, 144)),
    "backward": Net(BackwardView.apply, flat),
    "memory": Net(same, as_it_lies),
}


@pytest.mark.parametrize("name", PLAIN_ONLY)
def test_a_network_that_takes_plain_images_only_gets_them(name: str) -> None:
    net = PLAIN_ONLY[name]
    with torch.no_grad():
        y = net(X).argmax(1)
    assert not choose_batching(eb.wrap(net), X).channels_last
    assert not tune(eb.wrap(net), X).channels_last
    threat = eb.Threat("linf", 0.05)
    found = eb.PGD(steps=3)(net, X, y, threat)
    with torch.no_grad():
        assert torch.equal(net(found.x).argmax(1) != y, found.success)
    run = eb.evaluate(net, (X, y), threat, suite=[eb.FGSM(), eb.DeepFool()])
    assert run.clean_accuracy == 1
    assert run.plan.batching.channels_last is False


def test_others_are_asked_pixel_by_pixel_and_tried_once() -> None:
    passes = []
    net = Net(same, flat)
    net.register_forward_hook(lambda *_: passes.append(1))
    model = eb.wrap(net)
    assert choose_batching(model, X).channels_last
    tried = len(passes)
    assert choose_batching(model, X[:1]).channels_last
    assert len(passes) == tried <= 3
    assert choose_batching(model, X.double()[:0]).channels_last
    assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())


def test_random_answers_say_nothing_about_memory() -> None:
    assert choose_batching(eb.wrap(Net(same, lambda x: x.flatten(1) + torch.randn(len(x), 144))), X).channels_last


def test_one_that_fails_anyway_is_asked_in_plain_order_and_one_that_runs_out_of_memory_is_not_judged() -> None:
    def short_of_memory(_: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    assert not choose_batching(eb.wrap(Net(same, same)), X).channels_last
    assert choose_batching(eb.wrap(Net(same, short_of_memory)), X).channels_last


def test_training_mode_is_tried_on_its_own() -> None:
    class Two(Net):
        def forward(self, x: Tensor) -> Tensor:
            self.behind = (lambda x: x.view(len(x), -1)) if self.training else flat
            return super().forward(x)

    net = nn.Sequential(nn.BatchNorm2d(3), Two(same, flat))
    model = eb.wrap(net)
    assert takes_channels_last(model, X)
    assert not takes_channels_last(model, X, training=True)
    assert takes_channels_last(eb.wrap(nn.Sequential(nn.BatchNorm2d(3), Net(same, flat))), X, training=True)
    assert int(net.state_dict()["0.num_batches_tracked"]) == 0
    assert net.training
