"""How long experiments take, so that nobody has to wait to learn it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.report.text import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.paper.experiment import Experiment

FULL = {
    "precision": 133,
    "linear-growth": 6,
    "fgsm-table": 37,
    "deepfool-accuracy": 12,
    "binary": 1,
    "comparison": 105,
    "fine-tuning": 104,
    "saddle-point": 7,
    "adversarial-training": 524,
    "capacity": 85,
    "transfer": 1,
    "regions": 4,
    "regularisation": 2,
}
"""Seconds of each in full once its networks are trained, from docs/results on two cores."""
QUICK = {
    "precision": 29,
    "linear-growth": 20,
    "fgsm-table": 3,
    "deepfool-accuracy": 1,
    "binary": 7,
    "comparison": 68,
    "fine-tuning": 68,
    "saddle-point": 64,
    "adversarial-training": 27,
    "capacity": 53,
    "transfer": 60,
    "regions": 50,
    "regularisation": 55,
}
"""Seconds of each from scratch with --quick, `epsball reproduce --quick` on two cores."""
_UNKNOWN = 60
"""Seconds that an experiment is taken for which nobody measured."""


def foreseen(experiments: Sequence[Experiment], *, quick: bool) -> str:
    """Return a sentence on the time that experiments take on a machine with two cores."""
    known = QUICK if quick else FULL
    total = sum(known.get(experiment.name, _UNKNOWN) for experiment in experiments)
    number = f"{len(experiments)} experiment{'s' * (len(experiments) != 1)}"
    rest = (
        "less where an earlier run has finished steps"
        if quick
        else "beside the networks that must be trained first, which takes hours where no earlier run has stored them"
    )
    return f"{number}, about {seconds(total)} on two cores, {rest}."
