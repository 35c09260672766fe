"""HopSkipJump's questions against its algorithm written out for one sample, and where attacks by labels begin."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.randomness import Stream
from recording import Curved, Recorder

NET = Curved(10)
X = 0.3 + 0.4 * torch.rand(12, 10, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
Y = NET(X).argmax(1)
START = torch.stack([X[(label != Y).nonzero()[0, 0]] for label in Y])
TRIES, STEPS, DIRECTIONS = 3, 4, 6


class Written:
    """The algorithm, for one sample, in the words of the paper."""

    def __init__(self, row: int, norm: str) -> None:
        self.row, self.p = row, {"l2": 2.0, "linf": math.inf}[norm]
        self.x0, self.asked = X[row], list[Tensor]()

    def error(self, x: Tensor) -> bool:
        self.asked.append(x)
        return bool(NET(x[None])[0].argmax() != Y[self.row])

    def far(self, x: Tensor) -> float:
        return float((x - self.x0).norm(p=self.p))

    def back(self, x: Tensor) -> Tensor:
        """Algorithm 1: bisect until the interval is shorter than γ / √d, or γ / d of the distance, γ = 0.01."""
        low, high = 0.0, 1.0 if self.p == 2 else self.far(x)
        shortest = high * 0.01 * 10 ** (-0.5 if self.p == 2 else -1)

        def at(t: float) -> Tensor:
            return (1 - t) * self.x0 + t * x if self.p == 2 else self.x0 + (x - self.x0).clamp(-t, t)

        while high - low > shortest:
            middle = (low + high) / 2
            low, high = (low, middle) if self.error(at(middle)) else (middle, high)
        return at(high)

    def normal(self, x: Tensor, radius: float, count: int, number: int) -> Tensor:
        """Eq. 16."""
        draw = Stream(9, torch.tensor([self.row]), number)
        drawn = draw.normal(count * 10) if self.p == 2 else 2 * draw.uniform(count * 10) - 1
        u = drawn.reshape(count, 10)
        points = (x + radius * u / u.norm(dim=1, keepdim=True)).clamp(0, 1)
        votes = torch.tensor([1.0 if self.error(point) else -1.0 for point in points], dtype=torch.float64)
        u = (points - x) / radius
        weights = votes if votes.mean().abs() == 1 else votes - votes.mean()
        mean = (weights[:, None] * u).mean(0)
        scaled: Tensor = mean / mean.norm()
        return scaled if self.p == 2 else mean.sign()

    def run(self, start: Tensor) -> list[Tensor]:
        assert self.error(start)
        x, radius = self.back(start), 0.1
        for t in range(1, STEPS + 1):
            v = self.normal(x, radius, int(DIRECTIONS * math.sqrt(t)), TRIES + t - 1)
            length = self.far(x) / math.sqrt(t)
            while not self.error((x + length * v).clamp(0, 1)):
                length /= 2
            jumped = (x + length * v).clamp(0, 1)
            radius = self.far(jumped) / 100
            x = self.back(jumped)
        return self.asked


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("row", [0, 5])
def test_every_question_is_the_one_of_the_paper(norm: str, row: int) -> None:
    asked = Recorder(NET)
    attack = eb.HopSkipJump(steps=STEPS, directions=DIRECTIONS, tries=TRIES)
    only = slice(row, row + 1)
    attack(asked, X[only], Y[only], eb.Threat(norm), seed=9, ids=[row], start=START[only])
    expected = torch.stack(Written(row, norm).run(START[row]))
    points = torch.cat(asked.points)[1:]  # the first is the input
    assert len(points) in {len(expected), len(expected) + 1}  # and the last the end, if it was not asked just before
    torch.testing.assert_close(points[: len(expected)], expected, rtol=0, atol=1e-9)


def test_the_distance_falls_towards_the_exact_one() -> None:
    x = torch.full((4, 20), 0.5, dtype=torch.float64)
    slope = torch.linspace(-1, 1, 20, dtype=torch.float64)

    def net(z: Tensor) -> Tensor:
        return torch.stack((0.3 - (z - 0.5) @ slope, torch.zeros(len(z), dtype=z.dtype)), 1)

    exact = {"l2": 0.3 / float(slope.norm()), "linf": 0.3 / float(slope.abs().sum())}
    for norm, distance in exact.items():
        found = eb.HopSkipJump(steps=25)(net, x, torch.zeros(4).long(), eb.Threat(norm))
        assert bool((found.distance < 1.05 * distance).all())


def test_the_first_errors_are_noise_of_growing_grains_blended_with_the_input() -> None:
    x = torch.full((1, 1, 8, 8), 0.25)

    def net(z: Tensor) -> Tensor:
        """Class 1 where the upper left quarter is bright: no fine noise is."""
        lead = z[:, 0, :4, :4].mean((1, 2)) - 0.7
        return torch.stack((-lead, lead), 1)

    asked = Recorder(net)
    found = eb.HopSkipJump(steps=1, directions=1)(asked, x, torch.tensor([0]), eb.Threat("l2"), seed=4)
    grains = []
    for number, point in enumerate(asked.points[1:]):
        grain = next(
            g for g in (8, 4, 2, 1) if bool((torch.kron(point[..., ::g, ::g], torch.ones(g, g)) == point).all())
        )
        grains.append(grain)
        unit = Stream(4, torch.tensor([0]), number).uniform((8 // grain) ** 2)
        torch.testing.assert_close(point[0, 0, ::grain, ::grain].flatten(), unit[0].float())
        if bool(net(point)[0, 1] > 0):
            break
    assert grains == [1, 2, 4, 8, 1, 2, 4, 8][: len(grains)]
    assert len(grains) > 1
    blend = (asked.points[1 + len(grains)] - x) / (point - x)
    torch.testing.assert_close(blend, torch.full_like(blend, 0.5), rtol=0, atol=1e-4)
    assert bool(found.success)


def test_a_sample_without_an_error_is_given_up_after_so_many_tries() -> None:
    def net(z: Tensor) -> Tensor:
        return torch.stack((5 + 0 * z[:, 0], 0 * z[:, 0]), 1)

    found = eb.HopSkipJump(tries=7)(net, X, torch.zeros(12).long(), eb.Threat("l2"))
    assert not bool(found.success.any())
    assert found.queries.tolist() == [1 + 7] * 12
