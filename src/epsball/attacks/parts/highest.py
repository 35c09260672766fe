"""The point of an ascent with the largest loss so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.geometry import rows

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.rows import State


def begin_highest(s: State) -> None:
    """Let the ascent's point be the highest so far.

    Args:
        s: rows with the point `x`, its loss `f` and gradient `g`; `best`, `best_f` and `best_g` are of the highest one.
    """
    s.best, s.best_f, s.best_g = s.x, s.f, s.g


def remember_highest(s: State) -> None:
    """Keep the points at which the loss is larger than ever."""
    better = s.f > s.best_f
    s.best_f = torch.where(better, s.f, s.best_f)
    s.best, s.best_g = (torch.where(rows(better, s.x).bool(), *pair) for pair in ((s.x, s.best), (s.g, s.best_g)))


def return_to_highest(s: State, which: Tensor) -> None:
    """Put some of the rows, `(n,)`, back to their highest points."""
    s.x, s.g = (torch.where(rows(which, s.x).bool(), *pair) for pair in ((s.best, s.x), (s.best_g, s.g)))
