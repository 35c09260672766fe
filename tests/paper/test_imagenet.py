from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.paper.imagenet import COLUMNS, ImageNet

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_missing_network_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPSBALL_DATA", str(tmp_path))
    caffenet = next(column for column in COLUMNS if column.name == "caffenet")
    assert "$EPSBALL_DATA/models/caffenet.onnx" in caffenet.missing()
    assert str(tmp_path) not in caffenet.missing()


def test_photographs_are_needed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPSBALL_DATA", str(tmp_path))
    assert "imagenet-sample" in ImageNet("any", "zoo:resnet-20").missing()
