"""Sign-OPT: descent on the distance along a ray, by the signs of its slopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.adversarial_start import adversarial_start, noise
from epsball.attacks.parts.bisection import bisect
from epsball.geometry import rows
from epsball.geometry.base import TINY
from epsball.oracle.access import Access
from epsball.validation import nonnegative, positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number

_AT_ONCE = 2**14
_HALVINGS, _LENGTHS = 12, 6


@dataclass(frozen=True)
class SignOPT(Attack):
    """ĝ = Σ sign(g(θ + ε u_q) - g(θ)) u_q, θ <- θ - η ĝ, with g(θ) the distance to the first error along θ.

    Cheng, Singh, Chen, Chen, Liu, Hsieh 2020, arXiv:1909.10773, algorithms 1 and 2.
    The sign is -1 where x0 + g(θ) unit(θ + ε u_q) is an error. Deviations: η is doubled while the ray at the best distance so far
    still ends in an error, and halved until it does; g is found by bisection of the last ray alone.

    Args:
        steps: moves of θ.
        directions: u_q for each, one query each.
        radius: ε |u|, of a θ of unit length.
        length: η of a ĝ of unit length, at first.
        tries: noise images tried to find a first error.
        starts: further directions of noise tried for a nearer one, a query each and a bisection where it is.
    """

    access = Access.LABELS
    minimum_norm = True
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    may_fail = True
    accepts_start = True
    name = "sign-opt"

    steps: int = positive(100)
    directions: int = positive(100)
    radius: Number = positive(0.01)
    length: Number = positive(0.2)
    tries: int = positive(200)
    starts: int = nonnegative(50)

    @property
    def expected_passes(self) -> float:
        return float(self.starts + self.steps * (self.directions + _HALVINGS + _LENGTHS))

    def run(self, ask: Oracle) -> Tensor:
        away = adversarial_start(ask, self.tries).to(ask.eps.dtype) - ask.x0
        theta, far = _unit(away), away.flatten(1).norm(dim=1)
        theta, far = self._nearer(ask, theta, _least(ask, theta, far, ask.live))
        s = ask.keep(theta=theta, far=far, length=torch.full_like(far, self.length))
        for _ in ask.steps(self.steps):
            slope = _unit(self._slope(ask, s.theta, s.far))
            s.theta, s.length, moved = _moved(ask, s.theta, s.far, slope, s.length)
            s.far = _least(ask, s.theta, s.far, moved)
        return _along(ask, s.theta, s.far)

    def _nearer(self, ask: Oracle, theta: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        """The best of several rays, and how far it goes."""
        for number, draw in enumerate([ask.draw() for _ in range(self.starts)]):
            other = _unit(noise(ask, draw, number).to(theta) - ask.x0)
            hit = ask.met(_along(ask, other, far))
            theta = torch.where(rows(hit, theta).bool(), other, theta)
            far = _least(ask, theta, far, hit)
        return theta, far

    def _slope(self, ask: Oracle, theta: Tensor, far: Tensor) -> Tensor:
        """The sum of directions that lengthen the way, less those that shorten it."""
        size, total = theta[0].numel(), torch.zeros_like(theta)
        group = max(_AT_ONCE // size, 1)
        for first in range(0, self.directions, group):
            m = min(group, self.directions - first)
            u = ask.draw().normal(m * size).to(theta).reshape(len(theta), m, size)
            u = (u / u.norm(dim=2, keepdim=True)).reshape(len(theta), m, *theta.shape[1:])
            turned = (theta + self.radius * u.transpose(0, 1)).flatten(2)
            turned = (turned / turned.norm(dim=2, keepdim=True)).reshape(m, *theta.shape)
            near = ask.threat.clip(ask.x0 + rows(far, theta) * turned).to(ask.x0.dtype).transpose(0, 1)
            sign = torch.where(ask.met(near), -1.0, 1.0).to(theta)
            total += torch.einsum("nm,nm...->n...", sign, u)
        return total


def _moved(ask: Oracle, theta: Tensor, far: Tensor, slope: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ray after the longest step that shortens the way, its length for the next time, and whether there is one."""

    def after(eta: Tensor) -> Tensor:
        return _unit(theta - rows(eta, theta) * slope)

    first = ask.met(_along(ask, after(length), far))
    best, trying = torch.where(first, length, 0), ask.live
    for _ in range(_LENGTHS):
        length = torch.where(first, length * 2, length / 2)
        hit = ask.met(_along(ask, after(length), far), where=trying)
        best = torch.where(hit & trying, length, best)
        trying = trying & ask.live & (hit == first)
        if not bool(trying.any()):
            break
    moved = best > 0
    return torch.where(rows(moved, theta).bool(), after(best), theta), torch.where(moved, best, length), moved


def _least(ask: Oracle, theta: Tensor, far: Tensor, where: Tensor) -> Tensor:
    return bisect(ask, lambda t: _along(ask, theta, t), far, _HALVINGS, where=where)


def _along(ask: Oracle, theta: Tensor, far: Tensor) -> Tensor:
    """The points so far `(n,)` along rays `(n, …)`."""
    return ask.threat.clip(ask.x0 + rows(far, theta) * theta).to(ask.x0.dtype)


def _unit(v: Tensor) -> Tensor:
    return v / rows(v.flatten(1).norm(dim=1).clamp_min(TINY), v)
