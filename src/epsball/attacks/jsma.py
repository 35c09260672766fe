"""Jacobian saliency map: two features at a time, each to a limit of the box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from epsball.attacks.base import Attack
from epsball.geometry.base import wide
from epsball.validation import positive

if TYPE_CHECKING:
    from epsball.oracle.forward import Local
    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class JSMA(Attack):
    """Move the features p, q with the largest -(α_p + α_q) (β_p + β_q), α = ∇z_t, β = Σ_{k != t} ∇z_k, where the sums are > 0 and < 0.

    Papernot, McDaniel, Jha, Fredrikson, Celik, Swami 2015, arXiv:1511.07528, algorithms 2 and 3, the pair rule with a full step θ,
    on logits. Deviations: each feature rises or falls, whichever the better pair has, for which α and β of a fall are negative, and
    moves once; an untargeted goal heads for the likeliest other class of the input; pairs are searched among the `features` moves of
    the largest α and as many of the smallest β; a row without a pair ends.

    Args:
        steps: most pairs.
        features: moves of each kind that are paired.
    """

    name = "jsma"
    minimum_norm = True
    may_fail = True
    measures = "l0"
    norms: ClassVar[tuple[str, ...]] = ("l0",)

    steps: int = positive(100)
    features: int = positive(64)

    @property
    def expected_passes(self) -> float:
        return 3 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, target=_target(ask))
        for _ in ask.steps(self.steps):
            blank = torch.zeros_like(s.x)
            alpha, beta = ask.local(s.x, _saliency, s.target, into=(blank, blank.clone()))
            ask.retire(ask.success)
            still = s.x == ask.x0
            alpha, beta, allowed = (
                torch.cat(both, 1)
                for both in (
                    (wide(alpha).flatten(1), -wide(alpha).flatten(1)),
                    (wide(beta).flatten(1), -wide(beta).flatten(1)),
                    ((still & (s.x < ask.threat.high)).flatten(1), (still & (s.x > ask.threat.low)).flatten(1)),
                )
            )
            moves, found = self._pair(alpha.masked_fill(~allowed, -torch.inf), beta.masked_fill(~allowed, torch.inf))
            rises, falls = torch.zeros_like(allowed).scatter(1, moves, found[:, None].expand_as(moves)).chunk(2, 1)
            way = rises.to(s.x.dtype) - falls.to(s.x.dtype)
            far = ask.threat.width(ask.x0)[:, None] * way
            s.x = ask.threat.clip(s.x + far.reshape(s.x.shape))
            ask.retire(~found)
        return s.x

    def _pair(self, alpha: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        """The best two of the moves `(n, 2 d)`, `(n, 2)`, and whether there are any, `(n,)`."""
        many = min(self.features, alpha.shape[1])
        at = torch.cat((alpha.topk(many, dim=1).indices, (-beta).topk(many, dim=1).indices), 1)
        a, b = alpha.gather(1, at), beta.gather(1, at)
        up, down = a[:, :, None] + a[:, None], b[:, :, None] + b[:, None]
        valid = (up > 0) & (down < 0) & (up < torch.inf) & (at[:, :, None] != at[:, None])
        score = torch.where(valid, -up * down, -torch.inf).flatten(1)
        best, place = score.max(1)
        pair = torch.stack((place // at.shape[1], place % at.shape[1]), 1)
        return at.gather(1, pair), best.isfinite()


def _target(ask: Oracle) -> Tensor:
    """The class headed for, `(n,)`."""
    if ask.goal.targeted:
        return ask.labels
    return ask.scores(ask.x0).scatter(1, ask.labels[:, None], -torch.inf).argmax(1)


def _saliency(local: Local, target: Tensor) -> tuple[Tensor, ...]:
    z = local.logits.gather(1, target[:, None]).squeeze(1)
    alpha = local.gradient(z, again=True)
    return alpha, local.gradient(local.logits.sum(1) - z)
