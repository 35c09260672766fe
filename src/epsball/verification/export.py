"""Adversarial images as files for other programs, read again and verified once more as they were saved."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.errors import InputError, UntrustworthyError
from epsball.progress import Progress, shown
from epsball.record import read_run
from epsball.record.arrays import open_inputs
from epsball.record.examples import fooled, of_every_attack
from epsball.record.files import write_whole
from epsball.record.manifest import json_bytes, read_manifest, run_path
from epsball.verification import independent
from epsball.verification.exported_files import Examples, as_read, levels_of, made_on, pixel_range, writer
from epsball.verification.identity import device_of, model_of, other_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.record import Evaluation, Plan
    from epsball.record.examples import Example
    from epsball.verification.exported_files import Kind

TABLE, ABOUT = "examples.csv", "export.json"
COLUMNS = (
    *("id", "file", "label", "class", "attack", "prediction", "distance"),
    *("saved_prediction", "saved_distance", "fools", "within_eps"),
)
"""Of `examples.csv`: what the run says of an example, and what the saved image shows."""
FOOLS, WITHIN = COLUMNS.index("fools"), COLUMNS.index("within_eps")


@dataclass(frozen=True, eq=False)
class Exported:
    """What was written, an adversarial example a row of `examples.csv`.

    `fools` says whether the image in the file still fools the model, `distance` how far it is from the original, `within` whether
    that is no farther than the run's ε, all `(k,)`; `before` is the distance of the example before it was saved.
    """

    folder: Path
    fools: NDArray[np.bool_]
    within: NDArray[np.bool_]
    before: NDArray[np.float64]
    distance: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.fools)

    def __repr__(self) -> str:
        return f"Exported({len(self)} images in {self.folder}: {int(self.fools.sum())} fool the model as saved)"


def export(
    run_folder: str | Path,
    out: str | Path | None = None,
    images: Kind = "png",
    model: Callable[[Tensor], Any] | Model | None = None,
    *,
    passes: int | None = None,
    trust_source: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write the nearest adversarial example of each sample of a run, and say which of them fool the model as they were saved.

    A PNG has 8 bits: rounding moves every pixel by up to half a level, which can take an example back over the boundary. So of all
    attacks' examples of a sample, the nearest is taken that fools the model once it is rounded, and rounding stays within ε where it
    can. Each file is read again, the model is run on it, and its distance is measured: `examples.csv` has both, before and after.
    An `.npz` holds `x` `(k, C, H, W)` in the run's own precision with `y`, `ids` and `prediction`, as `load_data` reads it.
    Both say on which network they were made, so that accuracy on them is known to be transfer accuracy (D20).

    Args:
        run_folder: what `evaluate` wrote.
        out: an empty folder, or one that is still to be made; `export` in the run folder when left out.
        images: "png" or "npz".
        model: the run's model; may be left out where that is a network of this library (`zoo:…`).
        passes: forward passes for each image; 1, or 20 if the run found the model to be random (D02).
        trust_source: load the model by the name that the run recorded, although that may run code.
        progress: called with (stage, done, total); a bar on a terminal when left out.

    Raises:
        InputError: no run folder, no adversarial example in it, inputs that are no images, a folder that holds files or is named as
            a file, no model.
        UntrustworthyError: the model is another one than the run's.
        ModelError: the model failed.
    """
    path = run_path(run_folder)
    manifest = read_manifest(path)
    plan, run = manifest.plan, read_run(path)
    folder = _empty(path / "export" if out is None else Path(out))
    given = model_of(plan, model, trust_source=trust_source)
    first = open_inputs(path)[0][:1]
    for problem in other_model(plan, given, _tensor(first, plan, given)):
        raise UntrustworthyError(f"{path} was made with another model; {problem}: give the one that the run is about")
    random = any(finding.id == "D02" for finding in run.findings)
    passes = passes or (independent.PASSES if random else 1)
    answer = partial(_answers, plan, given, passes)
    choose = partial(_surviving, run, answer) if images == "png" else list
    examples = Examples(run, np.sort(run.ids[fooled(run)]), choose)
    saved = writer(images, examples)(folder, examples)
    rows: list[list[object]] = []
    with shown(progress) as stage:
        stage("images", 0, len(examples))
        for part, files, x in saved:
            rows += _rows(run, part, files, x, answer(x))
            stage("images", len(rows), len(examples))
    columns = {name: np.array(column) for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)}
    done = Exported(folder, columns["fools"], columns["within_eps"], columns["distance"], columns["saved_distance"])
    write_whole(folder / TABLE, _table(rows))
    write_whole(folder / ABOUT, json_bytes(_about(path, manifest.digest, plan, done)))
    return done


def _empty(folder: Path) -> Path:
    if folder.suffix.lower() in {".npz", ".png"}:
        raise InputError(
            f"the place to write was given as {folder}, which is named as a file; expected a folder, in which {TABLE} stands beside "
            f"the images: give {folder.with_suffix('')}"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something already; choose another folder with out=, or delete that one")
    return folder


def _tensor(x: NDArray[Any], plan: Plan, model: Model) -> Tensor:
    return torch.tensor(x, dtype=getattr(torch, plan.data.dtype), device=device_of(plan, model))


def _answers(plan: Plan, model: Model, passes: int, x: NDArray[Any]) -> independent.Replayed:
    return independent.replay(model, _tensor(x, plan, model), batch_size=plan.batching.batch_size, passes=passes)


def _surviving(
    run: Evaluation, answer: Callable[[NDArray[Any]], independent.Replayed], nearest: list[Example]
) -> list[Example]:
    """Of each sample the nearest example that fools the model in 8 bits, within ε if any does; the nearest of all where none does."""
    chosen, kept = list(nearest), [0] * len(nearest)
    waiting = {place: of_every_attack(run, one.id) for place, one in enumerate(nearest)}
    while tried := {place: one for place, rest in waiting.items() if (one := next(rest, None))}:
        x = np.stack([as_read(run.plan, levels_of(run.plan, one)) for one in tried.values()])
        for (place, one), row in zip(
            tried.items(), _rows(run, [*tried.values()], [""] * len(x), x, answer(x)), strict=True
        ):
            worth = 0 if not row[FOOLS] else 2 if row[WITHIN] else 1
            if worth > kept[place]:
                chosen[place], kept[place] = one, worth
        waiting = {place: waiting[place] for place in tried if kept[place] < 2}  # noqa: PLR2004 (fools, and lies within ε)
    return chosen


def _fools(plan: Plan, example: Example, labels: NDArray[np.int64]) -> bool:
    """Whether the labels of all passes (passes,) are what the attack wanted: any wrong one, or one of its targets in most of them."""
    towards = plan.attacks[example.attack].only_towards
    return not towards or bool(np.isin(labels, towards).mean() >= independent.SUCCESS_RATE)


def _rows(
    run: Evaluation, examples: list[Example], files: list[str], saved: NDArray[Any], replayed: independent.Replayed
) -> Iterator[list[object]]:
    """Of `examples.csv`, for examples whose files hold the images saved (k, …)."""
    names = run.plan.data.names
    rate = replayed.success_rate(np.array([one.label for one in examples]))
    originals = np.stack([one.original for one in examples])
    distance = independent.length(run.plan.threat.norm, saved.astype(np.float64) - originals)
    within = independent.inside_ball(distance - _hair(run.plan, saved), run.eps)
    for place, (one, file) in enumerate(zip(examples, files, strict=True)):
        labels = replayed.label[:, place]
        fools = bool(rate[place] >= independent.SUCCESS_RATE) and _fools(run.plan, one, labels)
        name = names[one.label] if one.label < len(names) else ""
        before = [one.id, file, one.label, name, one.attack, one.prediction, one.distance]
        yield [*before, int(labels[0]), float(distance[place]), fools, bool(within[place])]


def _hair(plan: Plan, saved: NDArray[Any]) -> float:
    """By how much the distance of two pictures of 8 bits may differ from that of their levels, since float32 holds them."""
    size = float(np.finfo(np.float32).eps) * max(map(abs, pixel_range(plan)))
    features = float(saved[0].size)
    return size * float({"linf": 1, "l2": features**0.5, "l1": features, "l0": 0}[plan.threat.norm])


def _table(rows: list[list[object]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return stream.getvalue().encode()


def _about(path: Path, digest: str, plan: Plan, done: Exported) -> dict[str, Any]:
    low, high = pixel_range(plan)
    eps = float(plan.threat.eps)
    return {
        "run": str(path),
        "run_digest": digest,
        "made_on": made_on(plan),
        "norm": plan.threat.norm,
        "eps": eps if np.isfinite(eps) else "inf",
        "black": low,
        "white": high,
        "images": len(done),
        "fools": int(done.fools.sum()),
        "within_eps": int(done.within.sum()),
    }
