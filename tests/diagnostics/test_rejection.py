"""Models that may reject: an error is a wrong answer that is accepted; a detector that is fitted anew is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import epsball as eb
from epsball.goal import Goal
from epsball.models.rejection import without_rejection
from epsball.verification.verify import verify
from toy import CLASSES, EPS, Affine, closed_form, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

X, Y = samples(wrong=0)


class Rejecting(Affine):
    """Rejects where the two largest logits are nearer than a threshold."""

    threshold = 0.1

    def score(self, logits: Tensor) -> Tensor:
        first, second = logits.topk(2, dim=1).values.unbind(1)
        return self.threshold - (first - second)

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        reject = logits.amax(1) + self.score(logits)
        return torch.cat((logits, reject[:, None]), 1)


class OfTheBatch(Rejecting):
    """Rejects the tenth of a batch that is most in doubt."""

    def score(self, logits: Tensor) -> Tensor:
        score = super().score(logits)
        return score - score.quantile(0.9)


class OfThePast(Rejecting):
    """Moves its threshold with all that it has seen."""

    def score(self, logits: Tensor) -> Tensor:
        score = super().score(logits)
        self.seen = 0.5 * getattr(self, "seen", 0.0) + 0.5 * float(score.detach().amax())
        return score - self.seen


def rejecting(net: nn.Module) -> eb.Model:
    return eb.wrap(net, outputs="reject")


def run_of(net: nn.Module, out: Path | None = None, **settings: object) -> Evaluation:
    return toy_run(out, 0.1, model=rejecting(net), data=(X, Y), **settings)


@given(
    st.lists(st.lists(st.integers(-9, 9).map(float), min_size=4, max_size=4), min_size=1, max_size=6),
    st.integers(0, 2),
    st.booleans(),
)
def test_a_goal_is_met_where_it_is_and_the_answer_is_accepted(
    rows: list[list[float]],
    label: int,
    targeted: bool,  # noqa: FBT001 (drawn)
) -> None:
    logits = torch.tensor(rows)
    goal = Goal(torch.full((len(rows),), label), targeted)
    accepted = logits[:, :-1].amax(1) > logits[:, -1]
    clear = logits.topk(2, dim=1).values.diff(dim=1)[:, 0] != 0  # ties may fall to either side
    wanted = goal.met(logits[:, :-1]) & accepted
    assert torch.equal(goal.met(without_rejection(logits, goal))[clear], wanted[clear])


def test_an_error_is_a_wrong_answer_that_is_accepted() -> None:
    run = run_of(Rejecting())
    logits = Rejecting()(X)
    rejected = logits.argmax(1) == CLASSES
    assert 0 < int(rejected.sum()) < len(X)
    np.testing.assert_array_equal(run.clean == CLASSES, rejected.numpy())
    assert run.clean_accuracy == pytest.approx(float((~rejected).double().mean()))
    assert run.robust_accuracy() > toy_run(None, 0.1, data=(X, Y)).robust_accuracy() - float(rejected.double().mean())
    broken = np.isfinite(run.upper) & (run.upper > 0)
    assert broken.sum() > 10
    assert (run.upper[broken] > closed_form(X, Y)[broken]).all()  # what is rejected lies between
    for example in run.examples():
        answer = Rejecting()(torch.from_numpy(example.adversarial)[None]).argmax(1)
        assert int(answer) not in {CLASSES, int(run.label[run.ids == example.id][0])}


@pytest.mark.parametrize(
    "attack", [eb.PGD(steps=10), eb.Square(steps=50), eb.HopSkipJump(steps=3), eb.AdditiveNoise(), eb.FAB(steps=10)]
)
def test_every_kind_of_attack_keeps_to_it(attack: eb.Attack) -> None:
    threat = eb.Threat("linf", 0.1)
    found = attack(rejecting(Rejecting()), X, Y, threat)
    answer = Rejecting()(found.x).argmax(1)
    assert bool(((answer != Y) & (answer != CLASSES))[found.success & (found.distance > 0)].all())


def test_a_fixed_threshold_is_honest_and_its_rate_is_stated() -> None:
    run = run_of(Rejecting())
    (finding,) = [finding for finding in run.findings if finding.id == "D27"]
    assert finding.severity == "INFO"
    assert finding.evidence.startswith(f"{int((run.clean == CLASSES).sum())} of {len(X)} clean inputs are rejected")
    assert run.trusted


@pytest.mark.parametrize("make", [OfTheBatch, OfThePast])
def test_a_threshold_that_is_fitted_anew_is_a_failure(make: Callable[[], nn.Module]) -> None:
    run = run_of(make(), suite=[eb.FGSM()])
    assert ("D27", "FAIL") in {(finding.id, finding.severity) for finding in run.findings}
    assert not run.trusted


def test_verification_and_averages_know_rejection(tmp_path: Path) -> None:
    run_of(Rejecting(), out=tmp_path / "run")
    assert verify(tmp_path / "run", rejecting(Rejecting())).complete  # else it raises
    mean = eb.eot(rejecting(Rejecting()), 2)
    torch.testing.assert_close(mean(X), Rejecting()(X))
    found, again = (eb.PGD(steps=5)(model, X, Y, eb.Threat("linf", EPS)) for model in (mean, rejecting(Rejecting())))
    assert torch.equal(found.success, again.success)


def test_two_outputs_are_no_classes_with_rejection() -> None:
    with pytest.raises(eb.ModelError, match="and one logit more for rejection"):
        eb.wrap(lambda x: x.flatten(1)[:, :2], outputs="reject")(X)
