"""The working tree's speed over another commit's, in turns in one run: old, new, new, old in every round.

The floor (PGD-40, of which hardly a row is fooled: forward, gradient, sign and projection) and DeepFool on every network. Each tree is
one process that lives for the whole run; the figure is the median of new / old over the rounds, with a 95 % interval by the sign test.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy.stats import quantile_test

from harness import Line, add_options, options_of, publish
from trees import ROOT, command, described, environment, prepare, tree

if TYPE_CHECKING:
    from harness import Options

PLAIN = {"lenet-mnist": "lenet", "mlp-512": "mlp", "resnet-20": "resnet-20"}
"""The networks of the options, by their names in `trees.py`."""
SHARE = {"lenet-mnist": 1, "mlp-512": 4, "resnet-20": 1 / 8}
"""By how much more rows a network gets, so that one run of it takes some tenths of a second."""
CASES = ("PGD-40", "DeepFool")
WANTED = "<= 1.03"
DEFAULTS = {"rounds": 15, "rows": 128}


@dataclass(frozen=True)
class Worker:
    """A process with one tree."""

    process: subprocess.Popen[str]

    def run(self, network: str, case: str) -> dict[str, Any]:
        """Seconds and queries of one run.

        Raises:
            SystemExit: the process ended; its own words stand above.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise TypeError("the process was started without pipes")
        self.process.stdin.write(json.dumps({"network": network, "case": case}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args!r} ended with exit code {self.process.wait()} at {network}, {case}")
        found: dict[str, Any] = json.loads(answer)
        return found


def main() -> None:
    """Time every case on every network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(**DEFAULTS)
    parser.add_argument("--against", default="HEAD~1", help="a commit, or a folder with src/epsball")
    parser.add_argument("--tree", type=Path, default=ROOT, help="the new tree; this one when left out")
    values = vars(parser.parse_args())
    options, against = options_of(values), described(values["against"])
    lines: list[Line] = []
    details: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary, tree(values["against"]) as old, ExitStack() as running:
        folder = Path(temporary).resolve()
        for network in options.networks:
            prepare(PLAIN[network], folder, max(1, int(options.rows * SHARE[network])), right=True)
        places = {"old": old, "new": values["tree"].resolve()}
        workers = {
            side: Worker(running.enter_context(started(place, folder, options))) for side, place in places.items()
        }
        for network in options.networks:
            for case in CASES:
                runs = in_turns(workers, PLAIN[network], case, options.rounds)
                lines.append(line(network, f"{case} of {against}", runs))
                details[f"{network}, {case}"] = runs
    publish("speed", options, lines, **details)


def started(place: Path, folder: Path, options: Options) -> subprocess.Popen[str]:
    """The process of one tree."""
    names = [PLAIN[network] for network in options.networks]
    run = command("speed_worker.py", str(place), str(folder), "--threads", str(options.threads), "--networks", *names)
    pipe = subprocess.PIPE
    return subprocess.Popen(run, env=environment(place, options.threads), stdin=pipe, stdout=pipe, text=True)


def in_turns(workers: dict[str, Worker], network: str, case: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of old and new, their sum of two in every round, after one run of each that is not counted; and the queries."""
    found: dict[str, list[float]] = {side: [] for side in workers}
    found |= {f"queries, {side}": [worker.run(network, case)["queries"]] for side, worker in workers.items()}
    for _ in range(rounds):
        spent = dict.fromkeys(workers, 0.0)
        for side in ("old", "new", "new", "old"):
            spent[side] += workers[side].run(network, case)["seconds"]
        for side, seconds in spent.items():
            found[side].append(seconds)
    return found


def line(network: str, against: str, runs: dict[str, list[float]]) -> Line:
    """The median ratio with its interval."""
    ratios = [new / old for new, old in zip(runs["new"], runs["old"], strict=True)]
    low, high = quantile_test(ratios, q=1.0, p=0.5).confidence_interval(0.95)
    seconds = statistics.median(runs["old"]) / 2
    note = f"95 % interval {low:.3f} to {high:.3f}, {len(ratios)} rounds of {1e3 * seconds:.0f} ms"
    if runs["queries, old"] != runs["queries, new"]:
        note += f"; queries {runs['queries, old'][0]:.0f}, now {runs['queries, new'][0]:.0f}"
    return Line(network, against, "time, new / old", statistics.median(ratios), WANTED, note)


if __name__ == "__main__":
    main()
