"""Numbers from the rows of an evaluation; nothing here sees a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from epsball.errors import InputError
from epsball.units import parse_budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from epsball.record.evaluation import AttackRows, Evaluation


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share, (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212.

    Raises:
        InputError: there is no sample.
    """
    if n < 1:
        raise InputError("an interval over 0 samples was asked for, expected at least 1; evaluate some samples")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return low, high


def _right(run: Evaluation) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = run.clean == run.label
    return right


def clean_accuracy(run: Evaluation) -> float:
    """Share of samples classified correctly without an attack."""
    return float(np.mean(_right(run)))


def _asked(run: Evaluation, eps: float | str | None) -> float:
    """ε as a number, refused where no attack of the run was asked about it."""
    value = run.eps if eps is None else parse_budget(eps)
    attacks = run.spec["attacks"]
    if value > run.eps and attacks and not any(fields["minimum_norm"] for fields in attacks.values()):
        raise InputError(
            f"robust accuracy at ε = {value:g} was asked of a run whose attacks stopped at ε = {run.eps:g}; "
            "evaluate with the larger ε, or with a minimum-norm attack such as deepfool"
        )
    return value


def standing(run: Evaluation, eps: float | str | None = None) -> NDArray[np.bool_]:
    """Whether no error was found within ε (n,); for ε = inf, at any distance. Arguments and errors as below."""
    left: NDArray[np.bool_] = (run.upper > _asked(run, eps)) | np.isinf(run.upper)
    return left


def robust_accuracy(run: Evaluation, eps: float | str | None = None) -> float:
    """Share of samples with no error found within ε, mean(upper > ε): an upper bound on the true one.

    Beyond the run's own ε only minimum-norm attacks have been asked, and only they count there.

    Raises:
        InputError: ε exceeds the run's and no minimum-norm attack was asked.
    """
    return float(np.mean(standing(run, eps)))


def certified_accuracy(run: Evaluation, eps: float | str | None = None) -> float:
    """Share of samples proved correct up to ε: mean(lower >= ε and clean is right), a lower bound on the true one."""
    value = run.eps if eps is None else parse_budget(eps)
    return float(np.mean((run.lower >= value) & _right(run)))


def interval(run: Evaluation, eps: float | str | None = None, level: float = 0.95) -> tuple[float, float]:
    """Wilson interval of the robust accuracy at ε over the choice of samples."""
    return wilson(int(standing(run, eps).sum()), len(run), level)


@dataclass(frozen=True, eq=False)
class Curve:
    """Robust accuracy as a step function of ε: `accuracy[i]` holds from `eps[i]` up to `eps[i + 1]`."""

    eps: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def step_curve(upper: NDArray[np.float64]) -> Curve:
    """mean(upper > ε) at every ε where it changes, from 0 on, with its pointwise Wilson 95 % interval."""
    steps = np.unique(np.concatenate([[0.0], upper[np.isfinite(upper)]]))
    left = len(upper) - np.searchsorted(np.sort(upper), steps, side="right")
    bounds = np.array([wilson(int(count), len(upper)) for count in left])
    return Curve(steps, left / len(upper), bounds[:, 0], bounds[:, 1])


def curve(run: Evaluation) -> Curve:
    """The accuracy-ε curve of the whole run."""
    return step_curve(run.upper)


def attack_curve(run: Evaluation, attack: str) -> Curve:
    """The accuracy-ε curve of one attack alone; samples it was not asked about count as standing."""
    return step_curve(attack_upper(run, attack))


def attack_upper(run: Evaluation, attack: str) -> NDArray[np.float64]:
    """Distance (n,) of one attack alone: 0 where the clean input is wrong, inf where it found nothing."""
    rows = _rows(run, attack)
    distance = dict(zip(rows.id.tolist(), np.where(rows.success, rows.distance, np.inf).tolist(), strict=True))
    right = _right(run).tolist()
    return np.array([distance.get(i, math.inf) if ok else 0.0 for i, ok in zip(run.ids.tolist(), right, strict=True)])


def _rows(run: Evaluation, attack: str) -> AttackRows:
    if attack not in run.attacks:
        raise InputError(f"the run has no attack {attack!r}; it has {', '.join(run.attacks) or 'none'}")
    return run.attacks[attack]


def quantiles(run: Evaluation, shares: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9)) -> list[float]:
    """The ε by which each share of all samples is in error, from `upper`; inf where the share is never reached."""
    ordered = np.sort(run.upper)
    return [float(ordered[min(max(math.ceil(share * len(ordered)) - 1, 0), len(ordered) - 1)]) for share in shares]


def median_distance(run: Evaluation, attack: str | None = None) -> float:
    """Median over the correctly classified samples of the distance found; inf where most were not fooled."""
    upper = run.upper if attack is None else attack_upper(run, attack)
    right = _right(run)
    if not right.any():
        return math.nan
    ordered = np.sort(upper[right])
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


@dataclass(frozen=True)
class Relative:
    """Mean of |r| / |x| over the correctly classified samples that were fooled, and how many were."""

    mean: float
    fooled: int
    asked: int


def mean_relative(run: Evaluation, attack: str) -> Relative:
    """The paper's robustness ρ = mean |r| / |x| of one attack, over the correctly classified samples it fooled.

    Source: Moosavi-Dezfooli et al. 2016, eq. 15 (there every sample is fooled; here `fooled` says how many were).
    """
    rows = _rows(run, attack)
    fooled = rows.relative[rows.success]
    return Relative(float(np.mean(fooled)) if len(fooled) else math.nan, len(fooled), len(rows))


@dataclass(frozen=True)
class Standing:
    """One attack's part in the result: samples asked and broken within ε, and the accuracies they leave."""

    attack: str
    asked: int
    broken: int
    own_accuracy: float
    standing: float
    queries: float


def standings(run: Evaluation, eps: float | str | None = None) -> list[Standing]:
    """Attack by attack, in order: its own accuracy over all samples and the accuracy of all attacks up to it.

    `own_accuracy` is nan where the attack was not asked about every correctly classified sample; `queries` is the
    mean number of model queries per sample asked.
    """
    value = run.eps if eps is None else parse_budget(eps)
    right, lowest = _right(run), np.where(_right(run), np.inf, 0.0)
    table = []
    for name, rows in run.attacks.items():
        own = attack_upper(run, name)
        lowest = np.minimum(lowest, own)
        every = len(rows) == int(right.sum())
        table.append(
            Standing(
                attack=name,
                asked=len(rows),
                broken=int(rows.within(value).sum()),
                own_accuracy=float(np.mean(own > value)) if every else math.nan,
                standing=float(np.mean(lowest > value)),
                queries=float(np.mean(rows.queries)) if len(rows) else 0.0,
            )
        )
    return table


def confusion(rows: AttackRows, eps: float = math.inf) -> dict[tuple[int, int], int]:
    """How often label `from` became label `to` within ε: {(from, to): count}, in order of the labels."""
    hit = rows.within(eps)
    pairs, counts = np.unique(np.stack([rows.before[hit], rows.after[hit]], 1), axis=0, return_counts=True)
    return {(int(a), int(b)): int(count) for (a, b), count in zip(pairs, counts, strict=True)}
