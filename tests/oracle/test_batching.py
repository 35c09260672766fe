"""The sizes of micro-batches: what the rule gives, and halved when memory runs out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.oracle.batching import Batching, choose_batching


@pytest.mark.parametrize("limit", [1, 3, 5])
def test_memory_that_runs_out_halves_the_micro_batch_for_good(limit: int) -> None:
    sizes: list[int] = []

    def tight(x: Tensor) -> Tensor:
        sizes.append(len(x))
        if len(x) > limit:
            raise torch.OutOfMemoryError("out of memory")
        return torch.stack((9 + x[:, 0], x[:, 0]), 1)

    x = torch.full((11, 2), 0.1)
    found = eb.BIM(steps=2)(
        tight,
        x,
        torch.zeros(11).long(),
        eb.Threat("linf", 0.1),
        batching=Batching(8, channels_last=False, block_size=99),
    )
    tried = {1: [8, 4, 2], 3: [8, 4], 5: [8]}[limit]
    fits = tried[-1] // 2
    once = [fits] * (11 // fits) + [11 % fits] * (11 % fits > 0)
    assert sizes == tried + once * 3  # the input, two steps; the last point is where the step before it was
    assert found.queries.tolist() == [3] * 11
    assert found.gradients.tolist() == [2] * 11


@pytest.mark.parametrize(
    ("rows", "left", "next_one"),
    [
        *((256, 1000, 256), (256, 513, 192), (256, 300, 160), (256, 257, 160), (256, 256, 256), (256, 140, 140)),
        *((256, 33, 33), (256, 1, 1), (40, 1000, 40), (8, 20, 8)),
    ],
)
def test_convolutions_are_asked_about_equal_shares(rows: int, left: int, next_one: int) -> None:
    images = Batching(rows, channels_last=True, block_size=1000)
    assert images.fitting(left) == next_one
    assert replace(images, channels_last=False).fitting(left) == min(rows, left)


def test_no_few_images_are_left_for_a_batch_of_their_own() -> None:
    net, sizes = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), []
    model, x = eb.wrap(net), torch.full((257, 3, 4, 4), 0.5)
    batching = choose_batching(model, x)
    net.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    eb.BIM(steps=1)(model, x, torch.zeros(257).long(), eb.Threat("linf", 0.0), batching=batching)
    assert sizes[:2] == [160, 97]
