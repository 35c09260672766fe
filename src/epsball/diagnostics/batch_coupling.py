"""D03."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.models.probe import tolerated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

ALONE = 8


@check(
    "D03",
    "FAIL",
    Preflight,
    remedy="put batch normalisation into evaluation mode, net.eval(), and remove statistics over the batch",
    unless=("D02",),
)
def batch_coupling(given: Preflight) -> Iterator[Observation]:
    """Logits must not depend on the order of the batch, nor on whether an input comes alone."""
    x, _ = given.probe
    with torch.no_grad():
        reversed_ = given.model(x.flip(0)).flip(0)
        alone = torch.cat([given.model(row[None]) for row in x[:ALONE]])
    yield from coupling(given.passes[0], reversed_, alone, accelerator=x.device.type != "cpu")


def coupling(together: Tensor, reversed_: Tensor, alone: Tensor, *, accelerator: bool = False) -> Iterator[Observation]:
    """Compare the logits (n, K) of one batch with those of the reversed batch, in order again, and of the first inputs alone."""
    moved = max(
        float((together - reversed_).double().abs().amax()),
        float((together[: len(alone)] - alone).double().abs().amax()),
    )
    limit = tolerated(together, accelerator=accelerator)
    if moved > limit:
        yield Observation(
            "The model's answer to an input depends on the other inputs of its batch",
            f"logits moved by {moved:.2g} between a batch, the reversed batch and single inputs (limit {limit:.2g})",
        )
