"""Is a regression caught at the gate, and another seed let through? Does a budget of time hold? On networks trained here.

python benchmarks/gate.py [--rows 500]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import epsball as eb
from epsball.training.objectives import standard
from harness import Line, add_options, options_of, publish

if TYPE_CHECKING:
    from epsball.gate import Verdict

TRIALS, EPS, MAX_DROP, WANTED = 20, 0.1, 0.02, 0.10
SECONDS, LATEST = 60, 66
ROBUST = eb.Recipe(epochs=4)
RATE, EPOCHS = 1e-2, (3, 6, 9, 12)
IMAGES = 2000
SUITE = {"pgd": eb.PGD(steps=10)}
HEAD = """# The gate

Written by `python benchmarks/gate.py`.

## A planted regression, and another seed

`zoo:capacity-4`, trained on mnist-5k against PGD at ε = {eps} in l∞, is the baseline, on {rows} test images by PGD-10; at
most {drop:.0%} may be lost. A regression is planted by fine-tuning it on {images:,} clean images, with a seed of its own each time,
for as many epochs as it takes to lose ten points on the other {rows} test images, which the gate does not see. Beside it the
baseline's own weights under another evaluation seed.

| trial | drop on other images | drop at the gate | 95 % interval | verdict | same weights, seed | 95 % interval of the drop | verdict |
| ---: | ---: | ---: | --- | --- | ---: | --- | --- |"""
TIMES = """
## A budget of time

`epsball evaluate … --suite standard --budget {seconds}s` on the {images:,} images of the training part, too many for the time; from the
start of the process to its end.

| network | data | ε | seconds | samples | rounds |
| --- | --- | --- | ---: | ---: | ---: |"""


@dataclass(frozen=True)
class Timed:
    """A network that a budget of time is measured on."""

    name: str
    data: str
    eps: str
    images: int
    recipe: eb.Recipe


TIMED = (
    Timed("capacity-4", "mnist-5k", "0.1", 4000, ROBUST),
    Timed("lenet-mnist", "mnist-5k", "0.05", 4000, eb.Recipe(epochs=2)),
    Timed("resnet-20", "mnist-5k", "0.02", 4000, eb.Recipe(epochs=1)),
)


def main() -> None:
    """Train, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(rows=500, threads=1)
    options = options_of(vars(parser.parse_args()))
    page = [HEAD.format(eps=EPS, rows=options.rows, drop=MAX_DROP, images=IMAGES)]
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as scratch:
        robust = trained(TIMED[0], adversarial=True)
        lines += regressions(robust, options.rows, Path(scratch), page)
        page.append(TIMES.format(seconds=SECONDS, images=TIMED[0].images))
        for place, each in enumerate(TIMED):
            net = robust if not place else trained(each, adversarial=False)
            lines.append(timed(each, net, Path(scratch), page))
    publish("gate", options, lines, quiet=True)
    (options.out / "gate.md").write_text("\n".join(page) + "\n", encoding="utf-8")


def trained(about: Timed, *, adversarial: bool) -> eb.Model:
    """The network after its recipe."""
    x, y = eb.load_data(about.data, "train", about.images)
    channels, height, width = x.shape[1:]
    net = eb.load_model(f"zoo:{about.name}", shape=(channels, height, width), classes=10, seed=0)
    objective = eb.adversarial(eb.PGD(steps=7), eb.Threat("linf", EPS)) if adversarial else standard
    return eb.fit(net, (x, y), about.recipe, objective=objective).model


def regressions(robust: eb.Model, rows: int, scratch: Path, page: list[str]) -> list[Line]:
    """Twenty regressions and twenty other seeds, each at the gate."""
    threat, file = eb.Threat("linf", EPS), scratch / "robust.json"
    x, y = eb.load_data("mnist-5k", "test", 2 * rows)
    here, there = (x[:rows], y[:rows]), (x[rows:], y[rows:])
    eb.check(robust, here, threat, suite=SUITE, write_to=file)
    before = eb.evaluate(robust, there, threat, SUITE).robust_accuracy()
    caught = planted = passed = 0
    for seed in range(TRIALS):
        for epochs in EPOCHS:
            worse = tuned(robust, epochs, seed)
            elsewhere = before - eb.evaluate(worse, there, threat, SUITE).robust_accuracy()
            if round(elsewhere, 6) >= WANTED:
                break
        failed = eb.check(worse, here, threat, file, suite=SUITE, max_drop=MAX_DROP)
        same = eb.check(robust, here, threat, file, suite=SUITE, max_drop=MAX_DROP, seed=seed + 1)
        planted += round(elsewhere, 6) >= WANTED  # fractions of so many images, which floating point may miss
        caught += failed.passed is False
        passed += same.passed is True
        page.append(
            f"| {seed + 1} | {100 * elsewhere:.1f} | {100 * failed.bounds[0].value:.1f} | {interval(failed)} | {failed.word} "
            f"| {seed + 1} | {interval(same)} | {same.word} |"
        )
        print(page[-1], flush=True)
    return [
        Line("capacity-4", "fine-tuned", f"drops of at least {WANTED:.0%} of {TRIALS}", planted, f">= {TRIALS}"),
        Line("capacity-4", "fine-tuned", f"caught of {TRIALS}", caught, f">= {TRIALS}"),
        Line("capacity-4", "another seed", f"passed of {TRIALS}", passed, f">= {TRIALS}"),
    ]


def tuned(robust: eb.Model, epochs: int, seed: int) -> eb.Model:
    """A copy of the network, fine-tuned on clean images."""
    images = eb.load_data("mnist-5k", "train", IMAGES, seed=seed)
    return eb.fit(robust, images, eb.Recipe(epochs=epochs, rate=RATE), seed=seed).model


def interval(verdict: Verdict) -> str:
    """Of the drop, in points."""
    low, high = verdict.bounds[0].interval
    return f"{100 * low:.1f} to {100 * high:.1f}"


def timed(about: Timed, net: eb.Model, scratch: Path, page: list[str]) -> Line:
    """How long a process with a budget takes."""
    weights = scratch / f"{about.name}.safetensors"
    eb.save_weights(net, weights)
    words = [
        "evaluate", f"zoo:{about.name}@{weights}", "--data", about.data, "--split", "train", "--norm", "linf", "--eps", about.eps,
        "--budget", f"{SECONDS}s", "--json",
    ]  # fmt: skip
    started = time.perf_counter()
    said = subprocess.run([sys.executable, "-m", "epsball", *words], check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    found = json.loads(said.stdout)
    budget = found["budget"]
    page.append(
        f"| {about.name} | {about.data} | {about.eps} | {seconds:.1f} | {found['data']['n']:,} of {budget['samples']:,} "
        f"| {budget['rounds']} |"
    )
    print(page[-1], flush=True)
    return Line(about.name, "the clock", f"seconds of a budget of {SECONDS}", seconds, f"<= {LATEST}")


if __name__ == "__main__":
    main()
