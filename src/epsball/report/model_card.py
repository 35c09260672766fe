"""A model card of the Hugging Face hub: its block of evaluation results, and the same for readers."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.display.text import NORMS
from epsball.record import metrics
from epsball.record.proportion import Proportion
from epsball.report.summary import MARK, escaped, markdown_body
from epsball.report.target import left, target
from epsball.report.text import epsilon, title_of
from epsball.terminal import printable

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

SOURCE = "https://github.com/epsball/epsball"


def model_card(run: Evaluation, folder: Path, title: str) -> str:  # noqa: ARG001 (every format is written from the same three)
    """The card: ``model-index`` as YAML between two rules, then verdict and table."""
    name = title or title_of(run.plan)
    head = "\n".join(_yaml({"model-index": [{"name": name, "results": [_result(run)]}]}))
    return (
        f"---\n{head}\n---\n\n<!-- {MARK} -->\n\n# {escaped(name)}\n\n## Adversarial robustness\n\n{markdown_body(run)}"
    )


def _result(run: Evaluation) -> dict[str, Any]:
    data = run.plan.data
    name = data.source or "given arrays"
    kind = re.sub(r"[^A-Za-z0-9._/-]+", "-", name).strip("-/") or "custom"
    dataset = {"name": name, "type": kind, **({"split": data.split} if data.split else {}), "args": {"images": data.n}}
    return {
        "task": {"type": "image-classification", "name": "Image classification under attack"},
        "dataset": dataset,
        "metrics": _metrics(run),
        "source": {"name": "epsball", "url": SOURCE},
    }


def _metrics(run: Evaluation) -> list[dict[str, Any]]:
    threat, norm = run.plan.threat, NORMS[run.plan.threat.norm]
    clean = Proportion(int(np.sum(run.clean == run.label)), len(run))
    ends = dict(zip(("interval_low", "interval_high"), (round(end, 6) for end in clean.interval()), strict=True))
    args = {"norm": threat.norm, "suite": run.plan.suite, "seed": run.plan.seed, "trusted": run.trusted}
    doubt = f", not trusted: {', '.join(run.failed)} failed" if run.failed else "" if run.complete else ", unfinished"
    found = [{"type": "accuracy", "value": round(float(clean), 6), "name": f"Clean accuracy{doubt}", "args": ends}]
    if math.isfinite(run.eps):
        low, high = run.interval()
        kind, name = "robust_accuracy", "Robust accuracy"
        if target(run.plan):
            kind, name = "not_turned_into_target", left(run.plan).capitalize()
        bounds = {"eps": float(run.eps), "interval_low": round(low, 6), "interval_high": round(high, 6)}
        where = f"{name} ({norm}, ε = {epsilon(threat)}){doubt}"
        found.append(
            {"type": kind, "value": round(run.robust_accuracy(), 6), "name": where, "args": {**args, **bounds}}
        )
    median = metrics.median_distance(run)
    if math.isfinite(median):
        named = f"Median distance to {target(run.plan) or 'an error'} ({norm}){doubt}"
        found.append(
            {"type": "median_adversarial_distance", "value": float(f"{median:.6g}"), "name": named, "args": args}
        )
    return found


def _yaml(value: Any, indent: str = "") -> list[str]:
    """Lines of YAML, in blocks."""
    lines: list[str] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                lines += [f"{indent}{key}:", *_yaml(inner, f"{indent}  ")]
            else:
                lines.append(f"{indent}{key}: {_scalar(inner)}")
        return lines
    for each in value:
        first, *rest = _yaml(each, f"{indent}  ")
        lines += [f"{indent}- {first.lstrip()}", *rest]
    return lines


def _scalar(value: Any) -> str:
    """A scalar of JSON, which is one of YAML too; with its letters as they are unless YAML forbids one."""
    text = json.dumps(value, ensure_ascii=False)
    return text if printable(text) == text else json.dumps(value)
