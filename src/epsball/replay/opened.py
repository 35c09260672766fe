"""A run folder as an evaluation sees its samples: to go on from where it ended, or to do the same again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch

from epsball.evaluation.plan import environment
from epsball.evaluation.samples import Samples
from epsball.oracle.batching import Batching
from epsball.record.arrays import open_inputs
from epsball.record.evaluation import ATTACK_COLUMNS, CLEAN_COLUMNS, AttackRows
from epsball.record.files import read_table
from epsball.record.manifest import CLEAN, attack_stages, chunk_files
from epsball.replay.rebuild import threat_of
from epsball.verification import independent
from epsball.verification.identity import OnDevice, device_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.models.model import Model
    from epsball.record.manifest import Manifest
    from epsball.record.plan import Plan
    from epsball.threat import Threat


@dataclass(frozen=True, eq=False)
class Part:
    """A chunk of an attack's rows, and the file that they stand in."""

    attack: str
    file: str
    rows: AttackRows


@dataclass(frozen=True, eq=False)
class Opened:
    """A run folder after the clean pass: its manifest, the samples with the model, and the threat."""

    path: Path
    manifest: Manifest
    samples: Samples
    threat: Threat

    @property
    def plan(self) -> Plan:
        """What decides the result."""
        return self.manifest.plan

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What each attack found, chunk by chunk, in the order in which it was written."""
        return tuple(
            Part(name, file, AttackRows.of(read_table(self.path / file, ATTACK_COLUMNS, len(self.samples))))
            for name, stage in attack_stages(self.plan).items()
            for file in chunk_files(self.manifest, stage)
        )

    @cached_property
    def _place(self) -> dict[int, int]:
        return {sample: row for row, sample in enumerate(self.samples.ids.tolist())}

    def places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the samples of these ids stand."""
        return np.array([self._place[each] for each in ids.tolist()], np.int64)

    def first(self, n: int) -> Samples:
        """The first n samples."""
        at = np.arange(min(n, len(self.samples)))
        x, y, _ = self.samples.rows(at)
        columns = {name: getattr(self.samples, name)[at] for name in ("ids", "label", "clean", "confidence")}
        return replace(self.samples, x=x, y=y, **columns)

    @property
    def random(self) -> bool:
        """Whether the record says that the model draws random numbers."""
        return any(finding.id == "D02" for finding in self.manifest.findings)


def opened(path: Path, manifest: Manifest, model: Model) -> Opened:
    """Read the inputs of a run folder whose files were verified, and pass them through the model once.

    Raises:
        ModelError: the model failed.
    """
    plan = manifest.plan
    stored, label, ids = open_inputs(path)
    x = OnDevice(stored, getattr(torch, plan.data.dtype), device_of(plan, model))
    settings = {name: value for name, value in msgspec.structs.asdict(plan.batching).items() if name != "chunk_size"}
    batching = Batching(**settings)
    confidence = independent.replay(model, x, batch_size=batching.batch_size).confidence[0]
    samples = Samples(
        model,
        x,
        torch.from_numpy(label).to(x.device),
        ids,
        label,
        read_table(path / CLEAN, CLEAN_COLUMNS, len(ids))["clean"],
        confidence,
        plan.data.classes,
        batching,
        plan.data.fingerprint,
        plan.data.left_out,
    )
    return Opened(path, manifest, samples, threat_of(plan.threat, x.dtype, x.device))


@contextmanager
def threads_of(plan: Plan) -> Iterator[None]:
    """Let PyTorch use as many threads as in the run, on which the last bits of sums depend."""
    before = torch.get_num_threads()
    torch.set_num_threads(plan.environment.machine.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def elsewhere(run: Opened) -> str:
    """Why the same numbers to the last bit cannot be expected here; empty where they can."""
    recorded, here = run.plan.environment, environment(run.samples.x.device)
    for name in sorted(recorded.versions.keys() | here.versions.keys()):
        one, two = recorded.versions.get(name), here.versions.get(name)
        if one != two:
            return f"the run was made under {name} {one or 'of no version'}, this is {two or 'of no version'}"
    for name in ("processor", "capability", "system", "device"):
        one, two = (getattr(each.machine, name) for each in (recorded, here))
        if one != two and one:
            return f"the run was made on another {name}: {one}, this is {two}"
    if run.samples.x.device.type != "cpu":
        return f"sums on {here.machine.device} have no fixed order"
    if run.random:
        return "the model draws random numbers"
    return "" if _same_clean_pass(run) else "the confidences of the clean pass differ in their last bits"


def _same_clean_pass(run: Opened) -> bool:
    return all(
        np.array_equal(part.rows.confidence_before, run.samples.confidence[run.places(part.rows.id)])
        for part in run.parts
    )
