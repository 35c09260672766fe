"""The figures of a comparison as plain values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from epsball.comparison.paired import Paired
from epsball.record.plan import portable
from epsball.report.document import finite

if TYPE_CHECKING:
    from epsball.comparison.comparison import Comparison, Difference, Side
    from epsball.comparison.unpaired import Unpaired
    from epsball.record.proportion import Proportion


def json_text(comparison: Comparison, title: str) -> str:
    """The document as text; numbers that JSON does not have are null."""
    content = {"epsball": "comparison", **({"title": title} if title else {}), **document(comparison)}
    return json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """Every run's figures, every difference from the first, and the ids that changed sides."""
    return {
        "norm": comparison.baseline.run.plan.threat.norm,
        "eps": comparison.eps,
        "baseline": comparison.baseline.name,
        "trusted": comparison.trusted,
        "runs": [_run(side) for side in comparison.sides],
        "differences": [_difference(each) for each in comparison.differences],
        "cautions": list(comparison.cautions),
    }


def _run(side: Side) -> dict[str, Any]:
    plan = side.run.plan
    robust = "not_turned_into_target" if plan.targets else "robust_accuracy"
    return {
        "name": side.name,
        "model": plan.model.source or plan.model.class_name,
        "weights": plan.model.weights,
        "n": len(side.run),
        "eps": side.run.eps,
        **_figure("clean_accuracy", side.clean),
        **_figure(robust, side.robust),
        **({} if side.certified is None else _figure("certified_accuracy", side.certified)),
        "passes": side.passes,
        "suite": plan.suite,
        "suite_version": plan.suite_version,
        "trusted": side.run.trusted,
        "findings": [portable(finding) for finding in side.run.findings],
    }


def _figure(name: str, part: Proportion) -> dict[str, Any]:
    return {name: float(part), f"{name}_interval": list(part.interval())}


def _difference(each: Difference) -> dict[str, Any]:
    changed = {}
    if isinstance(each.robust, Paired):
        changed = {"lost": each.robust.lost.tolist(), "won": each.robust.won.tolist()}
    return {
        "name": each.name,
        "paired": each.paired,
        "shared": len(each.pairs),
        "why": each.pairs.why,
        "clean": _change(each.clean),
        "robust": {**_change(each.robust), "p_adjusted": each.p_adjusted},
        **changed,
    }


def _change(found: Paired | Unpaired) -> dict[str, Any]:
    return {"difference": found.difference, "interval": list(found.interval()), "p_value": found.p_value}


def frame_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A flat row for each run; the baseline has no difference."""
    rows = []
    for side, difference in zip(comparison.sides, (None, *comparison.differences), strict=True):
        row: dict[str, Any] = {"run": side.name, "n": len(side.run)}
        figures = {"clean": side.clean, "robust": side.robust, "certified": side.certified}
        for name, part in figures.items():
            low, high = part.interval() if part else (None, None)
            row |= {name: float(part) if part else None, f"{name}_low": low, f"{name}_high": high}
        row |= {"passes": side.passes, "suite": side.run.plan.suite, "trusted": side.run.trusted}
        low, high = difference.robust.interval() if difference else (None, None)
        row |= {"difference": difference.robust.difference if difference else None}
        row |= {"difference_low": low, "difference_high": high}
        row |= {"p_adjusted": difference.p_adjusted if difference else None}
        row |= {"shared": len(difference.pairs) if difference else None}
        rows.append(row)
    return rows
