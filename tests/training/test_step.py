"""Gradients in parts: what a batch too large for memory costs in accuracy is nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.training.objectives import Objective, standard
from epsball.training.step import Gradients, memory_format
from toy import Affine, samples


class Tight(nn.Module):
    """Runs out of memory above some number of rows, after its batch normalisation and dropout have seen them."""

    def __init__(self, limit: int, *, drop: float = 0.0) -> None:
        super().__init__()
        self.limit, self.sizes = limit, list[int]()
        self.norm, self.dropout, self.net = nn.BatchNorm2d(1), nn.Dropout(drop), Affine()

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.norm(x) if self.limit == 99 or len(x) <= 60 else x)
        self.sizes.append(len(x))
        if len(x) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        answer: Tensor = self.net(x)
        return answer


@pytest.mark.parametrize(("limit", "parts"), [(99, 1), (7, 4), (1, 20)])
def test_the_parts_gradients_are_the_batchs(limit: int, parts: int) -> None:
    (x, y), net = samples(20), Affine()
    calls: list[int] = []

    def loss(rows: slice) -> Tensor:
        if len(x[rows]) > limit:
            raise torch.OutOfMemoryError("out of memory")
        calls.append(len(x[rows]))
        return nn.functional.cross_entropy(net(x[rows]), y[rows])

    whole = nn.functional.cross_entropy(net(x), y)
    expected = torch.autograd.grad(whole, [net.weight, net.bias])
    gradients = Gradients(net)
    for _ in range(2):
        assert gradients(loss, 20) == pytest.approx(whole.item())
        assert net.weight.grad is not None
        assert net.bias.grad is not None
        torch.testing.assert_close([net.weight.grad, net.bias.grad], list(expected))
    assert len(calls) == 2 * parts


def test_a_single_row_too_many_is_the_models_error() -> None:
    with pytest.raises(eb.ModelError, match="memory ran out with a single input"):
        eb.fit(Tight(0), samples(8), eb.Recipe(epochs=1, batch_size=4))


@pytest.mark.parametrize("objective", [standard, eb.adversarial(eb.PGD(steps=2), eb.Threat("linf", 0.1))])
def test_training_goes_on_in_smaller_parts(objective: Objective) -> None:
    net = Tight(5)
    trained = eb.fit(net, samples(32), eb.Recipe(epochs=2, batch_size=16), objective=objective, validation=samples(32))
    assert len(trained.history) == 2
    assert trained.history[0].accuracy is not None


def test_a_pass_that_fails_leaves_no_trace() -> None:
    net, (x, y) = Tight(5, drop=0.5).train(), samples(8)
    small = Tight(99, drop=0.5).train()

    def loss_of(net: nn.Module) -> Gradients:
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(0)
            gradients = Gradients(net)
            gradients.size = None if net is not small else 4
            gradients(lambda rows: nn.functional.cross_entropy(net(x[rows]), y[rows]), 8)
        return gradients

    assert loss_of(net).size == 4
    loss_of(small)
    torch.testing.assert_close(net.state_dict(), small.state_dict())
    assert int(net.state_dict()["norm.num_batches_tracked"]) == 2


def test_a_backward_pass_that_fails_in_training_is_the_models_error() -> None:
    class InPlace(Affine):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.sigmoid(x * self.bias[0]).mul_(2))

    with pytest.raises(eb.ModelError, match="inplace operation"):
        eb.fit(InPlace(), samples(8), eb.Recipe(epochs=1))


class Viewing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.linear = nn.Conv2d(1, 2, 2), nn.Linear(18, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        answer: Tensor = self.linear(x.view(len(x), -1) if self.training else x.flatten(1))
        return answer


def test_a_network_trains_in_the_order_that_it_takes() -> None:
    x, y = samples(8)
    assert memory_format(eb.wrap(Viewing()), x) == torch.contiguous_format
    assert memory_format(eb.wrap(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten())), x) == torch.channels_last
    assert eb.fit(Viewing(), (x, y), eb.Recipe(epochs=1)).history
