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
    "precision": 14,
    "linear-growth": 11,
    "fgsm-table": 2,
    "deepfool-accuracy": 1,
    "binary": 1,
    "comparison": 40,
    "fine-tuning": 41,
    "saddle-point": 38,
    "adversarial-training": 16,
    "capacity": 30,
    "transfer": 12,
    "regions": 9,
    "regularisation": 19,
}
"""Seconds of each in one `epsball reproduce --quick` from nothing, alone on two cores; a network counts where it is trained first."""
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
