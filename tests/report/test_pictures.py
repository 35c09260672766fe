"""The pictures of one sample."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from epsball.display.difference import amplification, diverging
from epsball.report.pictures import LARGEST, LARGEST_PNG, embedded, triptych

if TYPE_CHECKING:
    from numpy.typing import NDArray


def decode(uri: str) -> NDArray[Any]:
    head, _, body = uri.partition(",")
    assert head in {"data:image/png;base64", "data:image/jpeg;base64"}
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


@pytest.mark.parametrize(
    ("largest", "factor"),
    [(0.1, 10), (0.5, 2), (0.6, 1), (1.0, 1), (8 / 255, 20), (0.001, 1000), (3e-6, 200_000), (1e-9, 10**9), (0.0, 1)],
)
def test_the_largest_change_comes_near_the_end_of_the_scale_but_not_past_it(largest: float, factor: int) -> None:
    assert amplification(largest) == factor
    assert factor * largest <= 1


@given(st.floats(1e-29, 1))
def test_any_change_is_seen(largest: float) -> None:
    assert 0.4 < amplification(largest) * largest <= 1


def test_the_faintest_change_is_no_error() -> None:
    assert amplification(5e-324) == 10**30


def test_grey_pictures_show_darker_blue_brighter_red_unchanged_white() -> None:
    clean = np.full((1, 2, 2), 0.5, dtype=np.float32)
    change = np.array([[[0.1, -0.1], [0, 0]]], dtype=np.float32)
    made = triptych(clean, clean + change, 0.0, 1.0)
    middle = decode(made.difference)
    assert made.factor in {5, 10}  # 0.1 in float32 may lie above or below the limit of ten
    assert middle[0, 0, 0] > middle[0, 0, 2]
    assert middle[0, 1, 2] > middle[0, 1, 0]
    assert middle[1].tolist() == [[255, 255, 255]] * 2
    assert decode(made.original).tolist() == [[128, 128], [128, 128]]
    assert decode(made.adversarial)[0, 0] == 153


def test_colour_pictures_add_the_amplified_change_to_grey() -> None:
    clean = np.full((3, 4, 5), 0.25)
    adversarial = clean.copy()
    adversarial[0] += 0.05
    made = triptych(clean, adversarial, 0.0, 1.0)
    middle = decode(made.difference)
    assert middle.shape == (4, 5, 3)
    assert made.factor in {10, 20}
    assert middle[0, 0, 0] > 180
    assert middle[0, 0, 1:].tolist() == [128, 128]


def test_other_pixel_ranges_are_brought_to_the_screens() -> None:
    made = triptych(np.full((1, 2, 2), 255.0), np.full((1, 2, 2), 127.5), 0.0, 255.0)
    assert decode(made.original).max() == 255
    assert decode(made.adversarial).max() == 128
    assert made.factor == 2


def test_large_pictures_are_shrunk() -> None:
    assert decode(embedded(np.zeros((900, 600)))).shape == (LARGEST, round(LARGEST * 600 / 900))


def test_the_diverging_scale_ends_where_it_should() -> None:
    shown = diverging(np.array([[-1.0, 0.0, 1.0]]))
    assert shown[0, 1].tolist() == [1, 1, 1]
    assert shown[0, 0].argmax() == 2
    assert shown[0, 2].argmax() == 0


def test_pictures_of_many_colours_take_less_room_than_they_would_as_png() -> None:
    noise = np.random.default_rng(0).random((224, 224, 3))
    uri = embedded(noise)
    assert uri.startswith("data:image/jpeg")
    assert len(uri) < 2_000_000 / 36  # twelve examples of three pictures
    assert decode(uri).shape == (224, 224, 3)
    assert embedded(np.zeros((224, 224, 3))).startswith("data:image/png")
    assert LARGEST_PNG * 4 / 3 * 36 < 2_000_000
