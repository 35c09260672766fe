"""Square: random search with squares that shrink."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.windows import bumps, corners, inside, places, tiled
from epsball.geometry import rows
from epsball.geometry.base import TINY
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.oracle.rows import State
    from epsball.settings import Number

_HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Steps after which the area of the squares is halved, of 10,000."""
_SCHEDULE = 10_000
_COIN = 0.5
_AHEAD = 32
"""Steps whose random numbers are drawn together, which costs as much as those of one."""


@dataclass(frozen=True)
class Square(Attack):
    """x' = Π(x with a new square of side (p H W)^½), kept if the margin falls; p is halved nine times.

    Andriushchenko, Croce, Flammarion, Hein 2020, arXiv:1912.00049, algorithms 1 to 3; in l1 Croce and Hein 2021, arXiv:2103.01208.
    In linf a square of each channel goes to +ε or -ε; in l2 and l1 a window is turned towards a pair of bumps and gets the length of
    another window. Deviations: every image has squares of its own, where the authors' code shares one among a batch and never reaches
    the last row and column.

    Args:
        steps: squares tried; one query each.
        share: p at first, the fraction of the pixels that a square covers.
        rescaled: whether the schedule of p, made for 10,000 steps, is fitted to `steps`; AutoAttack's is not.
    """

    access = Access.SCORES
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    images_only = True
    may_fail = True
    accepts_start = True

    steps: int = positive(5000)
    share: Number = positive(0.8)
    rescaled: bool = True

    @property
    def expected_passes(self) -> float:
        return self.steps

    def run(self, ask: Oracle) -> Tensor:
        start, boxes = ask.start(), ask.threat.norm.separable
        given = start is not ask.x0
        s = ask.keep(x=start, margin=None, unit=None, low=None, high=None)
        if boxes:
            s.low, s.high = (ask.threat.project(ask.x0 + sign * rows(ask.eps, ask.x0), ask.x0) for sign in (-1, 1))
        if not given:
            s.x = _stripes(ask, s) if boxes else _grid(ask)
        s.margin = ask.margin(s.x)
        for step in ask.steps(self.steps):
            side = self.side(step, ask.x0.shape[2], ask.x0.shape[3], least=1 if boxes else 3)
            if step % _AHEAD == 0:
                draws = min(_AHEAD, self.steps - step)
                s.unit = ask.draw(draws).ahead(draws, (2 if boxes else 5) + ask.x0.shape[1])
            unit = s.unit[:, step % _AHEAD]
            x = _with_a_box(s, side, unit) if boxes else _with_a_bump(ask, s.x, side, unit)
            margin = ask.margin(x)
            better = margin < s.margin
            s.x = torch.where(rows(better, x).bool(), x, s.x)
            s.margin = torch.where(better, margin, s.margin)
        return s.x

    def side(self, step: int, height: int, width: int, least: int) -> int:
        """Side of the squares of a step; odd where they hold bumps, unless the image is smaller."""
        time = int(step / self.steps * _SCHEDULE) if self.rescaled else step
        share = self.share / 2 ** sum(time > after for after in _HALVED_AFTER)
        side = max(round(math.sqrt(share * height * width)), least)
        return min(side + (least > 1 and side % 2 == 0), height, width)


def _stripes(ask: Oracle, s: State) -> Tensor:
    """Vertical stripes of one pixel, each channel at one limit of the ball or the other."""
    n, channels, _, width = ask.x0.shape
    up = ask.draw().uniform(channels * width).reshape(n, channels, 1, width) > _COIN
    return torch.where(up, s.high, s.low)


def _with_a_box(s: State, side: int, unit: Tensor) -> Tensor:
    """Set a square of every image to a limit of the ball, up or down in each channel, by random numbers `(n, 2 + C)`."""
    height, width = s.x.shape[2:]
    square = inside(s.x, *corners(unit[:, :2], height, width, side), side)
    return torch.where(square, torch.where((unit[:, 2:] > _COIN)[..., None, None], s.high, s.low), s.x)


def _grid(ask: Oracle) -> Tensor:
    """Bumps next to each other, five a side or more, each of a random sign in each channel."""
    x0 = ask.x0.to(ask.eps.dtype)
    n, channels, height, width = x0.shape
    side = min(max(height // 5, 1), width)
    down, right = height // side, width // side
    unit = ask.draw().uniform(down * right * (1 + channels))
    upright = unit[:, : down * right] < _COIN
    tile = bumps(side, _exponent(ask), upright.flatten(), x0).reshape(n, 1, down * right, -1)
    sign = _signs(unit[:, down * right :], x0).reshape(n, channels, down * right, 1)
    return _put(ask, tiled(tile * sign, down, right, height, width))


def _with_a_bump(ask: Oracle, x: Tensor, side: int, unit: Tensor) -> Tensor:
    """Move the length of one window of every image into another, which is turned towards a new bump, by random numbers `(n, 5 + C)`.

    The length that the pixel box has cut away is shared out among the channels and added.
    """
    q, x0 = _exponent(ask), ask.x0.to(ask.eps.dtype)
    channels, height, width = x0.shape[1:]
    delta = (x.to(x0) - x0).flatten(2)
    here, there = (places(x0, *corners(unit[:, at : at + 2], height, width, side), side) for at in (0, 2))
    both = torch.zeros_like(delta).scatter(2, here, 1).scatter(2, there, 1)
    spare = (rows(ask.eps, delta) ** q - delta.abs().pow(q).sum((1, 2), keepdim=True)).clamp_min(0)
    length = (spare / channels + (delta * both).abs().pow(q).sum(2, keepdim=True)).pow(1 / q)
    old, new = (
        delta.gather(2, here),
        bumps(side, q, unit[:, 4] < _COIN, x0)[:, None] * _signs(unit[:, 5:], x0)[..., None],
    )
    turned = _unit(new + _unit(old, q), q) * length * (channels if q == 1 else 1)
    return _put(ask, delta.scatter(2, there, 0).scatter(2, here, turned).reshape(x0.shape))


def _put(ask: Oracle, delta: Tensor) -> Tensor:
    """Return the point of the threat for a change of any length: scaled to the ball and cut to the box in l2, the nearest in l1."""
    if ask.threat.norm.name == "l2":
        delta = delta * rows(ask.eps / ask.threat.norm(delta).clamp_min(TINY), delta)
    return ask.threat.project(ask.x0.to(delta) + delta, ask.x0)


def _unit(v: Tensor, q: int) -> Tensor:
    """Scale each channel of `(n, C, pixels)` to length 1."""
    return v / v.abs().pow(q).sum(2, keepdim=True).pow(1 / q).clamp_min(TINY)


def _exponent(ask: Oracle) -> int:
    return int(ask.threat.norm.name[1:])


def _signs(unit: Tensor, like: Tensor) -> Tensor:
    """Return +1 or -1 for uniform numbers, in the type of `like`."""
    return (unit - _COIN).sign().to(like)
