"""Where the numbers come from: configuration in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.display.text import NORMS
from epsball.errors import brief
from epsball.record.manifest import attack_stages
from epsball.record.plan import portable
from epsball.report.calls import attack_call
from epsball.report.text import DASH, TIMES, epsilon, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.record import Evaluation

LINES, NAMES = 60, 10
UNSHOWN = ("structure", "code", "probe", "frequencies")
"""Of model and data: what tells it from others and is too long for a page; `run.json` has it."""


def configuration(run: Evaluation) -> list[dict[str, Any]]:
    """Groups of (name, value) pairs: how the run was made."""
    plan, facts = run.plan, portable(run.plan)
    rest = {name: value for name, value in facts.items() if name == "batching" or not isinstance(value, dict | list)}
    environment = facts["environment"]
    groups: dict[str, Mapping[str, Any]] = {
        "Model": _shown(facts["model"]) | {name: _numbers(getattr(plan.model, name)) for name in ("mean", "std")},
        "Data": {
            **_shown(facts["data"]),
            "names": ", ".join(plan.data.names[:NAMES]) + " …" * (len(plan.data.names) > NAMES),
        },
        "Threat": {
            "norm": NORMS[plan.threat.norm],
            "ε": epsilon(plan.threat),
            "pixel range": " … ".join(brief(np.asarray(bound)) for bound in (plan.threat.low, plan.threat.high)),
            **({} if plan.threat.levels is None else {"levels of a feature": plan.threat.levels}),
        },
        "Run": {**rest, "started": environment["started"], "attack time": seconds(run.seconds)},
        "Machine": environment["machine"],
        "Versions": environment["versions"],
    }
    return [
        {"name": name, "pairs": [(_words(key), _text(value)) for key, value in pairs.items()]}
        for name, pairs in groups.items()
        if pairs
    ]


def attack_settings(run: Evaluation) -> tuple[list[tuple[str, str]], str]:
    """Each attack of the run, in order, with the Python that makes it; and the names of those of a suite that would fill pages."""
    calls = [(name, attack_call(run.plan.attacks[name])) for name in attack_stages(run.plan)]
    if run.plan.suite == "custom":
        return calls, ""
    long = [name for name, call in calls if call.count("\n") > LINES]
    return [(name, call) for name, call in calls if name not in long], " and ".join(long)


def _shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in UNSHOWN}


def _numbers(values: Any) -> str:
    """A mean or standard deviation as far as float32 tells them apart."""
    return "" if values is None else ", ".join(f"{number:.6g}" for number in np.ravel(values))


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f" {TIMES} ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    return DASH if value in ("", None) else str(value)
