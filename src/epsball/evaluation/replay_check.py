"""What an attack reports as a success is checked again before it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.attacks.found import UndefinedGradientError
from epsball.evaluation.answers import answers
from epsball.models.forward import numpy_of
from epsball.record.evaluation import AttackRows
from epsball.threat import replace_eps
from epsball.verification import independent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from epsball.attacks.base import Attack
    from epsball.attacks.found import Found
    from epsball.evaluation.samples import Samples
    from epsball.oracle.work import Tick
    from epsball.record.store import Notes
    from epsball.threat import Threat


LEVELS = 255
ON_LEVELS = 16
"""Inputs that are looked at to tell whether all are 8-bit images."""
SAME_LEVEL = 1e-4
BLIND = 0.01
"""Fraction of a gradient's entries that may be undefined before features that matter are left out."""
IMAGE_DIMENSIONS = 4


@dataclass(frozen=True, eq=False)
class Checked:
    """The rows of one chunk, its adversarial examples (ids and inputs), and notes about them.

    The notes are the ids of reported successes that do not count, by reason ("moved", "label"), and where a pass did not show
    all of the others again, the fraction of passes in which each did ("success_rate"). Where gradients held NaN or
    infinite entries, their number for each such sample ("undefined"), and the ids of samples with more than 1 % of them ("blind").
    What an attack noted of samples that it did not break is under the names that it gave, unless they are one of these; errors that it
    did not return are under "lost".
    Where the inputs are 8-bit images, of every success that counts, whether it is one in 8 bits, 1 or 0 ("eight_bits").
    """

    rows: AttackRows
    examples: tuple[NDArray[np.int64], NDArray[Any]]
    notes: Notes


def search(
    samples: Samples,
    at: NDArray[np.int64],
    attack: Attack,
    threat: Threat,
    *,
    seed: int,
    passes: int,
    tick: Tick | None = None,
) -> Checked:
    """Run an attack on the samples at some places (k,) and check what it finds, a minimum-norm one at any distance.

    A row depends on the attack, the threat, the seed and its sample only, but for the last bits of sums in micro-batches.
    Arguments and errors are those of `check_successes` and of an attack's call.
    """
    threat = replace_eps(threat, np.inf) if attack.minimum_norm else threat
    x, y, ids = samples.rows(at)
    try:
        found = attack(samples.model, x, y, threat, seed=seed, ids=ids, batching=samples.batching, tick=tick)
    except UndefinedGradientError as error:  # the checks say it, beside what is known of other samples
        found = error.found
    return check_successes(samples, at, found, threat, passes)


def check_successes(samples: Samples, at: NDArray[np.int64], found: Found, threat: Threat, passes: int) -> Checked:
    """Count the successes that are finite, inside ball and box, as far as reported, and wrong in a fresh pass.

    Args:
        samples: all samples.
        at: places of the samples that were attacked (k,).
        found: what the attack returned for them.
        threat: what it was allowed.
        passes: fresh passes for every reported success; half of them must show it.

    Raises:
        ModelError: the model failed.
    """
    ids, label, norm = samples.ids[at], samples.label[at], threat.norm.name
    x0, x = numpy_of(samples.rows(at)[0]), numpy_of(found.x)
    reported = numpy_of(found.success).astype(np.bool_)
    success, distance = _in_place(x, x0, reported, numpy_of(found.distance), threat)
    tried = np.flatnonzero(success)
    moved, place = ids[reported & ~success], torch.from_numpy(tried).to(found.x.device)
    replayed = answers(samples.model, found.x[place], samples.batching.batch_size, passes)
    wrong = replayed.wrong(label[tried])
    rate = wrong.mean(0)
    again = rate >= independent.SUCCESS_RATE
    success[tried[~again]] = False
    notes = {
        **{name: ids[numpy_of(which) & (reported == (name == "lost"))].tolist() for name, which in found.notes.items()},
        "moved": moved.tolist(),
        "label": ids[tried[~again]].tolist(),
        "success_rate": rate[again].tolist() if (rate[again] < 1).any() else [],
        **_gradient_notes(found, ids),
        **_eight_bit_notes(
            samples, found.x[place[torch.from_numpy(again).to(place.device)]], label[tried[again]], threat
        ),
    }
    distance = np.where(success, np.minimum(distance, float(threat.eps)), np.inf)
    after, confidence = samples.clean[at], samples.confidence[at]
    first, each = wrong.argmax(0), np.arange(len(tried))
    after[tried[again]] = replayed.label[first, each][again]
    confidence[tried[again]] = replayed.confidence[first, each][again]
    rows = AttackRows.of(
        {
            "id": ids,
            "success": success,
            "distance": distance,
            "relative": np.where(success, independent.relative(norm, distance, x0), np.inf),
            "queries": numpy_of(found.queries),
            "gradients": numpy_of(found.gradients),
            "before": samples.clean[at],
            "after": after,
            "confidence_before": samples.confidence[at],
            "confidence_after": confidence,
        }
    )
    return Checked(rows, (ids[success], x[success]), notes)


def _gradient_notes(found: Found, ids: NDArray[np.int64]) -> Notes:
    undefined = numpy_of(found.undefined)
    blind = undefined > BLIND * numpy_of(found.gradients) * found.x[0].numel()
    return {"undefined": undefined[undefined > 0].tolist(), "blind": ids[blind].tolist()} if undefined.any() else {}


def _eight_bit_notes(samples: Samples, x: torch.Tensor, label: NDArray[np.int64], threat: Threat) -> Notes:
    """Rounding to the 256 levels of the box, as a saved picture is; inputs that lie between levels are no such pictures."""
    if x.ndim != IMAGE_DIMENSIONS or not len(x) or not _on_levels(samples.x[:ON_LEVELS], threat):
        return {}
    wrong = answers(samples.model, _levels(x, threat), samples.batching.batch_size).wrong(label)[0]
    return {"eight_bits": wrong.astype(np.int64).tolist()}


def _levels(x: torch.Tensor, threat: Threat) -> torch.Tensor:
    step = (threat.high - threat.low) / LEVELS
    return threat.continuous.clip(threat.low + ((x.double() - threat.low) / step).round() * step).to(x.dtype)


def _on_levels(x: torch.Tensor, threat: Threat) -> bool:
    span = threat.high - threat.low
    return bool(((_levels(x, threat) - x).abs() <= SAME_LEVEL * span).all())


def _in_place(
    x: NDArray[Any], x0: NDArray[Any], reported: NDArray[np.bool_], named: NDArray[Any], threat: Threat
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which reported successes lie inside ball and box and as far as named, and the distance of every row."""
    distance = independent.length(threat.norm.name, x.astype(np.float64) - x0)
    inside = independent.inside_ball(distance, float(threat.eps)) & independent.inside_box(
        x, numbers(threat.low), numbers(threat.high)
    )
    inside &= independent.on_levels(x, numbers(threat.low), numbers(threat.high), threat.levels)
    named = named.astype(np.float64)
    return reported & inside & (np.abs(distance - named) <= independent.SAME * np.maximum(distance, named)), distance


def numbers(bound: float | torch.Tensor) -> Any:
    """A bound of the box as a number or an array."""
    return numpy_of(bound) if isinstance(bound, torch.Tensor) else bound
