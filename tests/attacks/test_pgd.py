"""The trajectories of FGSM, PGD, BIM and MomentumPGD, against their recursions written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import epsball as eb
from epsball.attacks.parts.step_rules import steepest
from epsball.losses import cross_entropy, sharpened_cross_entropy
from epsball.randomness import Stream
from recording import Curved, middle, path

if TYPE_CHECKING:
    from collections.abc import Callable

NET, X = Curved(8), middle(5, 8)
Y = NET(X).argmax(1)
BUDGETS = {"linf": 0.1, "l2": 0.25}


def assert_same(made: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-12)


def slope(x: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(NET(leaf), Y, reduction="sum"), leaf)[0]


def length(norm: str, v: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(v, {"linf": torch.inf, "l2": 2.0, "l1": 1.0}[norm], -1)
    return lengths


def stepped(norm: str, x: Tensor, g: Tensor, alpha: float) -> Tensor:
    """One step of projected ascent, far from the limits of the box."""
    eps = BUDGETS[norm]
    if norm == "linf":
        return X + (x + alpha * g.sign() - X).clamp(-eps, eps)
    d = x + alpha * g / length("l2", g)[:, None] - X
    return X + d * (eps / length("l2", d)[:, None]).clamp_max(1)


def trajectory(norm: str, start: Tensor, alphas: list[float], direction: Callable[[Tensor], Tensor] = slope) -> Tensor:
    points = [start]
    for alpha in alphas:
        points.append(stepped(norm, points[-1], direction(points[-1]), alpha))
    return torch.stack(points)


@pytest.mark.parametrize("norm", BUDGETS)
def test_fgsm_is_one_full_step_from_the_input(norm: str) -> None:
    eps = BUDGETS[norm]
    made = path(eb.FGSM(), NET, X, Y, eb.Threat(norm, eps))
    assert_same(made, trajectory(norm, X, [eps]))


@pytest.mark.parametrize("norm", BUDGETS)
def test_bim_takes_equal_steps_from_the_input(norm: str) -> None:
    eps = BUDGETS[norm]
    made = path(eb.BIM(steps=7, rate=0.2), NET, X, Y, eb.Threat(norm, eps))
    assert_same(made, trajectory(norm, X, [0.2 * eps] * 7))


@pytest.mark.parametrize("norm", BUDGETS)
def test_pgd_follows_its_recursion(norm: str) -> None:
    eps, threat = BUDGETS[norm], eb.Threat(norm, BUDGETS[norm])
    made = path(eb.PGD(steps=5, first=0.8, rate=0.05, loss=cross_entropy), NET, X, Y, threat)
    alphas = [0.8 * eps, 0.4 * eps, 0.2 * eps, 0.1 * eps, 0.05 * eps]
    assert_same(made, trajectory(norm, made[0], alphas))


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_pgds_steps_fall_geometrically_from_the_first_to_the_last(norm: str) -> None:
    weight = torch.linspace(1, 2, 8, dtype=torch.float64)
    made = path(
        eb.PGD(steps=4, first=0.4, rate=0.05, random_start=False),
        lambda x: torch.stack((x @ weight, -(x @ weight)), 1),
        X,
        Y.clamp_max(1),
        eb.Threat(norm, 0.2),
    )
    lengths = length(norm, made.diff(dim=0))
    expected = torch.tensor([0.08, 0.04, 0.02, 0.01], dtype=torch.float64)[:, None].expand(4, 5)
    assert_same(lengths, expected)


def test_one_step_has_the_first_length() -> None:
    made = path(eb.PGD(steps=1, first=0.5, random_start=False), NET, X, Y, eb.Threat("l2", 0.2))
    assert_same(length("l2", made[1] - made[0]), torch.full((5,), 0.1, dtype=torch.float64))


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_pgd_starts_at_a_random_point_of_the_ball(norm: str) -> None:
    threat = eb.Threat(norm, 0.2)
    starts = [path(eb.PGD(steps=1), NET, X, Y, threat, seed)[0] for seed in (0, 0, 1)]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
    away = length(norm, starts[0] - X)
    assert bool(((away > 0.01) & (away <= 0.2)).all())
    assert len(set(away.tolist())) == 5  # every sample has its own
    assert torch.equal(path(eb.PGD(steps=1, random_start=False), NET, X, Y, threat)[0], X)


def test_pgds_start_is_the_first_draw_of_the_sample() -> None:
    threat = eb.Threat("linf", 0.2)
    start = path(eb.PGD(steps=1), NET, X, Y, threat, 3)[0]
    unit = 2 * Stream(3, torch.arange(5), 0).uniform(8) - 1
    assert_same(start, X + 0.2 * unit)


@pytest.mark.parametrize("norm", BUDGETS)
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_momentum_is_the_sum_of_normalised_gradients(norm: str, decay: float) -> None:
    eps, memory = BUDGETS[norm], torch.zeros_like(X)

    def direction(x: Tensor) -> Tensor:
        nonlocal memory
        g = slope(x)
        memory = decay * memory + g / g.abs().sum(1, keepdim=True)
        return memory

    made = path(eb.MomentumPGD(steps=6, rate=0.4, decay=decay), NET, X, Y, eb.Threat(norm, eps))
    assert_same(made, trajectory(norm, X, [0.4 * eps] * 6, direction))
    if norm == "l2":
        assert not torch.allclose(made, path(eb.BIM(steps=6, rate=0.4), NET, X, Y, eb.Threat(norm, eps)), atol=1e-3)


def test_in_l0_even_the_shortest_step_moves_a_coordinate() -> None:
    weight = torch.tensor([1.0, 8.0, 3.0, 5.0, 2.0, 4.0, 7.0, 6.0], dtype=torch.float64)

    def net(x: Tensor) -> Tensor:
        return torch.stack((100 - x @ weight, x @ weight), 1)

    x = torch.full((1, 8), 0.5, dtype=torch.float64)
    attack = eb.PGD(steps=3, first=0.01, rate=0.01, random_start=False)
    made = path(attack, net, x, torch.tensor([0]), eb.Threat("l0", 3.0))
    moved = [(point != x).nonzero()[:, 1].tolist() for point in made]
    assert moved == [[], [1], [1, 6], [1, 6, 7]]
    assert made[-1][0, [1, 6, 7]].tolist() == [1.0, 1.0, 1.0]


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert eb.PGD() == eb.PGD(
        steps=40, first=1.0, rate=0.03, random_start=True, loss=sharpened_cross_entropy, rule=steepest
    )
    assert eb.BIM() == eb.PGD(steps=10, first=0.1, rate=0.1, random_start=False, loss=cross_entropy, rule=steepest)
    presets = eb.MomentumPGD()
    assert (presets.steps, presets.first, presets.rate, presets.random_start) == (10, 0.1, 0.1, False)
    assert presets.loss is cross_entropy
    assert getattr(presets.rule, "decay", None) == 1.0
    assert eb.FGSM().loss is cross_entropy
