from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither data of the user's own nor an earlier download decides a test."""
    monkeypatch.delenv("EPSBALL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """Pixels (H, W) or (H, W, C) -> the bytes of a picture, PNG unless asked otherwise."""
    from PIL import Image  # noqa: PLC0415 a picture library is imported where it is used

    def encode(pixels: np.ndarray[Any, Any], kind: str = "PNG", mode: str | None = None) -> bytes:
        stream = io.BytesIO()
        picture = Image.fromarray(np.asarray(pixels))
        (picture.convert(mode) if mode else picture).save(stream, kind)
        return stream.getvalue()

    return encode


@pytest.fixture(scope="session")
def digits() -> np.ndarray[Any, Any]:
    """Twelve grey images, (12, 5, 4) of uint8, no two alike."""
    return np.random.default_rng(0).integers(0, 256, (12, 5, 4), dtype=np.uint8)
