"""D27."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.models.probe import tolerated
from epsball.models.rejection import REJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

ROWS = 8
TIMES = 3
"""Of what repeated passes move by themselves."""


@check(
    "D27",
    "FAIL",
    Preflight,
    remedy="fix the threshold once, on clean data at a stated rate of false alarms, and give rejection as the logit "
    "max(classes) + score - threshold",
)
def refitted_threshold(given: Preflight) -> Iterator[Observation]:
    """Whether an input is rejected must not depend on what stands beside it or came before: a detector's threshold is fixed.

    For a model with `outputs="reject"`: by how much the logit of rejection leads, for a few samples in their batch, alone, among
    negatives of the others, and in their batch again after these; more than three times what repeated passes move it.
    """
    if given.model.outputs != REJECT:
        return
    x, _ = given.probe
    few = x[:ROWS]
    negatives = given.threat.clip(given.threat.low + given.threat.high - x)
    with torch.no_grad():
        others = {
            "alone": torch.cat([_lead(given.model(row[None])) for row in few]),
            "among their negatives": _lead(given.model(torch.cat((few, negatives[len(few) :]))))[: len(few)],
            "after their negatives": _lead(given.model(x))[: len(few)],
        }
    repeated = torch.stack([_lead(logits)[: len(few)] for logits in given.passes])
    together, spread = repeated[0], float((repeated - repeated[0]).abs().amax())
    limit = max(tolerated(given.passes[0], accelerator=x.device.type != "cpu"), TIMES * spread)
    for where, lead in others.items():
        moved = float((lead - together).abs().amax())
        changed = int(((lead > 0) != (together > 0)).sum())
        if moved > limit:
            yield Observation(
                "Whether the model rejects an input depends on other inputs, as where its threshold is fitted to what is to be judged",
                f"{where}, the logit of rejection moved by {moved:.2g} against those of the classes (limit {limit:.2g}), and "
                f"{changed} of {len(few)} samples are rejected where they were not, or the reverse",
            )
            return
    rejected = int((given.clean == given.classes).sum())
    yield Observation(
        "The model may reject an input, and only a wrong answer that it accepts counts as an error",
        f"{rejected} of {len(given.clean)} clean inputs are rejected, which count as not correct",
        "state this rate of false alarms with the figure",
        severity="INFO",
    )


def _lead(logits: Tensor) -> Tensor:
    """By how much rejection leads over the classes, `(n,)`."""
    values = logits.double()
    return values[:, -1] - values[:, :-1].amax(1)
