from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.paper.imagenet import COLUMNS, ImageNet

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_missing_network_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPSBALL_DATA", str(tmp_path))
    caffenet = next(column for column in COLUMNS if column.name == "caffenet")
    expected = "put the public ONNX model zoo's network at $EPSBALL_DATA/models/caffenet.onnx"
    assert caffenet.missing() == expected
    monkeypatch.delenv("EPSBALL_DATA")
    monkeypatch.chdir(tmp_path)
    assert caffenet.missing() == expected


def test_a_damaged_network_names_no_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPSBALL_DATA", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "caffenet.onnx").write_bytes(b"no network")
    caffenet = next(column for column in COLUMNS if column.name == "caffenet")
    assert "caffenet.onnx cannot be read" in caffenet.missing()
    assert str(tmp_path) not in caffenet.missing()


def test_photographs_are_needed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPSBALL_DATA", str(tmp_path))
    missing = ImageNet("any", "zoo:resnet-20").missing()
    assert missing == "put photographs at $EPSBALL_DATA/imagenet-sample/test.parquet"
