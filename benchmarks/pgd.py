"""PGD-40 in linf as an evaluation of LeNet and ResNet-20: time and fooled images, against foolbox and torchattacks."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import epsball as eb
from epsball.oracle.batching import choose_batching
from harness import Line, publish, race, read_options
from judge import judge
from peer_calls import foolbox, torchattacks
from peers import at_its_best
from subjects import subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from harness import Options

WANTED = ">= 3.5"
STEPS = 40
EPS = {"lenet-mnist": 0.1, "resnet-20": 1 / 255}
"""Budgets at which about half of the rows fall."""


def main() -> None:
    """Time the three on the same images; step lengths and random starts are each library's own."""
    options = read_options(__doc__)
    lines: list[Line] = []
    details: dict[str, Any] = {}
    names = [name for name in options.networks if name in EPS]
    if not names:
        raise SystemExit(f"pgd was given --networks {' '.join(options.networks)}; name some of {', '.join(EPS)}")
    for name in names:
        found, details[name] = compare(name, options)
        lines += found
    publish("pgd", options, lines, eps=EPS, steps=STEPS, **details)


def compare(network: str, options: Options) -> tuple[list[Line], dict[str, Any]]:
    """The lines and the seconds of one network."""
    case, eps = subject(network, options.rows), EPS[network]
    threat, attack = eb.Threat(eb.linf, eps=eps), eb.PGD(steps=STEPS)
    layouts = {"epsball": choose_batching(case.model, case.x)}
    layouts["epsball in bfloat16"] = replace(layouts["epsball"], bfloat16=True)
    contestants: dict[str, Callable[[], Tensor]] = {
        name: lambda batching=batching: attack(case.model, case.x, case.y, threat, seed=0, batching=batching).x  # type: ignore[misc] # the loop's own
        for name, batching in layouts.items()
    }
    calls = {
        "foolbox LinfPGD": foolbox("LinfPGD", eps, steps=STEPS),
        "torchattacks PGD": torchattacks("PGD", eps=eps, alpha=min(2 / 255, eps / 4), steps=STEPS),
    }
    for name, call in calls.items():
        contestants[name] = at_its_best(call, case.net, case.x, case.y)
    outcome = race(contestants, options.rounds)
    verdicts = {name: judge(case.net, case.x, case.y, found) for name, found in outcome.answers.items()}
    lines = []
    for name, own in itertools.product(calls, layouts):
        ours, theirs = verdicts[own].fooled, verdicts[name].fooled
        both, only_ours, only_theirs = (int(s.sum()) for s in (ours & theirs, ours & ~theirs, theirs & ~ours))
        note = f"fooled: {both} by both, {only_ours} by epsball only, {only_theirs} by the peer only, of {len(case.x)}"
        lines.append(Line(case.name, f"time, peer / {own}", name, outcome.ratio(name, own), WANTED, note))
    return lines, {"seconds": outcome.seconds, "subject": case.origin}


if __name__ == "__main__":
    main()
