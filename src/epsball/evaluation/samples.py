"""The samples of an evaluation: inputs, labels and what the model says of them before any attack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.evaluation.answers import answers
from epsball.evaluation.meter import Meter
from epsball.goal import Goal
from epsball.models.scale import check_scale
from epsball.oracle.batching import Batching, choose_batching
from epsball.oracle.work import Work
from epsball.validation import checked_goal, checked_ids, checked_inputs, checked_logits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from epsball.models.model import Model
    from epsball.threat import Threat


@dataclass(frozen=True, eq=False)
class Samples:
    """n samples, x (n, …) and y (n,) on the model's device, the rest on the processor.

    `clean` and `confidence` are the label predicted on each clean input and its softmax probability; `left_out` counts the samples
    given that are not among these, because every attack aims at their label.
    """

    model: Model
    x: Tensor
    y: Tensor
    ids: NDArray[np.int64]
    label: NDArray[np.int64]
    clean: NDArray[np.int64]
    confidence: NDArray[np.float64]
    classes: int
    batching: Batching
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
    if isinstance(data[0], Tensor) and threat.on(data[0]).per_sample:
        raise InputError(
            "low or high was given per sample; an evaluation needs one box for all: call the attack itself, or give limits of one input"
        )
    x = checked_inputs(data[0], threat)
    y = checked_goal(Goal(data[1]), len(x), x.device).labels
    numbers = checked_ids(ids, len(x), torch.device("cpu")).numpy()
    different = len(np.unique(numbers))
    if different != len(x):
        raise InputError(
            f"the ids have {different} different values for {len(x)} inputs; expected one id of its own per input"
        )
    check_scale(model, x)
    given = len(x)
    x, y, numbers = _others(x, y, numbers, targets)
    batching = batching or choose_batching(model, x)
    meter = Meter(lambda *_: None, {}) if meter is None else meter
    meter.begin("clean pass", len(x), right=len(x), robust=len(x))
    meter.chunk(len(x))
    clean = answers(model, x, batching.batch_size, inspect=partial(_inspect, y, meter))
    batching = replace(batching, batch_size=clean.batch_size)
    label = y.cpu().numpy()
    left_out = given - len(x)
    return Samples(model, x, y, numbers, label, clean.label[0], clean.confidence[0], clean.classes, batching, left_out)


def _others(
    x: Tensor, y: Tensor, ids: NDArray[np.int64], targets: Sequence[int]
) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """The samples whose label is none of the targets."""
    if not targets:
        return x, y, ids
    others = ~torch.isin(y, torch.tensor(targets, device=y.device))
    if not bool(others.any()):
        raise InputError(
            f"all {len(y)} samples have the label {' or '.join(map(str, targets))} already, which is the target; give another target"
        )
    return x[others], y[others], ids[others.cpu().numpy()]


def _inspect(y: Tensor, meter: Meter, logits: Tensor, rows: slice) -> None:
    checked_logits(logits, Goal(y[rows]))
    meter.tick(len(logits), lambda: Work(len(y) - rows.stop))
