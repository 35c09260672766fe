"""What every tracker is told about a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from epsball.record import metrics
from epsball.record.statistics import wilson
from epsball.report.budget import budget

if TYPE_CHECKING:
    from epsball.record import Evaluation


def figures(run: Evaluation) -> dict[str, float]:
    """The finite figures by name; of a run that looked for one class alone there is no robust accuracy."""
    left = "not_turned_into_target" if run.plan.targets else "robust_accuracy"
    low, high = run.interval(budget(run))
    clean_low, clean_high = wilson(round(run.clean_accuracy * len(run)), len(run))
    found = {
        "clean_accuracy": run.clean_accuracy,
        "clean_accuracy_low": clean_low,
        "clean_accuracy_high": clean_high,
        "median_distance": metrics.median_distance(run),
        "trusted": float(run.trusted),
        "failed_checks": float(len(run.failed)),
    }
    if math.isfinite(run.eps):
        found |= {left: run.robust_accuracy(), f"{left}_low": low, f"{left}_high": high}
        found["certified_accuracy"] = run.certified_accuracy()
    for line in metrics.attack_summaries(run, budget(run)):
        found[f"{line.attack}/remaining"] = line.remaining_accuracy
        found[f"{line.attack}/median_distance"] = metrics.median_found(run, line.attack, budget(run))
    return {f"robustness/{name}": value for name, value in found.items() if math.isfinite(value)}


def settings(run: Evaluation) -> dict[str, str | int | float]:
    """What decides the result, by name, and which checks failed."""
    plan = run.plan
    return {
        "model": plan.model.source or plan.model.class_name,
        "weights": plan.model.weights,
        "data": " ".join(part for part in (plan.data.source, plan.data.split) if part),
        "images": plan.data.n,
        "norm": plan.threat.norm,
        "eps": str(run.eps) if math.isinf(run.eps) else run.eps,
        "suite": plan.suite,
        "suite_version": plan.suite_version,
        "seed": plan.seed,
        "failed_checks": " ".join(run.failed),
        "epsball": plan.environment.versions.get("epsball", ""),
    }
