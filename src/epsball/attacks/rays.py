"""RayS: directions of signs, flipped block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.bisection import bisect
from epsball.geometry import rows
from epsball.oracle.access import Access
from epsball.oracle.work import Work
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_HALVINGS = 30
_PASSES, _CALLS = 1.7, 4
"""Of a step: of a row, and of all where some of many come nearer."""
_GAIN = 2
"""A flip usually shortens g by less than this fraction over the number of blocks; all of g is searched only where it does more."""


@dataclass(frozen=True)
class RayS(Attack):
    """r' = r in {±1}^d with one of 2^s blocks flipped; kept if x0 + g(r) r' is an error, and then g(r') is found by bisection.

    Chen and Gu 2020, arXiv:2006.12792, algorithm 3: blocks of the flattened image, from all of it to single features; g(r) is the least
    distance with an error along r. Deviations: while no error is known, one is looked for at the opposite corner of the pixel box;
    the bisection begins at what a flip usually gains, and its tolerance falls with the blocks, where the authors' is one for all.

    Args:
        steps: flips.
        tolerance: of g, as a fraction of the pixel range, in the first sweep over the image; it is halved with each sweep.
    """

    access = Access.LABELS
    minimum_norm = True
    norms: ClassVar[tuple[str, ...]] = ("linf",)
    may_fail = True
    name = "rays"

    steps: int = positive(5000)
    tolerance: Number = positive(0.02)

    @property
    def expected_passes(self) -> float:
        return _PASSES * self.steps

    def expected_work(self, samples: float) -> Work:
        passes = samples * self.expected_passes
        return Work(passes, min(passes, _CALLS * self.steps))  # each halving asks of the rows alone that came nearer

    def run(self, ask: Oracle) -> Tensor:
        size, span = ask.x0[0].numel(), ask.threat.width(ask.x0).to(ask.eps)
        s = ask.keep(signs=torch.ones_like(ask.x0), distance=span, span=span)
        level = block = 0
        for step in ask.steps(self.steps):
            wide = math.ceil(size / 2**level)
            signs = s.signs.flatten(1).clone()
            if step:
                signs[:, block * wide : (block + 1) * wide] *= -1
                block += 1
            signs = signs.reshape(ask.x0.shape)
            hit = ask.met(_along(ask, signs, s.distance))
            s.signs = torch.where(rows(hit, signs).bool(), signs, s.signs)
            at = partial(_along, ask, s.signs)
            usual = s.distance * max(0.0, 1 - _GAIN / 2**level)
            far = ask.met(at(usual), where=hit & (usual > 0))
            low, high = torch.where(far, 0, usual), torch.where(far, usual, s.distance)
            shortest = self.tolerance / 2**level * s.span
            s.distance = bisect(ask, at, high, _HALVINGS, where=hit, shortest=shortest, low=low)
            if block * wide >= size:
                level, block = level + 1, 0
        return _along(ask, s.signs, s.distance)


def _along(ask: Oracle, signs: Tensor, distance: Tensor) -> Tensor:
    return ask.threat.clip(ask.x0 + rows(distance, signs) * signs).to(ask.x0.dtype)
