"""Short searches at several budgets and one step on a few samples, for a small part of the passes that a run has cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.attacks.fgsm import FGSM
from epsball.attacks.found import UndefinedGradientError
from epsball.attacks.pgd import PGD
from epsball.diagnostics import Ladder, OneStep
from epsball.evaluation.answers import answers
from epsball.models.forward import numpy_of
from epsball.randomness import Stream
from epsball.threat import Threat, replace_eps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from epsball.evaluation.samples import Samples
    from epsball.record.evaluation import AttackRows
    from epsball.record.plan import Plan

SEARCHES, STEP = 0.025, 0.01
"""Parts of a run's passes that they may cost; the 8-bit forms of successes cost up to 0.016 of them."""
MOST, FEWEST, MOST_FOR_FEW = 64, 8, 0.04
"""Samples for the searches; of fewer nothing can be said. So few may cost a larger part: a model that looks robust costs few passes."""
PASSES = 12
"""Of ten steps, each with its query, what a sample usually costs: the larger budgets break nearly all at once."""
OF_A_STEP = 3


def beside(
    samples: Samples, threat: Threat, plan: Plan, rows: Mapping[str, AttackRows], *, random: bool
) -> dict[str, Any]:
    """What is measured beside the attacks, where these followed gradients to any error of a model that is not random."""
    if random or plan.targets or not any(each.access == "GRADIENT" for each in plan.attacks.values()):
        return {}
    spent = sum(int(each.queries.sum() + each.gradients.sum()) for each in rows.values())
    given = (samples, threat, plan.seed, spent)
    return {"ladder": ladder(*given), "one_step": one_step(*given)}


def ladder(samples: Samples, threat: Threat, seed: int, spent: int) -> Ladder | None:
    """Search at ε/2, ε, 2 ε and as far as a grey image is, ten steps each; None where the run was too short for that.

    Args:
        samples: of the run.
        threat: its ball and box.
        seed: of all draws.
        spent: passes that the attacks of the run cost.

    Raises:
        ModelError: the model failed.
    """
    right = np.flatnonzero(samples.right)
    if not len(right) or not 0 < float(threat.eps) < np.inf or threat.norm.name not in PGD.norms:
        return None
    eps = float(threat.eps)
    steps = (eps / 2, eps, 2 * eps)
    each = PASSES * _price(samples) * (len(steps) + 1)
    k = min(MOST, len(right), int(SEARCHES * spent / each))
    if k < FEWEST <= MOST_FOR_FEW * spent / each:
        k = min(FEWEST, len(right))
    if k < FEWEST:
        return None
    at = _drawn(samples, right, seed)[:k]
    x, y, ids = samples.rows(at)
    grey = float(threat.largest_budget(x).max())
    budgets = (*(budget for budget in steps if budget < grey), grey)
    try:
        broken = [
            PGD(steps=10)(
                samples.model,
                x,
                y,
                replace_eps(threat, budget),
                seed=seed,
                ids=ids,
                batching=samples.batching,
            ).success
            for budget in budgets
        ]
    except UndefinedGradientError:  # other checks say so
        return None
    return Ladder(samples.ids[at], budgets, np.stack([numpy_of(each) for each in broken]))


def one_step(samples: Samples, threat: Threat, seed: int, spent: int) -> OneStep | None:
    """Take one step of length ε from a few of all samples; None where the run was too short. Arguments are those of `ladder`."""
    k = min(len(samples), int(STEP * spent / (OF_A_STEP * _price(samples))))
    if k < FEWEST or not 0 < float(threat.eps) < np.inf:
        return None
    at = _drawn(samples, np.arange(len(samples)), seed)[:k]
    x, y, ids = samples.rows(at)
    moved = FGSM().maximise(samples.model, x, y, threat, seed=seed, ids=ids, batching=samples.batching)
    after = answers(samples.model, moved, samples.batching.batch_size)
    return OneStep(samples.right[at], ~after.wrong(samples.label[at])[0])


def _price(samples: Samples) -> int:
    """Passes that a gradient and its query cost here for each of those of a plain network."""
    cost = samples.model.cost
    return max(cost.differentiated, cost.backward, 1)


def _drawn(samples: Samples, places: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The places in an order that is drawn by (seed, id)."""
    draw = Stream(seed, torch.from_numpy(samples.ids[places]), _COUNTER).uniform(1)[:, 0]
    order: NDArray[np.int64] = places[draw.argsort(stable=True).numpy()]
    return order


_COUNTER = 9
"""Of the draw, which no attack makes on the processor for all samples."""
