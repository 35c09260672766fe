"""APGD's trajectory against the algorithm written out for one sample, its checkpoints, and the classes that APGD-T heads for."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import epsball as eb
from epsball.attacks.apgd import windows
from epsball.randomness import Stream
from recording import Curved, Recorder, middle, path

NET, X = Curved(8), middle(6, 8)
Y = NET(X).argmax(1)
EPS = 0.2
CHECKPOINTS = [22, 41, 57, 70, 80, 87, 93, 99]
"""Of 100 steps, as arXiv:2003.01690 has them."""


def loss_and_slope(x: Tensor, y: Tensor) -> tuple[float, Tensor]:
    leaf = x[None].clone().requires_grad_()
    value = F.cross_entropy(NET(leaf), y[None])
    return value.item(), torch.autograd.grad(value, leaf)[0][0]


def written_out(x0: Tensor, start: Tensor, y: Tensor, steps: int, checkpoints: list[int]) -> list[Tensor]:
    """Algorithm 1 for one sample in linf, far from the limits of the box: the points at which the gradient is taken."""

    def inside(z: Tensor) -> Tensor:
        return x0 + (z - x0).clamp(-EPS, EPS)

    x = last = best = start
    f, g = loss_and_slope(x, y)
    losses, best_f, best_g, eta = [f], f, g, 2 * EPS
    asked, begun, changed, seen = [x], 0, False, f
    for step in range(1, steps + 1):
        alpha = 0.75 if step > 1 else 1.0
        z = inside(x + eta * g.sign())
        x, last = inside(x + alpha * (z - x) + (1 - alpha) * (x - last)), x
        f, g = loss_and_slope(x, y)
        losses.append(f)
        asked.append(x)
        if f > best_f:
            best_f, best, best_g = f, x, g
        if step in checkpoints:
            rises = sum(losses[k] > losses[k - 1] for k in range(begun + 1, step + 1))
            changed = rises <= 0.75 * (step - begun) or (not changed and seen == best_f)
            if changed:
                eta, x, g = eta / 2, best, best_g
            begun, seen = step, best_f
    return [*asked, best]


def test_apgd_is_algorithm_1() -> None:
    threat, steps = eb.Threat("linf", EPS), 40
    made = path(eb.APGD(steps=steps), NET, X, Y, threat, seed=3)
    start = threat.sample(X, Stream(3, torch.arange(len(X)), 0))
    for row in range(len(X)):
        expected = written_out(X[row], start[row], Y[row], steps, [8, 15, 21, 26, 30, 33, 35, 37, 39])
        torch.testing.assert_close(made[:, row], torch.stack(expected), rtol=0, atol=1e-12)


def test_windows_shrink_as_in_the_paper() -> None:
    ends = [end for end, window in zip(range(1, 101), windows(100), strict=False) if window]
    assert ends == CHECKPOINTS


def test_a_step_that_overshoots_is_halved_until_it_fits() -> None:
    class Valley:
        """A label whose lead is least at 0.5 + 0.01 in every feature, so that steps of any constant length circle round it."""

        def __call__(self, x: Tensor) -> Tensor:
            lead = 1 + ((x - 0.51) ** 2).sum(1)
            return torch.stack((lead, torch.zeros_like(lead)), 1)

    x = torch.full((1, 3), 0.5, dtype=torch.float64)
    end = eb.APGD(steps=200).maximise(Valley(), x, torch.tensor([0]), eb.Threat("linf", 0.3))
    assert (end - 0.51).abs().max() < 4e-3


@pytest.mark.parametrize(("classes", "towards"), [(2, {1, 2}), (9, {1, 2, 3})])
def test_apgd_t_heads_for_the_likeliest_classes_in_turn(classes: int, towards: set[int]) -> None:
    x = torch.full((1, 4), 0.5, dtype=torch.float64)
    slopes = torch.eye(4, dtype=torch.float64)
    bias = torch.tensor([3.0, 1.0, 0.5, 0.0], dtype=torch.float64)
    model = Recorder(lambda z: (z - 0.5) @ slopes.T + bias)
    found = eb.TargetedAPGD(steps=12, classes=classes)(model, x, torch.tensor([0]), eb.Threat("linf", 0.1))
    furthest = {int((points - x)[0, 1:].argmax()) + 1 for points in model.points if (points - x).abs().max() > 0.099}
    assert furthest >= towards
    assert furthest <= {1, 2, 3}
    assert int(found.gradients) == min(classes, 3) * 13


def test_any_wrong_label_ends_apgd_t() -> None:
    x, y = X[:1], Y[:1]
    wide = eb.TargetedAPGD(steps=30)(NET, x, y, eb.Threat("linf", 0.4))
    assert bool(wide.success.all())
    assert int(wide.gradients) < 30


def sparse_written_out(x0: Tensor, start: Tensor, y: Tensor, balls: list[tuple[float, int]]) -> list[Tensor]:
    """l1-APGD for one sample far from the limits of the box: the points at which the gradient is taken, and the best one."""

    def inside(z: Tensor, radius: float) -> Tensor:
        return x0 + eb.geometry.l1.project((z - x0)[None], radius)[0]

    best, asked = start, []
    for radius, steps in balls:
        x = best = inside(best, radius)
        f, g = loss_and_slope(x, y)
        best_f, best_g, eta = f, g, radius
        moved = int((x != x0).sum())
        entries = moved / 1.5 if len(balls) > 1 else 0.2 * len(x0)
        moved = moved if len(balls) > 1 else len(x0)
        asked.append(x)
        for step in range(steps):
            chosen = g.abs().argsort(descending=True)[: max(math.ceil(entries), 1)]
            move = torch.zeros_like(x).index_fill_(0, chosen, 1) * g.sign()
            x = inside(x + eta / len(chosen) * move, radius)
            f, g = loss_and_slope(x, y)
            asked.append(x)
            if f > best_f:
                best_f, best, best_g = f, x, g
            if (step + 1) % max(int(0.04 * steps), 1) == 0:
                now = int((best != x0).sum())
                entries = now / 1.5
                if now / moved < 0.95:
                    eta, x, g = radius, best, best_g
                else:
                    eta = max(eta / 1.5, radius / 10)
                moved = now
    return [*asked, best]


@pytest.mark.parametrize("balls", [1, 2, 3])
def test_l1_apgd_is_the_paper_written_out(balls: int) -> None:
    eps, steps = 0.14, 20 if balls > 1 else 60
    stages = {1: [(eps, 60)], 2: [(2 * eps, 9), (eps, 11)], 3: [(3 * eps, 6), (2 * eps, 6), (eps, 8)]}[balls]
    made = path(eb.L1APGD(steps=steps, balls=balls), NET, X, Y, eb.Threat("l1", eps), seed=3)
    noise = Stream(3, torch.arange(len(X)), 0).normal(X.shape[1])
    start = X + eb.geometry.l1.project(noise, balls * eps)
    for row in range(len(X)):
        expected = sparse_written_out(X[row], start[row], Y[row], stages)
        torch.testing.assert_close(made[:, row], torch.stack(expected), rtol=0, atol=1e-6)


def test_l1_apgd_heads_for_the_likeliest_classes_in_turn() -> None:
    bias = torch.tensor([3.0, 1.0, 0.5, 0.0], dtype=torch.float64)
    x = torch.full((1, 4), 0.5, dtype=torch.float64)
    model = Recorder(lambda z: (z - 0.5) + bias)
    eb.TargetedL1APGD(steps=9, balls=1, targets=2)(model, x, torch.tensor([0]), eb.Threat("l1", 0.2))
    ends = [int((points - x)[0, 1:].argmax()) + 1 for points in (model.points[10], model.points[-1])]
    assert ends == [1, 2]
