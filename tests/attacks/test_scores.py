"""Attacks that see scores only, against their algorithms written out for one sample."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.attacks.parts.cosines import cosines
from epsball.randomness import Stream
from recording import Curved, Recorder

SHAPE = (2, 4, 6)
SIZE = math.prod(SHAPE)
X = 0.45 + 0.1 * torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
X[:, 0, 0] = 0.0  # where the box cuts
Y = torch.ones(2, dtype=torch.int64)
ROW, SEED = 1, 5
CURVED = Curved(SIZE)


def NET(x: Tensor) -> Tensor:  # noqa: N802 - the network of these tests
    """So sure of class 1 that no error is near."""
    return CURVED(x) + torch.tensor([0.0, 20.0, 0.0], dtype=torch.float64)


def odds(x: Tensor) -> float:
    """The cross entropy."""
    return float(eb.losses.cross_entropy(NET(x[None]), eb.Goal(Y[ROW : ROW + 1])))


def lead(x: Tensor) -> float:
    logits = NET(x[None])[0]
    others = torch.cat((logits[: int(Y[ROW])], logits[int(Y[ROW]) + 1 :]))
    return float(others.max() - logits[Y[ROW]])


def asked(attack: eb.Attack, threat: eb.Threat) -> list[Tensor]:
    """The points of one sample after the clean input."""
    model, only = Recorder(NET), slice(ROW, ROW + 1)
    attack(model, X[only], Y[only], threat, seed=SEED, ids=[ROW])
    return list(torch.cat(model.points)[1:])


def draw(number: int) -> Stream:
    return Stream(SEED, torch.tensor([ROW]), number)


@pytest.mark.parametrize("frequencies", [0.0, 0.5])
def test_simba_tries_each_direction_up_and_then_down(frequencies: float) -> None:
    steps, threat = 15, eb.Threat("l2", 0.12)
    points = iter(asked(eb.SimBA(steps=steps, length=0.05, frequencies=frequencies), threat))
    directions = torch.eye(SIZE, dtype=torch.float64).reshape(-1, *SHAPE)
    if frequencies:
        down, right = cosines(4, X)[:2], cosines(6, X)[:3]
        directions = torch.zeros(2, 2, 3, *SHAPE, dtype=torch.float64)
        for channel in range(2):
            directions[channel, :, :, channel] = torch.einsum("ai,bj->abij", down, right)
        directions = directions.reshape(-1, *SHAPE)
    order = draw(0).uniform(len(directions))[0].argsort()
    best = X[ROW]
    torch.testing.assert_close(next(points), best)
    for step in range(steps):
        q = directions[order[step % len(order)]]
        for length in (0.05, -0.05):
            tried = threat.project((best + length * q)[None], X[ROW : ROW + 1])[0]
            torch.testing.assert_close(next(points), tried, rtol=0, atol=1e-9)
            if odds(tried) > odds(best):
                best = tried
                break


def test_cosines_are_orthonormal_and_begin_with_the_constant() -> None:
    waves = cosines(7, X)
    torch.testing.assert_close(waves @ waves.T, torch.eye(7, dtype=torch.float64))
    assert float(waves[0].std()) < 1e-12
    assert [(row[1:] * row[:-1] < 0).sum().item() for row in waves] == list(range(7))  # a sign change more each


def estimated(x: Tensor, u: Tensor, radius: float, *, margins: bool) -> Tensor:
    judge = lead if margins else odds
    up, down = (x + radius * u).clamp(0, 1), (x - radius * u).clamp(0, 1)
    rises = torch.tensor([judge(a) - judge(b) for a, b in zip(up, down, strict=True)], dtype=torch.float64)
    moved = (up - down) / (2 * radius)
    return (rises[:, None, None, None] / (2 * radius) * moved).mean(0)


def iterates(points: list[Tensor], queries: int) -> list[Tensor]:
    """Every point that follows so many queries for a slope."""
    return points[queries :: queries + 1]


def test_spsa_is_adam_along_slopes_from_random_signs() -> None:
    threat, x = eb.Threat("linf", 0.03), X[ROW]
    mean = square = torch.zeros(SHAPE, dtype=torch.float64)
    made = iterates(asked(eb.SPSA(steps=4, pairs=3), threat), 6)
    for step in range(4):
        u = (draw(step).uniform(3 * SIZE) - 0.5).sign().reshape(3, *SHAPE)
        g = estimated(x, u, 0.01, margins=True)
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        move = mean / (1 - 0.9 ** (step + 1)) / ((square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
        x = threat.project((x + 0.01 * move)[None], X[ROW : ROW + 1])[0]
        torch.testing.assert_close(made[step], x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_nes_steps_along_a_mean_of_slopes_from_normal_directions(norm: str) -> None:
    threat, x, mean = eb.Threat(norm, 0.03), X[ROW], torch.zeros(SHAPE, dtype=torch.float64)
    made = iterates(asked(eb.NES(steps=4, pairs=3), threat), 6)
    for step in range(4):
        g = estimated(x, draw(step).normal(3 * SIZE).reshape(3, *SHAPE), 0.001, margins=False)
        mean = 0.9 * mean + 0.1 * g
        x = threat.ascend(x[None], mean[None], 0.2 * 0.03, X[ROW : ROW + 1])[0]
        torch.testing.assert_close(made[step], x, rtol=0, atol=1e-7)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_bandits_correct_a_guess_in_tiles(norm: str) -> None:
    threat, x, prior = eb.Threat(norm, 0.03), X[ROW], torch.zeros(2, 2, 2, dtype=torch.float64)
    exploration, radius, rate, length = (1.0, 0.1, 100.0, 0.2) if norm == "linf" else (0.01, 0.01, 0.1, 0.1)
    made = iterates(asked(eb.Bandits(steps=4, tiles=2), threat), 2)

    def spread(guess: Tensor) -> Tensor:
        return guess.repeat_interleave(2, 1).repeat_interleave(3, 2)

    for step in range(4):
        u = draw(step).normal(8).reshape(2, 2, 2) / math.sqrt(SIZE)
        up, down = (spread(prior + sign * exploration * u) for sign in (1, -1))
        rise = odds((x + radius * up / up.norm()).clamp(0, 1)) - odds((x + -radius * -down / down.norm()).clamp(0, 1))
        g = rise / (exploration * radius) * u
        if norm == "linf":
            high, low = (1 + prior) / 2 * (rate * g).exp(), (1 - prior) / 2 * (-rate * g).exp()
            prior = 2 * high / (high + low) - 1
        else:
            prior = prior + rate * g
        x = threat.ascend(x[None], spread(prior)[None], length * 0.03, X[ROW : ROW + 1])[0]
        torch.testing.assert_close(made[step], x, rtol=0, atol=1e-8)


def test_sparse_rs_swaps_a_falling_share_of_its_pixels() -> None:
    k, steps = 6, 40
    points = asked(eb.SparseRS(steps=steps, share=0.9), eb.Threat("l0", 2 * k + 1))
    best = points[0]
    schedule = {0: 2, 50: 4, 200: 5, 500: 6, 1000: 8, 2000: 10, 4000: 12, 6000: 15, 8000: 20}
    for step, point in enumerate(points[1 : steps + 1]):
        time = step * 10_000 // steps
        share = 0.9 / max([1, *(by for after, by in schedule.items() if time > after)])
        before, after = ((p != X[ROW]).any(0) for p in (best, point))
        assert after.sum() == k
        assert bool(((point == 0) | (point == 1) | ~after).all())
        assert (after & ~before).sum() == (before & ~after).sum() == max(int(share * k), 1)
        assert torch.equal(point[:, before & after], best[:, before & after])
        if lead(point) > lead(best):
            best = point
    assert lead(best) >= lead(points[0])


def test_one_pixel_breeds_candidates_from_three_parents_each() -> None:
    m, pixels, genes = 6, 2, 4
    points = asked(eb.OnePixel(candidates=m, generations=3, pixels=pixels), eb.Threat("l0", 4))

    def image(candidate: Tensor) -> Tensor:
        x = X[ROW].clone()
        for down, right, *colour in candidate.reshape(pixels, genes).tolist():
            x[:, min(int(4 * down), 3), min(int(6 * right), 5)] = torch.tensor(colour, dtype=x.dtype)
        return x

    place = draw(0).uniform(m * pixels * 2).reshape(m, pixels, 2)
    colour = 0.5 + 0.5 * draw(1).normal(m * pixels * 2).reshape(m, pixels, 2)
    alive = torch.cat((place, colour), 2).flatten(1).clamp(0, 1)
    for candidate, point in zip(alive, points, strict=False):
        torch.testing.assert_close(point, image(candidate))
    for generation in range(1, 4):
        u = draw(1 + generation).uniform(3 * m).reshape(3, m)
        children = alive.clone()
        for i in range(m):
            first = int(u[0, i] * m)
            second, third = (first + 1 + int(u[1, i] * (m - 1))) % m, (first + 1 + int(u[2, i] * (m - 2))) % m
            if int(u[2, i] * (m - 2)) >= int(u[1, i] * (m - 1)):
                third = (third + 1) % m
            assert len({first, second, third}) == 3
            children[i] = (alive[first] + 0.5 * (alive[second] - alive[third])).clamp(0, 1)
            torch.testing.assert_close(points[generation * m + i], image(children[i]))
        better = [odds(image(child)) > odds(image(parent)) for child, parent in zip(children, alive, strict=True)]
        alive = torch.where(torch.tensor(better)[:, None], children, alive)


def test_a_pixel_of_all_channels_needs_as_much_budget() -> None:
    points = asked(eb.OnePixel(candidates=4, generations=1, pixels=3), eb.Threat("l0", 5))
    assert max(int((point != X[ROW]).any(0).sum()) for point in points) == 2


def test_the_share_of_the_pixels_that_move_falls_at_the_steps_of_the_paper() -> None:
    attack = eb.SparseRS(steps=10_000, share=0.3)
    parts = {
        0: 1,
        1: 2,
        50: 2,
        51: 4,
        200: 4,
        201: 5,
        501: 6,
        1001: 8,
        2001: 10,
        4001: 12,
        6001: 15,
        8000: 15,
        8001: 20,
    }
    for step, part in parts.items():
        assert attack.moving(step) == pytest.approx(0.3 / part)


@pytest.mark.parametrize("make", [eb.NES, eb.SPSA])
def test_estimates_of_slopes_are_asked_at_other_levels(make: type[eb.NES | eb.SPSA]) -> None:
    asked: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        asked.append(x)
        return torch.stack((x.sum(1), 4 - x.sum(1)), 1)

    make(steps=1)(model, torch.full((1, 6), 20 / 31), torch.zeros(1).long(), eb.Threat("linf", 1 / 31, levels=32))
    assert len({tuple(point) for batch in asked for point in batch.tolist()}) > 20
