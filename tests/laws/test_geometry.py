"""Laws that hold for every norm on ball and box, for all inputs Hypothesis can think of."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from epsball.geometry import NORMS, Norm, inner, l0, l1, l2, linf, rows
from epsball.randomness import Stream

ALL = list(NORMS.values())
DUAL = [linf, l2, l1]
SHAPES = [(1,), (7,), (1, 3, 4), (3, 4, 5)]


class Problem:
    """Displacements, gradients, radii and a box round them, drawn from one seed."""

    def __init__(self, seed: int, shape: tuple[int, ...], scale: float, *, boxed: bool) -> None:
        generator = torch.Generator().manual_seed(seed)
        n = 6

        def normal() -> Tensor:
            return torch.randn(n, *shape, generator=generator, dtype=torch.float64)

        self.g, self.v, self.other = normal(), scale * normal(), scale * normal()
        self.g[0] = 0  # a vanishing gradient
        self.v[1] = 0
        self.g.flatten(1)[2, 0] = 0
        size = self.g[0].numel()
        self.radius = scale * torch.rand(n, generator=generator, dtype=torch.float64) * size**0.5
        self.radius[3] = 0
        self.b = scale * torch.randn(n, generator=generator, dtype=torch.float64)
        x0 = torch.rand(n, *shape, generator=generator, dtype=torch.float64).round(decimals=1)  # some at the limits
        self.low: float | Tensor = -x0 if boxed else -math.inf
        self.high: float | Tensor = 1 - x0 if boxed else math.inf

    def radii(self, norm: Norm) -> Tensor:
        radii: Tensor = self.radius.ceil() if norm is l0 else self.radius
        return radii


problems = st.builds(
    Problem,
    st.integers(0, 2**32 - 1),
    st.sampled_from(SHAPES),
    st.sampled_from([1e-3, 0.3, 1.0, 10.0]),
    boxed=st.booleans(),
)
boxed_problems = problems.filter(lambda p: isinstance(p.low, Tensor))


def assert_inside(norm: Norm, d: Tensor, p: Problem) -> None:
    rounding = 1e-14 * p.v.flatten(1).abs().sum(1)
    assert bool((norm(d) <= p.radii(norm) * (1 + 1e-9) + rounding * (p.radii(norm) > 0)).all())
    assert bool((d >= p.low).all())
    assert bool((d <= p.high).all())


def feasible(norm: Norm, p: Problem, seed: int) -> Tensor:
    """Points of ball and box: draws, and a projected one that is usually on the surface."""
    draw = Stream(seed, torch.arange(len(p.v)), 0)
    return norm.sample(p.v, p.radii(norm), draw, p.low, p.high)


@pytest.mark.parametrize("norm", DUAL, ids=lambda n: n.name)
@given(p=problems)
@settings(max_examples=40, deadline=None)
def test_the_maximiser_attains_the_dual_norm(norm: Norm, p: Problem) -> None:
    d = norm.lmo(p.g, 1.0)
    torch.testing.assert_close(inner(p.g, d), norm.dual(p.g))
    assert bool((norm(d) <= 1 + 1e-9).all())


@pytest.mark.parametrize("norm", DUAL, ids=lambda n: n.name)
@given(p=problems)
@settings(max_examples=40, deadline=None)
def test_a_norm_and_its_dual_satisfy_hoelder(norm: Norm, p: Problem) -> None:
    assert bool((inner(p.g, p.v).abs() <= norm.dual(p.g) * norm(p.v) * (1 + 1e-9)).all())


@pytest.mark.parametrize("norm", ALL, ids=lambda n: n.name)
@given(p=boxed_problems, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_nothing_in_ball_and_box_beats_the_maximiser(norm: Norm, p: Problem, seed: int) -> None:
    d = norm.lmo(p.g, p.radii(norm), p.low, p.high)
    assert_inside(norm, d, p)
    best = inner(p.g, d)
    for q in (
        feasible(norm, p, seed),
        norm.project(p.g * 1e3, p.radii(norm), p.low, p.high),
        norm.project(p.v, p.radii(norm), p.low, p.high),
    ):
        assert bool((inner(p.g, q) <= best + 1e-9 * (1 + best.abs())).all())


@pytest.mark.parametrize("norm", DUAL, ids=lambda n: n.name)
@given(p=problems, seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_projection_is_the_nearest_point(norm: Norm, p: Problem, seed: int) -> None:
    at = norm.project(p.v, p.radius, p.low, p.high)
    assert_inside(norm, at, p)
    torch.testing.assert_close(norm.project(at, p.radius, p.low, p.high), at, rtol=1e-9, atol=1e-12)
    scale = 1 + p.v.flatten(1).norm(dim=1) ** 2
    for q in (feasible(norm, p, seed), norm.project(p.other, p.radius, p.low, p.high), torch.zeros_like(at)):
        assert bool((inner(p.v - at, q - at) <= 1e-9 * scale).all())  # the variational inequality


@pytest.mark.parametrize("norm", ALL, ids=lambda n: n.name)
@given(p=problems, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_projection_leaves_points_of_the_set_alone(norm: Norm, p: Problem, seed: int) -> None:
    if norm is l0 and not isinstance(p.low, Tensor):
        p.low, p.high = -1.0, 1.0
    q = feasible(norm, p, seed)
    assert_inside(norm, q, p)
    torch.testing.assert_close(norm.project(q, p.radii(norm), p.low, p.high), q, rtol=1e-12, atol=1e-12)


@given(p=boxed_problems, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_no_sparse_point_is_nearer_than_the_l0_projection(p: Problem, seed: int) -> None:
    at = l0.project(p.v, p.radii(l0), p.low, p.high)
    assert_inside(l0, at, p)
    near = (p.v - at).flatten(1).norm(dim=1)
    for q in (feasible(l0, p, seed), l0.project(p.other, p.radii(l0), p.low, p.high)):
        assert bool((near <= (p.v - q).flatten(1).norm(dim=1) + 1e-12).all())


@pytest.mark.parametrize("norm", DUAL, ids=lambda n: n.name)
@given(p=problems)
@settings(max_examples=40, deadline=None)
def test_the_closed_step_reaches_the_hyperplane_at_its_distance(norm: Norm, p: Problem) -> None:
    d = norm.to_hyperplane(p.g, p.b)
    flat = norm.dual(p.g) == 0
    torch.testing.assert_close((inner(p.g, d) + p.b)[~flat], torch.zeros_like(p.b)[~flat], rtol=0, atol=1e-9)
    torch.testing.assert_close((norm(d) * norm.dual(p.g))[~flat], p.b.abs()[~flat])
    assert bool((d[flat] == 0).all())


@pytest.mark.parametrize("norm", ALL, ids=lambda n: n.name)
@given(p=boxed_problems)
@settings(max_examples=60, deadline=None)
def test_the_boxed_step_is_the_shortest_that_crosses(norm: Norm, p: Problem) -> None:
    assert isinstance(p.low, Tensor)
    assert isinstance(p.high, Tensor)
    d = norm.onto_hyperplane(p.g, p.b, p.low, p.high)
    assert bool(((d >= p.low - 1e-12) & (d <= p.high + 1e-12)).all())
    towards = -rows(p.b.sign(), p.g) * p.g
    most = inner(towards, torch.where(towards > 0, p.high, p.low))
    gain = inner(towards, d)
    torch.testing.assert_close(gain, torch.minimum(most, p.b.abs()), rtol=1e-9, atol=1e-9)
    shorter = (norm(d) - 1).clamp_min(0) if norm is l0 else norm(d) * (1 - 1e-4)
    q = norm.lmo(towards, shorter, p.low, p.high)
    reachable = (most > p.b.abs() * (1 + 1e-6)) & (p.b != 0)
    assert bool((inner(towards, q) < p.b.abs())[reachable].all())  # no shorter move crosses


@pytest.mark.parametrize("norm", DUAL, ids=lambda n: n.name)
@given(p=problems)
@settings(max_examples=30, deadline=None)
def test_a_wide_box_changes_nothing(norm: Norm, p: Problem) -> None:
    wide = 1e9
    for operator, argument in ((norm.lmo, p.g), (norm.project, p.v)):
        torch.testing.assert_close(
            operator(argument, p.radius, -wide, wide), operator(argument, p.radius), rtol=1e-9, atol=1e-12
        )
    some = norm.dual(p.g) > 0
    torch.testing.assert_close(
        norm.onto_hyperplane(p.g, p.b, -wide, wide)[some], norm.to_hyperplane(p.g, p.b)[some], rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("norm", ALL, ids=lambda n: n.name)
def test_an_infinite_radius_leaves_only_the_box(norm: Norm) -> None:
    g = torch.tensor([[1.0, -2.0, 0.0]])
    low, high = -torch.tensor([[0.2, 0.3, 0.4]]), torch.tensor([[0.8, 0.7, 0.6]])
    torch.testing.assert_close(norm.lmo(g, math.inf, low, high), torch.tensor([[0.8, -0.3, 0.0]]))
    torch.testing.assert_close(norm.project(g, math.inf, low, high), torch.tensor([[0.8, -0.3, 0.0]]))


@pytest.mark.parametrize("norm", DUAL, ids=lambda n: n.name)
def test_tiny_gradients_in_single_precision_still_give_a_full_step(norm: Norm) -> None:
    g = torch.tensor([[1e-25, -1e-25, 0.0]])
    torch.testing.assert_close(norm(norm.lmo(g, 0.5)), torch.tensor([0.5]))


@pytest.mark.parametrize("norm", [linf, l2, l1], ids=lambda n: n.name)
def test_samples_fill_the_ball_uniformly(norm: Norm) -> None:
    n, size = 20_000, 3
    like = torch.zeros(n, size, dtype=torch.float64)
    at = norm.sample(like, 2.0, Stream(0, torch.arange(n), 0))
    share = (norm(at) <= 1.0).double().mean().item()
    assert share == pytest.approx(0.5**size, abs=4 * math.sqrt(0.125 * 0.875 / n))  # volume grows with the radius cubed
    assert at.mean(0).abs().max().item() < 0.05
