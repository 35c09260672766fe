"""Trust nobody: check every claim of a run folder again, from its stored inputs and examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.diagnostics import lucky_draws
from epsball.errors import UntrustworthyError
from epsball.oracle.batching import choose_batching
from epsball.progress import Progress, shown
from epsball.record import read_inputs
from epsball.record.evaluation import SAMPLE_COLUMNS
from epsball.record.files import read_table
from epsball.record.run_folder import SAMPLES, read_manifest
from epsball.verification import independent
from epsball.verification.attack_rows import Witness
from epsball.verification.differences import differences
from epsball.verification.files import altered_files
from epsball.verification.identity import device_of, model_of, other_data, other_model
from epsball.verification.stages import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.wrap import Model
    from epsball.record import Finding

SHOWN = 5


@dataclass(frozen=True)
class Verified:
    """What was checked and held: samples, hits, fresh passes per hit, and what is left to say (D22)."""

    samples: int
    hits: int
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
) -> Verified:
    """Check every file, every row and every claimed hit of a run folder again.

    The digests of all files; the fingerprints of model and data; with a fresh pass in the model's own precision every label
    and confidence; with own arithmetic in float64 every distance, the ball and the box; and from the rows of attacks and
    certificates every column of the samples. A hit on a model that draws random numbers is refused if it holds in no pass; in
    how many it holds is reported as D22.

    Args:
        run_folder: what `evaluate` wrote, finished or not.
        model: the model, when it cannot be loaded by the name that the run recorded.
        data: the inputs and labels that the run should be about; those it stored when left out.
        passes: fresh passes per hit; 1, or 20 if the run found the model to be random (D02).
        progress: called with (stage, done, total); a bar on a terminal when left out.

    Raises:
        UntrustworthyError: something does not hold; the sentence names the first few of them.
        InputError: no run folder, a damaged file, or no model to ask.
        ModelError: the model failed.
    """
    path = Path(run_folder)
    manifest = read_manifest(path)
    _refuse(path, altered_files(path, manifest))
    x, label, ids = read_inputs(path)
    asked = model_of(manifest["spec"], model)
    _refuse(path, [*other_model(manifest["spec"], asked), *other_data(manifest["spec"], x, label, ids, data)])
    random = any(finding["id"] == "D02" for finding in manifest["findings"])
    passes = passes or (independent.PASSES if random else 1)
    with shown(progress) as told:
        told("clean inputs (check)", 0, len(ids))
        witness, problems = _clean(path, manifest["spec"], asked, x, label, ids, passes=passes, exact=not random)
        walked = walk(path, manifest, witness, ids, told)
    _refuse(path, [*problems, *walked.problems])
    finding = lucky_draws(walked.held, passes)
    findings = () if finding is None else (finding,)
    return Verified(len(ids), len(walked.held), passes, manifest["status"] == "complete", findings)


def _clean(
    path: Path,
    spec: Mapping[str, Any],
    model: Model,
    x: NDArray[Any],
    label: NDArray[np.int64],
    ids: NDArray[np.int64],
    *,
    passes: int,
    exact: bool,
) -> tuple[Witness, list[str]]:
    """The evidence, and where the recorded clean labels are not what the model says."""
    kind = getattr(torch, spec["data"]["dtype"])
    device = device_of(spec, model)
    inputs = torch.tensor(x, dtype=kind, device=device)
    rows = choose_batching(model, inputs).batch_size
    answers = independent.ask(model, inputs, rows=rows)
    clean, problems = answers.label[0], []
    if (path / SAMPLES).is_file():
        recorded = read_table(path / SAMPLES, SAMPLE_COLUMNS)
        if len(recorded["clean"]) == len(clean):
            if exact:
                problems = list(differences(SAMPLES, "clean", ids, recorded["clean"], clean))
            else:
                clean = recorded["clean"]
    threat = spec["threat"]
    low, high = (np.asarray(threat[side], np.float64) for side in ("low", "high"))
    witness = Witness(
        model, x, label, clean, answers.confidence[0], kind, device, threat["norm"], low, high, rows, passes, exact
    )
    return witness, problems


def _refuse(path: Path, problems: Iterable[str]) -> None:
    found = list(dict.fromkeys(problems))
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UntrustworthyError(
            f"{path} does not hold what it claims: {'; '.join(found[:SHOWN])}{more}; do not quote this run, evaluate again"
        )
