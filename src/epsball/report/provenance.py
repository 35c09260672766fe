"""Where the numbers come from: configuration in groups, and the commands that repeat and check the run."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.report.text import DASH, NORMS, TIMES, epsilon, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from epsball.record import Evaluation

ATTACK_FACTS = ("class", "minimum_norm", "position", "access")


def configuration(run: Evaluation) -> list[dict[str, Any]]:
    """Groups of (name, value) pairs, everything the record knows about how it was made."""
    spec = run.spec
    threat = spec["threat"]
    ordered = sorted(spec["attacks"].items(), key=lambda item: item[1]["position"])
    attacks = {name: _call(fields) for name, fields in ordered}
    rest = {name: value for name, value in spec.items() if name == "batching" or not isinstance(value, dict | list)}
    groups: dict[str, Mapping[str, Any]] = {
        "Model": spec.get("model", {}),
        "Data": spec.get("data", {}),
        "Threat": {
            "norm": NORMS[threat["norm"]],
            "ε": epsilon(threat),
            "pixel range": f"{threat['low']} … {threat['high']}",
        },
        "Attacks": attacks,
        "Run": {**rest, "attack time": seconds(run.seconds)},
        "Machine": spec.get("machine", {}),
        "Versions": spec.get("versions", {}),
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
        if name not in ATTACK_FACTS
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
    spec = run.spec
    named = spec.get("model", {}).get("source") and spec.get("data", {}).get("source")
    return bool(named) and spec.get("suite", "custom") != "custom"


def command(run: Evaluation, folder: Path) -> str:
    """The shell lines that repeat the run, where there are such, and check it."""
    check = shlex.join(["epsball", "verify", str(folder)])
    if not repeatable(run):
        return check
    spec = run.spec
    model, data, threat = spec["model"], spec["data"], spec["threat"]
    options = {
        "--data": data["source"],
        "--split": data.get("split"),
        "--n": data.get("n"),
        "--norm": threat["norm"],
        "--eps": None if math.isinf(run.eps) else threat["eps"],
        "--suite": spec["suite"],
        "--seed": spec.get("seed"),
        "--mean": _numbers(model.get("mean")),
        "--std": _numbers(model.get("std")),
        "--outputs": None if model.get("outputs") == "logits" else model.get("outputs"),
    }
    words = ["epsball", "evaluate", model["source"]]
    for name, value in options.items():
        words += [name, str(value)] if value not in (None, "") else []
    words += ["--every-sample"] if spec.get("every_sample") else []
    return f"{shlex.join(words)}\n{check}"


def _numbers(value: Any) -> str | None:
    """What the command line takes for a mean: 0.5 or 0.49,0.48,0.45."""
    if value is None:
        return None
    return ",".join(f"{number:g}" for number in np.ravel(value))
