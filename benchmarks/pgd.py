"""PGD-40 in linf as an evaluation of LeNet, ε = 0.1: time and fooled images, against foolbox and torchattacks."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import epsball as eb
import peers
from epsball.oracle.batching import choose_batching
from harness import Line, publish, race, read_options
from judge import judge
from subjects import subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

WANTED = ">= 3.5"


def main() -> None:
    """Time the three on the same images; step lengths and random starts are each library's own."""
    options = read_options(__doc__)
    case = subject("lenet-mnist", options.rows)
    threat = eb.Threat(eb.linf, eps=peers.EPS)
    attack = eb.PGD(steps=peers.STEPS)
    layouts = {"epsball": choose_batching(case.model, case.x)}
    layouts["epsball in bfloat16"] = replace(layouts["epsball"], bfloat16=True)
    contestants: dict[str, Callable[[], Tensor]] = {
        name: lambda batching=batching: attack(case.model, case.x, case.y, threat, seed=0, batching=batching).x  # type: ignore[misc] # the loop's own
        for name, batching in layouts.items()
    }
    for name, call in peers.PGD.items():
        contestants[name] = peers.at_its_best(call, case.net, case.x, case.y)
    outcome = race(contestants, options.rounds)
    verdicts = {name: judge(case.net, case.x, case.y, found) for name, found in outcome.answers.items()}
    lines = []
    for name, own in itertools.product(peers.PGD, layouts):
        ours, theirs = verdicts[own].fooled, verdicts[name].fooled
        both, only_ours, only_theirs = (int(s.sum()) for s in (ours & theirs, ours & ~theirs, theirs & ~ours))
        note = f"fooled: {both} by both, {only_ours} by epsball only, {only_theirs} by the peer only, of {len(case.x)}"
        lines.append(Line(case.name, f"time, peer / {own}", name, outcome.ratio(name, own), WANTED, note))
    publish("pgd", options, lines, seconds=outcome.seconds, subject=case.origin, eps=peers.EPS, steps=peers.STEPS)


if __name__ == "__main__":
    main()
