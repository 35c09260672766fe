"""``epsball doctor``."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from epsball.data import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]


@pytest.fixture(autouse=True)
def nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def document(call: Call) -> dict[str, Any]:
    said = call("doctor", "--json")
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


def test_versions_threads_and_devices_are_those_of_this_process(call: Call) -> None:
    found = document(call)
    assert found["epsball"] == metadata.version("epsball")
    packages = by_name(found["packages"])
    assert packages["torch"]["version"] == metadata.version("torch")
    assert not any(row["remedy"] for row in found["packages"])
    assert found["threads"] == torch.get_num_threads()
    cpu = by_name(found["devices"])["cpu"]
    assert cpu["bfloat16"] is True
    assert len(found["devices"]) == 1 + torch.cuda.device_count() + torch.backends.mps.is_available()


def test_data_is_found_where_it_is_looked_for(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    before = by_name(document(call)["data"])
    assert list(before) == list(SOURCES)
    assert before["mnist-5k"]["found"] == "embedded"
    assert before["mnist"]["found"] == "not here"
    assert "$EPSBALL_DATA/mnist" in before["mnist"]["remedy"]
    own, cached = Path("sets", "mnist", "test.parquet"), Path("cache", "epsball", "cifar10", "file")
    for file in (own, cached):
        file.parent.mkdir(parents=True)
        file.touch()
    monkeypatch.setenv("EPSBALL_DATA", "sets")
    after = by_name(document(call)["data"])
    assert after["mnist"] == {"name": "mnist", "found": str(own), "remedy": ""}
    assert after["cifar10"]["found"].endswith("cache/epsball/cifar10")


STATED = [
    "torch>=2.6",
    "numpy>=9999",
    "no-such-package>=1",
    "onnx>=1; extra == 'onnx'",
    "no-such-backend; extra == 'jax'",
]


def test_what_is_missing_or_too_old_has_its_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    extras = {"Provides-Extra": ["dev", "jax", "none"]}
    monkeypatch.setattr(metadata, "requires", lambda _: STATED)
    monkeypatch.setattr(metadata, "metadata", lambda _: type("Stated", (), {"get_all": staticmethod(extras.get)}))
    found = document(call)
    packages = by_name(found["packages"])
    assert list(packages) == ["torch", "numpy", "no-such-package"]
    assert packages["torch"]["remedy"] == ""
    assert packages["numpy"]["remedy"] == 'pip install "numpy>=9999"'
    assert packages["no-such-package"]["found"] == "missing (needs >=1)"
    rows = by_name(found["extras"])
    assert set(rows) == {"[jax]", "[none]"}
    assert rows["[jax]"]["missing"] == ["no-such-backend"]
    assert rows["[jax]"]["remedy"] == 'pip install "epsball[jax]"'
    assert rows["[none]"]["remedy"] == ""


def test_people_see_the_same(call: Call) -> None:
    shown = call("doctor").stdout
    for part in ("Python", "torch", "device cpu", "mnist-5k", "embedded", "[onnx]"):
        assert part in shown
