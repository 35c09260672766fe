"""Numbers from the rows of an evaluation; nothing here sees a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from epsball.errors import InputError
from epsball.record.statistics import wilson
from epsball.rho import Rho
from epsball.units import parse_budget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from epsball.record.plan import Plan


class Rows(Protocol):
    """The samples that one attack was run on, column by column (k,)."""

    @property
    def id(self) -> NDArray[np.int64]: ...
    @property
    def success(self) -> NDArray[np.bool_]: ...
    @property
    def distance(self) -> NDArray[np.float64]: ...
    @property
    def relative(self) -> NDArray[np.float64]: ...
    @property
    def queries(self) -> NDArray[np.int64]: ...
    @property
    def before(self) -> NDArray[np.int64]: ...
    @property
    def after(self) -> NDArray[np.int64]: ...

    def __len__(self) -> int: ...
    def within(self, eps: float | str) -> NDArray[np.bool_]: ...


class Bounds(Protocol):
    """What of an evaluation the numbers are made from: bounds on every sample's distance (n,), and the rows of each attack."""

    @property
    def plan(self) -> Plan: ...
    @property
    def eps(self) -> float: ...
    @property
    def ids(self) -> NDArray[np.int64]: ...
    @property
    def label(self) -> NDArray[np.int64]: ...
    @property
    def clean(self) -> NDArray[np.int64]: ...
    @property
    def lower(self) -> NDArray[np.float64]: ...
    @property
    def upper(self) -> NDArray[np.float64]: ...
    @property
    def by(self) -> NDArray[np.str_]: ...
    @property
    def attacks(self) -> Mapping[str, Rows]: ...

    def __len__(self) -> int: ...


def _right(run: Bounds) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = run.clean == run.label
    return right


def clean_accuracy(run: Bounds) -> float:
    """Fraction of the samples classified correctly without an attack."""
    return float(np.mean(_right(run)))


def _budget(run: Bounds, eps: float | str | None) -> float:
    """ε as a number, refused where no attack of the run searched that far."""
    value = run.eps if eps is None else parse_budget(eps)
    if value > run.eps and run.plan.attacks and not run.plan.minimum_norm:
        raise InputError(
            f"robust accuracy at ε = {value:g} was wanted of a run whose attacks stopped at ε = {run.eps:g}; "
            "evaluate with the larger ε, or with a minimum-norm attack such as deepfool"
        )
    return value


def robust(run: Bounds, eps: float | str | None = None) -> NDArray[np.bool_]:
    """Whether no error was found within ε (n,); for ε = inf, at any distance. Arguments and errors as below."""
    unbroken: NDArray[np.bool_] = (run.upper > _budget(run, eps)) | np.isinf(run.upper)
    return unbroken


def robust_accuracy(run: Bounds, eps: float | str | None = None) -> float:
    """Fraction of the samples with no error found within ε, mean(upper > ε): an upper bound on the true one.

    Beyond the run's own ε only minimum-norm attacks have searched, and only they count there.

    Raises:
        InputError: ε exceeds the run's and no attack of it is a minimum-norm one.
    """
    return float(np.mean(robust(run, eps)))


def certified_accuracy(run: Bounds, eps: float | str | None = None) -> float:
    """Fraction of the samples proved correct up to ε: mean(lower >= ε and clean is right), a lower bound on the true one."""
    value = run.eps if eps is None else parse_budget(eps)
    return float(np.mean((run.lower >= value) & _right(run)))


def interval(run: Bounds, eps: float | str | None = None, level: float = 0.95) -> tuple[float, float]:
    """Wilson interval of the robust accuracy at ε over the choice of samples."""
    return wilson(int(robust(run, eps).sum()), len(run), level)


@dataclass(frozen=True, eq=False)
class Curve:
    """Robust accuracy of n samples as a step function of ε: `accuracy[i]` holds from `eps[i]` up to `eps[i + 1]`."""

    eps: NDArray[np.float64]
    robust: NDArray[np.int64]
    n: int

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Fraction of the samples with no error found within each ε."""
        return self.robust / self.n

    def bounds(self, at: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pointwise Wilson 95 % interval of the accuracy at some of the steps (k,): its lower and its upper ends (k,)."""
        counts, place = np.unique(self.robust[at], return_inverse=True)
        ends = np.array([wilson(int(count), self.n) for count in counts])[place]
        return ends[:, 0], ends[:, 1]


def step_curve(upper: NDArray[np.float64]) -> Curve:
    """mean(upper > ε) at every ε where it changes, from 0 on."""
    steps = np.unique(np.concatenate([[0.0], upper[np.isfinite(upper)]]))
    robust = len(upper) - np.searchsorted(np.sort(upper), steps, side="right")
    return Curve(steps, robust.astype(np.int64), len(upper))


def curve(run: Bounds) -> Curve:
    """The accuracy-ε curve of the whole run."""
    return step_curve(run.upper)


def attack_curve(run: Bounds, attack: str) -> Curve:
    """The accuracy-ε curve of one attack alone; samples it was not run on count as robust."""
    return step_curve(attack_upper(run, attack))


def attack_upper(run: Bounds, attack: str) -> NDArray[np.float64]:
    """Distance (n,) of one attack alone: 0 where the clean input is wrong, inf where it found nothing."""
    rows = _rows(run, attack)
    distance = dict(zip(rows.id.tolist(), np.where(rows.success, rows.distance, np.inf).tolist(), strict=True))
    right = _right(run).tolist()
    return np.array([distance.get(i, math.inf) if ok else 0.0 for i, ok in zip(run.ids.tolist(), right, strict=True)])


def _rows(run: Bounds, attack: str) -> Rows:
    if attack not in run.attacks:
        raise InputError(f"the run has no attack {attack!r}; it has {', '.join(run.attacks) or 'none'}")
    return run.attacks[attack]


def quantiles(run: Bounds, fractions: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9)) -> list[float]:
    """The ε by which each fraction of all samples is in error, from `upper`; inf where it is never reached."""
    ordered = np.sort(run.upper)
    return [float(ordered[min(max(math.ceil(part * len(ordered)) - 1, 0), len(ordered) - 1)]) for part in fractions]


def median_distance(run: Bounds, attack: str | None = None) -> float:
    """Median over the correctly classified samples of the distance found; inf where most were not fooled."""
    upper = run.upper if attack is None else attack_upper(run, attack)
    right = _right(run)
    if not right.any():
        return math.nan
    ordered = np.sort(upper[right])
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def median_found(run: Bounds, attack: str, eps: float = math.inf) -> float:
    """Median distance of the errors that one attack found within ε (data units); nan where it found none."""
    rows = _rows(run, attack)
    found = rows.distance[rows.within(eps)]
    return float(np.median(found)) if found.size else math.nan


def rho(run: Bounds, attack: str | None = None) -> Rho:
    """The paper's ρ of one attack, over the samples that it was run on, or of the nearest errors of all of them."""
    if attack is not None:
        rows = _rows(run, attack)
        return Rho.of(rows.relative, np.ones(len(rows), np.bool_), rows.success)
    relative = np.full(len(run), np.inf)
    for name, rows in run.attacks.items():
        nearest = dict(zip(rows.id.tolist(), rows.relative.tolist(), strict=True))
        relative[run.by == name] = [nearest[identity] for identity in run.ids[run.by == name].tolist()]
    return Rho.of(relative, _right(run), np.isfinite(run.upper))


@dataclass(frozen=True)
class AttackSummary:
    """One attack's part in the result.

    Args:
        attack: its name.
        attacked: samples it was run on; of another course on a random share, those that were drawn.
        successes: those of them on which it succeeded within ε.
        own_accuracy: accuracy that it leaves alone, over all samples; nan where it was not run on every correctly classified one.
        remaining_accuracy: accuracy that it and all attacks before it leave together.
        queries: mean number of model queries per attacked sample.
    """

    attack: str
    attacked: int
    successes: int
    own_accuracy: float
    remaining_accuracy: float
    queries: float


def attack_summaries(run: Bounds, eps: float | str | None = None) -> list[AttackSummary]:
    """Attack by attack, in order, at ε. Default: the run's own ε."""
    value = run.eps if eps is None else parse_budget(eps)
    right, lowest = _right(run), np.where(_right(run), np.inf, 0.0)
    table = []
    for name, rows in run.attacks.items():
        own = attack_upper(run, name)
        lowest = np.minimum(lowest, own)
        every = len(rows) == int(right.sum())
        plan = run.plan.attacks.get(name)
        tried = rows.queries > 0 if plan and plan.sampled else np.ones(len(rows), np.bool_)
        table.append(
            AttackSummary(
                attack=name,
                attacked=int(tried.sum()),
                successes=int(rows.within(value).sum()),
                own_accuracy=float(np.mean(own > value)) if every else math.nan,
                remaining_accuracy=float(np.mean(lowest > value)),
                queries=float(np.mean(rows.queries[tried])) if tried.any() else 0.0,
            )
        )
    return table


def confusion(rows: Rows, eps: float = math.inf) -> dict[tuple[int, int], int]:
    """How often label `from` became label `to` within ε: {(from, to): count}, in order of the labels."""
    success = rows.within(eps)
    pairs, counts = np.unique(np.stack([rows.before[success], rows.after[success]], 1), axis=0, return_counts=True)
    return {(int(a), int(b)): int(count) for (a, b), count in zip(pairs, counts, strict=True)}
