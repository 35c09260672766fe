"""A universal perturbation: one for all images, found on data of the attacker's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.errors import InputError
from epsball.losses import margin
from epsball.oracle.access import Access
from epsball.validation import checked_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.goal import Goal
    from epsball.oracle.oracle import Oracle
    from epsball.threat import Threat


@dataclass(frozen=True)
class Universal(Attack):
    """x = project(x0 + v), v the same for every sample.

    Moosavi-Dezfooli et al. 2017, arXiv:1610.08401. Deviations: v is held, whatever found it; `universal` finds one.

    Args:
        perturbation: v, of the shape of an input `(…)`; its digest stands in the plan of a run.
    """

    access = Access.NOTHING
    noise_only = True
    may_fail = True

    perturbation: Tensor

    @property
    def expected_passes(self) -> float:
        return 1

    def run(self, ask: Oracle) -> Tensor:
        v = self.perturbation.to(ask.x0)
        if v.shape != ask.x0.shape[1:]:
            raise InputError(
                f"the universal perturbation has shape {tuple(v.shape)} and the inputs {tuple(ask.x0.shape[1:])}; "
                "expected the shape of one input"
            )
        return ask.threat.project(ask.x0 + v, ask.x0)


def universal(
    model: Callable[[Tensor], Any],
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    epochs: int = 10,
    batch_size: int = 64,
    rate: float = 0.1,
    seed: int = 0,
) -> Universal:
    """Return the attack that holds the perturbation found by v <- project(v + α argmax over |d| <= 1 of <sum_i ∇J(x_i + v), d>).

    Stochastic ascent over batches of the data: Shafahi et al. 2020, arXiv:1811.11304, algorithm 2. Deviations: J is the log of the
    logistic function of the margin instead of a clipped cross entropy, so that samples that are wrong already count little; α falls
    linearly to 0; all norms.

    Args:
        model: the network, in data units.
        x: the attacker's inputs `(N, …)`, which need not be those that are attacked afterwards.
        y: their labels `(N,)`.
        threat: norm and budget of v.
        epochs: passes over the data.
        batch_size: samples of a step.
        rate: length of the first step as a fraction of ε.
        seed: of the order of the data.

    Raises:
        InputError: arguments that cannot be used, or no finite ε.
        ModelError: the network failed.
    """
    for name, value in {"epochs": epochs, "batch_size": batch_size}.items():
        checked_count(value, name)
    order = torch.Generator().manual_seed(seed)
    span = torch.as_tensor(threat.high - threat.low).to(x)
    count, v = -(-len(x) // batch_size), torch.zeros_like(x[:1])
    for step in range(epochs * count):
        if step % count == 0:
            places = torch.split(torch.randperm(len(x), generator=order).to(x.device), batch_size)
        at = places[step % count]
        g = _Slope().maximise(model, threat.clip(x[at] + v), y[at], threat).sum(0, keepdim=True)
        length = rate * (1 - step / (epochs * count)) * float(threat.eps)
        v = v + threat.norm.lmo(g, length, -span - v, span - v)
        v = threat.norm.project(v, float(threat.eps), -span, span)
    return Universal(v[0])


@dataclass(frozen=True)
class _Slope(Attack):
    """Not a search: the gradient at the inputs as what is returned."""

    def run(self, ask: Oracle) -> Tensor:
        return ask.gradient(ask.x0, _saturating)[1]


def _saturating(logits: Tensor, goal: Goal) -> Tensor:
    """Log of the logistic function of the margin."""
    return F.logsigmoid(margin(logits, goal))
