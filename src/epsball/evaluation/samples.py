"""The samples of an evaluation: inputs, labels and what the model says of them before any attack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from epsball.data.streamed import Streamed
from epsball.errors import InputError
from epsball.evaluation.answers import answers
from epsball.evaluation.meter import Meter
from epsball.goal import Goal
from epsball.models.forward import numpy_of
from epsball.models.scale import check_scale
from epsball.oracle.batching import Batching, choose_batching
from epsball.oracle.work import Work
from epsball.record.plan import DataDigest
from epsball.validation import checked_goal, checked_ids, checked_inputs, checked_logits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from epsball.evaluation.answers import Answers
    from epsball.models.inputs import Inputs
    from epsball.models.model import Model
    from epsball.threat import Threat


@dataclass(frozen=True, eq=False)
class Samples:
    """n samples, x (n, …) and y (n,) on the model's device, the rest on the processor; `fingerprint` is that of x and y.

    `clean` and `confidence` are the label predicted on each clean input and its softmax probability; `left_out` counts the samples
    given that are not among these, because every attack aims at their label.
    """

    model: Model
    x: Inputs
    y: Tensor
    ids: NDArray[np.int64]
    label: NDArray[np.int64]
    clean: NDArray[np.int64]
    confidence: NDArray[np.float64]
    classes: int
    batching: Batching
    fingerprint: str
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the clean input is classified correctly (n,)."""
        right: NDArray[np.bool_] = self.clean == self.label
        return right

    def rows(self, at: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, labels and ids of the samples at these places."""
        place = torch.from_numpy(at).to(self.x.device)
        return self.x[place], self.y[place], torch.from_numpy(self.ids[at]).to(self.x.device)


def prepare(
    model: Model,
    data: tuple[Any, Any],
    threat: Threat,
    ids: Sequence[int] | Tensor | NDArray[Any] | None,
    batching: Batching | None,
    targets: Sequence[int] = (),
    meter: Meter | None = None,
) -> Samples:
    """Check the samples and pass the clean inputs through the model once; those with a target as their label are left out.

    Raises:
        InputError: the inputs and labels cannot be used, or none is left.
        ModelError: the model failed or answered nonsense.
    """
    clean = CleanPass(model, data, threat, ids, batching, targets, meter)
    return clean.first(len(clean))


def in_the_box(x: Any, threat: Threat) -> Any:
    """The inputs (n, …), checked; those that are read part by part are checked when they are read.

    Raises:
        InputError: they cannot be used.
    """
    if isinstance(x, Tensor) and threat.on(x).per_sample:
        raise InputError(
            "low or high was given per sample; an evaluation needs one box for all: call the attack itself, or give limits of one input"
        )
    if isinstance(x, Streamed):
        return replace(x, arrange=partial(checked_inputs, threat=threat))
    return checked_inputs(x, threat)


def fingerprint(x: Any, y: Tensor | None) -> str:
    """The digest of checked inputs (n, …) and labels (n,), as a run of these samples has it in its plan."""
    digest, labels = DataDigest(), []
    for part, label in _parts(x, y, 0, len(x)):
        digest.add(numpy_of(part))
        labels.append(torch.as_tensor(label).cpu())
    return digest.fingerprint(torch.cat(labels).numpy())


def _checked_numbers(ids: Any, n: int) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = checked_ids(ids, n, torch.device("cpu")).numpy()
    different = len(np.unique(numbers))
    if different != n:
        raise InputError(
            f"the ids have {different} different values for {n} inputs; expected one id of its own per input"
        )
    return numbers


class CleanPass:
    """Passes clean inputs through the model, from the first on as far as they are wanted, but for those whose label is a target.

    Args:
        model: the classifier.
        data: inputs (n, …) and labels (n,).
        threat: whose box the inputs lie in.
        ids: the samples' numbers (n,), row numbers for None.
        batching: chosen by rule for None.
        targets: classes that all attacks aim at.
        meter: counts the passes.

    Raises:
        InputError: the inputs or the ids cannot be used.
    """

    def __init__(
        self,
        model: Model,
        data: tuple[Any, Any],
        threat: Threat,
        ids: Sequence[int] | Tensor | NDArray[Any] | None,
        batching: Batching | None,
        targets: Sequence[int] = (),
        meter: Meter | None = None,
    ) -> None:
        self._model, self._targets, self._batching = model, tuple(targets), batching
        self._meter = Meter(lambda *_: None, {}) if meter is None else meter
        self._x, self._y = in_the_box(data[0], threat), data[1]
        self._ids = _checked_numbers(ids, len(self._x))
        self._others: list[NDArray[np.bool_]] = []
        self._labels: list[Tensor] = []
        self._answers: list[Answers] = []
        self._digest = DataDigest()
        self._passed = self._left = 0

    def __len__(self) -> int:
        return len(self._x)

    def first(self, n: int) -> Samples:
        """The first n samples.

        Raises:
            InputError: the labels cannot be used, or none is left.
            ModelError: the model failed or answered nonsense.
        """
        if n > self._passed:
            self._left = n - self._passed
            self._meter.begin("clean pass", self._left, right=self._left, robust=self._left)
            self._meter.chunk(self._left)
            for x, label in _parts(self._x, self._y, self._passed, n):
                self._add(x, label)
            self._passed = n
        return self._samples(n, self._those(n))

    def _add(self, x: Tensor, label: Any) -> None:
        """The next inputs (k, …) and their labels (k,)."""
        y = checked_goal(Goal(label), len(x), x.device).labels
        check_scale(self._model, x)
        others = ~torch.isin(y, torch.tensor(self._targets, dtype=y.dtype, device=y.device))
        self._others.append(others.cpu().numpy())
        self._left -= len(x)
        if not bool(others.all()):
            x, y = x[others], y[others]
        self._labels.append(y)
        self._digest.add(numpy_of(x))
        if not len(x):
            return
        batching = self._batching or choose_batching(self._model, x)
        found = answers(self._model, x, batching.batch_size, inspect=partial(self._inspect, y))
        self._batching = replace(batching, batch_size=found.batch_size)
        self._answers.append(found)

    def _inspect(self, y: Tensor, logits: Tensor, rows: slice) -> None:
        checked_logits(logits, Goal(y[rows]))
        self._meter.tick(len(logits), lambda: Work(self._left + len(y) - rows.stop))

    def _those(self, n: int) -> NDArray[np.bool_]:
        """Which of the first n are not of a target's class (n,); there must be some."""
        others = np.concatenate(self._others)[:n]
        if not others.any():
            raise InputError(
                f"all {len(others)} samples have the label {' or '.join(map(str, self._targets))} already, which is the target; "
                "give another target"
            )
        return others

    def _samples(self, n: int, others: NDArray[np.bool_]) -> Samples:
        whole = n == len(self) and bool(others.all())
        x = self._x if whole else _those(self._x, np.flatnonzero(others))
        k = len(x)
        y = torch.cat(self._labels)[:k]
        clean, confidence = (
            np.concatenate([getattr(each, name)[0] for each in self._answers])[:k] for name in ("label", "confidence")
        )
        label = y.cpu().numpy()
        return Samples(
            self._model,
            x,
            y,
            self._ids[:n][others],
            label,
            clean,
            confidence,
            self._answers[0].classes,
            cast("Batching", self._batching),
            self._digest.fingerprint(label) if n == self._passed else fingerprint(x, y),
            n - k,
        )


def _parts(x: Any, y: Any, start: int, stop: int) -> Iterator[tuple[Tensor, Any]]:
    """Inputs and labels of those rows, as many at a time as they are held in."""
    if isinstance(x, Streamed):
        yield from replace(x, rows=x.rows[start:stop]).parts()
    elif (start, stop) == (0, len(x)):
        yield x, y
    else:
        yield x[start:stop], y[start:stop]


def _those(x: Any, rows: NDArray[np.int64]) -> Any:
    if isinstance(x, Streamed):
        return replace(x, rows=x.rows[rows])
    return x[: len(rows)] if np.array_equal(rows, np.arange(len(rows))) else x[torch.from_numpy(rows).to(x.device)]
