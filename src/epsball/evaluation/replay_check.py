"""What an attack claims, checked again before it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.evaluation.samples import numpy_of
from epsball.record.evaluation import AttackRows
from epsball.verification import independent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from epsball.attacks.base import Found
    from epsball.evaluation.samples import Samples
    from epsball.threat import Threat


@dataclass(frozen=True, eq=False)
class Confirmed:
    """The rows of one part, its hits (ids and inputs), and the ids of claims that did not hold, by reason."""

    rows: AttackRows
    examples: tuple[NDArray[np.int64], NDArray[Any]]
    remarks: dict[str, list[Any]]


def confirm(samples: Samples, at: NDArray[np.int64], found: Found, threat: Threat, passes: int) -> Confirmed:
    """Keep the hits that are finite, inside ball and box, as far as claimed, and wrong in a fresh pass.

    Args:
        samples: all samples.
        at: places of the samples that were attacked (k,).
        found: what the attack returned for them.
        threat: what it was allowed.
        passes: fresh passes for every hit; it must hold in half of them.

    Raises:
        ModelError: the model failed.
    """
    ids, norm = samples.ids[at], threat.norm.name
    x0, x = numpy_of(samples.rows(at)[0]), numpy_of(found.x)
    claimed = numpy_of(found.success).astype(np.bool_)
    named = numpy_of(found.distance).astype(np.float64)
    distance = independent.length(norm, x.astype(np.float64) - x0)
    near = independent.inside_ball(distance, float(threat.eps)) & independent.inside_box(
        x, plain(threat.low), plain(threat.high)
    )
    kept = claimed & near & (np.abs(distance - named) <= independent.SAME * np.maximum(distance, named))
    moved = ids[claimed & ~kept]
    hits = np.flatnonzero(kept)
    answers = independent.ask(
        samples.model,
        found.x[torch.from_numpy(hits).to(found.x.device)],
        rows=samples.batching.batch_size,
        passes=passes,
    )
    held = answers.wrong(samples.label[at][hits])
    holds = held >= independent.HELD
    kept[hits[~holds]] = False
    remarks = {
        "moved": moved.tolist(),
        "label": ids[hits[~holds]].tolist(),
        "held": held[holds].tolist() if (held[holds] < 1).any() else [],
    }
    distance = np.where(kept, np.minimum(distance, float(threat.eps)), np.inf)
    after, confidence = samples.clean[at], samples.confidence[at]
    first = (answers.label != samples.label[at][hits]).argmax(0)
    each = np.arange(len(hits))
    after[hits[holds]] = answers.label[first, each][holds]
    confidence[hits[holds]] = answers.confidence[first, each][holds]
    rows = AttackRows.of(
        {
            "id": ids,
            "success": kept,
            "distance": distance,
            "relative": np.where(kept, independent.relative(norm, distance, x0), np.inf),
            "queries": numpy_of(found.queries),
            "gradients": numpy_of(found.gradients),
            "before": samples.clean[at],
            "after": after,
            "confidence_before": samples.confidence[at],
            "confidence_after": confidence,
        }
    )
    return Confirmed(rows, (ids[kept], x[kept]), remarks)


def plain(bound: Any) -> Any:
    """A bound of the box as a number or an array."""
    return numpy_of(bound) if isinstance(bound, torch.Tensor) else bound
