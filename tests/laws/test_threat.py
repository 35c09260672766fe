"""Every point that a threat returns lies in the set, checked in float64 whatever the type of the inputs."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from epsball.geometry import NORMS, Norm
from epsball.randomness import Stream
from epsball.threat import Threat

TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
BOXES = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]


def inputs(
    seed: int, shape: tuple[int, ...], kind: torch.dtype, box: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    low, high = box
    unit = torch.rand(5, *shape, generator=generator, dtype=torch.float64)
    unit[0] = unit[0].round()  # a binary image: every pixel at a limit
    x0 = (low + (high - low) * unit).to(kind).clamp(low, high)
    g = torch.randn(5, *shape, generator=generator, dtype=torch.float64).to(kind)
    x = (x0.double() + (high - low) * torch.randn(5, *shape, generator=generator, dtype=torch.float64)).to(kind)
    return x0, g, x


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("norm", list(NORMS.values()), ids=lambda n: n.name)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(4,), (1, 5, 5), (3, 8, 8)]),
    box=st.sampled_from(BOXES),
    share=st.sampled_from([0.0, 1e-4, 8 / 255, 0.1, 0.5]),
)
@settings(max_examples=25, deadline=None)
def test_no_verb_leaves_ball_or_box(
    norm: Norm, kind: torch.dtype, seed: int, shape: tuple[int, ...], box: tuple[float, float], share: float
) -> None:
    x0, g, x = inputs(seed, shape, kind, box)
    size = x0[0].numel()
    full = {"linf": 1.0, "l2": size**0.5, "l1": float(size), "l0": float(size)}[norm.name]
    eps = float(math.ceil(share * full)) if norm.name == "l0" else share * full * (box[1] - box[0])
    threat = Threat(norm, eps, *box)
    draw = Stream(0, torch.arange(len(x0)), 0)
    inside = threat.project(x, x0)
    for point in (
        inside,
        threat.furthest(g, x0),
        threat.sample(x0, draw),
        threat.ascend(inside, g, 0.3 * eps, x0),
        threat.ascend(x0, g, eps, x0),
    ):
        assert point.dtype == kind
        assert bool(threat.contains(point, x0).all())
        assert bool((point >= box[0]).all())
        assert bool((point <= box[1]).all())
    if share == 0:
        assert torch.equal(inside, x0)


@pytest.mark.parametrize("norm", list(NORMS.values()), ids=lambda n: n.name)
def test_the_budget_is_used_and_not_given_away(norm: Norm) -> None:
    x0 = torch.full((2, 3, 8, 8), 0.5)
    eps = {"linf": 8 / 255, "l2": 0.5, "l1": 4.0, "l0": 5.0}[norm.name]
    threat = Threat(norm, eps)
    furthest = threat.furthest(torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)), x0)
    torch.testing.assert_close(
        threat.distance(furthest, x0), torch.full((2,), eps, dtype=torch.float64), rtol=1e-4, atol=0
    )


def test_one_budget_per_sample() -> None:
    x0 = torch.full((3, 4), 0.5)
    threat = Threat("linf", torch.tensor([0.0, 0.1, 0.2]))
    at = threat.furthest(torch.ones(3, 4), x0)
    torch.testing.assert_close(at[:, 0], torch.tensor([0.5, 0.6, 0.7]))
    torch.testing.assert_close(threat[torch.tensor([2])].furthest(torch.ones(1, 4), x0[:1])[0, 0], torch.tensor(0.7))


def test_a_box_per_feature() -> None:
    low, high = torch.tensor([0.0, -1.0]), torch.tensor([0.2, 1.0])
    threat = Threat("linf", 0.3, low, high)
    at = threat.furthest(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.1, -0.5]]))
    torch.testing.assert_close(at, torch.tensor([[0.2, -0.8]]))


def test_the_box_may_be_given_in_fractions() -> None:
    threat = Threat("linf", "8/255", low="-1/2", high="1/2")
    assert (threat.low, threat.high) == (-0.5, 0.5)
