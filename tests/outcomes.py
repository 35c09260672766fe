"""Runs that were never made: rows of attacks as the checks after the last one are handed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.diagnostics import Outcome, Traits, after
from epsball.record import AttackRows
from epsball.record.evaluation import ATTACK_COLUMNS
from toy import EPS

if TYPE_CHECKING:
    from epsball.record import Finding

IDS = np.arange(100)
TRAITS = {
    "noise": Traits(access="LABELS", noise_only=True),
    "fgsm": Traits(single_step=True),
    "square": Traits(access="SCORES"),
    "pgd": Traits(reach=4.0, longest_step=0.1),
    "deepfool": Traits(minimum_norm=True),
}


def outcome(**changed: Any) -> Outcome:
    """A run of a hundred thousand correct samples, of which attacks were run on a hundred."""
    label = np.zeros(len(IDS), np.int64)
    given = {"robust": np.ones(100_000, np.bool_), "eps": EPS, "attacks": {}, "traits": TRAITS}
    return Outcome(**{"ids": IDS, "label": label, "clean": label, **given, **changed})


def rows(broken: int, attacked: int = 100, *, distance: float = EPS, queries: int = 3) -> AttackRows:
    """An attack that broke the first few of the samples it was run on."""
    success = np.arange(attacked) < broken
    columns = {name: np.zeros(attacked, kind) for name, kind in ATTACK_COLUMNS.items()}
    columns |= {"id": IDS[:attacked], "success": success, "distance": np.where(success, distance, np.inf)}
    return AttackRows.of(columns | {"queries": np.full(attacked, queries)})


def findings(**changed: Any) -> list[Finding]:
    """What all checks find after the attacks, but for the note that every run carries."""
    return [finding for finding in after(outcome(**changed)) if finding.severity != "INFO"]
