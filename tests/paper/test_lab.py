from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from epsball.paper import lab as module
from epsball.paper.lab import Lab
from epsball.training.recipe import Recipe
from toy import Affine, samples

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = Recipe(epochs=2, batch_size=16)


def make(tmp_path: Path, said: list[str], *, quick: bool = True, seed: int = 0) -> Lab:
    return Lab(quick=quick, out=tmp_path / "out", seed=seed, say=said.append, trained=tmp_path / "trained")


def test_a_step_is_computed_once_and_again_when_what_it_rests_on_changes(tmp_path: Path) -> None:
    said: list[str] = []
    lab, model = make(tmp_path, said), eb.wrap(Affine())
    calls: list[int] = []

    def compute() -> dict[str, int]:
        calls.append(1)
        return {"value": len(calls)}

    assert lab.step("E", "a/b c", compute, model, torch.ones(2), "text") == {"value": 1}
    assert make(tmp_path, said).step("E", "a/b c", compute, model, torch.ones(2), "text") == {"value": 1}
    assert lab.step("E", "a/b c", compute, eb.wrap(Affine(1)), torch.ones(2), "text") == {"value": 2}
    assert lab.step("E", "a/b c", compute, model, torch.zeros(2), "text") == {"value": 3}
    assert lab.step("E", "a/b c", compute, model, torch.zeros(2), "other") == {"value": 4}
    assert make(tmp_path, said, seed=1).step("E", "a/b c", compute, model, torch.zeros(2), "other") == {"value": 5}
    assert make(tmp_path, said, quick=False).step("E", "a/b c", compute, model, torch.zeros(2), "other") == {"value": 6}
    assert said == ["E: a/b c"] * 6


def test_a_network_is_trained_once_per_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    lab, start, data = make(tmp_path, said), eb.wrap(Affine()), samples()
    first = lab.train("a network", start, data, RECIPE)
    assert said == ["training a network"]
    assert [path.suffix for path in sorted((tmp_path / "trained").iterdir())] == [".json", ".safetensors"]
    monkeypatch.setattr(module, "fit", lambda *_args, **_more: pytest.fail("trained again"))
    again = lab.train("a network", start, data, RECIPE)
    assert again.model.fingerprint() == first.model.fingerprint() != start.fingerprint()
    assert again.history == first.history
    assert len(again.history) == 2
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        lab.train("a network", start, (data[0][1:], data[1][1:]), RECIPE)


def test_quick_runs_stand_on_embedded_digits(tmp_path: Path) -> None:
    lab = make(tmp_path, [])
    assert lab.pick("quick", "full") == "quick"
    assert lab.data("mnist", "test", 3)[0].shape == (3, 1, 28, 28)
    assert lab.data("cifar10", "test", 3)[0].shape == (3, 1, 8, 8)
    assert (lab.name("mnist"), lab.name("cifar10")) == ("mnist-5k", "digits")
    full = make(tmp_path, [], quick=False)
    assert (full.pick(1, 2), full.name("mnist")) == (2, "mnist")
