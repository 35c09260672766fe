"""D52."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.errors import InputError, ModelError
from epsball.models.forward import logits_of
from epsball.oracle.batching import IMAGE_DIMENSIONS
from epsball.record.proportion import Proportion
from epsball.record.statistics import more_often

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.models.model import Model
    from epsball.record.evaluation import Finding

SAMPLES = 200
CHANCE = 1e-4
"""Probability with which one of the normalisations would be right on as many more samples if all were as good."""
FEW = 32
"""Samples that a normalisation is tried on before it is on the others; there too it must be right on more of them."""
GAIN = 0.05
"""Fraction of the samples on which another normalisation must be right beyond those of the given one."""
AS_GOOD = 0.05
"""Probability with which one as good as the best is right on as few samples."""
LOST = 0.6
"""Of what another normalisation is right on, the given one is right on less than this where it is surely wrong: 0.2 to 0.5 of it in
networks that were given none, 0.7 to 0.9 where an honest one met blurred images, which more contrast helps. That is a WARN, and the run
goes on."""
WHITE = 255


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation `(C,)` that networks of one origin take, in units of the box."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


USUAL = (
    Normalisation("ImageNet's", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Normalisation("CIFAR-10's", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    Normalisation("CIFAR-100's", (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    Normalisation("CLIP's", (0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)),
    Normalisation("MNIST's", (0.1307,), (0.3081,)),
    Normalisation("Fashion-MNIST's", (0.2860,), (0.3530,)),
    Normalisation("from -1 to 1", (0.5,), (0.5,)),
    Normalisation("from 0 to 255", (0.0,), (1 / WHITE,)),
)
_EVERY = USUAL[-2:]
"""Those that are the same for any number of channels."""
_LEAVE_OUT = "leave out --mean and --std, in Python mean= and std= of eb.wrap"


@check(
    "D52",
    "FAIL",
    Preflight,
    remedy="give the network the normalisation of its training: --mean and --std, in Python eb.wrap(net, mean=, std=)",
    unless=("D02",),
    ends=True,
)
def forgotten_normalisation(given: Preflight) -> Iterator[Observation]:
    """No usual normalisation (ImageNet, CIFAR, MNIST, -1 to 1, 0 to 255, none) may be right on far more samples than the given one."""
    low, high = given.threat.low, given.threat.high
    if given.x.ndim != IMAGE_DIMENSIONS or isinstance(low, Tensor) or isinstance(high, Tensor):
        return
    rows = _spread(given)
    x, label = given.x[rows.to(given.x.device)], given.y.cpu().numpy()[rows.numpy()]
    right = given.clean[rows.numpy()] == label
    if right.mean() > 1 - GAIN:  # nothing can be right on so many more
        return
    tried = list(_others(given.model, x.shape[1], low, high))
    found = []
    for name, model in tried:
        try:
            few = _right(model, x[:FEW], label[:FEW], given.batch_size)
            if few.sum() - right[:FEW].sum() < GAIN * FEW:
                continue
            other = _right(model, x, label, given.batch_size)
        except (InputError, ModelError):  # the network takes no such numbers, so it was trained on none
            continue
        if _better(other, right, label, len(tried)):
            found.append((other, name, model))
    if not found:
        return
    first = max(found, key=lambda each: int(each[0].sum()))[0]
    as_good = [each for each in found if _as_good(each[0], first)]
    best, name, model = max(as_good, key=lambda each: (_of_the_data(each[1], given.source), int(each[0].sum())))
    same = [other for _, other, _ in as_good if other != name]
    also = f"; {', '.join(same)} would do as well" if same else ""
    yield Observation(
        "The network was probably trained with another normalisation of its inputs",
        f"clean accuracy is {Proportion.of(right)}, and would be {Proportion.of(best)} with {_in_words(name)}{also}",
        _remedy(model),
        "FAIL" if right.mean() < LOST * best.mean() else "WARN",
    )


def _as_good(right: NDArray[np.bool_], best: NDArray[np.bool_]) -> bool:
    return more_often(int((best & ~right).sum()), int((right & ~best).sum())) > AS_GOOD


def _of_the_data(name: str, source: str) -> int:
    """How much of the data's name names the origin of a normalisation: 7 for CIFAR-10's and cifar10, 0 for another one's."""
    data, origin = (re.sub("[^a-z0-9]", "", text.lower()) for text in (source, name.removesuffix("'s")))
    return len(origin) if origin and origin in data else 0


def _right(model: Model, x: Tensor, label: NDArray[np.int64], batch_size: int) -> NDArray[np.bool_]:
    """Whether the label predicted on each input `(n, …)` is its own, `(n,)`."""
    right: NDArray[np.bool_] = logits_of(model, x, batch_size).argmax(1).cpu().numpy() == label
    return right


def _spread(given: Preflight) -> Tensor:
    """The first samples, or where half of them are of one class, some from everywhere."""
    n = len(given.x)
    first = torch.arange(min(n, SAMPLES))
    counts = torch.bincount(given.y[: len(first)].cpu())
    return first if 2 * int(counts.max()) < len(first) else torch.linspace(0, n - 1, len(first)).long()


def _others(model: Model, channels: int, low: float, high: float) -> Iterator[tuple[str, Model]]:
    """The same network behind each other normalisation that fits the number of channels."""
    span = high - low
    if model.mean is not None or model.std is not None:
        yield "", replace(model, mean=None, std=None)
    for usual in USUAL:
        if len(usual.mean) == channels or usual in _EVERY:
            mean, std = (torch.tensor(numbers) for numbers in (usual.mean, usual.std))
            other = replace(model, mean=low + span * mean, std=span * std)
            if not (_same(model.mean, other.mean) and _same(model.std, other.std)):
                yield usual.name, other


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    one, other = one.flatten().cpu(), other.flatten().cpu()
    return len(one) in {1, len(other)} and torch.allclose(one.to(other.dtype), other)


def _better(other: NDArray[np.bool_], right: NDArray[np.bool_], label: NDArray[np.int64], tried: int) -> bool:
    """Whether it is right on far more samples, by an exact test for as many as are tried, and not only by one label for all."""
    gained, lost = int((other & ~right).sum()), int((right & ~other).sum())
    majority = np.bincount(label).max() / len(label)
    if gained - lost < GAIN * len(label) or other.mean() <= majority:
        return False
    return more_often(gained, lost) * tried <= CHANCE


def _in_words(name: str) -> str:
    if not name:
        return "none, so that it probably normalises by itself"
    return f"inputs {name}" if name.startswith("from") else f"{name} mean and standard deviation"


def _remedy(model: Model) -> str:
    if model.mean is None or model.std is None:
        return _LEAVE_OUT
    mean, std = (_numbers(value) for value in (model.mean, model.std))
    inside = f"mean=[{', '.join(mean)}], std=[{', '.join(std)}]"
    return f"give --mean {','.join(mean)} --std {','.join(std)}, in Python eb.wrap(net, {inside})"


def corrected(finding: Finding) -> tuple[list[float] | None, list[float] | None] | None:
    """Mean and standard deviation that the remedy of such a finding names, None for none; None for a finding of another kind."""
    if finding.id != forgotten_normalisation.id:
        return None
    if finding.remedy == _LEAVE_OUT:
        return None, None
    said = re.search(r"--mean (\S+) --std ([^\s,]+(?:,[^\s,]+)*)", finding.remedy)
    return ([*map(float, said[1].split(","))], [*map(float, said[2].split(","))]) if said else None


def _numbers(value: Any) -> list[str]:
    return [f"{each:.4g}" for each in value.flatten().tolist()]
