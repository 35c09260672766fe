"""A test of an attack: does it find an adversarial example that was planted?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from epsball.attacks.combine import Wrapper
from epsball.errors import InputError
from epsball.models.model import Model
from epsball.models.planted import ORDER, Features, Heads, Shown, distances
from epsball.oracle.access import Access
from epsball.threat import replace_eps
from epsball.validation import positive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.oracle.oracle import Oracle
    from epsball.oracle.work import Work
    from epsball.settings import Number
    from epsball.threat import Threat

_NUMBERS = 2**24
"""Numbers of points that are held together."""
_RIDGE = 10.0
"""λ in units of the mean variance of a feature. With a small one a head looks along directions in which inner points hardly vary, and
honest slopes do not lead to the planted point either."""
_DIGITS = 1e-4
"""What rounding leaves of a difference of features, as a fraction of them."""


@dataclass(frozen=True)
class Planted(Wrapper):
    """Give every ball a head <w, φ(x)> > b that one point of its surface meets and no inner one, and look for such points.

    φ are the features before the model's last layer, w = (Σ + λ)^-1 (φ(planted) - mean φ(inner)) is Fisher's discriminant of the inner
    points, and b lies half-way between the highest inner one and the planted one. An attack that follows the model's slopes finds the
    planted point or a better one. It says which samples got one ("planted"), and on which of these it failed ("unfound").
    Zimmermann, Brendel, Tramèr, Carlini 2022, arXiv:2206.13991, section 4. Deviations: Fisher's discriminant where the paper fits a
    logistic regression; as many points of the whole ball as inner ones must lie below b too.

    Args:
        attack: what is tested, inside a ball.
        inner: inner points of every ball.
        share: their radius, a fraction of ε.

    Raises:
        InputError: a minimum-norm attack.
    """

    starts_at_input = True

    attack: Attack
    inner: int = positive(128)
    share: Number = positive(0.95)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attack.minimum_norm:
            raise InputError(
                f"Planted was given {type(self.attack).__name__}, which looks for the nearest error; expected an attack inside a "
                "ball: eb.attacks.Within(attack) makes it one"
            )

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def access(self) -> Access:  # type: ignore[override]
        """Scores at least: features are asked for as scores."""
        return max(super().access, Access.SCORES)

    @property
    def noise_only(self) -> bool:  # type: ignore[override]
        return False

    @property
    def maximises(self) -> bool:
        return False

    @property
    def accepts_start(self) -> bool:  # type: ignore[override]
        return False

    @property
    def expected_passes(self) -> float:
        return 2 * self.inner + 1 + self.attack.expected_passes

    def expected_work(self, samples: float) -> Work:
        return self.attack.expected_work(samples) + super().expected_work(samples)

    def run(self, ask: Oracle) -> Tensor:
        x0, threat = ask.x0, ask.threat
        if not len(x0) or not threat.bounded:
            return x0
        made: list[Features] = []

        def shown(model: Model) -> Model:
            made.append(Features(model, x0[:1]))
            return Model(Shown(made[0]), cost=model.cost)

        with ask.instead(shown):
            planted = self._features(ask, _surface(ask))[:, 0]
            radius = threat.budget(x0)
            inside = replace_eps(threat, self.share * torch.as_tensor(radius))
            inner = torch.cat([self._features(ask, points) for points in self._points(ask, inside)], 1)
            any_points = torch.cat([self._features(ask, points) for points in self._points(ask, threat)], 1)
        weight, bias, possible = heads(planted, inner, any_points)
        found = torch.zeros_like(possible)
        for group in apart(x0, threat, possible):
            model = Heads(made[0], x0[group], threat.norm.name, weight[group], bias[group])
            chosen = torch.zeros_like(possible).index_fill_(0, group, 1)
            with ask.instead(partial(_of, model)), ask.among(chosen):
                ask.finish(self.attack.run(ask))
                ask.restart()
                found |= ask.distance.isfinite()
        ask.note("planted", possible)
        ask.note("unfound", possible & ~found)
        return x0

    def _points(self, ask: Oracle, threat: Threat) -> Iterator[Tensor]:
        """Points of the balls (n, m, …), m at a time."""
        together = max(1, min(self.inner, _NUMBERS // max(1, ask.x0.numel())))
        for first in range(0, self.inner, together):
            number = min(together, self.inner - first)
            yield torch.stack([threat.sample(ask.x0, ask.draw()) for _ in range(number)], 1)

    def _features(self, ask: Oracle, points: Tensor) -> Tensor:
        """Features (n, m, d) of points (n, m, …)."""
        return ask.scores(points)[..., 1:]


def _of(net: Heads, model: Model) -> Model:
    """The network at the cost of the model that it asks."""
    return Model(net, cost=model.cost)


def _surface(ask: Oracle) -> Tensor:
    """A random point of the surface of every ball, (n, 1, …): a corner in linf, a direction in l2."""
    normal = ask.draw().normal(ask.x0[0].numel()).to(ask.x0).reshape(ask.x0.shape)
    return ask.threat.furthest(normal, ask.x0)[:, None]


def heads(planted: Tensor, inner: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Heads w (n, d) and b (n,) under which the planted points alone are above b by 1, and for which samples there is one (n,).

    Args:
        planted: features of the planted points (n, d).
        inner: of the inner points (n, m, d).
        others: of points that must lie below too (n, k, d).
    """
    kind = planted.dtype
    planted, inner, others = planted.double(), inner.double(), others.double()
    mean = inner.mean(1)
    spread, toward = (inner - mean[:, None]) / inner.shape[1] ** 0.5, planted - mean
    # Woodbury: (SᵀS + λ)^-1 v = (v - Sᵀ (λ + S Sᵀ)^-1 S v) / λ, with as many equations as there are points
    ridge = _RIDGE * spread.square().sum((1, 2)) / spread.shape[2]
    ridge = torch.where(ridge > 0, ridge, 1.0)
    system = spread @ spread.mT + ridge[:, None, None] * torch.eye(spread.shape[1]).to(spread)
    weight = toward - (spread.mT @ torch.linalg.solve(system, spread @ toward[..., None])).squeeze(2)
    weight = weight / weight.norm(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    top = (torch.cat((inner, others), 1) @ weight[..., None]).squeeze(2).amax(1)
    at = (planted * weight).sum(1)
    gap = (at - top) / 2
    possible = gap > _DIGITS * at.abs().maximum(top.abs())
    scale = torch.where(possible, 1 / gap, 0.0)
    return (weight * scale[:, None]).to(kind), ((at + top) / 2 * scale).to(kind), possible


def apart(x0: Tensor, threat: Threat, wanted: Tensor) -> Iterator[Tensor]:
    """Groups (k,) of the wanted samples (n,) whose balls do not meet, so that a point tells by itself in whose it lies."""
    left = wanted.nonzero().squeeze(1)
    eps = torch.as_tensor(threat.eps, device=x0.device).expand(len(x0)).double()
    far = distances(x0, x0, ORDER[threat.norm.name]) > eps[:, None] + eps
    while len(left):
        group: list[int] = []
        for each in left.tolist():
            if bool(far[each, group].all()):
                group.append(each)
        yield torch.tensor(group, device=x0.device)
        left = left[~torch.isin(left, torch.tensor(group, device=x0.device))]
