"""Trust nobody: check the files, rows and successes of a run folder again, from its stored inputs and examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.diagnostics.success_rate import stochastic
from epsball.errors import UntrustworthyError
from epsball.progress import Progress, shown
from epsball.record.arrays import open_inputs
from epsball.record.evaluation import CLEAN_COLUMNS
from epsball.record.files import read_table
from epsball.record.manifest import CLEAN, altered_files, read_manifest, run_path
from epsball.verification import independent
from epsball.verification.attack_rows import Context
from epsball.verification.differences import differences
from epsball.verification.identity import (
    AttackSource,
    OnDevice,
    device_of,
    model_of,
    other_attacks,
    other_data,
    other_model,
)
from epsball.verification.stages import check_stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.record import Finding, Plan
    from epsball.record.arrays import StoredArray
    from epsball.record.manifest import Manifest

SHOWN = 5


@dataclass(frozen=True)
class Verified:
    """What was checked: samples, successes, fresh passes per success, and what is left to say (D22)."""

    samples: int
    successes: int
    passes: int
    complete: bool
    findings: tuple[Finding, ...]


def verify(
    run_folder: str | Path,
    model: Callable[[Tensor], Any] | Model | None = None,
    data: tuple[Tensor, Tensor] | None = None,
    *,
    passes: int | None = None,
    progress: Progress | None = None,
    trust_source: bool = False,
    attacks: Mapping[str, AttackSource] | None = None,
) -> Verified:
    """Check every file, every row and every reported success of a run folder again.

    The digests of all files; the fingerprints of model and data; with a fresh pass in the model's own precision every label
    and confidence; with own arithmetic in float64 every distance, the ball and the box; and from the rows of attacks and
    certificates every column of the samples. A success on a model that draws random numbers is refused if no pass shows it again; how
    many do is reported as D22. What else a record states is derived by `epsball.replay`.

    Nothing that the folder names is run or imported, unless `trust_source` says so: the model is handed in, or is a network of this
    library, and attacks are known from their rows.

    Args:
        run_folder: what `evaluate` wrote, finished or not.
        model: the model; may be left out where the run's is a network of this library (`zoo:…`).
        data: the inputs and labels that the run should be about; those it stored when left out.
        passes: fresh passes per success; 1, or 20 if the run found the model to be random (D02).
        progress: called with (stage, done, total); a bar on a terminal when left out.
        trust_source: load the model by the name that the run recorded, although that may run code.
        attacks: what the attacks of these names should be.

    Raises:
        UntrustworthyError: something is not as recorded; the sentence names the first few of them.
        InputError: no run folder, a damaged file, or no model to ask.
        ModelError: the model failed.
    """
    path = run_path(run_folder)
    manifest = unaltered(path)
    given = model_of(manifest.plan, model, trust_source=trust_source)
    return check(path, manifest, given, data, passes=passes, progress=progress, attacks=attacks)


def unaltered(path: Path) -> Manifest:
    """The list of contents of a run folder whose files are all as it says.

    Raises:
        UntrustworthyError: a file is not.
        InputError: no run folder.
    """
    manifest = read_manifest(path)
    refuse(path, altered_files(path, manifest))
    return manifest


def check(
    path: Path,
    manifest: Manifest,
    given: Model,
    data: tuple[Tensor, Tensor] | None,
    *,
    passes: int | None,
    progress: Progress | None,
    attacks: Mapping[str, AttackSource] | None,
) -> Verified:
    """Check the rows and successes of a folder whose files are as they were; arguments and errors are those of `verify`."""
    x, label, ids = open_inputs(path)
    refuse(path, other_attacks(manifest.plan, attacks or {}))
    plan = manifest.plan
    refuse(path, other_data(plan, x, label, ids, data))
    inputs = OnDevice(x, getattr(torch, plan.data.dtype), device_of(plan, given))
    refuse(path, other_model(plan, given, inputs))
    random = any(finding.id == "D02" for finding in manifest.findings)
    passes = passes or (independent.PASSES if random else 1)
    with shown(progress) as stage:
        stage("clean inputs (check)", 0, len(ids))
        context, problems = _clean(path, plan, given, (inputs, x, label, ids), passes=passes, exact=not random)
        outcome = check_stages(path, manifest, context, ids, stage)
    refuse(path, [*problems, *outcome.problems])
    findings = tuple(stochastic(outcome.success_rate, passes))
    return Verified(len(ids), len(outcome.success_rate), passes, manifest.complete, findings)


def _clean(
    path: Path,
    plan: Plan,
    model: Model,
    data: tuple[OnDevice, StoredArray, NDArray[np.int64], NDArray[np.int64]],
    *,
    passes: int,
    exact: bool,
) -> tuple[Context, list[str]]:
    """What rows are checked against, and where the recorded clean labels are not what the model says.

    `data` are the inputs (n, …) as the model takes them and as they are stored, their labels and ids (n,).
    """
    inputs, x, label, ids = data
    batch_size = plan.batching.batch_size
    replayed = independent.replay(model, inputs, batch_size=batch_size)
    clean, problems = replayed.label[0], list[str]()
    if (path / CLEAN).is_file():
        recorded = read_table(path / CLEAN, CLEAN_COLUMNS, len(ids))
        expected = {"id": ids, "label": label, "clean": clean if exact else recorded["clean"]}
        if any(len(recorded[name]) != len(ids) for name in expected):
            problems = [f"{CLEAN} has {len(recorded['id'])} rows, expected {len(ids)}"]
        else:
            problems = [
                each for name in expected for each in differences(CLEAN, name, ids, recorded[name], expected[name])
            ]
            clean = expected["clean"]
    context = Context(
        model=model,
        x=x,
        label=label,
        clean=clean,
        confidence=replayed.confidence[0],
        dtype=inputs.dtype,
        device=inputs.device,
        norm=plan.threat.norm,
        low=np.asarray(plan.threat.low, np.float64),
        high=np.asarray(plan.threat.high, np.float64),
        levels=plan.threat.levels,
        batch_size=batch_size,
        passes=passes,
        exact=exact,
    )
    return context, problems


def refuse(path: Path, problems: Iterable[str]) -> None:
    """Raise one sentence about the first few problems, if there are any.

    Raises:
        UntrustworthyError: there is a problem.
    """
    found = list(dict.fromkeys(problems))
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UntrustworthyError(
            f"{path} is not as its files and the model show: {'; '.join(found[:SHOWN])}{more}; do not quote this run, evaluate again"
        )
