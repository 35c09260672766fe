"""Adversarial images as files for other programs, read again and verified once more as they were saved."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from epsball.data.pictures import decode
from epsball.display.difference import CHANNELS
from epsball.errors import InputError, UntrustworthyError
from epsball.progress import Progress, shown
from epsball.record import read_inputs, read_run
from epsball.record.files import read_bytes, write_whole
from epsball.record.manifest import json_bytes, read_manifest
from epsball.verification import independent
from epsball.verification.identity import device_of, model_of, other_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.record import Evaluation, Plan
    from epsball.record.examples import Example

TABLE, ABOUT, ARRAYS = "examples.csv", "export.json", "examples.npz"
COLUMNS = (
    *("id", "file", "label", "class", "attack", "prediction", "distance"),
    *("saved_prediction", "saved_distance", "fools", "within_eps"),
)
"""Of `examples.csv`: what the run says of an example, and what the saved image shows."""
WHITE = 255
Kind = Literal["png", "npz"]


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

    A PNG has 8 bits: rounding moves every pixel by up to half a level, which can take an example back over the boundary or out of
    the ball. So each file is read again, the model is run on it, and its distance is measured: `examples.csv` has both, before and
    after. An `.npz` holds `x` `(k, C, H, W)` in the run's own precision with `y`, `ids` and `prediction`, as `load_data` reads it.

    Args:
        run_folder: what `evaluate` wrote.
        out: an empty folder, or one that is still to be made; `export` in the run folder when left out.
        images: "png" or "npz".
        model: the run's model; may be left out where that is a network of this library (`zoo:…`).
        passes: forward passes for each image; 1, or 20 if the run found the model to be random (D02).
        trust_source: load the model by the name that the run recorded, although that may run code.
        progress: called with (stage, done, total); a bar on a terminal when left out.

    Raises:
        InputError: no run folder, no adversarial example in it, inputs that are no images, a folder that holds files, no model.
        UntrustworthyError: the model is another one than the run's.
        ModelError: the model failed.
    """
    path, manifest = Path(run_folder), read_manifest(Path(run_folder))
    plan, run = manifest.plan, read_run(path)
    folder = _empty(path / "export" if out is None else Path(out))
    given = model_of(plan, model, trust_source=trust_source)
    x, _, _ = read_inputs(path)
    for problem in other_model(plan, given, _tensor(x, plan, given)):
        raise UntrustworthyError(f"{path} was made with another model; {problem}: give the one that the run is about")
    examples = sorted(run.examples(), key=lambda example: example.id)
    write = _writer(images, examples, plan)
    random = any(finding.id == "D02" for finding in run.findings)
    with shown(progress) as stage:
        stage("images", 0, len(examples))
        files, saved = write(folder, examples, plan)
        stage("saved images (check)", 0, len(examples))
        replayed = independent.replay(
            given,
            _tensor(saved, plan, given),
            batch_size=plan.batching.batch_size,
            passes=passes or (independent.PASSES if random else 1),
        )
    label = np.array([example.label for example in examples])
    wanted = np.array([_fools(plan, one, each) for one, each in zip(examples, replayed.label.T, strict=True)])
    distance = independent.length(plan.threat.norm, saved.astype(np.float64) - _stack(examples, "original"))
    done = Exported(
        folder,
        fools=(replayed.success_rate(label) >= independent.SUCCESS_RATE) & wanted,
        within=independent.inside_ball(distance, run.eps),
        before=np.array([example.distance for example in examples]),
        distance=distance,
    )
    write_whole(folder / TABLE, _table(run, examples, files, replayed.label[0], done))
    write_whole(folder / ABOUT, json_bytes(_about(path, manifest.digest, plan, done)))
    return done


def _empty(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something already; choose another folder with out=, or delete that one")
    return folder


def _tensor(x: NDArray[Any], plan: Plan, model: Model) -> Tensor:
    return torch.tensor(x, dtype=getattr(torch, plan.data.dtype), device=device_of(plan, model))


def _stack(examples: Sequence[Example], name: str) -> NDArray[Any]:
    return np.stack([getattr(example, name) for example in examples])


def _fools(plan: Plan, example: Example, labels: NDArray[np.int64]) -> bool:
    """Whether the labels of all passes (passes,) are what the attack wanted: any wrong one, or one of its targets in most of them."""
    towards = plan.attacks[example.attack].only_towards
    return not towards or bool(np.isin(labels, towards).mean() >= independent.SUCCESS_RATE)


def _writer(
    images: str, examples: Sequence[Example], plan: Plan
) -> Callable[[Path, Sequence[Example], Plan], tuple[list[str], NDArray[Any]]]:
    """What writes the images of that kind, once they are known to be such.

    Raises:
        InputError: there are none, or not of that kind.
    """
    if images not in {"png", "npz"}:
        raise InputError(f"the images were wanted as {images!r}; expected 'png' or 'npz'")
    if not examples:
        raise InputError("no attack of the run fooled the model on any sample; there is nothing to export")
    shape = plan.data.shape
    if images == "png" and (len(shape) != 3 or shape[0] not in CHANNELS):  # noqa: PLR2004 (C, H, W)
        raise InputError(
            f"the samples have the shape {tuple(shape)}; a PNG holds images (C, H, W) with 1 or 3 channels: export them as npz"
        )
    return _write_pictures if images == "png" else _write_arrays


def _write_pictures(folder: Path, examples: Sequence[Example], plan: Plan) -> tuple[list[str], NDArray[Any]]:
    """The names of the files, and what they hold (k, C, H, W) as a reader of 8-bit pictures gets it, in data units."""
    low, high = _range(plan)
    names = [f"images/{example.id:06d}.png" for example in examples]
    for name, example in zip(names, examples, strict=True):
        levels = np.rint((example.adversarial.astype(np.float64) - low) / (high - low) * WHITE)
        write_whole(folder / name, _png(np.clip(levels, 0, WHITE).astype(np.uint8)))
    pixels = decode(((name, read_bytes(folder / name)) for name in names), colour=plan.data.shape[0] > 1)
    return names, (pixels.astype(np.float32) / WHITE * (high - low) + low).astype(np.float32)


def _range(plan: Plan) -> tuple[float, float]:
    """What black and white are, in data units."""
    return float(np.min(plan.threat.low)), float(np.max(plan.threat.high))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image  # noqa: PLC0415 (a picture library is imported where it is used)

    stream = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).save(stream, format="PNG")
    return stream.getvalue()


def _write_arrays(folder: Path, examples: Sequence[Example], plan: Plan) -> tuple[list[str], NDArray[Any]]:
    """The name of the file, once for each example, and the images that it holds."""
    del plan
    stream = io.BytesIO()
    y, ids, prediction = (np.array([getattr(one, name) for one in examples]) for name in ("label", "id", "prediction"))
    np.savez(stream, x=_stack(examples, "adversarial"), y=y, ids=ids, prediction=prediction)
    write_whole(folder / ARRAYS, stream.getvalue())
    with np.load(folder / ARRAYS, allow_pickle=False) as archive:
        return [ARRAYS] * len(examples), archive["x"]


def _table(
    run: Evaluation, examples: Sequence[Example], files: Sequence[str], predicted: NDArray[np.int64], done: Exported
) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(run, examples, files, predicted, done))
    return stream.getvalue().encode()


def _rows(
    run: Evaluation, examples: Sequence[Example], files: Sequence[str], predicted: NDArray[np.int64], done: Exported
) -> Iterator[list[object]]:
    names = run.plan.data.names
    for place, (example, file) in enumerate(zip(examples, files, strict=True)):
        name = names[example.label] if example.label < len(names) else ""
        before = [example.id, file, example.label, name, example.attack, example.prediction, example.distance]
        saved = [int(predicted[place]), float(done.distance[place]), bool(done.fools[place]), bool(done.within[place])]
        yield [*before, *saved]


def _about(path: Path, digest: str, plan: Plan, done: Exported) -> dict[str, Any]:
    low, high = _range(plan)
    eps = float(plan.threat.eps)
    return {
        "run": str(path),
        "run_digest": digest,
        "norm": plan.threat.norm,
        "eps": eps if np.isfinite(eps) else "inf",
        "black": low,
        "white": high,
        "images": len(done),
        "fools": int(done.fools.sum()),
        "within_eps": int(done.within.sum()),
    }
