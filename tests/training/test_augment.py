"""Shifts and mirrors."""

from __future__ import annotations

import torch
from torch import Generator

from epsball.training.augment import Shift


def all_moves(image: torch.Tensor, pixels: int) -> set[bytes]:
    """Every shift of an image (H, W), zeros moving in."""
    height, width = image.shape
    frame = torch.zeros(height + 2 * pixels, width + 2 * pixels)
    frame[pixels : pixels + height, pixels : pixels + width] = image
    moves = range(2 * pixels + 1)
    return {frame[i : i + height, j : j + width].numpy().tobytes() for i in moves for j in moves}


def test_every_image_is_one_of_its_shifts_and_all_occur() -> None:
    image = torch.arange(1.0, 13.0).reshape(3, 4)
    moved = Shift(1)(image.expand(400, 2, 3, 4), Generator().manual_seed(0))
    assert moved.shape == (400, 2, 3, 4)
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert {plane.numpy().tobytes() for plane in moved[:, 0]} == all_moves(image, 1)


def test_half_of_the_images_are_mirrored_where_asked() -> None:
    image = torch.arange(1.0, 13.0).reshape(3, 4)
    moved = Shift(0, mirror=True)(image.expand(400, 1, 3, 4), Generator().manual_seed(0))
    mirrored = (moved[:, 0] == image.flip(1)).all((1, 2))
    plain = (moved[:, 0] == image).all((1, 2))
    assert bool((mirrored | plain).all())
    assert 150 < int(mirrored.sum()) < 250


def test_the_draws_come_from_the_generator_alone() -> None:
    x, before = torch.rand(8, 1, 6, 6, generator=Generator().manual_seed(1)), torch.get_rng_state()
    first, again = (Shift(2, mirror=True)(x, Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
