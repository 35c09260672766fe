"""D02."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import normalize

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.models.probe import RANDOM

if TYPE_CHECKING:
    from collections.abc import Iterator


@check(
    "D02",
    "FAIL",
    Preflight,
    remedy="make it deterministic, or attack the mean of 20 passes, as the suite autoattack-rand does, or for "
    "any attack eb.eot(model), --estimate eot:20",
)
def random_model(given: Preflight) -> Iterator[Observation]:
    """Five passes over one batch must agree: equal labels, logits scaled to unit length within 1e-4."""
    passes = given.passes
    unit = normalize(passes.double(), dim=2)
    spread = float((unit - unit[0]).abs().amax())
    changed = int((passes.argmax(2) != passes[0].argmax(1)).any(0).sum())
    if spread > RANDOM or changed:
        yield Observation(
            "The model gives different answers to the same input, so a success may be a stochastic one",
            f"{len(passes)} passes over {passes.shape[1]} samples: {changed} labels changed, "
            f"normalised logits moved by up to {spread:.2g} (limit {RANDOM:g})",
        )
