"""D20."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.record.proportion import Proportion

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 12


@check(
    "D20",
    "WARN",
    Preflight,
    remedy="quote the clean accuracy of this run as transfer accuracy; for robust accuracy evaluate the model on its own inputs",
)
def transferred(given: Preflight) -> Iterator[Observation]:
    """Inputs must not be adversarial examples made on a network already: accuracy on them is transfer accuracy, not robustness.

    Images that `epsball export` writes as .npz carry the fingerprint of that network's weights.
    """
    if not given.made_on:
        return
    right = Proportion.of(given.clean == given.y.cpu().numpy())
    same = given.weights == given.made_on
    yield Observation(
        "The inputs are adversarial examples made on a network, so that accuracy on them is transfer accuracy",
        f"made on {'this network' if same else 'another network'}, fingerprint {given.made_on[:SHOWN]}; "
        f"transfer accuracy {right}",
    )
