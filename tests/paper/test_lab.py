from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from epsball.paper import lab as module
from epsball.paper.estimates import exactly
from epsball.paper.lab import Lab
from epsball.paper.rows import Rows
from epsball.paper.spaces import pixels
from epsball.training.recipe import Recipe
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECIPE = Recipe(epochs=2, batch_size=16)


def make(tmp_path: Path, said: list[str], *, quick: bool = True, seed: int = 0) -> Lab:
    return Lab(quick=quick, out=tmp_path / "out", seed=seed, say=said.append, trained=tmp_path / "trained")


def test_a_step_is_computed_once_and_again_when_what_it_depends_on_changes(tmp_path: Path) -> None:
    said: list[str] = []
    lab, model = make(tmp_path, said), eb.wrap(Affine())
    calls: list[int] = []

    def compute(*_: object) -> Rows:
        calls.append(1)
        return Rows((exactly(float(len(calls))).of("calls"),))

    def value(lab: Lab, *on: object) -> float:
        return lab.step("E", "a/b c", compute, *on).one().value

    assert value(lab, model, torch.ones(2), "text") == 1
    assert value(make(tmp_path, said), model, torch.ones(2), "text") == 1
    assert value(lab, eb.wrap(Affine(1)), torch.ones(2), "text") == 2
    assert value(lab, model, torch.zeros(2), "text") == 3
    assert value(lab, model, torch.zeros(2), "other") == 4
    assert value(make(tmp_path, said, seed=1), model, torch.zeros(2), "other") == 5
    assert value(make(tmp_path, said, quick=False), model, torch.zeros(2), "other") == 6
    assert said == ["E: a/b c"] * 6
    (tmp_path / "out" / "steps" / "E" / "a-b-c.json").write_text("{")
    assert value(lab, model, torch.zeros(2), "other") == 7


def test_settings_of_any_depth_are_part_of_what_a_step_depends_on(tmp_path: Path) -> None:
    lab, space, seen = make(tmp_path, []), pixels(torch.zeros(1, 1, 2, 2)), []

    def compute(*on: object) -> Rows:
        seen.append(on)
        return Rows()

    same: tuple[Callable[[], object], ...] = (
        lambda: (eb.PGD(steps=5), 0.3),
        lambda: (eb.PGD(steps=6), 0.3),
        lambda: (eb.PGD(steps=6), eb.Threat(eb.linf, 0.3)),
        lambda: (eb.PGD(steps=6), eb.Threat(eb.l2, 0.3)),
        lambda: {"a network": eb.wrap(Affine())},
        lambda: {"a network": eb.wrap(Affine(1))},
        lambda: [space, None],
        lambda: [replace(space, boxed=False), None],
    )
    for place, make_setting in enumerate(same, start=1):
        for _ in range(2):
            lab.step("E", "one", compute, make_setting())
            assert len(seen) == place
    with pytest.raises(TypeError, match="a step cannot depend on a object; give models"):
        lab.step("E", "one", compute, object())


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


def test_a_half_finished_training_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    lab, start, data = make(tmp_path, []), eb.wrap(Affine()), samples()
    first = lab.train("a network", start, data, RECIPE)
    (history,) = (tmp_path / "trained").glob("*.json")
    history.unlink()
    torch.save({"spec": "of an older version"}, history.with_suffix(".checkpoint"))
    again = lab.train("a network", start, data, RECIPE)
    assert again.model.fingerprint() == first.model.fingerprint()


def test_quick_runs_stand_on_embedded_digits(tmp_path: Path) -> None:
    lab = make(tmp_path, [])
    assert lab.pick("quick", "full") == "quick"
    assert lab.data("mnist", "test", 3)[0].shape == (3, 1, 28, 28)
    assert lab.data("cifar10", "test", 3)[0].shape == (3, 1, 8, 8)
    assert (lab.name("mnist"), lab.name("cifar10")) == ("mnist-5k", "digits")
    full = make(tmp_path, [], quick=False)
    assert (full.pick(1, 2), full.name("mnist")) == (2, "mnist")
