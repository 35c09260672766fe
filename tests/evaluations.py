"""Evaluations and rows of attacks, written down instead of measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from epsball.record import AttackRows, Evaluation
from epsball.record.plan import Real
from plans import attack, plan

INF = math.inf


def rows(ids: list[int], distance: list[float], after: list[int] | None = None) -> AttackRows:
    n = len(ids)
    columns: dict[str, Any] = {
        "id": ids,
        "success": np.isfinite(distance),
        "distance": distance,
        "relative": np.array(distance) / 2,
        "queries": [4] * n,
        "gradients": [2] * n,
        "before": [0] * n,
        "after": [1] * n if after is None else after,
        "confidence_before": [0.9] * n,
        "confidence_after": [0.8] * n,
    }
    return AttackRows.of({name: np.asarray(values) for name, values in columns.items()})


def evaluation(upper: list[float], eps: float = 1.0, *, minimum_norm: bool = True, **fields: Any) -> Evaluation:
    n = len(upper)
    given: dict[str, Any] = {
        "plan": plan(threat__eps=Real(eps), attacks={"one": attack(minimum_norm=minimum_norm)}),
        "ids": np.arange(n),
        "label": np.zeros(n, np.int64),
        "clean": np.where(np.array(upper) == 0, 1, 0),
        "lower": np.zeros(n),
        "upper": np.array(upper),
        "by": np.full(n, ""),
        "queries": np.zeros(n, np.int64),
        "gradients": np.zeros(n, np.int64),
        "seconds": 0.0,
        "findings": [],
        "attacks": {},
        **fields,
    }
    return Evaluation(**given)
