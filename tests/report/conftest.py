"""Run folders made of numbers, without a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from epsball.record import AttackRows, Evaluation, Finding, RunFolder, read_run
from epsball.record.columns import tabulate
from epsball.record.run_folder import stage_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ATTACKS = {"noise": 0.1, "fgsm": 0.4, "pgd": 0.7, "deepfool": 1.0}


@dataclass(frozen=True)
class Plan:
    """What the made-up run looks like; `strength` is the share of the asked samples that each attack fools."""

    n: int = 200
    shape: tuple[int, ...] = (1, 12, 12)
    classes: int | list[str] = 10
    norm: str = "linf"
    eps: float = 0.1
    source: str = "mnist-5k"
    strength: dict[str, float] = field(default_factory=lambda: dict(ATTACKS))
    findings: tuple[Finding, ...] = ()


def build(folder: Path, plan: Plan) -> Evaluation:
    """Write the run folder and read it back."""
    random = np.random.default_rng(0)
    number = plan.classes if isinstance(plan.classes, int) else len(plan.classes)
    ids = np.arange(plan.n) + 5
    x = random.random((plan.n, *plan.shape), dtype=np.float32) * 0.5
    label = random.integers(0, number, plan.n)
    clean = np.where(random.random(plan.n) < 0.05, (label + 1) % number, label)
    spec = specification(plan)
    run = RunFolder.open(folder, spec)
    run.write_inputs(x, label, ids)
    attacks: dict[str, AttackRows] = {}
    standing = clean == label
    for position, (name, strength) in enumerate(plan.strength.items()):
        asked = np.flatnonzero((clean == label) if name == "deepfool" else standing)
        success = random.random(len(asked)) < strength
        budget = random.gamma(4, 0.03, len(asked)) if name == "deepfool" else np.full(len(asked), min(plan.eps, 1.0))
        change = random.choice([-1.0, 1.0], (len(asked), *plan.shape)).astype(np.float32)
        change *= budget.reshape(-1, *[1] * len(plan.shape)).astype(np.float32)
        after = np.where(
            success, (clean[asked] + 1 + random.integers(0, number - 1, len(asked))) % number, clean[asked]
        )
        attacks[name] = AttackRows.of(
            {
                "id": ids[asked],
                "success": success,
                "distance": np.where(success, budget, np.inf),
                "relative": np.where(success, budget / 0.5, np.inf),
                "queries": random.integers(1, 40, len(asked)),
                "gradients": random.integers(1, 40, len(asked)),
                "before": clean[asked],
                "after": after,
                "confidence_before": random.uniform(0.6, 1, len(asked)),
                "confidence_after": random.uniform(0.4, 1, len(asked)),
            }
        )
        hits = asked[success]
        examples = np.clip(x[hits] + change[success], 0, 1)
        run.write_part(stage_name("attacks", position, name), 0, attacks[name], (ids[hits], examples), 1.5 * position)
        standing = standing.copy()
        standing[hits] = False
    run.finish(tabulate(ids, label, clean, np.zeros(plan.n), attacks), list(plan.findings))
    return read_run(folder)


def specification(plan: Plan) -> dict[str, Any]:
    """Provenance in the form that an evaluation writes."""
    return {
        "epsball": "0.1.0",
        "model": {"source": "zoo:mlp-512@weights.safetensors", "fingerprint": "ab" * 32, "class": "Sequential"},
        "data": {
            "source": plan.source,
            "split": "test",
            "n": plan.n,
            "fingerprint": "cd" * 32,
            "shape": list(plan.shape),
            "classes": plan.classes,
        },
        "threat": {
            "norm": plan.norm,
            "eps": "inf" if np.isinf(plan.eps) else plan.eps,
            "low": 0.0,
            "high": 1.0,
        },
        "suite": "quick",
        "attacks": {
            name: {"class": name.upper(), "position": position, "minimum_norm": name == "deepfool", "steps": 40}
            for position, name in enumerate(plan.strength)
        },
        "seed": 0,
        "versions": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.2.6", "epsball": "0.1.0"},
        "machine": {"processor": "x86_64", "cores": 2, "system": "Linux", "device": "cpu"},
        "started": "2026-01-01T10:00:00+00:00",
    }


@pytest.fixture(scope="session")
def build_run() -> Callable[..., Evaluation]:
    """A function from a folder and the fields of a Plan to the run written there."""
    return lambda folder, **fields: build(folder, Plan(**fields))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., tuple[Evaluation, Path]]:
    """A function from the fields of a Plan to a run and its folder."""
    folder = tmp_path / "run"
    return lambda **fields: (build(folder, Plan(**fields)), folder)
