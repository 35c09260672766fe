"""Run folders made of numbers, without a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from epsball.record import AttackRows, Evaluation, Finding, RunFolder, read_run
from epsball.record.columns import tabulate
from epsball.record.manifest import stage_name
from epsball.record.plan import Real
from plans import attack, plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Plan

ATTACKS = {"noise": 0.1, "fgsm": 0.4, "pgd": 0.7, "deepfool": 1.0}


@dataclass(frozen=True)
class MadeUp:
    """What the made-up run looks like; `strength` is the fraction of the attacked samples that each attack fools."""

    n: int = 200
    shape: tuple[int, ...] = (1, 12, 12)
    classes: int = 10
    norm: str = "linf"
    eps: float = 0.1
    source: str = "mnist-5k"
    strength: dict[str, float] = field(default_factory=lambda: dict(ATTACKS))
    findings: tuple[Finding, ...] = ()


def build(folder: Path, made: MadeUp) -> Evaluation:
    """Write the run folder and read it back."""
    random = np.random.default_rng(0)
    number = made.classes
    ids = np.arange(made.n) + 5
    x = random.random((made.n, *made.shape), dtype=np.float32) * 0.5
    label = random.integers(0, number, made.n)
    clean = np.where(random.random(made.n) < 0.05, (label + 1) % number, label)
    run = RunFolder.open(folder, plan_of(made))
    run.write_inputs(x, label, ids)
    run.write_clean({"id": ids, "label": label, "clean": clean})
    attacks: dict[str, AttackRows] = {}
    robust = clean == label
    for position, (name, strength) in enumerate(made.strength.items()):
        attacked = np.flatnonzero((clean == label) if name == "deepfool" else robust)
        success = random.random(len(attacked)) < strength
        budget = (
            random.gamma(4, 0.03, len(attacked)) if name == "deepfool" else np.full(len(attacked), min(made.eps, 1.0))
        )
        change = random.choice([-1.0, 1.0], (len(attacked), *made.shape)).astype(np.float32)
        change *= budget.reshape(-1, *[1] * len(made.shape)).astype(np.float32)
        after = np.where(
            success, (clean[attacked] + 1 + random.integers(0, number - 1, len(attacked))) % number, clean[attacked]
        )
        attacks[name] = AttackRows.of(
            {
                "id": ids[attacked],
                "success": success,
                "distance": np.where(success, budget, np.inf),
                "relative": np.where(success, budget / 0.5, np.inf),
                "queries": random.integers(1, 40, len(attacked)),
                "gradients": random.integers(1, 40, len(attacked)),
                "before": clean[attacked],
                "after": after,
                "confidence_before": random.uniform(0.6, 1, len(attacked)),
                "confidence_after": random.uniform(0.4, 1, len(attacked)),
            }
        )
        hits = attacked[success]
        examples = np.clip(x[hits] + change[success], 0, 1)
        run.write_chunk(stage_name("attacks", position, name), 0, attacks[name], (ids[hits], examples), 1.5 * position)
        robust = robust.copy()
        robust[hits] = False
    run.finish(tabulate(ids, label, clean, np.zeros(made.n), attacks), list(made.findings))
    run.close()
    return read_run(folder)


def plan_of(made: MadeUp) -> Plan:
    """The plan in the form that an evaluation writes."""
    attacks = {
        name: attack(position, kind=name.upper(), minimum_norm=name == "deepfool")
        for position, name in enumerate(made.strength)
    }
    data = {"data__source": made.source, "data__n": made.n, "data__shape": made.shape, "data__classes": made.classes}
    return plan(threat__norm=made.norm, threat__eps=Real(made.eps), attacks=attacks, **data)


@pytest.fixture(scope="session")
def build_run() -> Callable[..., Evaluation]:
    """A function from a folder and the fields of a MadeUp to the run written there."""
    return lambda folder, **fields: build(folder, MadeUp(**fields))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., tuple[Evaluation, Path]]:
    """A function from the fields of a MadeUp to a run and its folder."""

    def make(name: str = "run", **fields: Any) -> tuple[Evaluation, Path]:
        return build(tmp_path / name, MadeUp(**fields)), tmp_path / name

    return make
