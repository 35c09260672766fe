"""A run whose threat has levels says so, and its examples are pictures of so many levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from contract.problems import Affine

if TYPE_CHECKING:
    from pathlib import Path

MODEL = Affine((1, 6, 6), 4, dtype=torch.float32)
X = torch.randint(256, (30, 1, 6, 6), generator=torch.Generator().manual_seed(0)).float() / 255
Y = MODEL(X).argmax(1)
SUITE = {"fgsm": eb.FGSM(), "deepfool": eb.DeepFool()}


def test_examples_are_pictures_and_the_record_says_of_how_many_levels(tmp_path: Path) -> None:
    run = eb.evaluate(MODEL, (X, Y), eb.Threat("linf", 8 / 255, levels=256), suite=SUITE, out=tmp_path / "run")
    assert 0 < run.robust_accuracy() < 1
    assert run.plan.threat.levels == 256
    assert eb.load_run(tmp_path / "run").plan.threat.levels == 256
    distance = torch.from_numpy(run.upper[run.upper < torch.inf]) * 255
    torch.testing.assert_close(distance, distance.round(), rtol=0, atol=1e-3)
    assert eb.verify(tmp_path / "run", model=MODEL)
    with pytest.raises(eb.InputError, match="levels"):
        eb.evaluate(MODEL, (X, Y), eb.Threat("linf", 8 / 255), suite=SUITE, out=tmp_path / "run")


def test_an_example_between_levels_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    threat = eb.Threat("linf", 8 / 255, levels=256)
    true = eb.evaluate(MODEL, (X, Y), threat, suite=SUITE)
    monkeypatch.setattr(type(threat), "lattice", None)
    found = eb.FGSM()(MODEL, X, Y, eb.Threat("linf", 8.4 / 255))
    assert bool(found.success.any())
    between = eb.evaluate(MODEL, (X, Y), eb.Threat("linf", 8.4 / 255, levels=256), suite={"fgsm": eb.FGSM()})
    assert between.robust_accuracy() == 1.0 > true.robust_accuracy()
