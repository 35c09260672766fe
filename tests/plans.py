"""Plans made of values, without a model, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from epsball.record.plan import (
    AttackPlan,
    BatchingPlan,
    DataPlan,
    Environment,
    Machine,
    ModelPlan,
    Plan,
    Real,
    ThreatPlan,
)

PGD = AttackPlan(
    kind="PGD",
    position=0,
    access="GRADIENT",
    minimum_norm=False,
    single_step=False,
    noise_only=False,
    reach=Real(8.4),
    longest_step=Real(1.0),
    settings={"steps": 40},
    code={},
    only_towards=(),
)
PLAN = Plan(
    model=ModelPlan(
        source="zoo:mlp-512@weights.safetensors",
        class_name="Sequential",
        weights="ab" * 32,
        structure="1 Linear",
        code={},
        mean=None,
        std=None,
        outputs="logits",
        probe=((0.5, -0.5),),
        frequencies=None,
        device="cpu",
        dtype="float32",
    ),
    data=DataPlan(
        source="mnist-5k",
        split="test",
        n=3,
        fingerprint="cd" * 32,
        shape=(1, 2, 2),
        classes=10,
        names=(),
        dtype="float32",
        left_out=0,
    ),
    threat=ThreatPlan(norm="linf", eps=Real(0.1), low=0.0, high=1.0),
    suite="quick",
    suite_version=1,
    attacks={"pgd": PGD},
    certifiers=(),
    every_sample=False,
    seed=0,
    batching=BatchingPlan(chunk_size=2, batch_size=8, block_size=64, channels_last=False, bfloat16=False, tiles=False),
    environment=Environment(
        versions={"python": "3.11.7", "torch": "2.13.0", "numpy": "2.2.6", "epsball": "0.1.0"},
        machine=Machine(processor="x86_64", cores=2, threads=1, system="Linux", device="cpu"),
        started="2026-01-01T10:00:00+00:00",
    ),
)


def plan(**changes: Any) -> Plan:
    """The plan with other values, by their paths: `plan(seed=1, threat__eps=Real(2))`."""
    changed = PLAN
    for path, value in changes.items():
        part, _, name = path.partition("__")
        changed = replace(changed, **{part: replace(getattr(changed, part), **{name: value}) if name else value})
    return changed


def attack(position: int = 0, **changes: Any) -> AttackPlan:
    """PGD's plan with other values."""
    return replace(PGD, position=position, **changes)
