"""The attack of Brendel and Bethge: its step against a general solver, its trajectory against closed forms."""

from __future__ import annotations

from functools import partial
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from torch import Tensor, nn

import epsball as eb
from epsball.geometry import NORMS
from epsball.geometry.trust_region import TrustRegion, crossing
from trajectories import NET, X, Y, equal, lead, points_of

SIZE = 5
CONVEX = ("linf", "l2", "l1")


def region(seed: int, radius: float) -> tuple[TrustRegion, Tensor]:
    """A trust region around a point of the unit box that the boundary crosses, and the way to the input."""
    draws = np.random.default_rng(seed)
    x, x0, b = (torch.tensor(draws.uniform(0.02, 0.98, (1, SIZE))) for _ in range(3))
    b = (b - 0.5) / (b - 0.5).norm()
    gap = torch.tensor(draws.uniform(-0.2, 0.2, 1)) * radius
    return TrustRegion(b, gap, -x, 1 - x, torch.tensor([radius], dtype=torch.float64)), x0 - x


def solved(name: str, where: TrustRegion, u: Tensor, start: Tensor) -> float:
    """The least |u - d|_p by sequential quadratic programming; slack variables t make the norm smooth."""
    goal, b, c = u[0].numpy(), where.b[0].numpy(), float(where.c)
    slack = {"linf": 1, "l2": 0, "l1": SIZE}[name]

    def objective(v: np.ndarray) -> float:
        return float(v[SIZE:].sum()) if slack else float(((v - goal) ** 2).sum())

    def within(v: np.ndarray) -> np.ndarray:
        d = v[:SIZE]
        sides = [v[SIZE:] - (d - goal), v[SIZE:] + (d - goal)] if slack else []
        return np.concatenate([[float(where.radius) ** 2 - (d**2).sum()], *sides])

    first = np.concatenate([start[0].numpy(), np.full(slack, np.abs(goal - start[0].numpy()).max())])
    limits = [*zip(where.low[0].tolist(), where.high[0].tolist(), strict=True), *[(0, None)] * slack]
    limits_met = [{"type": "eq", "fun": lambda v: b @ v[:SIZE] - c}, {"type": "ineq", "fun": within}]
    found = optimize.minimize(objective, first, method="SLSQP", bounds=limits, constraints=limits_met)
    return float(NORMS[name](u - torch.from_numpy(found.x[None, :SIZE]))) if found.success else np.inf


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(CONVEX), st.floats(0.05, 1.5))
def test_a_step_gains_what_its_region_allows(seed: int, name: str, radius: float) -> None:
    where, u = region(seed, radius)
    d, norm = where.nearest(NORMS[name], u), NORMS[name]
    assert float(d.norm()) <= radius * (1 + 1e-9)
    assert bool(((d >= where.low - 1e-12) & (d <= where.high + 1e-12)).all())
    straight = NORMS["l2"].onto_hyperplane(where.b, -where.c, where.low, where.high)
    if float(straight.norm()) < radius:
        assert float((where.b * d).sum()) == pytest.approx(float(where.c), abs=1e-9)
        gain, best = norm(u - straight) - norm(u - d), norm(u - straight) - solved(name, where, u, straight)
        assert float(gain) >= 0.9 * float(best) - 1e-6


@pytest.mark.parametrize("seed", range(40))
def test_a_step_in_l0_restores_nearly_as_many_features_as_any_can(seed: int) -> None:
    where, u = region(seed, 0.5)
    most = 0
    for chosen in chain.from_iterable(combinations(range(SIZE), k) for k in range(SIZE)):
        kept = torch.zeros(SIZE, dtype=torch.bool).index_fill(0, torch.tensor(chosen, dtype=torch.long), value=True)
        rest = where.c - (where.b * u)[:, kept].sum(1)
        low, high = torch.where(kept, 0, where.low), torch.where(kept, 0, where.high)
        others = NORMS["l2"].onto_hyperplane(torch.where(kept, 0, where.b), -rest, low, high)
        d = torch.where(kept, u, others)
        if float(d.norm()) <= 0.5 and abs(float((where.b * d).sum() - where.c)) < 1e-9:
            most = max(most, len(chosen))
    assert int((where.nearest(NORMS["l0"], u) == u).sum()) >= most - 1


def test_a_boundary_out_of_reach_is_walked_to_straight() -> None:
    b = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    numbers = [torch.tensor([value], dtype=torch.float64) for value in (2.0, 0.1)]
    where = TrustRegion(b, numbers[0], -torch.ones_like(b), torch.ones_like(b), numbers[1])
    for norm in NORMS.values():
        d = where.nearest(norm, torch.tensor([[0.3, -0.4]], dtype=torch.float64))
        assert float(d.norm()) == pytest.approx(0.1)
        assert bool((d > 0).all())


def test_a_crossing_is_found_outside_of_the_interval_given_and_row_by_row() -> None:
    roots = torch.tensor([-7.0, 0.5, 3.0], dtype=torch.float64)

    def value(nu: Tensor, roots: Tensor = roots) -> Tensor:
        return (nu - roots) ** 3

    ends = torch.full((3,), -1.0, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    low, high = crossing(value, *ends, torch.full((3,), 1e-3))
    assert bool(((low <= roots) & (roots <= high)).all())
    for row in range(3):
        alone = crossing(partial(value, roots=roots[row]), ends[0][:1], ends[1][:1], torch.ones(1) / 1000)
        assert (alone[0].item(), alone[1].item()) == (low[row].item(), high[row].item())


@pytest.mark.parametrize("row", range(3))
def test_the_attack_follows_its_algorithm_in_l2(row: int) -> None:
    x0, y = X[row : row + 1], int(Y[row])
    far = eb.PGD()(NET, X, Y, eb.Threat("l2", 1.2)).x
    attack = eb.BrendelBethge(steps=6, first=0.4, last=0.1, momentum=0.5)
    points = points_of(attack, row, eb.Threat("l2", low=-5, high=5), start=far)
    x, expected, normal = points[1], points[:2], None
    assert torch.equal(x, far[row : row + 1])
    for step in range(6):
        expected.append(x)
        value, g = lead(x, y)
        normal = g if normal is None else 0.5 * normal + 0.5 * g
        gap = value / normal.norm() * (1.1 if value > 0 else 0.9)
        along = -gap * normal / normal.norm()
        across = (x0 - x) - ((x0 - x) * normal).sum() / normal.norm() ** 2 * normal
        radius = 0.4 * (0.1 / 0.4) ** (step / 5) * (x0 - x).norm()
        share = min(1.0, float((radius**2 - along.norm() ** 2).clamp_min(0).sqrt() / across.norm()))
        x = x + (along + share * across if along.norm() < radius else along * radius / along.norm())
    equal(points, [*expected, x], 1e-6)


class Flat(nn.Module):
    """Two classes by the sum of x, whose gradient is exactly 0 wherever class 0 is at all sure of itself."""

    def forward(self, x: Tensor) -> Tensor:
        ahead = (0.55 - x.flatten(1).mean(1)).clamp(-0.01, 0.01)
        return torch.stack((ahead, -ahead), 1)


@pytest.mark.parametrize(("name", "distance"), [("linf", 0.25), ("l2", 0.25 * 4), ("l1", 0.25 * 16)])
def test_gradients_that_vanish_at_the_input_hide_nothing(name: str, distance: float) -> None:
    x, y = torch.full((3, 1, 4, 4), 0.3), torch.zeros(3, dtype=torch.long)
    found = eb.BrendelBethge(tries=400)(Flat(), x, y, eb.Threat(name))
    assert not bool(eb.PGD()(Flat(), x, y, eb.Threat(name, 1.2 * distance)).success.any())
    assert found.distance.tolist() == pytest.approx([distance] * 3, rel=0.01)


class Far(nn.Module):
    """Two classes by the mean of x, above 0.8, where uniform noise never leads."""

    def forward(self, x: Tensor) -> Tensor:
        ahead = 8 * (x.flatten(1).mean(1) - 0.8)
        return torch.stack((-ahead, ahead), 1)


@pytest.mark.parametrize(("name", "distance"), [("linf", 0.05), ("l2", 0.05 * 50**0.5), ("l1", 2.5), ("l0", 10)])
def test_where_noise_finds_no_error_the_walk_begins_at_the_input(name: str, distance: float) -> None:
    x, y = torch.full((1, 50), 0.75), torch.zeros(1, dtype=torch.long)
    found = eb.BrendelBethge(tries=5)(Far(), x, y, eb.Threat(name))
    assert found.distance.item() == pytest.approx(distance, rel=0.02, abs=1 if name == "l0" else None)


@pytest.mark.parametrize("levels", [16, 256])
@pytest.mark.parametrize("name", ["linf", "l2", "l1", "l0"])
def test_between_levels_it_loses_little(name: str, levels: int) -> None:
    x = ((levels - 1) * X).round() / (levels - 1)
    y = NET(x).argmax(1)
    free, found = (eb.BrendelBethge()(NET, x, y, eb.Threat(name, levels=each)) for each in (None, levels))
    room = {"linf": 1, "l2": 6**0.5, "l1": 6, "l0": 1}[name] * (2 if name == "l0" else 2 / (levels - 1))
    assert bool((found.distance <= 1.3 * free.distance + room).all())
