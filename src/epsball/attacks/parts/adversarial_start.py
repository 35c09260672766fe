"""Where an attack that sees labels only begins: at an error, near the input or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epsball.attacks.parts.bisection import bisect
from epsball.geometry import rows

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.randomness import Stream

_COARSENESS = 4
"""Every so many tries the noise is of single pixels again; between them its grains are 2, 4 and 8 pixels wide."""
_IMAGE_DIMENSIONS = 4
_HALVINGS = 10


def adversarial_start(ask: Oracle, tries: int, given: Tensor | None = None, *, needed: bool = True) -> Tensor:
    """Return an error for each row `(n, …)` and give up the rows that have none after so many tries.

    Uniform noise of the box is drawn until it is an error, and then blended with the input, (1 - t) x0 + t noise, as little as will do:
    Chen et al. 2020, arXiv:1904.02144, section V. Grains of several pixels reach classes that fine noise never shows. The caller's
    starting point is taken as it is, if it is an error.

    Args:
        ask: the oracle.
        tries: points of noise, at most.
        given: the starting points `(n, …)`, in place of the caller's.
        needed: whether rows without one are given up; they get their starting point back else.
    """
    given = ask.start() if given is None else given
    found = ask.met(given) if given is not ask.x0 else torch.zeros_like(ask.live)
    x, own = given, ~found
    for number, draw in enumerate([ask.draw() for _ in range(tries)]):  # as many for all, whatever others need
        missing = ask.live & ~found
        if not bool(missing.any()):
            break
        point = noise(ask, draw, number)
        hit = ask.met(point, where=missing)
        x, found = torch.where(rows(hit, x).bool(), point, x), found | hit
    if needed:
        ask.retire(~found)
    blended = bisect(ask, lambda share: between(ask.x0, x, share), x.new_ones(len(x)), _HALVINGS, where=own)
    return between(ask.x0, x, blended)


def noise(ask: Oracle, draw: Stream, number: int) -> Tensor:
    """Return points of the pixel box `(n, …)`, uniform; images in squares as coarse as is the turn of this number of the tries."""
    x0, grain = ask.x0, 2 ** (number % _COARSENESS)
    shape = list(x0.shape)
    if x0.ndim == _IMAGE_DIMENSIONS:
        shape[2:] = [-(-size // grain) for size in shape[2:]]
    unit = draw.uniform(torch.Size(shape[1:]).numel()).to(x0).reshape(shape)
    if x0.ndim == _IMAGE_DIMENSIONS:
        unit = unit.repeat_interleave(grain, 2).repeat_interleave(grain, 3)[..., : x0.shape[2], : x0.shape[3]]
    return ask.threat.clip(unit * ask.threat.high + (1 - unit) * ask.threat.low)


def between(x0: Tensor, x: Tensor, share: Tensor) -> Tensor:
    """Return the point that lies a `share` `(n,)` of the way from `x0` to `x`; `x` itself at 1."""
    t = rows(share, x)
    return torch.where(t == 1, x, x0 + t * (x - x0))
