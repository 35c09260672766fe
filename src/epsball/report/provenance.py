"""Where the numbers come from: configuration in groups, and the commands that repeat and check the run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.errors import brief
from epsball.record.manifest import attack_stages
from epsball.record.plan import portable
from epsball.report.text import DASH, NORMS, TIMES, epsilon, seconds
from epsball.terminal import command as pasted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from epsball.record import Evaluation

UNSHOWN = ("structure", "code", "probe", "frequencies")
"""Of the model: what tells it from others and is too long for a page; `run.json` has it."""


def configuration(run: Evaluation) -> list[dict[str, Any]]:
    """Groups of (name, value) pairs: how the run was made."""
    plan, facts = run.plan, portable(run.plan)
    attacks = {
        name: _call({"class": plan.attacks[name].kind, **plan.attacks[name].settings}) for name in attack_stages(plan)
    }
    rest = {name: value for name, value in facts.items() if name == "batching" or not isinstance(value, dict | list)}
    environment = facts["environment"]
    groups: dict[str, Mapping[str, Any]] = {
        "Model": {name: value for name, value in facts["model"].items() if name not in UNSHOWN},
        "Data": {**facts["data"], "names": brief(", ".join(plan.data.names)) if plan.data.names else ""},
        "Threat": {
            "norm": NORMS[plan.threat.norm],
            "ε": epsilon(plan.threat),
            "pixel range": " … ".join(brief(np.asarray(bound)) for bound in (plan.threat.low, plan.threat.high)),
            **({} if plan.threat.levels is None else {"levels of a feature": plan.threat.levels}),
        },
        "Attacks": attacks,
        "Run": {**rest, "started": environment["started"], "attack time": seconds(run.seconds)},
        "Machine": environment["machine"],
        "Versions": environment["versions"],
    }
    return [
        {"name": name, "pairs": [(_words(key), _text(value)) for key, value in pairs.items()]}
        for name, pairs in groups.items()
        if pairs
    ]


def _call(fields: Mapping[str, Any]) -> str:
    values = ", ".join(
        f"{name}={_call(value) if isinstance(value, dict) and 'class' in value else value}"
        for name, value in fields.items()
        if name != "class"
    )
    return f"{fields['class']}({values})"


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f" {TIMES} ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    return DASH if value in ("", None) else str(value)


def repeatable(run: Evaluation) -> bool:
    """Whether a command line says it all: model, data and suite by name."""
    plan = run.plan
    return bool(plan.model.source and plan.data.source) and plan.suite != "custom"


def command(run: Evaluation, folder: Path) -> str:
    """The shell lines that repeat the run, where there are such, and check it."""
    check = pasted("verify", folder)
    if not repeatable(run):
        return check
    plan = run.plan
    exact = None if math.isinf(run.eps) else str(float(plan.threat.eps))
    again = pasted(
        "evaluate",
        plan.model.source,
        data=plan.data.source,
        split=plan.data.split or None,
        n=str(plan.data.n),
        norm=plan.threat.norm,
        eps=exact,
        suite=plan.suite,
        seed=str(plan.seed),
        mean=_numbers(plan.model.mean),
        std=_numbers(plan.model.std),
        outputs=None if plan.model.outputs == "logits" else plan.model.outputs,
        key=plan.model.key or None,
        every_sample="" if plan.every_sample else None,
    )
    return f"{again}\n{check}"


def _numbers(value: Any) -> str | None:
    """What the command line takes for a mean: 0.5 or 0.49,0.48,0.45."""
    if value is None:
        return None
    return ",".join(f"{number:g}" for number in np.ravel(value))
