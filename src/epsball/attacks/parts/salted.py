"""More and more features at the ends of their range, and the fewest of them that are an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.attacks.parts.paths import first_success
from epsball.geometry import rows

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


_CLOSER = 0.9


def salted(ask: Oracle, draws: int, steps: int, halvings: int) -> Tensor:
    """Ask about salt and pepper on more and more features, `draws` times, and return the last point, `(n, …)`.

    Each time the features and their ends are drawn afresh, in one order in which they are set. Where there is an error, a draw is
    asked about nine tenths of the fewest features that were one, and looked at more closely only if that is an error too.

    Args:
        ask: the oracle.
        draws: orders of the features.
        steps: numbers of features tried in the first draw.
        halvings: bisections in a draw that gave a nearer error.
    """
    best, reach, x = ask.x0.new_zeros(len(ask.x0)), ask.x0.new_ones(len(ask.x0)), ask.x0
    low, high = (torch.as_tensor(side).to(ask.x0) for side in (ask.threat.low, ask.threat.high))
    for number in range(draws):
        u = ask.draw().uniform(2 * ask.x0[0].numel()).to(ask.x0).reshape(len(ask.x0), 2, *ask.x0.shape[1:])
        ends, order = torch.where(u[:, 0] < 1 / 2, low, high), u[:, 1]

        def set_up_to(t: Tensor, ends: Tensor = ends, order: Tensor = order) -> Tensor:
            return torch.where(order < rows(t, ask.x0), ends, ask.x0)

        far, x = first_success(ask, set_up_to, 1 if number else steps, halvings, reach)
        best = torch.where(far > 0, far, best)
        reach = torch.where(best > 0, _CLOSER * best, 1)
    return x
