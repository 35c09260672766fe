"""Where the numbers come from: configuration in groups, and the commands that repeat and check the run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from epsball.report.words import DASH, NORMS, TIMES, epsilon, seconds

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
    rest = {name: value for name, value in spec.items() if name == "layout" or not isinstance(value, dict | list)}
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


def command(run: Evaluation, folder: Path) -> str:
    """The shell lines that repeat the run and check it; "" where the model or the data were live objects."""
    spec = run.spec
    model, data, threat = spec.get("model", {}), spec.get("data", {}), spec["threat"]
    check = shlex.join(["epsball", "verify", str(folder)])
    if not model.get("source") or not data.get("source"):
        return ""
    words = ["epsball", "evaluate", model["source"], "--data", data["source"]]
    options = {
        "--split": data.get("split"),
        "--n": data.get("n"),
        "--norm": threat["norm"],
        "--eps": threat["eps"],
        "--suite": spec.get("suite"),
        "--seed": spec.get("seed"),
    }
    for name, value in options.items():
        words += [name, str(value)] if value not in (None, "") else []
    return f"{shlex.join(words)}\n{check}"
