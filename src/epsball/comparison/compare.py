"""`compare`: the first run is the baseline, every other is held against it on the samples that both have."""

from __future__ import annotations

from collections import Counter
from os import PathLike, fspath
from typing import TYPE_CHECKING

import numpy as np

from epsball.comparison.cautions import cautions, chosen_eps, refuse
from epsball.comparison.comparison import Comparison, Difference, Side
from epsball.comparison.paired import match, pair
from epsball.comparison.unpaired import Unpaired
from epsball.errors import InputError
from epsball.record import Evaluation, metrics, read_run
from epsball.record.proportion import Proportion
from epsball.record.statistics import holm
from epsball.report.text import title_of
from epsball.units import parse_budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from epsball.comparison.paired import Paired, Pairs


def compare(
    *runs: Evaluation | PathLike[str] | str, eps: float | str | None = None, names: Sequence[str] | None = None
) -> Comparison:
    """Compare finished runs with the first of them, on the samples that they share.

    Samples are paired by the digest of the data, else by id, label and input. The difference of robust accuracy at ε comes with
    Tango's 95 % interval and the p-value of the exact McNemar test, adjusted by Holm's method for the number of runs; of runs
    without a common sample, Newcombe's interval and Fisher's exact test.

    Args:
        runs: at least two, as `evaluate` returned them or as run folders; the first is the baseline.
        eps: at which ε (data units) they are read; the smallest of their own when left out.
        names: of the runs; their folders, or their models, when left out.

    Raises:
        UnfinishedError: a run is unfinished.
        InputError: there are fewer than two runs, they have different norms or targets, or one was not searched as far as ε.

    Source: Tango 1998, Stat. Med. 17, 891-908; McNemar 1947, Psychometrika 12, 153-157; Holm 1979, Scand. J. Stat. 6, 65-70.
    """
    if len(runs) < 2:  # noqa: PLR2004 (a baseline, and a run to hold against it)
        raise InputError(
            f"{len(runs)} run{'s' * (len(runs) != 1)} given to be compared, expected at least 2; name another one"
        )
    read = [run if isinstance(run, Evaluation) else read_run(fspath(run)) for run in runs]
    given = (
        [title_of(run.plan) if isinstance(run, Evaluation) else fspath(run) for run in runs] if names is None else names
    )
    if len(given) != len(runs):
        raise InputError(f"{len(given)} names were given for {len(runs)} runs; expected one for each")
    named = list(zip(_distinct(given), read, strict=True))
    refuse(named)
    at = chosen_eps(named, None if eps is None else parse_budget(eps))
    sides = tuple(_side(name, run, at) for name, run in named)
    found = [_against(sides[0], side, at) for side in sides[1:]]
    adjusted = holm([robust.p_value for _, _, robust in found])
    differences = tuple(
        Difference(side, *each, p_adjusted) for side, each, p_adjusted in zip(sides[1:], found, adjusted, strict=True)
    )
    return Comparison(at, sides, differences, tuple(cautions(named, at)))


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, each once: "model", "model (2)"."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


def _right(run: Evaluation) -> NDArray[np.bool_]:
    return np.asarray(run.clean == run.label)


def _side(name: str, run: Evaluation, eps: float) -> Side:
    n = len(run)
    proved = int(np.sum((run.lower >= eps) & _right(run)))
    return Side(
        name,
        run,
        clean=Proportion(int(_right(run).sum()), n),
        robust=Proportion(int(metrics.robust(run, eps).sum()), n),
        certified=Proportion(proved, n) if run.plan.certifiers else None,
        passes=float(np.mean(run.queries + run.gradients)),
    )


def _against(baseline: Side, side: Side, eps: float) -> tuple[Pairs, Paired | Unpaired, Paired | Unpaired]:
    pairs = match(baseline.run, side.run)
    if not len(pairs):
        return pairs, Unpaired(baseline.clean, side.clean), Unpaired(baseline.robust, side.robust)
    first, second = baseline.run, side.run
    return (
        pairs,
        pair(pairs, first, _right(first), _right(second)),
        pair(pairs, first, metrics.robust(first, eps), metrics.robust(second, eps)),
    )
