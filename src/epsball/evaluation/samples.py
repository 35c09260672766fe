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
    from collections.abc import Sequence

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
    x = data[0]
    if isinstance(x, Tensor) and threat.on(x).per_sample:
        raise InputError(
            "low or high was given per sample; an evaluation needs one box for all: call the attack itself, or give limits of one input"
        )
    if isinstance(x, Streamed):
        x = replace(x, arrange=partial(checked_inputs, threat=threat))
        parts = x.parts()
    else:
        x = checked_inputs(x, threat)
        parts = iter([(x, data[1])])
    numbers = _checked_numbers(ids, len(x))
    meter = Meter(lambda *_: None, {}) if meter is None else meter
    meter.begin("clean pass", len(x), right=len(x), robust=len(x))
    meter.chunk(len(x))
    clean = _CleanPass(model, tuple(targets), meter, len(x), batching)
    for part, label in parts:
        clean.add(part, label)
    others = clean.others()
    if not others.all():
        x = x.those(others) if isinstance(x, Streamed) else x[torch.from_numpy(others).to(x.device)]
    return clean.samples(x, numbers[others])


def _checked_numbers(ids: Any, n: int) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = checked_ids(ids, n, torch.device("cpu")).numpy()
    different = len(np.unique(numbers))
    if different != n:
        raise InputError(
            f"the ids have {different} different values for {n} inputs; expected one id of its own per input"
        )
    return numbers


class _CleanPass:
    """Passes the clean inputs through the model, a part at a time, but for those whose label is one of the targets."""

    def __init__(
        self, model: Model, targets: tuple[int, ...], meter: Meter, left: int, batching: Batching | None
    ) -> None:
        self._model, self._targets, self._meter, self._left, self._batching = model, targets, meter, left, batching
        self._others: list[NDArray[np.bool_]] = []
        self._labels: list[Tensor] = []
        self._answers: list[Answers] = []
        self._digest = DataDigest()

    def add(self, x: Tensor, label: Any) -> None:
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

    def others(self) -> NDArray[np.bool_]:
        """Which of the samples are not of a target's class (n,); there must be some."""
        others = np.concatenate(self._others)
        if not others.any():
            raise InputError(
                f"all {len(others)} samples have the label {' or '.join(map(str, self._targets))} already, which is the target; "
                "give another target"
            )
        return others

    def samples(self, x: Inputs, ids: NDArray[np.int64]) -> Samples:
        """What was passed, with the inputs x (n, …) and their ids (n,)."""
        y = torch.cat(self._labels)
        label = y.cpu().numpy()
        clean, confidence = (
            np.concatenate([getattr(each, name)[0] for each in self._answers]) for name in ("label", "confidence")
        )
        return Samples(
            self._model,
            x,
            y,
            ids,
            label,
            clean,
            confidence,
            self._answers[0].classes,
            cast("Batching", self._batching),
            self._digest.fingerprint(label),
            sum(map(len, self._others)) - len(x),
        )
