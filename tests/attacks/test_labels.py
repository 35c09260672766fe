"""Attacks that see labels only, question by question, against their algorithms written out for one sample."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.attacks.parts.waves import waves
from epsball.randomness import Stream
from recording import Curved, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

NET = Curved(10)
X = 0.3 + 0.4 * torch.rand(12, 10, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
Y = NET(X).argmax(1)
START = torch.stack([X[(label != Y).nonzero()[0, 0]] for label in Y])
TRIES, SEED = 3, 9


class Course:
    """What one sample is asked."""

    def __init__(self, row: int) -> None:
        self.row, self.x0, self.number = row, X[row], TRIES
        self.asked: list[Tensor] = []

    def error(self, x: Tensor) -> bool:
        self.asked.append(x)
        return bool(NET(x[None])[0].argmax() != Y[self.row])

    def draw(self) -> Stream:
        self.number += 1
        return Stream(SEED, torch.tensor([self.row]), self.number - 1)

    def least(
        self, at: Callable[[float], Tensor], reach: float, halvings: int, shortest: float = 0.0, low: float = 0.0
    ) -> float:
        high = reach
        for _ in range(halvings):
            if high - low <= shortest:
                break
            middle = (low + high) / 2
            low, high = (low, middle) if self.error(at(middle)) else (middle, high)
        return high

    def begun(self, halvings: int) -> Tensor:
        """The starting point, drawn back to the boundary."""
        start = START[self.row]
        assert self.error(start)
        t = self.least(lambda t: self.x0 + t * (start - self.x0), 1.0, halvings)
        return self.x0 + t * (start - self.x0)


def check(attack: eb.Attack, norm: str, course: Course, *, start: bool = True, atol: float = 1e-9) -> None:
    model, only = Recorder(NET), slice(course.row, course.row + 1)
    given = START[only] if start else None
    attack(model, X[only], Y[only], eb.Threat(norm), seed=SEED, ids=[course.row], start=given)
    points, expected = torch.cat(model.points)[1:], torch.stack(course.asked)
    assert len(points) in {len(expected), len(expected) + 1}  # the end is asked about if it was not just before
    torch.testing.assert_close(points[: len(expected)], expected, rtol=0, atol=atol)


def _short(at: Callable[[float], Tensor], most: float, sign: int, less: float) -> Tensor:
    return at(most - sign * less)


def unit(v: Tensor) -> Tensor:
    scaled: Tensor = v / v.norm()
    return scaled


ROWS = pytest.mark.parametrize("row", [0, 5])


@ROWS
def test_boundary_walks_on_a_sphere_and_drifts_inwards(row: int) -> None:
    course, turn, approach, hits, kept = Course(row), 0.05, 0.05, 0, 0
    x = START[row]
    course.error(x)
    for step in range(100):
        away = x - course.x0
        eta = course.draw().normal(10)[0]
        eta = eta - eta @ unit(away) * unit(away)
        eta = turn * away.norm() * unit(eta)
        sphere = (course.x0 + (away + eta) / math.sqrt(1 + turn**2)).clamp(0, 1)
        left = min((1 - approach) * float(away.norm()) / float((sphere - course.x0).norm()), 1)
        if step % 10 == 0:
            hits += course.error(sphere)
        nearer = course.x0 + left * (sphere - course.x0)
        if course.error(nearer):
            x, kept = nearer, kept + 1
        if step % 30 == 29:
            turn *= 1.5 if hits / 3 > 0.5 else 1 / 1.5 if hits / 3 < 0.2 else 1
            approach *= 1.5 if kept / 30 > 0.25 else 1 / 1.5 if kept / 30 < 0.1 else 1
            hits = kept = 0
    check(eb.Boundary(steps=100, turn=0.05, approach=0.05, tries=TRIES), "l2", course)


@ROWS
def test_surfree_turns_in_random_planes(row: int) -> None:
    course, angle = Course(row), math.radians(20)
    x = course.begun(10)
    past: list[Tensor] = []
    for _ in range(20):
        u, far = unit(x - course.x0), float((x - course.x0).norm())
        v = course.draw().normal(10)[0]
        for direction in past[-4:]:
            v = v - v @ direction * direction
        v = unit(v - v @ u * u)
        past.append(v)

        def at(alpha: float, u: Tensor = u, v: Tensor = v, far: float = far) -> Tensor:
            return (course.x0 + far * math.cos(alpha) * (u * math.cos(alpha) + v * math.sin(alpha))).clamp(0, 1)

        tried = [(part, sign) for part in (2, 1) for sign in (1, -1)]
        part, sign = next((way for way in tried if course.error(at(way[1] * angle * way[0] / 2))), (0, 1))
        if part:
            room = angle if part == 2 else angle / 2
            found = angle * part / 2
            at_most = sign * (found + room)
            x = at(at_most - sign * course.least(partial(_short, at, at_most, sign), room, 3))
        angle *= 1 / 0.9 if part else 0.9
    attack = eb.SurFree(steps=20, angle=20, angles=2, shrink=0.9, halvings=3, memory=4, tries=TRIES)
    check(attack, "l2", course, atol=1e-7)


@ROWS
def test_rays_flips_blocks_and_keeps_what_is_an_error_as_near(row: int) -> None:
    course, signs, far = Course(row), torch.ones(10, dtype=torch.float64), 1.0
    blocks = [(0, slice(0, 0))]
    for level, wide in enumerate((10, 5, 3, 2, 1, 1)):
        blocks += [(level, slice(first, first + wide)) for first in range(0, 10, wide)]
    for level, block in blocks[:30]:
        tried = signs.clone()
        tried[block] *= -1

        def at(far: float, tried: Tensor = tried) -> Tensor:
            return (course.x0 + far * tried).clamp(0, 1)

        if course.error(at(far)):
            usual = far * (1 - 2 / 2**level) if level > 1 else 0.0
            nearer = level > 1 and course.error(at(usual))
            low, high = (0.0, usual) if nearer else (usual, far)
            signs, far = tried, course.least(at, high, 30, 0.002 / 2**level, low)
    check(eb.RayS(steps=30, tolerance=0.002), "linf", course, start=False)


@ROWS
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_geoda_goes_from_the_input_along_a_voted_normal(row: int, norm: str) -> None:
    course = Course(row)
    x, p = course.begun(12), 2.0 if norm == "l2" else math.inf
    weights = [0.6 ** (-2 * t / 3) for t in range(3)]
    for weight in weights:
        count = round(40 * weight / sum(weights))
        u = course.draw().normal(count * 10).reshape(count, 10)
        u = u / u.norm(dim=1, keepdim=True)
        votes = torch.tensor([1.0 if course.error(x + 0.05 * one) else -1.0 for one in u], dtype=torch.float64)
        votes = votes if votes.mean().abs() == 1 else votes - votes.mean()
        v = unit((votes[:, None] * u).sum(0))
        v = v if norm == "l2" else v.sign()

        def at(far: float, v: Tensor = v) -> Tensor:
            return (course.x0 + far * v).clamp(0, 1)

        reach = float((x - course.x0).norm(p=p))
        found = next((reach * 1.1**k for k in range(24) if course.error(at(reach * 1.1**k))), None)
        x = x if found is None else at(course.least(at, found, 13))
    check(eb.GeoDA(steps=3, directions=40, radius=0.05, tries=TRIES), norm, course, atol=1e-8)


@ROWS
def test_sign_opt_descends_by_signs(row: int) -> None:
    course, eta = Course(row), 0.2
    assert course.error(START[row])
    theta, far = unit(START[row] - course.x0), float((START[row] - course.x0).norm())

    def at(theta: Tensor, far: float) -> Tensor:
        return (course.x0 + far * theta).clamp(0, 1)

    far = course.least(lambda t: at(theta, t), far, 12)
    for _ in range(2):
        other = unit(course.draw().uniform(10)[0] - course.x0)
        if course.error(at(other, far)):
            theta, far = other, course.least(partial(at, other), far, 12)
    for _ in range(5):
        u = course.draw().normal(70).reshape(7, 10)
        u = u / u.norm(dim=1, keepdim=True)
        signs = [-1 if course.error(at(unit(theta + 0.01 * one), far)) else 1 for one in u]
        slope = unit(sum((sign * one for sign, one in zip(signs, u, strict=True)), torch.zeros(10)))
        first, best = course.error(at(unit(theta - eta * slope), far)), 0.0
        best = eta if first else 0.0
        for _ in range(6):
            eta = eta * 2 if first else eta / 2
            hit = course.error(at(unit(theta - eta * slope), far))
            best = eta if hit else best
            if hit != first:
                break
        if best:
            theta, eta = unit(theta - best * slope), best
            far = course.least(partial(at, theta), far, 12)
    check(eb.SignOPT(steps=5, directions=7, tries=TRIES, starts=2), "l2", course, atol=1e-8)


@ROWS
def test_pointwise_sets_features_back_until_none_can_be(row: int) -> None:
    course, x = Course(row), START[row]
    course.error(x)
    for _ in range(3):
        changed = False
        for feature in course.draw().uniform(10)[0].argsort().tolist():
            back = x.clone()
            back[feature] = course.x0[feature]
            if not torch.equal(back, x) and course.error(back):
                x, changed = back, True
        if not changed:
            break
    check(eb.Pointwise(rounds=3, tries=TRIES), "l0", course)


def test_waves_have_low_frequencies_only() -> None:
    like = torch.zeros(2, 3, 8, 6, dtype=torch.float64)
    made = waves(Stream(0, torch.arange(2), 0), like, 0.5, 4)
    spectrum = torch.fft.fft(torch.cat((made, made.flip(-1)), -1), dim=-1).abs()  # even, so a series of cosines
    assert made.shape == (2, 4, 3, 8, 6)
    assert float(spectrum[..., 3:10].max()) < 1e-9 < float(spectrum[..., :3].max())
    assert 0.1 < float(made.square().mean()) < 0.45  # 12 of 48 coefficients have variance 1
