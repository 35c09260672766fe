"""The adversarial examples of a run, to look at: the nearest one that was found of each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from epsball.display.difference import CHANNELS
from epsball.display.text import NORMS, budget
from epsball.errors import InputError, brief
from epsball.record import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

POINTS = 400
ROWS = 3
"""Examples that are shown where none are named."""


class Images(Protocol):
    """Where the images of a run are."""

    def original(self, sample: int) -> NDArray[Any]:
        """The clean input (C, H, W) of the sample of that id."""

    def adversarial(self, sample: int, attack: str) -> NDArray[Any]:
        """What that attack made of it, the one that found the nearest error (C, H, W)."""


class Recorded(metrics.Bounds, Protocol):
    """An evaluation, with its images where they were kept."""

    @property
    def images(self) -> Images | None:
        """Where they are."""

    @property
    def failed(self) -> tuple[str, ...]:
        """The ids of the checks that failed."""


@dataclass(frozen=True, eq=False)
class Example:
    """An adversarial example.

    Args:
        id: of the sample; the number of its row unless the evaluation was given ids.
        label: its true label.
        prediction: the label that the model gives the adversarial example.
        attack: which found it.
        distance: from the original, in the run's norm and data units.
        original: the clean input `(C, H, W)`.
        adversarial: the input that fools the model `(C, H, W)`.
    """

    id: int
    label: int
    prediction: int
    attack: str
    distance: float
    original: NDArray[Any]
    adversarial: NDArray[Any]

    def __repr__(self) -> str:
        return (
            f"Example(sample {self.id}: {self.label} becomes {self.prediction}, found by {self.attack} "
            f"at distance {self.distance:.4g})"
        )


def examples(run: Recorded) -> Iterator[Example]:
    """The nearest adversarial example of each sample that was fooled, nearest first; each is read when it is reached.

    Raises:
        InputError: the images were not kept.
    """
    images = _kept(run)
    places = fooled(run)
    return (_example(run, images, int(place)) for place in places[np.argsort(run.upper[places], kind="stable")])


def example(run: Recorded, sample: int) -> Example:
    """The one of the sample with this id.

    Raises:
        InputError: there is no such sample, it was not fooled, or the images were not kept.
    """
    at = np.flatnonzero(run.ids == sample)
    if not len(at):
        raise InputError(
            f"the run has no sample {sample!r}; its {len(run)} samples have the ids {run.ids.min()} to {run.ids.max()}"
        )
    place = int(at[0])
    if run.by[place] == "clean":
        raise InputError(
            f"the model takes the clean input of sample {sample} for {run.clean[place]} already, its label is {run.label[place]}, so "
            "that no attack was run on it; choose a sample of run.examples()"
        )
    if not run.by[place]:
        raise InputError(f"no attack fooled the model on sample {sample}; choose a sample of run.examples()")
    return _example(run, _kept(run), place)


def of_every_attack(run: Recorded, sample: int) -> Iterator[Example]:
    """The adversarial examples of all attacks that fooled the model on the sample with this id, nearest first, each read when reached.

    Raises:
        InputError: the images were not kept.
    """
    images = _kept(run)
    found = sorted(
        (float(distance), attack)
        for attack, rows in run.attacks.items()
        for distance in rows.distance[(rows.id == sample) & rows.success]
    )
    return (_made(run, images, sample, attack, distance) for distance, attack in found)


def fooled(run: metrics.Bounds) -> NDArray[np.int64]:
    """Places of the samples that an attack fooled the model on."""
    return np.flatnonzero((run.by != "") & (run.by != "clean"))


def _kept(run: Recorded) -> Images:
    if run.images is None:
        raise InputError(
            "the images of this run were not kept, for they take more than 1 GiB of memory; evaluate with out=, and its folder has them"
        )
    return run.images


def _example(run: Recorded, images: Images, place: int) -> Example:
    return _made(run, images, int(run.ids[place]), str(run.by[place]), float(run.upper[place]))


def _made(run: Recorded, images: Images, sample: int, attack: str, distance: float) -> Example:
    rows = run.attacks[attack]
    return Example(
        id=sample,
        label=int(run.label[np.flatnonzero(run.ids == sample)[0]]),
        prediction=int(rows.after[np.flatnonzero(rows.id == sample)[0]]),
        attack=attack,
        distance=distance,
        original=images.original(sample),
        adversarial=images.adversarial(sample, attack),
    )


def show(run: Recorded, samples: Sequence[int]) -> Figure:
    """Original, amplified difference and adversarial image of these samples, of the nearest three where none are named.

    Raises:
        InputError: as `example`, or the inputs are no images, or no sample was fooled.
    """
    from epsball.display.figures import Sample, triptychs  # noqa: PLC0415 (matplotlib, only for those who look)

    chosen = [example(run, each) for given in samples for each in _ids(given)] or [
        one for _, one in zip(range(ROWS), examples(run), strict=False)
    ]
    if not chosen:
        raise InputError("no attack of the run fooled the model on any sample; there is nothing to show")
    shape = chosen[0].original.shape
    if len(shape) != 3 or shape[0] not in CHANNELS:  # noqa: PLR2004 (C, H, W)
        raise InputError(
            f"the samples have the shape {shape}; expected images (C, H, W) with 1 or 3 channels, take the arrays from run.examples()"
        )
    threat, names = run.plan.threat, run.plan.data.names
    rows = [
        Sample(
            original=one.original,
            adversarial=one.adversarial,
            before=f"sample {one.id}\nlabel {_named(names, one.label)}",
            after=f"predicted {_named(names, one.prediction)}\nfound by {one.attack}",
            distance=f"{NORMS[threat.norm]} {one.distance:.3g}",
        )
        for one in chosen
    ]
    return triptychs(rows, float(np.min(threat.low)), float(np.max(threat.high)))


def _ids(given: Any) -> list[int]:
    """The ids of samples, of which one or a row was given."""
    ids = np.ravel(np.asarray(given))
    if ids.size and ids.dtype.kind not in "iu":
        raise InputError(
            f"the samples to show were given as {brief(given)}; expected their ids, whole numbers such as run.show(0, 3)"
        )
    return [int(each) for each in ids]


def _named(names: Sequence[str], label: int) -> str:
    return names[label] if label < len(names) else str(label)


def plot(run: Recorded, axes: Axes | None = None, label: str | None = None) -> Figure:
    """Accuracy against ε: the band between what is proved and what no attack refuted."""
    from epsball.display import figures  # noqa: PLC0415 (matplotlib, only for those who look)

    if axes is not None and not hasattr(axes, "step"):
        raise InputError(
            f"the axes were given as {brief(axes)}; expected those of matplotlib, plt.subplots()[1], or run.plot(label=…) for a name"
        )
    curve = metrics.curve(run)
    end = _horizon(run)
    eps = np.union1d(np.linspace(0, end, POINTS), [run.eps] if run.eps <= end else [])
    at = np.searchsorted(curve.eps, eps, side="right") - 1
    right = run.clean == run.label
    lower = np.array([np.mean((run.lower >= value) & right) for value in eps])
    curves = figures.Curves(eps, curve.accuracy[at], lower, curve.bounds(at))
    found = "" if np.isinf(run.eps) else f"; the run's own: {budget(run.eps)}"
    doubt = f", not trusted: {', '.join(run.failed)} failed" if run.failed else ""
    return figures.accuracy(
        curves, run.eps, f"ε ({NORMS[run.plan.threat.norm]}, data units{found}{doubt})", axes, label
    )


def _horizon(run: Recorded) -> float:
    """The largest ε for which the run says something: its own, or where almost all nearest errors lie if some were searched."""
    found = run.upper[np.isfinite(run.upper)]
    farthest = float(np.quantile(found, 0.98)) if run.plan.minimum_norm and found.size else 0.0
    return max(farthest, 0.0 if np.isinf(run.eps) else run.eps) or 1.0
