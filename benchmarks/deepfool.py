"""DeepFool in l2 on every network: time, mean distance and success, against foolbox, torchattacks, ART and adv-lib."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import epsball as eb
import peers
from harness import Line, publish, race, read_options
from judge import judge
from subjects import subject

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torch import Tensor

    from harness import Options
    from peers import Peer
    from subjects import Subject

FASTER = {
    "foolbox L2DeepFoolAttack": ">= 6",
    "torchattacks DeepFool": ">= 30",
    "ART DeepFool": ">= 30",
    "adv-lib df": ">= 1.3",
}
NO_FARTHER = "<= 1.005"


def main() -> None:
    """Time batched peers on all rows and peers that loop over images on a few, epsball on the same ones each time."""
    options = read_options(__doc__)
    lines: list[Line] = []
    details: dict[str, Any] = {}
    for name in options.networks:
        case = subject(name, options.rows)
        few = case.first(options.slow_rows)
        details[name] = {"subject": case.origin}
        for group, rows in ((peers.DEEPFOOL, case), (peers.DEEPFOOL_ONE_BY_ONE, few)):
            found, seconds = compare(rows, group, options)
            lines += found
            details[name] |= seconds
    lines += overall(lines)
    publish("deepfool", options, lines, **details)


def compare(case: Subject, group: dict[str, Peer], options: Options) -> tuple[list[Line], dict[str, Any]]:
    """The lines of one network against one group of peers, and the seconds behind them."""
    attack, threat = eb.DeepFool(), eb.Threat(eb.l2)
    contestants: dict[str, Callable[[], Tensor]] = {
        "epsball": lambda: attack(case.model, case.x, case.y, threat, seed=0).x
    }
    for name, call in group.items():
        contestants[name] = peers.at_its_best(call, case.net, case.x, case.y)
    outcome = race(contestants, options.rounds)
    verdicts = {name: judge(case.net, case.x, case.y, found) for name, found in outcome.answers.items()}
    everyone = verdicts["epsball"].fooled.clone()
    for verdict in verdicts.values():
        everyone &= verdict.fooled
    lines = []
    for name in group:
        ours, theirs = verdicts["epsball"], verdicts[name]
        both = ours.fooled & theirs.fooled
        note = f"success {ours.success:.1%} / {theirs.success:.1%} of {len(case.x)} rows"
        lines.append(Line(case.name, name, "time, peer / epsball", outcome.ratio(name, "epsball"), note=note))
        share = (ours.l2[both].mean() / theirs.l2[both].mean()).item()
        note = f"{ours.l2[both].mean():.4f} / {theirs.l2[both].mean():.4f} on {int(both.sum())} rows fooled by both"
        lines.append(Line(case.name, name, "mean distance, epsball / peer", share, NO_FARTHER, note))
    means = {name: verdict.l2[everyone].mean().item() for name, verdict in verdicts.items()}
    return lines, {f"{', '.join(group)}": {"seconds": outcome.seconds, "mean l2 on rows all fooled": means}}


def overall(lines: list[Line]) -> list[Line]:
    """The geometric mean over the networks of every peer's time ratio; the bounds are on these."""
    found = []
    for name, wanted in FASTER.items():
        ratios = [line.value for line in lines if line.against == name and line.measure.startswith("time")]
        if ratios:
            mean = statistics.geometric_mean(ratios)
            found.append(Line("geometric mean", name, "time, peer / epsball", mean, wanted, f"{len(ratios)} networks"))
    return found


if __name__ == "__main__":
    main()
