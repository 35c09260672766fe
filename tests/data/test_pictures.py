"""Encoded pictures to pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from epsball.data.cut import Cut, chosen_cut
from epsball.data.pictures import decode
from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]


def test_grey_pictures_have_one_channel_and_colour_wins(png: Callable[..., bytes], digits: Array) -> None:
    grey, colour = png(digits[0]), png(np.dstack(list(digits[1:4])))
    assert np.array_equal(decode([("a", grey)]), digits[None, :1])
    both = decode([("a", grey), ("b", colour)])
    assert np.array_equal(both[0], np.repeat(digits[:1], 3, axis=0))
    assert np.array_equal(both[1], digits[1:4])
    assert decode([("a", grey)], colour=True).shape == (1, 3, 5, 4)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "CMYK", "1"])
def test_other_modes_of_eight_bits_are_converted(png: Callable[..., bytes], mode: str) -> None:
    white = png(np.full((5, 4, 3), 255, np.uint8), "TIFF" if mode == "CMYK" else "PNG", mode)
    pixels = decode([("a", white)])
    assert pixels.shape == (1, 1 if mode == "1" else 3, 5, 4)
    assert (pixels == 255).all()


def test_sixteen_bits_are_refused_rather_than_cut(png: Callable[..., bytes]) -> None:
    with pytest.raises(InputError, match=r"a has pixels of mode I(;16)?, expected 8 bits"):
        decode([("a", png(np.full((5, 4), 40_000, np.uint16)))])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_picture_is_said_to_be_so(png: Callable[..., bytes], kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    content = png(noise, kind)
    with pytest.raises(InputError, match="row 7 is truncated"):
        decode([("row 7", content[: len(content) // 2])])


def test_what_is_no_picture_is_said() -> None:
    with pytest.raises(InputError, match="a is no picture"):
        decode([("a", b"label,0\n")])


def test_two_sizes_are_an_error_that_names_both_and_the_way_out(png: Callable[..., bytes]) -> None:
    pictures = [("a", png(np.zeros((5, 4), np.uint8))), ("b", png(np.zeros((6, 4), np.uint8)))]
    with pytest.raises(InputError, match=r"a is 4x5 pixels and b is 4x6, .*give --size 224 \(size=224 in Python\)"):
        decode(pictures)
    assert decode(pictures, cut=Cut(3, 3)).shape == (2, 1, 3, 3)


def test_a_photograph_whose_shorter_side_fits_is_only_cut() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 300, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(Cut(256, 224)(Image.fromarray(pixels))), pixels[16:240, 38:262])


@pytest.mark.parametrize("size", [(500, 333), (333, 500), (100, 1000), (20, 20), (257, 256)])
def test_any_photograph_is_cut_to_the_middle_square(size: tuple[int, int]) -> None:
    ramp = np.linspace(0, 255, size[0]).round().astype(np.uint8)
    cut = np.asarray(Cut(256, 224)(Image.fromarray(np.tile(ramp, (size[1], 1)))))
    assert cut.shape == (224, 224)
    assert abs(float(cut.mean()) - 127.5) < 1.5


@pytest.mark.parametrize(
    ("size", "crop", "cut"),
    [
        (None, None, None),
        (224, None, Cut(224, 224)),
        (None, 224, Cut(256, 224)),
        (232, 224, Cut(232, 224)),
        (8, 8, Cut(8, 8)),
    ],
)
def test_what_size_and_crop_mean(size: int | None, crop: int | None, cut: Cut | None) -> None:
    assert chosen_cut(size, crop) == cut


@pytest.mark.parametrize(
    ("size", "crop", "says"),
    [
        (0, None, "size was given as 0; expected a whole number of pixels"),
        (None, -3, "crop was given as -3"),
        (2.5, None, r"size was given as 2\.5"),
        (True, None, "size was given as True"),
        (224, 256, "crop was given as 256 and size as 224; .*give crop up to 224"),
    ],
)
def test_sizes_that_mean_nothing_are_said(size: Any, crop: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        chosen_cut(size, crop)


def test_a_picture_that_would_be_too_large_is_said() -> None:
    with pytest.raises(
        InputError, match="a picture of 1x3000 pixels would have 224x672000 with its shorter side of 224"
    ):
        Cut(224, 224)(Image.fromarray(np.zeros((3000, 1), np.uint8)))
