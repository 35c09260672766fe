"""One pixel: differential evolution over places and colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from epsball.attacks.base import Attack
from epsball.attacks.parts.judged import judged
from epsball.losses import cross_entropy
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle

_WEIGHT = 0.5
_GREY, _SPREAD = 0.5, 0.5


@dataclass(frozen=True)
class OnePixel(Attack):
    """Child x_r1 + 0.5 (x_r2 - x_r3) of three different parents, taken in the place of a candidate if p_y is lower there.

    Su, Vargas, Sakurai 2017, arXiv:1710.08864, section 3.2: a candidate is a place and a colour for each pixel; places begin uniform,
    colours normal around grey. Deviations: places and colours beyond the image end at its limits.

    Args:
        pixels: how many pixels change; fewer where the ball holds fewer of all their channels.
        candidates: of each image, one query each in every generation.
        generations: after the first.
    """

    access = Access.SCORES
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    images_only = True
    may_fail = True

    pixels: int = positive(1)
    candidates: int = positive(400)
    generations: int = positive(100)

    @property
    def expected_passes(self) -> float:
        return float(self.candidates * (self.generations + 1))

    def run(self, ask: Oracle) -> Tensor:
        m, channels, each = self.candidates, ask.x0.shape[1], ask.x0.shape[1] + 2
        draw, more = ask.draw(), ask.draw()
        place = draw.uniform(m * self.pixels * 2).to(ask.eps).reshape(-1, m, self.pixels, 2)
        colour = _GREY + _SPREAD * more.normal(m * self.pixels * channels).to(ask.eps).reshape(
            -1, m, self.pixels, channels
        )
        s = ask.keep(genes=_unit(torch.cat((place, colour), 3).flatten(2)), loss=None)
        s.loss = judged(ask, self._images(ask, s.genes, each), cross_entropy)
        for _ in ask.steps(self.generations):
            first, second, third = (_taken(s.genes, parent) for parent in _parents(ask.draw().uniform(3 * m), m))
            child = _unit(first + _WEIGHT * (second - third))
            loss = judged(ask, self._images(ask, child, each), cross_entropy)
            better = loss > s.loss
            s.genes = torch.where(better[:, :, None], child, s.genes)
            s.loss = torch.where(better, loss, s.loss)
        best = s.loss.argmax(1, keepdim=True)
        return self._images(ask, _taken(s.genes, best), each)[:, 0]

    def _images(self, ask: Oracle, genes: Tensor, each: int) -> Tensor:
        """The images `(n, m, C, H, W)` of candidates `(n, m, genes)`."""
        (n, m), (channels, height, width) = genes.shape[:2], ask.x0.shape[1:]
        size = torch.tensor([height, width], device=genes.device)
        pixels = genes.reshape(n, m, self.pixels, each)
        down, right = (pixels[..., :2] * size).long().minimum(size - 1).unbind(3)
        x = ask.x0.flatten(2)[:, None].expand(-1, m, -1, -1).clone()
        low, high = (
            torch.as_tensor(bound).to(x).expand_as(ask.x0).flatten(2)[:, None]
            for bound in (ask.threat.low, ask.threat.high)
        )
        for number in range(self.pixels):
            at = (down[..., number] * width + right[..., number])[:, :, None, None].expand(-1, -1, channels, 1)
            share = pixels[:, :, number, 2:, None].to(x)
            bottom, top = (bound.expand(-1, m, -1, -1).gather(3, at) for bound in (low, high))
            within = (ask.eps >= (number + 1) * channels)[:, None, None, None]
            x = x.scatter(3, at, torch.where(within, bottom + share * (top - bottom), x.gather(3, at)))
        return x.reshape(n, m, channels, height, width)


def _unit(genes: Tensor) -> Tensor:
    """Places and colours are fractions of the image and of the range."""
    return genes.clamp_min(0).clamp_max(1)


def _taken(genes: Tensor, which: Tensor) -> Tensor:
    """Return the candidates of numbers `(n, k)`, `(n, k, genes)`."""
    return genes.gather(1, which[:, :, None].expand(-1, -1, genes.shape[2]))


def _parents(unit: Tensor, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Three different candidates for each child, `(n, m)` each, from uniform numbers `(n, 3 m)`."""
    first, further, furthest = (
        (unit.reshape(-1, 3, m) * torch.tensor([[m], [m - 1], [m - 2]], device=unit.device)).long().unbind(1)
    )
    return first, (first + 1 + further) % m, (first + 1 + furthest + (furthest >= further)) % m
