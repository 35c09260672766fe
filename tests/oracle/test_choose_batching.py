"""The rule by which inputs are laid out: size of micro-batches and blocks, order in memory, tiles."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.oracle.batching import Batching, batching_by_rule
from epsball.oracle.convolution import InTiles
from epsball.oracle.forward import arranged, kernels, precision

IMAGES = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
DIGITS = nn.Sequential(nn.Conv2d(1, 8, 5), nn.Flatten())
DENSE = nn.Linear(8, 2)
PIXELS = Batching(batch_size=8, channels_last=True, block_size=8)


@pytest.mark.parametrize(
    ("net", "shape", "rows", "block"),
    [
        (IMAGES, (3, 16, 16), 256, 2**28 // 3072),
        (IMAGES, (3, 64, 64), 64, 2**28 // 49152),  # 85 fit 4 MiB
        (IMAGES, (4, 128, 128), 16, 2**10),  # 16 fit exactly
        (IMAGES, (3, 128, 128), 16, 2**28 // 196608),
        (IMAGES, (3, 800, 800), 8, 34),  # not even one fits
        (IMAGES, (3, 4000, 4000), 8, 8),
        (DENSE, (8,), 1024, 2**23),
        (DENSE, (2**12,), 256, 2**14),
    ],
)
def test_micro_batches_fit_the_cache_and_blocks_the_memory(
    net: nn.Module, shape: tuple[int, ...], rows: int, block: int
) -> None:
    x = torch.zeros(1).expand(2, *shape)
    assert batching_by_rule(eb.wrap(net), x) == Batching(rows, net is IMAGES, block)


def test_what_is_no_image_keeps_its_order() -> None:
    assert batching_by_rule(eb.wrap(IMAGES), torch.zeros(2, 3, 8)) == Batching(
        256, channels_last=False, block_size=2**28 // 96
    )
    assert batching_by_rule(eb.wrap(lambda x: x), torch.zeros(2, 3, 8, 8)).channels_last is False
    assert batching_by_rule(eb.wrap(nn.ConvTranspose2d(3, 4, 3)), torch.zeros(2, 3, 8, 8)).channels_last is True
    assert batching_by_rule(eb.wrap(DENSE), torch.zeros(0, 8)) == Batching(1024, channels_last=False, block_size=2**28)


def test_digits_are_differentiated_in_tiles() -> None:
    assert batching_by_rule(eb.wrap(DIGITS), torch.zeros(2, 1, 28, 28)).tiles
    assert not batching_by_rule(eb.wrap(DIGITS), torch.zeros(2, 28, 28)).tiles
    assert not batching_by_rule(eb.wrap(nn.Flatten()), torch.zeros(2, 1, 28, 28)).tiles
    many = torch.zeros(2**14 // 16, 1, 4, 4, requires_grad=True)
    tiled = Batching(batch_size=8, channels_last=True, block_size=8, tiles=True)
    assert isinstance(kernels(many, tiled), InTiles)
    for x, batching in ((many[1:], tiled), (many.detach(), tiled), (many, PIXELS)):
        assert isinstance(kernels(x, batching), nullcontext)


def test_pixels_lie_beside_their_channels() -> None:
    colour, grey = torch.rand(2, 3, 4, 5, requires_grad=True), torch.rand(2, 1, 4, 5)
    assert arranged(colour, PIXELS).stride() == (60, 1, 15, 3)
    assert arranged(grey, PIXELS).stride() == (20, 1, 5, 1)
    assert arranged(grey.transpose(2, 3), PIXELS).stride() == (20, 1, 4, 1)
    for x in (colour, grey, grey.transpose(2, 3)):
        made = arranged(x, PIXELS)
        assert torch.equal(made, x)
        assert not made.requires_grad
    plain = Batching(batch_size=8, channels_last=False, block_size=8)
    assert arranged(colour, plain).stride() == colour.stride()
    assert not arranged(colour, plain).requires_grad


def test_only_single_precision_is_lowered() -> None:
    for kind, wanted, lowered in (
        (torch.float32, True, True),
        (torch.float32, False, False),
        (torch.float64, True, False),
    ):
        with precision(torch.zeros(1, dtype=kind), bfloat16=wanted):
            assert torch.is_autocast_enabled("cpu") is lowered
            assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == (torch.bfloat16 if lowered else torch.float32)


def test_a_loss_sees_the_type_of_the_inputs_also_when_the_search_is_lowered() -> None:
    kinds = []

    def loss(logits: Tensor, goal: eb.Goal) -> Tensor:
        kinds.append(logits.dtype)
        return eb.losses.margin(logits, goal)

    batching = Batching(batch_size=8, channels_last=False, block_size=8, bfloat16=True)
    eb.FGSM(loss=loss)(DENSE, torch.full((2, 8), 0.5), torch.tensor([0, 1]), eb.Threat("linf", 0.1), batching=batching)
    assert kinds == [torch.float32]
