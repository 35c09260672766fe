"""The standard suite beside AutoAttack's: robust accuracy, passes, seconds, and the accuracy that every budget of passes gives.

A pass is a row forwarded, plus one for each backward. Each comparison is stored as it is done, so a run that is cut goes on.

EPSBALL_DATA=FOLDER python benchmarks/suite.py [--rows 200] [--seeds 3] [--only mnist-pgd-in-linf …] [--suites standard autoattack]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import epsball as eb
from harness import HERE, machine, versions
from suite_networks import RATED, rated

if TYPE_CHECKING:
    from epsball.record import Evaluation
    from suite_networks import Rated

SUITES = ("standard", "autoattack")
BUDGETS = tuple(round(10 * 2 ** (step / 2)) for step in range(21))
"""Passes that a row may cost, for the curve."""

HEAD = """# `standard` beside `autoattack`

Written by `make bench ARGS=suite`. Robust accuracy over {rows} test images, passes and seconds of whole evaluations, medians over the
seeds. *Above*: by how many samples a seed of ours lies above the median of theirs.

| network | ours | AutoAttack | above | passes, ours | theirs | ratio | seconds, ours | theirs | ratio |
| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def main() -> None:
    """Run what is not stored yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[f"{name}-in-{norm}" for name, norm, _ in RATED])
    parser.add_argument("--suites", nargs="+", default=list(SUITES), choices=SUITES)
    parser.add_argument("--again", action="store_true", help="do not use what is stored of these networks and suites")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    path = options.out / "suite.json"
    stored = json.loads(path.read_text()) if path.exists() else {"rows": options.rows, "results": {}}
    for network in rated(options.rows, tuple(options.only)):
        for suite in options.suites:
            for seed in range(options.seeds):
                key = f"{network.name} {suite} {seed}"
                if key in stored["results"] and not options.again:
                    continue
                stored["results"][key] = measured(network, suite, seed)
                stored |= {"machine": machine(options.threads), "versions": versions()}
                path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
                print(
                    key, {name: value for name, value in stored["results"][key].items() if name != "curve"}, flush=True
                )
    (options.out / "suite.md").write_text(table(stored), encoding="utf-8")


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


def table(stored: dict[str, Any]) -> str:
    """The page."""
    lines, ratios = [], []
    names = dict.fromkeys(key.split(" ")[0] for key in stored["results"])
    for name in names:
        ours, theirs = (
            [one for key, one in stored["results"].items() if key.startswith(f"{name} {suite} ")] for suite in SUITES
        )
        if not ours or not theirs:
            continue
        reference = statistics.median(one["accuracy"] for one in theirs)
        over = [round((one["accuracy"] - reference) * stored["rows"], 1) for one in ours]
        cells = [name, *(", ".join(f"{one['accuracy']:.3f}" for one in some) for some in (ours, theirs))]
        cells.append(", ".join(f"{more:+g}" for more in over if more > 0) or "none")
        for measure in ("passes", "seconds"):
            mine, other = (statistics.median(one[measure] for one in some) for some in (ours, theirs))
            cells += [f"{mine:,.0f}" if measure == "passes" else f"{mine:.1f}"]
            cells += [f"{other:,.0f}" if measure == "passes" else f"{other:.1f}", f"{other / mine:.1f}"]
            ratios.append((measure, other / mine))
        lines.append(f"| {' | '.join(cells)} |")
    means = {
        measure: math.exp(statistics.fmean(math.log(ratio) for kind, ratio in ratios if kind == measure))
        for measure in ("passes", "seconds")
        if ratios
    }
    said = ", ".join(f"{mean:.1f} times fewer {measure}" for measure, mean in means.items())
    return "\n".join([HEAD.format(rows=stored["rows"]), *lines, "", f"Geometric means: {said}.", ""])


if __name__ == "__main__":
    main()
