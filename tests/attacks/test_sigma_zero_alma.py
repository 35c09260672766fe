"""σ-zero, ALMA and SuperDeepFool against their algorithms on one sample."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import Affine, closed_form, digits
from epsball.losses import dlr
from trajectories import NET, X, Y, equal, lead, points_of


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.7)])
def test_sigma_zero_follows_its_algorithm(row: int, low: float, high: float) -> None:
    x0, y, width = X[row : row + 1], int(Y[row]), high - low
    delta, threshold, expected = torch.zeros_like(x0), 0.3, [x0]
    mean, square = torch.zeros_like(x0), torch.zeros_like(x0)
    for step in range(20):
        x = x0 + width * delta
        expected.append(x)
        value, g = lead(x, y)
        length = 0.05 + (0.5 - 0.05) * 0.5 * (1 + math.cos(math.pi * step / 20))
        threshold = threshold + 0.02 * length if value < 0 else max(threshold - 0.02 * length, 0)
        smooth = delta.clone().requires_grad_()
        (count,) = torch.autograd.grad((smooth**2 / (smooth**2 + 1e-2)).sum() / 6, smooth)
        pull = count + (width * g if value >= 0 else 0)
        pull = pull / pull.abs().max()
        mean, square = 0.9 * mean + 0.1 * pull, 0.999 * square + 0.001 * pull**2
        moment = mean / (1 - 0.9 ** (step + 1)) / ((square / (1 - 0.999 ** (step + 1))) ** 0.5 + 1e-8)
        delta = delta - length * moment
        delta = ((x0 + width * delta).clamp(low, high) - x0) / width
        delta = torch.where(delta.abs() >= threshold, delta, 0)
    attack = eb.SigmaZero(steps=20, first=0.5, smoothing=1e-2, change=0.02)
    points = points_of(attack, row, eb.Threat("l0", low=low, high=high))
    equal(points, expected, 1e-7)
    assert {bool(NET(point).argmax() == y) for point in points} == {True, False}


def penalty(d: Tensor, rho: float, mu: float) -> Tensor:
    if d >= 0:
        return mu * d + mu * rho * d**2 + rho**2 * d**3 / 6
    return mu * d / (1 - rho * d)


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("name", ["l2", "l1"])
def test_alma_follows_its_algorithm(name: str, row: int) -> None:
    x0, goal = X[row : row + 1], eb.Goal(Y[row : row + 1])
    x, rho, mu, before, won, expected = x0, 1.0, 1.0, math.inf, False, [x0]
    squares = rate = speed = torch.zeros(())
    for step in range(24):
        expected.append(x)
        at = x.clone().requires_grad_()
        d = -dlr(NET(at), goal)[0]
        won = won or bool(d < 0)
        if step and step % 4 == 0:
            rho, before, won = (1.5 * rho if not won and d.item() > 0.9 * before else rho), d.item(), False
        if step:
            moving = d.detach().requires_grad_()
            (slope,) = torch.autograd.grad(penalty(moving, rho, mu), moving)
            mu = 0.7 * mu + 0.3 * slope.item()
        distance = (at - x0).norm() if name == "l2" else (at - x0).abs().sum()
        loss = penalty(d, rho, mu) + (distance if step else 0)
        (pull,) = torch.autograd.grad(loss, at)
        squares = pull**2 if step == 0 else 0.99 * squares + 0.01 * pull**2
        move = pull / (squares**0.5 + 1e-8)
        rate = 0.2 / move.norm() if step == 0 else rate
        speed = 0.9 * speed + move
        x = (x - rate * 0.01 ** (step / 24) * speed).clamp(0, 1).detach()
    attack = eb.ALMA(steps=24, first=0.2, period=4, growth=1.5, progress=0.9, inertia=0.7)
    points = points_of(attack, row, eb.Threat(name))
    equal(points, expected, 1e-5)
    assert row == 1 or {bool(NET(point).argmax() == goal.labels[0]) for point in points} == {True, False}


@pytest.mark.parametrize("row", range(3))
def test_super_deepfool_projects_onto_the_normal_at_every_success(row: int) -> None:
    x0, y = X[row : row + 1], int(Y[row])
    points = points_of(eb.SuperDeepFool(steps=8, halvings=0, screen=0), row, eb.Threat("l2"))
    errors = 0
    for point, following in pairwise(points):
        value, g = lead(point, y)
        if value >= 0 or torch.equal(point, following):
            continue
        errors += 1
        w = -g
        wanted = x0 + 1.02 * ((point - x0) * w).sum() / (w * w).sum() * w
        torch.testing.assert_close(following, wanted.clamp(0, 1), rtol=0, atol=1e-9)
        break
    assert errors


def test_super_deepfool_ends_where_the_move_is_normal_to_the_boundary() -> None:
    found = eb.SuperDeepFool()(NET, X, Y, eb.Threat("l2"))
    plain = eb.DeepFool()(NET, X, Y, eb.Threat("l2"))
    assert bool((found.distance <= plain.distance * (1 + 1e-3)).all())
    for row in range(len(X)):
        _, g = lead(found.x[row : row + 1], int(Y[row]))
        move = found.x[row : row + 1] - X[row : row + 1]
        assert torch.cosine_similarity(move, -g).item() > 0.99


@pytest.mark.parametrize("name", ["l2", "l1"])
def test_alma_finds_eight_in_ten_errors_of_an_affine_model_near_their_boundary(name: str) -> None:
    net, x = Affine((12,), 3), digits(40, (12,), middle=True)
    y, threat = net(x).argmax(1), eb.Threat(name)
    exact = closed_form(net, x, y, threat.norm)
    far = exact > exact.median()
    found = eb.ALMA(steps=300, first=0.1)(net, x[far], y[far], threat)
    assert (found.distance <= 1.25 * exact[far]).double().mean().item() >= 0.8
