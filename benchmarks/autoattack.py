"""The suite `autoattack` beside the original, pyautoattack: what stands after each attack, passes counted from outside, seconds.

python benchmarks/autoattack.py [--rows 200] [--threads 1] [--seeds 1] [--only NETWORK …]
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import epsball as eb
from epsball.evaluation.selection import chosen
from epsball.training.objectives import adversarial
from epsball.training.recipe import Recipe
from harness import Line, add_options, options_of, publish
from subjects import trained
from suite_networks import Rated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.models.model import Model
    from harness import Options

TITLES = {"apgd-ce": "APGD-CE", "apgd-t": "APGD-T", "fab-t": "FAB-T", "square": "Square"}
STOOD = 10
"""Rows that stand against both, on which the passes of a whole search are counted: there no search ends early."""


class Counted(nn.Module):
    """A network that counts its passes: a row forwarded is one, a row's gradient another."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.inside = model
        self.network = model.module
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K) of images (N, …)."""
        self.passes += len(x)
        logits = self.inside.as_it_is(x)
        if logits.requires_grad:
            logits.register_hook(self._differentiated)  # type: ignore[no-untyped-call] # PyTorch does not annotate it
        return logits

    def _differentiated(self, slope: Tensor) -> None:
        self.passes += len(slope)


@dataclass
class Stage:
    """What one attack of the suite left and cost."""

    attack: str
    accuracy: float = 0.0
    passes: int = 0
    seconds: float = 0.0


class Clock(logging.Handler):
    """Notes when the original says that it begins an attack, and what it says is left after one."""

    def __init__(self, net: Counted) -> None:
        super().__init__()
        self.net, self.stages, self.began = net, [Stage("checks")], time.perf_counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Close a stage and open the next one."""
        words = record.getMessage().split()
        if words[0] == "running":
            self.close_stage()
            self.stages.append(Stage(words[1]))
        elif words[:3] == ["robust", "accuracy", "after"]:
            self.stages[-1].accuracy = float(words[4].rstrip("%")) / 100

    def close_stage(self) -> None:
        """Give the stage the passes and seconds since it began."""
        now = time.perf_counter()
        self.stages[-1].passes, self.stages[-1].seconds = self.net.passes, now - self.began
        self.net.passes, self.began = 0, now


def theirs(rated: Rated, seed: int) -> tuple[list[Stage], Tensor]:
    """Run the original; return its stages, and which rows stand, judged afresh."""
    from pyautoattack import AutoAttack  # noqa: PLC0415 (only the bench's own environment has it)

    net = Counted(rated.model)
    norm, logger, clock = rated.threat.norm.name.capitalize(), logging.getLogger("auto-attack"), Clock(net)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(clock)
    try:
        original = AutoAttack(net, norm=norm, eps=float(rated.threat.eps), seed=seed)
        found, _ = original.run_standard_evaluation(rated.x, rated.y, batch_size=len(rated.x))
    finally:
        logger.removeHandler(clock)
    clock.close_stage()
    return clock.stages, stands(rated, found)


def ours(rated: Rated, seed: int) -> tuple[list[Stage], Tensor]:
    """Run the suite, each attack on the rows that stand, as `evaluate` does."""
    net = Counted(rated.model)
    standing, stages = stands(rated, rated.x), []
    for name, attack in chosen("autoattack", rated.threat).items():
        net.passes, began = 0, time.perf_counter()
        rows = standing.nonzero().squeeze(1)
        if len(rows):
            found = attack(eb.wrap(net), rated.x[rows], rated.y[rows], rated.threat, seed=seed, ids=rows)
            standing[rows[found.success]] = False
        accuracy = standing.double().mean().item()
        stages.append(Stage(name.removeprefix("l1-"), accuracy, net.passes, time.perf_counter() - began))
    return stages, standing


def stands(rated: Rated, x: Tensor) -> Tensor:
    """Which rows are classified correctly at `x` and lie inside the threat, up to the original's rounding."""
    with torch.no_grad():
        return rated.model.as_it_is(x).argmax(1) == rated.y


def compare(rated: Rated, seeds: int) -> dict[str, Any]:
    """Run both, and then both again on rows that stood against both."""
    runs = []
    for seed in range(seeds):
        (mine, here), (other, there) = ours(rated, seed), theirs(rated, seed)
        runs.append({"ours": [asdict(s) for s in mine], "theirs": [asdict(s) for s in other], "seed": seed})
    both = (here & there).nonzero().squeeze(1)[:STOOD]
    whole = {}
    if len(both):
        few = rated._replace(x=rated.x[both], y=rated.y[both])
        whole = {side: [asdict(s) for s in run(few, 0)[0]] for side, run in (("ours", ours), ("theirs", theirs))}
    return {"network": rated.name, "n": len(rated.x), "clean": stands(rated, rated.x).double().mean().item(),
            "runs": runs, "stood": len(both), "whole": whole}  # fmt: skip


def total(stages: list[dict[str, Any]], what: str) -> float:
    """The sum over a suite's attacks, the original's checks of the model left out."""
    return float(sum(stage[what] for stage in stages if stage["attack"] != "checks"))


def lines(result: dict[str, Any]) -> Iterator[Line]:
    """The figures of one network."""
    name, n, first = result["network"], result["n"], result["runs"][0]
    for run in result["runs"]:
        differ = round(n * abs(left(run["ours"], result["clean"]) - left(run["theirs"], result["clean"])))
        yield Line(name, "pyautoattack", f"samples by which the accuracies differ, seed {run['seed']}", differ, "<= 2")
    if result["whole"]:
        counts = [total(result["whole"][side], "passes") for side in ("ours", "theirs")]
        ratio = max(counts) / min(counts)
        note = f"{counts[0] / result['stood']:.0f} and {counts[1] / result['stood']:.0f} a row"
        yield Line(name, "pyautoattack", "passes of whole searches, larger over smaller", ratio, "<= 1.05", note)
    for what in ("passes", "seconds"):
        yield Line(name, "pyautoattack", f"{what}, theirs / ours",
                   total(first["theirs"], what) / total(first["ours"], what))  # fmt: skip


def left(stages: list[dict[str, Any]], clean: float) -> float:
    """Robust accuracy at the end; the original stops where nothing stands."""
    return float(min([clean, *(s["accuracy"] for s in stages if s["attack"] != "checks")]))


def page(results: list[dict[str, Any]], options: Options) -> Iterator[str]:
    """The table."""
    yield "# AutoAttack\n"
    yield ("Written by `make bench ARGS=autoattack`: the suite `autoattack` and pyautoattack 0.2.0 (standard) on the same rows, "
           f"with one seed each, {options.threads} thread{'s' * (options.threads > 1)}. Accuracies after each attack; passes "
           "counted by a wrapper around the network, a row forwarded is one, its gradient another. Where a search succeeds, ours ends "
           "for that row and the original's goes on to the end of its run; *whole* are passes for each row on rows that stood "
           "against both.\n")  # fmt: skip
    yield f"| network | n | clean | whose | {' | '.join(TITLES.values())} | passes | seconds | whole |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for result in results:
        for run in result["runs"]:
            for side, whose in (("ours", "epsball"), ("theirs", "pyautoattack")):
                after = {stage["attack"]: stage["accuracy"] for stage in run[side]}
                cells = [f"{after[name]:.3f}" if name in after else "" for name in TITLES]
                whole = total(result["whole"][side], "passes") / result["stood"] if result["whole"] else 0
                yield (f"| {result['network']} | {result['n']} | {result['clean']:.3f} | {whose} | {' | '.join(cells)} | "
                       f"{total(run[side], 'passes'):,.0f} | {total(run[side], 'seconds'):.0f} | {whole:,.0f} |")  # fmt: skip


def small(width: int) -> nn.Module:
    """Two strided convolutions and two linear layers, or two linear ones where the width is 0."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        if not width:
            return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        return nn.Sequential(
            nn.Conv2d(1, width, 4, 2, 1), nn.ReLU(), nn.Conv2d(width, 2 * width, 4, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(98 * width, 64), nn.ReLU(), nn.Linear(64, 10),
        )  # fmt: skip


RATED = (
    ("dense", 0, "linf", 0.1, "linf", 0.1),
    ("dense", 0, "l2", 1.5, "l2", 1.5),
    ("dense", 0, "l2", 1.5, "l1", 8.0),
    ("conv", 8, "linf", 0.2, "linf", 0.2),
    ("conv", 8, "l2", 1.5, "l2", 1.5),
    ("conv", 8, "l2", 1.5, "l1", 8.0),
    ("conv", 8, "linf", 0.2, "l1", 8.0),
)
"""A network, its width, the norm and ε that it is trained for, and those in which it is attacked."""


def networks(n: int, only: tuple[str, ...] = ()) -> list[Rated]:
    """Small networks trained against PGD-5 for half a minute each, and kept in the cache."""
    images, labels = eb.load_data("mnist", split="train", n=12_000)
    x, y = eb.load_data("mnist", split="test", n=n)
    found = []
    for kind, width, threat, radius, norm, eps in RATED:
        name = f"{kind} trained in {threat}, in {norm}"
        if only and not any(word in name for word in only):
            continue
        objective = adversarial(eb.PGD(steps=5, first=0.5, rate=0.5), eb.Threat(threat, radius))
        model, recipe = eb.wrap(small(width)), Recipe(epochs=6, warm_up=0.5)
        learned = trained(f"autoattack-{kind}-{threat}", model, (images, labels), recipe, objective)
        found.append(Rated(name, learned, x, y, eb.Threat(norm, eps)))
    return found


def kept_results(options: Options) -> list[dict[str, Any]]:
    """The results of an earlier run on as many rows, of which some networks are run again."""
    file = options.out / "autoattack.json"
    before = json.loads(file.read_text())["details"]["results"] if file.exists() else []
    return [result for result in before if result["n"] == options.rows]


def main() -> None:
    """Compare on every network and write results/autoattack.md and .json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(rows=200, threads=1)
    parser.add_argument("--seeds", type=int, default=1, help="runs of both")
    parser.add_argument(
        "--only", nargs="+", default=[], help="words in the names of the networks run again, others kept"
    )
    given = parser.parse_args()
    options = options_of(vars(given))
    results = kept_results(options) if given.only else []
    for rated in networks(options.rows, tuple(given.only)):
        results = [result for result in results if result["network"] != rated.name]
        with rated.model.frozen():
            results.append(compare(rated, given.seeds))
        for line in lines(results[-1]):
            print(f"{line.network}: {line.measure} = {line.value:.4g} {line.note}", flush=True)
    publish("autoattack", options, [line for result in results for line in lines(result)], results=results)
    (options.out / "autoattack.md").write_text("\n".join(page(results, options)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
