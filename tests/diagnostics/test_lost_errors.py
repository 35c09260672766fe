"""An attack from outside that comes upon an error and returns another point: the error counts, and that is noted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

import epsball as eb
from toy import EPS, Affine, samples, toy_run

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.record import Evaluation


@dataclass(frozen=True)
class Forgetful(eb.Attack):
    """Takes the step of FGSM, asks about it, and returns the input."""

    starts_at_input = True

    def run(self, ask: Oracle) -> Tensor:
        _, slope = ask.gradient(ask.x0, eb.losses.cross_entropy)
        ask.met(ask.threat.furthest(slope, ask.x0))
        return ask.x0


@dataclass(frozen=True)
class Faithful(Forgetful):
    """Returns what it asked about."""

    def run(self, ask: Oracle) -> Tensor:
        _, slope = ask.gradient(ask.x0, eb.losses.cross_entropy)
        x = ask.threat.furthest(slope, ask.x0)
        ask.met(x)
        return x


@dataclass(frozen=True)
class Walk(Forgetful):
    """The same, in search of the nearest error: where it ends is no error as a rule."""

    minimum_norm = True

    def run(self, ask: Oracle) -> Tensor:
        _, slope = ask.gradient(ask.x0, eb.losses.cross_entropy)
        ask.met(ask.x0 + EPS * slope.sign())
        return ask.x0


def run_of(attack: eb.Attack) -> Evaluation:
    return toy_run(suite={"mine": attack})


def lost(run: Evaluation) -> list[str]:
    return [finding.evidence for finding in run.findings if finding.id == "D23"]


def test_what_an_attack_came_upon_counts_and_is_noted() -> None:
    forgetful, faithful = run_of(Forgetful()), run_of(Faithful())
    broken = int(forgetful.attacks["mine"].success.sum())
    assert broken > 0
    assert lost(forgetful) == [
        f"{broken} samples, sample {forgetful.attacks['mine'].id[forgetful.attacks['mine'].success].min()} among them"
    ]
    np.testing.assert_array_equal(forgetful.upper, faithful.upper)
    assert forgetful.trusted
    assert lost(faithful) == lost(run_of(Walk())) == lost(run_of(eb.PGD(steps=4))) == []


def test_the_points_returned_are_queried_once_and_within_the_budget() -> None:
    x, y = samples(wrong=0)
    threat = eb.Threat("linf", EPS)
    free, faithful = Forgetful()(Affine(), x, y, threat), Faithful()(Affine(), x, y, threat)
    torch.testing.assert_close(
        free.queries, faithful.queries + 1
    )  # one that failed ends with a question about the input
    assert bool((free.notes["lost"] == free.success).all())
    spent = Forgetful()(Affine(), x, y, threat, queries=2)
    assert int(spent.queries.max()) == 2
    assert not bool(spent.notes["lost"].any())
    torch.testing.assert_close(spent.success, free.success)
