"""D26."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome
from epsball.record.proportion import Proportion

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = 0.05


@check(
    "D26",
    "WARN",
    Outcome,
    remedy="read the figure as one for images that are not stored in 8 bits: of those named, none that an attack of this run stored "
    "fools the model as a saved picture; Threat(…, levels=256), --levels 256, searches among such pictures",
)
def eight_bits(run: Outcome) -> Iterator[Observation]:
    """Of the images with an error within ε, 95 % must have one, by any attack, that is still one once it is rounded to 8 bits."""
    broken, survived = np.zeros(len(run.ids), np.bool_), np.zeros(len(run.ids), np.bool_)
    for name, in_bits in run.eight_bits.items():
        rows = run.attacks[name]
        ids, within = rows.id[rows.success], rows.within(run.eps)[rows.success]
        if len(in_bits) != len(ids):
            continue
        broken |= np.isin(run.ids, ids[within])
        survived |= np.isin(run.ids, ids[within & (np.array(in_bits) == 1)])
    kept, of = int(survived.sum()), int(broken.sum())
    if of - kept > LOST * of:
        standing = Proportion.of(run.robust | (broken & ~survived))
        figure = (
            f"; robust accuracy in 8 bits {standing}, without {Proportion.of(run.robust)}"
            if np.isfinite(run.eps)
            else ""
        )
        yield Observation(
            "Many images are errors only as long as they are not rounded to 8 bits",
            f"for {kept} of {of} an attack found one that survives{figure}",
        )
