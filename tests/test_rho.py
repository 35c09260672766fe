"""ρ counts neither wrong inputs as 0 nor black ones as infinite, and says what it leaves out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.record import metrics
from epsball.rho import Rho

LINE = torch.tensor([0.1, 0.35, 0.45, 0.0, 0.9, 0.8]).reshape(6, 1, 1, 1)
"""Class 0 below 1/2: five of the first label, the last but one wrong."""
LABEL = torch.tensor([0, 0, 0, 0, 0, 1])


def affine(x: Tensor) -> Tensor:
    """Class 1 where the only pixel is above 1/2."""
    pixel = x.flatten(1)
    return torch.cat([0.5 - pixel, pixel - 0.5], 1)


def test_found_rho_is_the_closed_form_over_what_counts() -> None:
    found = eb.DeepFool()(affine, LINE, LABEL, eb.Threat(eb.l2))
    assert found.success.all()
    assert found.relative.mean().isinf()
    exact = np.mean([0.4 / 0.1, 0.15 / 0.35, 0.05 / 0.45, 0.3 / 0.8])
    assert found.rho == pytest.approx(exact, rel=0.03)
    assert (found.rho.n, found.rho.left_out) == (4, {"wrong": 1, "not found": 0, "zero": 1})


def test_what_is_not_found_is_left_out() -> None:
    found = eb.PGD(steps=5)(affine, LINE, LABEL, eb.Threat(eb.linf, 0.06))
    assert found.rho == pytest.approx(0.06 / 0.45, rel=0.2)
    assert (found.rho.n, found.rho.left_out) == (1, {"wrong": 1, "not found": 4, "zero": 0})


def test_run_rho_is_that_of_the_nearest_errors() -> None:
    run = eb.evaluate(affine, (LINE, LABEL), eb.Threat(eb.l2), suite=[eb.DeepFool()], anyway=True)
    assert run.rho == metrics.rho(run) == pytest.approx(float(metrics.rho(run, "deepfool")))
    assert (run.rho.n, run.rho.left_out) == (4, {"wrong": 1, "not found": 0, "zero": 1})
    both = eb.evaluate(
        affine, (LINE, LABEL), eb.Threat(eb.l2, 0.49), suite=[eb.PGD(steps=3), eb.DeepFool()], anyway=True
    )
    nearest = torch.tensor(both.upper)[both.clean == both.label] / LINE.flatten()[both.clean == both.label]
    assert both.rho == pytest.approx(nearest[nearest.isfinite()].mean().item())


def test_nothing_left_is_not_a_number_and_every_input_has_one_reason() -> None:
    nothing = Rho.of(np.array([np.inf, 0.0]), np.array([True, False]), np.array([False, True]))
    assert math.isnan(nothing)
    draws = np.random.default_rng(0)
    for _ in range(50):
        right, found = draws.random((2, 20)) < 0.7
        relative = np.where(draws.random(20) < 0.2, np.inf, draws.random(20))
        rho = Rho.of(relative, right, found)
        assert rho.n + sum(rho.left_out.values()) == 20


def test_it_says_in_words_what_it_is() -> None:
    said = repr(Rho.of(np.array([0.5, np.inf]), np.array([True, True]), np.array([True, True])))
    assert said == "0.5 over 1 inputs, left out: 0 wrong, 0 not found, 1 zero"
