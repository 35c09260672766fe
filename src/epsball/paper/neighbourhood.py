"""What a classifier says around an image: over a plane through it, and in balls round it and round an adversarial example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from epsball.geometry import Norm, l2, linf
from epsball.paper.answers import labels
from epsball.paper.estimates import NOTHING, bounded_mean, fraction, if_any
from epsball.paper.rows import Rows
from epsball.randomness import Stream
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.paper.lab import Data
    from epsball.paper.rows import Row

RADII: dict[Norm, tuple[float, ...]] = {linf: (0.01, 0.02, 0.05, 0.1), l2: (0.25, 0.5, 1.0, 2.0)}
DIRECTION, RANDOM_SIGNS = "FGSM direction", "random direction"
ACCURACY, TOGETHER, STAY, WRONG = "accuracy", "in the largest region", "stay fooled", "wrong labels"


def over_plane(model: Model, data: Data, along: Tensor, seed: int, *, largest: float, points: int) -> Rows:
    """Classify x + a r + b s for even a and b in ± `largest`, r given and s of random signs, pixels clipped to [0, 1].

    Args:
        model: the classifier.
        data: images that it classifies correctly, and labels.
        along: the direction r `(N, …)`, of length 1 in linf.
        seed: of the random signs.
        largest: the largest |a| and |b|.
        points: odd number of values of a and of b.

    Returns:
        The accuracy for every b (x) and a (ε); the fraction of an image's fooled points that the largest region of neighbours
        holds; of the images fooled on b = 0, a > 0, the fraction that stays fooled from there to the end.
    """
    x, y = data
    across = torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    steps = [largest * (2 * place / (points - 1) - 1) for place in range(points)]
    lines = []
    for b in steps:
        moved = [(x + a * along + b * across).clamp(0, 1) for a in steps]
        lines.append(torch.stack([labels(model, at) != y for at in moved], 1))
    fooled = torch.stack(lines, 1)
    ray = fooled[:, points // 2, points // 2 + 1 :]
    ray, some = ray[ray.any(1)], fooled[fooled.flatten(1).any(1)]
    accuracies = [
        fraction(~fooled[:, line, column]).of(ACCURACY, eps=a, x=b)
        for line, b in enumerate(steps)
        for column, a in enumerate(steps)
    ]
    together = bounded_mean(largest_region(some)) if len(some) else NOTHING
    stay = if_any(fraction, (ray == ray.int().cummax(1).values.bool()).all(1))
    return Rows((*accuracies, together.of(TOGETHER), stay.of(STAY))).of(attack=DIRECTION, norm=linf.name)


def largest_region(where: Tensor) -> Tensor:
    """Return the fraction of the true cells `(N, H, W)` that lie in the largest set of neighbours across edges, `(N,)`."""
    n, cells = len(where), where[0].numel()
    names = torch.arange(1, cells + 1, dtype=torch.float64).reshape(where.shape[1:]) * where
    while True:
        spread = F.max_pool2d(names, (3, 1), 1, (1, 0)).maximum(F.max_pool2d(names, (1, 3), 1, (0, 1))) * where
        if torch.equal(spread, names):
            break
        names = spread
    places = names.long().flatten(1) + torch.arange(n)[:, None] * (cells + 1)
    sizes = torch.bincount(places.flatten(), minlength=n * (cells + 1)).reshape(n, cells + 1)[:, 1:]
    return sizes.amax(1) / where.flatten(1).sum(1)


def in_balls(model: Model, y: Tensor, centres: dict[str, Tensor], seed: int, draws: int) -> Rows:
    """Classify random points of balls round several points of every image, cut to the pixel box.

    Args:
        model: the classifier.
        y: labels `(N,)`.
        centres: the points by name, `(N, …)` each.
        seed: of the points.
        draws: points for every centre and ball.

    Returns:
        For every norm and radius (ε), and for every centre (data), the mean fraction of wrong labels.
    """
    return Rows(
        tuple(
            _around(model, y, Threat(norm, radius), seed, draws, x).of(WRONG, data=name, norm=norm.name, eps=radius)
            for norm, radii in RADII.items()
            for radius in radii
            for name, x in centres.items()
        )
    )


def _around(model: Model, y: Tensor, threat: Threat, seed: int, draws: int, x: Tensor) -> Row:
    if not len(y):
        return NOTHING
    points = [threat.sample(x, Stream(seed, torch.arange(len(y)), draw)) for draw in range(draws)]
    wrong = torch.stack([labels(model, at) != y for at in points])
    return bounded_mean(wrong.double().mean(0))
