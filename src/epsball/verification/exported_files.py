"""The files of exported images, written and read again a few images at a time."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from epsball.data.pictures import decode
from epsball.display.difference import CHANNELS
from epsball.errors import InputError
from epsball.models.inputs import part_size
from epsball.record.examples import Example, example
from epsball.record.files import read_bytes, write_whole
from epsball.verification.independent import length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from epsball.record import Evaluation, Plan

    Saved = Iterator[tuple[list[Example], list[str], NDArray[Any]]]
    """Examples, the file of each, and what it holds `(k, C, H, W)`."""

ARRAYS = "examples.npz"
WHITE = 255
HAIR = 1e-4
"""Fraction of a level by which float32 may miss one."""
Kind = Literal["png", "npz"]


@dataclass(frozen=True, eq=False)
class Examples:
    """The nearest adversarial examples of a run by the ids of their samples `(k,)`; each round reads them anew, a part at a time."""

    run: Evaluation
    ids: NDArray[np.int64]
    choose: Callable[[list[Example]], list[Example]] = list
    """Of the nearest ones, what is written in their places."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them."""
        return len(self), *self.run.plan.data.shape

    def __iter__(self) -> Iterator[list[Example]]:
        size = part_size(self.shape)
        for start in range(0, len(self), size):
            yield self.choose([example(self.run, int(sample)) for sample in self.ids[start : start + size]])


def writer(images: str, examples: Examples) -> Callable[[Path, Examples], Saved]:
    """What writes the images of that kind, once they are known to be such.

    Raises:
        InputError: there are none, or not of that kind.
    """
    if images not in {"png", "npz"}:
        raise InputError(f"the images were wanted as {images!r}; expected 'png' or 'npz'")
    if not len(examples):
        raise InputError("no attack of the run fooled the model on any sample; there is nothing to export")
    shape = examples.shape[1:]
    if images == "png" and (len(shape) != 3 or shape[0] not in CHANNELS):  # noqa: PLR2004 (C, H, W)
        raise InputError(
            f"the samples have the shape {shape}; a PNG holds images (C, H, W) with 1 or 3 channels: export them as npz"
        )
    return _pictures if images == "png" else _arrays


def pixel_range(plan: Plan) -> tuple[float, float]:
    """What black and white are, in data units."""
    return float(np.min(plan.threat.low)), float(np.max(plan.threat.high))


def levels_of(plan: Plan, one: Example) -> NDArray[np.uint8]:
    """The pixels of 8 bits (C, H, W) that are saved: the nearest ones, and where these leave the ball, ones in it.

    For linf these are the nearest in the ball, if there are any. For other norms every pixel is rounded towards the original, so that
    none is farther from it than before if the original is a picture of 8 bits.
    """
    low, high = pixel_range(plan)
    step, eps, norm = (high - low) / WHITE, float(plan.threat.eps), plan.threat.norm
    original, example = ((image.astype(np.float64) - low) / step for image in (one.original, one.adversarial))
    levels = np.rint(example)
    if norm == "linf" and np.isfinite(eps):
        least, most = np.ceil(original - eps / step - HAIR), np.floor(original + eps / step + HAIR)
        levels = np.where(least <= most, np.clip(levels, least, most), levels)
    elif length(norm, (levels - original)[None])[0] * (1 if norm == "l0" else step) > eps:
        levels = np.where(example > original, np.floor(example + HAIR), np.ceil(example - HAIR))
    return np.clip(levels, 0, WHITE).astype(np.uint8)


def as_read(plan: Plan, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a reader of 8-bit pictures gets from them, in data units."""
    low, high = pixel_range(plan)
    return (pixels.astype(np.float32) / WHITE * (high - low) + low).astype(np.float32)


def _pictures(folder: Path, examples: Examples) -> Saved:
    """A file for each example, and what it holds in data units."""
    plan = examples.run.plan
    for part in examples:
        names = [f"images/{one.id:06d}.png" for one in part]
        for name, one in zip(names, part, strict=True):
            write_whole(folder / name, _png(levels_of(plan, one)))
        pixels = decode(((name, read_bytes(folder / name)) for name in names), colour=examples.shape[1] > 1)
        yield part, names, as_read(plan, pixels)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image  # noqa: PLC0415 (a picture library is imported where it is used)

    stream = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).save(stream, format="PNG")
    return stream.getvalue()


def _arrays(folder: Path, examples: Examples) -> Saved:
    """One file of all, then what it holds."""
    write_whole(folder / ARRAYS, _archive(examples))
    with zipfile.ZipFile(folder / ARRAYS) as archive, archive.open("x.npy") as stored:
        np.lib.format.read_magic(stored)
        _, _, dtype = np.lib.format.read_array_header_1_0(stored)
        for part in examples:
            shape = len(part), *examples.shape[1:]
            held = stored.read(math.prod(shape) * dtype.itemsize)
            yield part, [ARRAYS] * len(part), np.frombuffer(held, dtype).reshape(shape)


def made_on(plan: Plan) -> str:
    """What tells the network that the images deceive from others: the fingerprint of its weights, or of its structure without any."""
    return plan.model.weights or plan.model.structure


class _Written:
    """A file whose content is handed on as it is written."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> Iterator[bytes]:
        """What was written since the last call."""
        pieces, self._pieces = self._pieces, []
        yield from pieces


def _archive(examples: Examples) -> Iterator[bytes]:
    """The content of the `.npz` piece by piece."""
    numbers: dict[str, list[int]] = {"y": [], "ids": [], "prediction": []}
    written = _Written()
    with zipfile.ZipFile(written, "w") as archive:  # type: ignore[call-overload] # of a file that cannot seek it asks no more
        with archive.open("x.npy", "w", force_zip64=True) as member:
            for number, part in enumerate(examples):
                x = np.stack([one.adversarial for one in part])
                if not number:
                    np.lib.format.write_array_header_1_0(
                        member, {"descr": x.dtype.str, "fortran_order": False, "shape": examples.shape}
                    )
                member.write(x.tobytes())
                yield from written.taken()
                for name, field in zip(numbers, ("label", "id", "prediction"), strict=True):
                    numbers[name] += [getattr(one, field) for one in part]
        for name, values in {**numbers, "made_on": made_on(examples.run.plan)}.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.array(values))
    yield from written.taken()
