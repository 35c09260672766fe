"""Which few of the samples a thorough look is run on: the nearest to an error, and some that are drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from epsball.errors import InputError
from epsball.record.columns import positions, tabulate, to_attack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from epsball.record.evaluation import AttackRows
    from epsball.record.plan import AttackPlan, Plan

_KIND = "Selected"


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@dataclass(frozen=True)
class Selection:
    """The samples that `epsball.attacks.Selected` is run on.

    A sample is the nearer the smaller the distance of the nearest error known of it is, at whatever ε; where that says nothing, the
    less sure the model is of its clean input. Draws depend on (seed, id) only.

    Args:
        check: id of the check that reads the rows.
        nearest: how many of the samples that are robust after the attacks before: the nearest.
        drawn: how many others of these are drawn.
        correct: whether these are drawn from all correctly classified samples instead.
    """

    check: str
    nearest: int
    drawn: int
    correct: bool

    @classmethod
    def of(cls, attack: AttackPlan) -> Selection | None:
        """What the record says of an attack; None where it is run on all samples that are robust so far.

        Raises:
            InputError: the settings mean nothing.
        """
        if attack.kind != _KIND:
            return None
        given = attack.settings
        check, nearest, drawn, correct = (given.get(name) for name in ("check", "nearest", "drawn", "correct"))
        if not (isinstance(check, str) and isinstance(correct, bool) and _is_count(nearest) and _is_count(drawn)):
            raise InputError(
                f"the plan selects samples by check {check!r}, nearest {nearest!r}, drawn {drawn!r}, correct {correct!r}; "
                "expected the id of a check, two counts, and True or False"
            )
        return cls(check, nearest, drawn, correct)

    def ordered(self, ids: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
        """Places of the samples (n,) in the order in which they are drawn."""
        drawn = [hashlib.sha256(f"{seed} {each}".encode()).digest() for each in ids.tolist()]
        return np.array(sorted(range(len(ids)), key=drawn.__getitem__), np.int64)

    def halves(
        self,
        ids: NDArray[np.int64],
        right: NDArray[np.bool_],
        upper: NDArray[np.float64],
        confidence: NDArray[np.float64],
        *,
        seed: int,
        eps: float,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of the nearest samples and of those that are drawn.

        Args:
            ids: of all samples (n,).
            right: whether the clean input is classified correctly (n,).
            upper: distances of the nearest errors known (n,).
            confidence: softmax probabilities of the labels of the clean inputs (n,).
            seed: of the run.
            eps: its budget.
        """
        order = self.ordered(ids, seed)
        standing = order[(right & (upper > eps))[order]]
        nearest = standing[np.lexsort((confidence[standing], upper[standing]))][: self.nearest]
        others = order[right[order]] if self.correct else standing[~np.isin(standing, nearest)]
        return nearest, others[: self.drawn]


def before(plan: Plan, attacks: Mapping[str, AttackRows]) -> dict[str, AttackRows]:
    """The rows of the attacks that a selection goes by: those that were not run on selected samples themselves."""
    return {name: rows for name, rows in attacks.items() if Selection.of(plan.attacks[name]) is None}


def halves(
    chosen: Selection,
    ids: NDArray[np.int64],
    label: NDArray[np.int64],
    clean: NDArray[np.int64],
    attacks: Mapping[str, AttackRows],
    *,
    seed: int,
    eps: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the nearest samples and of those that are drawn, after `attacks` on all samples; see `Selection.halves`."""
    upper = tabulate(ids, label, clean, np.zeros(len(ids)), attacks)["upper"]
    confidence = np.ones(len(ids))
    for rows in attacks.values():
        confidence[positions(ids, rows.id)] = rows.confidence_before
    return chosen.halves(ids, clean == label, upper, confidence, seed=seed, eps=eps)


def to_run_on(
    plan: Plan, name: str, samples: Mapping[str, NDArray[Any]], attacks: Mapping[str, AttackRows]
) -> NDArray[np.bool_]:
    """Which samples an attack of a plan is run on (n,).

    Args:
        plan: of the run.
        name: of the attack.
        samples: their columns so far, as `tabulate` gives them.
        attacks: the rows of all attacks before it.
    """
    attack, eps = plan.attacks[name], float(plan.threat.eps)
    chosen = Selection.of(attack)
    if chosen is None:
        return to_attack(samples, eps, everyone=attack.minimum_norm or plan.every_sample)
    ids, label, clean = (samples[column] for column in ("id", "label", "clean"))
    wanted = np.zeros(len(ids), np.bool_)
    for places in halves(chosen, ids, label, clean, before(plan, attacks), seed=plan.seed, eps=eps):
        wanted[places] = True
    return wanted
