"""L-BFGS against the exact optimum of box-constrained problems."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import first_of

GENERATOR = torch.Generator().manual_seed(7)
WEIGHT = torch.randn(20, generator=GENERATOR, dtype=torch.float64)
UNIT = torch.rand(12, 20, generator=GENERATOR, dtype=torch.float64)
X = torch.where(UNIT < 0.5, 0.1 * UNIT, UNIT)  # half of the features are near the lower limit
SCORE, MOST = X @ WEIGHT, WEIGHT.clamp_min(0).sum()


def optimum(level: float) -> Tensor:
    """The shortest r of the box with <w, x + r> = level: r = clip(t w), by bisection over t."""
    low, high = torch.zeros(len(X), 1, dtype=torch.float64), torch.full((len(X), 1), 1e3, dtype=torch.float64)
    for _ in range(200):
        t = (low + high) / 2
        enough = ((X + t * WEIGHT).clamp(0, 1) @ WEIGHT)[:, None] >= level
        low, high = torch.where(enough, low, t), torch.where(enough, t, high)
    return (X + high * WEIGHT).clamp(0, 1) - X


@pytest.mark.parametrize("share", first_of(0.5, 0.2, 0.8))
@pytest.mark.parametrize("targeted", [False, True], ids=["untargeted", "targeted"])
def test_on_an_affine_model_it_finds_the_optimum_of_the_box(share: float, targeted: bool) -> None:  # noqa: FBT001 - parametrised
    level = (SCORE.max() + share * (MOST - SCORE.max())).item()
    goal = eb.Goal(torch.full((12,), int(targeted)), targeted)

    def net(x: Tensor) -> Tensor:
        lead = level - x @ WEIGHT
        return torch.stack((lead, -lead), 1)

    found, exact = eb.LBFGS()(net, X, goal, eb.Threat("l2")), optimum(level)
    at = X + exact
    active = ((at <= 0) | (at >= 1)).sum(1)
    assert int(active.min()) >= 3
    assert int(active.max()) <= 17
    torch.testing.assert_close(found.distance, exact.norm(dim=1), rtol=2e-3, atol=0)
    assert bool(((found.x - at).norm(dim=1) < 2e-3 * exact.norm(dim=1)).all())


def test_a_search_costs_its_searches_times_its_steps() -> None:
    """One gradient at the input and a first one in every search."""

    def net(x: Tensor) -> Tensor:
        return torch.stack((SCORE.max() + 1 - x @ WEIGHT, x @ WEIGHT - SCORE.max() - 1), 1)

    found = eb.LBFGS(steps=4, searches=3)(net, X, torch.zeros(12).long(), eb.Threat("l2"))
    assert found.gradients.tolist() == [1 + 3 * (1 + 4)] * 12


def test_the_best_hit_is_drawn_back_to_the_boundary() -> None:
    """After a single constant, ten bisections of the segment from the input leave a thousandth of it."""
    level = SCORE.max().item() + 2

    def net(x: Tensor) -> Tensor:
        lead = level - x @ WEIGHT
        return torch.stack((lead, -lead), 1)

    def beyond(checks: int) -> Tensor:
        found = eb.LBFGS(steps=3, searches=3, checks=checks)(net, X, torch.zeros(12).long(), eb.Threat("l2"))
        assert bool(found.success.all())
        return (found.x @ WEIGHT - level) / (level - SCORE)

    assert beyond(0).max().item() > 0.05
    assert beyond(10).max().item() < 2**-9
    assert beyond(3).max().item() < 2**-2
