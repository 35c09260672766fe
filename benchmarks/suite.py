"""The standard suite beside AutoAttack's: robust accuracy, passes, seconds, and the accuracy that every budget of passes gives.

A pass is a row forwarded, plus one for each backward. Each comparison is stored as it is done, so a run that is cut goes on.

EPSBALL_DATA=FOLDER python benchmarks/suite.py [--rows 200] [--seeds 3] [--only mnist-pgd-in-linf …] [--suites standard autoattack]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import epsball as eb
from harness import Line, add_options, options_of, publish
from suite_networks import RATED, rated

if TYPE_CHECKING:
    from epsball.record import Evaluation
    from harness import Options
    from suite_networks import Rated

SUITES = ("standard", "autoattack")
BUDGETS = tuple(round(10 * 2 ** (step / 2)) for step in range(21))
"""Passes that a row may cost, for the curve."""

HEAD = """# `standard` beside `autoattack`

Written by `make bench ARGS=suite`. Robust accuracy over {rows} test images, passes and seconds of whole evaluations, medians over the
seeds; seconds of the seeds that one run measured of both. *Above*: by how many samples a seed of ours lies above the median of theirs.

| network | ours | AutoAttack | above | passes, ours | theirs | ratio | seconds, ours | theirs | ratio |
| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def main() -> None:
    """Run what is not stored yet, and write the results."""
    names = [f"{name}-in-{norm}" for name, norm, _ in RATED]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(rows=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=names, choices=names)
    parser.add_argument("--suites", nargs="+", default=list(SUITES), choices=SUITES)
    parser.add_argument("--again", action="store_true", help="do not use what is stored of these networks and suites")
    given = parser.parse_args()
    options = options_of(vars(given))
    results, run = kept_results(options), f"{datetime.now(timezone.utc).isoformat(timespec='seconds')} {os.getpid()}"
    for network in rated(options.rows, tuple(given.only)):
        for suite, seed in itertools.product(given.suites, range(given.seeds)):
            key = f"{network.name} {suite} {seed}"
            if key not in results or given.again:
                results[key] = measured(network, suite, seed) | {"run": run}
                print(key, results[key]["accuracy"], results[key]["passes"], results[key]["seconds"], flush=True)
                publish("suite", options, lines(results, options.rows), quiet=True, results=results)
    (options.out / "suite.md").write_text(table(results, options.rows), encoding="utf-8")


def kept_results(options: Options) -> dict[str, Any]:
    """What an earlier run on as many rows has stored."""
    file = options.out / "suite.json"
    stored = json.loads(file.read_text()) if file.exists() else {}
    return stored["details"]["results"] if stored and stored["options"]["rows"] == options.rows else {}


def measured(network: Rated, suite: str, seed: int) -> dict[str, Any]:
    """One evaluation in figures."""
    started = time.perf_counter()
    run = eb.evaluate(network.model, (network.x, network.y), network.threat, suite=suite, seed=seed, anyway=True)
    seconds = time.perf_counter() - started
    eps = float(network.threat.eps)
    fell, spent = courses(run, eps)
    return {
        "accuracy": run.robust_accuracy(eps),
        "passes": int(spent.sum()),
        "seconds": round(seconds, 2),
        "after": {name: round(left, 4) for name, left in standing(run, eps).items()},
        "curve": [[int(np.minimum(spent, budget).sum()), float((fell > budget).mean())] for budget in BUDGETS],
        "findings": [finding.id for finding in run.findings],
    }


def courses(run: Evaluation, eps: float) -> tuple[Any, Any]:
    """The passes after which each sample fell, infinity where it stands, and those it cost in all, `(N,)` each."""
    ids = {int(each): place for place, each in enumerate(run.ids)}
    spent = np.zeros(len(ids), dtype=np.int64)
    fell = np.where(run.clean == run.label, np.inf, 0.0)
    for rows in run.attacks.values():
        at = np.array([ids[int(each)] for each in rows.id], dtype=np.int64)
        spent[at] += rows.queries + rows.gradients
        broken = at[rows.success & (rows.distance <= eps)]
        fell[broken] = np.minimum(fell[broken], spent[broken])
    return fell, spent


def standing(run: Evaluation, eps: float) -> dict[str, float]:
    """Accuracy after each attack."""
    alive = dict(zip(run.ids.tolist(), (run.clean == run.label).tolist(), strict=True))
    after = {}
    for name, rows in run.attacks.items():
        alive |= dict.fromkeys(rows.id[rows.success & (rows.distance <= eps)].tolist(), False)
        after[name] = statistics.fmean(alive.values())
    return after


class Pair(NamedTuple):
    """Both suites on one network, seed by seed."""

    network: str
    ours: list[dict[str, Any]]
    theirs: list[dict[str, Any]]

    def timed(self) -> Pair | None:
        """What the last run that measured both has measured: only such seconds can be compared."""
        runs = {one["run"] for one in self.ours} & {one["run"] for one in self.theirs}
        if not runs:
            return None
        ours, theirs = ([one for one in some if one["run"] == max(runs)] for some in (self.ours, self.theirs))
        return Pair(self.network, ours, theirs)

    def median(self, measure: str) -> tuple[float, float]:
        """Of ours and of theirs."""
        ours, theirs = (statistics.median(one[measure] for one in some) for some in (self.ours, self.theirs))
        return ours, theirs

    def ratio(self, measure: str) -> float:
        """Theirs over ours."""
        ours, theirs = self.median(measure)
        return theirs / ours

    def above(self, rows: int) -> list[int]:
        """By how many samples each seed of ours lies above the median of theirs."""
        reference = self.median("accuracy")[1]
        return [round((one["accuracy"] - reference) * rows) for one in self.ours]


def pairs(results: dict[str, Any]) -> list[Pair]:
    """The networks on which both suites were run."""
    names = dict.fromkeys(key.split(" ")[0] for key in results)
    both = [
        Pair(name, *([one for key, one in results.items() if key.startswith(f"{name} {suite} ")] for suite in SUITES))
        for name in names
    ]
    return [pair for pair in both if pair.ours and pair.theirs]


def mean_ratio(compared: list[Pair], measure: str) -> float:
    """The geometric mean over the networks."""
    return math.exp(statistics.fmean(math.log(pair.ratio(measure)) for pair in compared))


def lines(results: dict[str, Any], rows: int) -> list[Line]:
    """The figures for the table of all benchmarks."""
    compared = pairs(results)
    found = []
    for pair in compared:
        seeds = f"seeds: {len(pair.ours)} of ours, {len(pair.theirs)} of theirs"
        above = float(max(pair.above(rows)))
        found += [
            Line(pair.network, "autoattack", "samples above, worst seed", above, "<= 1", seeds),
            Line(pair.network, "autoattack", "fewer passes", pair.ratio("passes"), ">= 3", seeds),
        ]
    if compared:
        mean = mean_ratio(compared, "passes")
        found.append(
            Line("all", "autoattack", "fewer passes, geometric mean", mean, ">= 30", f"{len(compared)} networks")
        )
    return found


def table(results: dict[str, Any], rows: int) -> str:
    """The page."""
    compared, body = pairs(results), []
    for pair in compared:
        accuracies = [", ".join(f"{one['accuracy']:.3f}" for one in some) for some in (pair.ours, pair.theirs)]
        over = ", ".join(f"{more:+d}" for more in pair.above(rows) if more > 0) or "none"
        costs = [f"{one:,.0f}" for one in pair.median("passes")] + [f"{pair.ratio('passes'):.1f}"]
        timed = pair.timed()
        costs += (
            [*(f"{one:.1f}" for one in timed.median("seconds")), f"{timed.ratio('seconds'):.1f}"] if timed else [""] * 3
        )
        body.append(f"| {' | '.join((pair.network, *accuracies, over, *costs))} |")
    together = [timed for pair in compared if (timed := pair.timed())]
    means = [
        f"{mean_ratio(some, measure):.1f} times fewer {measure}"
        for measure, some in (("passes", compared), ("seconds", together))
        if some
    ]
    return "\n".join([HEAD.format(rows=rows), *body, "", f"Geometric means: {', '.join(means) or 'none yet'}.", ""])


if __name__ == "__main__":
    main()
