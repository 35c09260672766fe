"""Answers on the probe: what rounding, chance and a network's own notes explain, and what they do not."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.models.identify import identify
from epsball.models.identity import ModelIdentity, differences
from epsball.models.probe import probe_images
from models.test_identity import X, network, reasons

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_images_lie_in_the_box_and_are_the_same_for_every_batch() -> None:
    images = probe_images(torch.zeros(2, 3, 4, 4), -1.0, torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1))
    assert images.shape == (8, 3, 4, 4)
    assert torch.equal(images, probe_images(torch.ones(5, 3, 4, 4), -1, torch.tensor([1, 2, 3]).reshape(3, 1, 1)))
    assert images.amin() >= -1
    assert all(images[:, channel].amax() <= channel + 1 for channel in range(3))
    assert images[:, 2].amax() > 2
    assert [bool(row.std() > 0.3) for row in images[:, 0]] == [True, False] * 4


class Counting(nn.Module):
    """Notes down how often, and on what, it was queried."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.queries, self.last = network(), 0, ()
        self.shape: tuple[int, ...] | None = None
        self.trace: Tensor | None = None
        self.total = torch.zeros(())

    def forward(self, x: Tensor) -> Any:
        self.queries += 1
        self.total = self.total + len(x)
        self.shape, self.trace = tuple(x.shape), x.clone()
        return self.net(x)


@pytest.mark.parametrize("rows", [1, 8, 256])
def test_what_a_network_notes_down_is_no_part_of_it(rows: int) -> None:
    net = Counting()
    first = identify(eb.wrap(net), X)
    eb.wrap(net)(torch.rand(rows, 1, 4, 4))
    assert differences(first, identify(eb.wrap(net), X)) == []


def noisy(seed: int, share: float = 0.5) -> nn.Module:
    dropout = nn.Dropout(share)
    dropout.register_forward_hook(lambda _module, inputs, _answer: nn.functional.dropout(inputs[0], share))
    return nn.Sequential(network(seed)[:3], dropout, network(seed)[3])


def test_a_random_model_is_known_by_its_label_frequencies() -> None:
    first = identify(eb.wrap(noisy(0)), X)
    torch.rand(1)
    again = identify(eb.wrap(noisy(0)), X)
    assert first.probe is None
    assert first.frequencies != again.frequencies
    assert differences(first, again) == []
    answer = noisy(0)

    def other(x: Tensor) -> Any:
        return -answer(x)

    def same(x: Tensor) -> Any:
        return +answer(x)

    one, two = (identify(eb.wrap(net), X) for net in (same, other))
    assert any("a label's frequency differs" in reason for reason in differences(one, two))
    assert "random answers, where they were the same in every pass" in differences(
        identify(eb.wrap(network()), X), first
    )


def test_rounding_is_accepted_and_more_is_not() -> None:
    one = identify(eb.wrap(network()), X)
    assert one.probe is not None
    spread = float(torch.tensor(one.probe).std())
    for shift, device, accepted in (
        (5e-4, "cpu", True),
        (5e-3, "cpu", False),
        (5e-3, "cuda", True),
        (5e-2, "cuda", False),
    ):
        moved = tuple(tuple(z + shift * spread for z in row) for row in one.probe)
        two = ModelIdentity(**(asdict(one) | {"probe": moved, "device": device}))
        assert (differences(one, two) == differences(two, one) == []) == accepted


def test_infinite_logits_fit_json_and_hide_nothing() -> None:
    def masked(seed: int) -> Callable[[Tensor], Tensor]:
        net = network(seed)
        return lambda x: torch.cat((net(x), torch.full((len(x), 1), -torch.inf)), 1)

    def faint(value: float) -> Callable[[Tensor], Tensor]:
        return lambda x: torch.stack((x.mean((1, 2, 3)), value * x.mean((1, 2, 3)), torch.full((len(x),), -1e9)), 1)

    assert reasons(masked(0), masked(0)) == []
    assert "other answers on the probe" in reasons(masked(0), masked(1))[-1]
    assert "other answers on the probe" in reasons(faint(0.1), faint(0.2))[-1]
    shorter = identify(eb.wrap(masked(0)), X)
    assert "other answers on the probe: 4 classes instead of 5" in differences(shorter, identify(eb.wrap(network()), X))
