"""The figures of a run as one JSON document."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball.record import metrics
from epsball.record.classes import per_class, worst
from epsball.record.plan import portable
from epsball.record.proportion import Proportion
from epsball.report.budget import budget
from epsball.report.checklist import checklist

if TYPE_CHECKING:
    from epsball.record import Evaluation


def json_text(run: Evaluation, folder: Path, title: str) -> str:
    """The document as text; numbers that JSON does not have are null."""
    content = {"epsball": "report", **({"title": title} if title else {}), **document(run, folder)}
    return json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """The same value with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def _certified(run: Evaluation) -> dict[str, Any]:
    """Null where nothing was to be certified."""
    if not run.plan.certifiers:
        return {"certified_accuracy": None, "certified_interval": None}
    accuracy = run.certified_accuracy()
    return {"certified_accuracy": accuracy, "certified_interval": _interval(run, accuracy)}


def document(run: Evaluation, out: Path | None) -> dict[str, Any]:
    """The result as JSON; distances that were not found are null."""
    return {
        **portable(run.plan),
        "clean_accuracy": run.clean_accuracy,
        "clean_interval": _interval(run, run.clean_accuracy),
        **_left(run),
        **_certified(run),
        **_worst(run),
        "median_distance": metrics.median_distance(run),
        "rho": {"mean": float(run.rho), "n": run.rho.n, **run.rho.left_out},
        "trusted": run.trusted,
        "reused": run.reused,
        "findings": [portable(finding) for finding in run.findings],
        "checklist": [
            {"question": each.name, "known": each.known, "wanted": each.wanted, "answered": False}
            for each in checklist(run)
        ],
        "results": {
            line.attack: {
                "attacked": line.attacked,
                "successes": line.successes,
                **_remaining(run, line),
                "median_distance": metrics.median_distance(run, line.attack),
                "mean_relative": float(metrics.rho(run, line.attack)),
                "queries": line.queries,
            }
            for line in metrics.attack_summaries(run, budget(run))
        },
        "seconds": run.seconds,
        "out": out,
    }


def _left(run: Evaluation) -> dict[str, Any]:
    """What no attack changed; of a run that looked for one class alone it is no robust accuracy, and is not called so."""
    fraction, interval = run.robust_accuracy(budget(run)), list(run.interval(budget(run)))
    if not run.plan.targets:
        return {"robust_accuracy": fraction, "robust_interval": interval}
    return {
        "targets": list(run.plan.targets),
        "left_out": run.plan.data.left_out,
        "not_turned_into_target": fraction,
        "not_turned_interval": interval,
    }


def _worst(run: Evaluation) -> dict[str, Any]:
    """The class with the least accuracy at ε; its interval is at a level that holds for all classes at once."""
    if math.isinf(run.eps) or not run.attacks:
        return {}
    first = worst(per_class(run))[0]
    figures = {"accuracy": float(first.robust), "interval": list(first.interval), "level": first.level}
    return {
        "worst_class": {"label": first.label, "name": first.name, "n": first.n, **figures, "classes": first.classes}
    }


def _interval(run: Evaluation, fraction: float) -> list[float]:
    return list(Proportion(round(fraction * len(run)), len(run)).interval())


def _remaining(run: Evaluation, line: metrics.AttackSummary) -> dict[str, Any]:
    kind = "not_turned" if run.plan.targets else "accuracy"
    own = None if math.isnan(line.own_accuracy) else _interval(run, line.own_accuracy)
    return {
        f"own_{kind}": line.own_accuracy,
        "own_interval": own,
        f"remaining_{kind}": line.remaining_accuracy,
        "remaining_interval": _interval(run, line.remaining_accuracy),
    }
