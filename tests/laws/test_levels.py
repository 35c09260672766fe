"""With levels, every point that a threat returns is a picture of so many levels inside ball and box."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import epsball as eb
from contract.problems import CHEAP, Affine
from epsball.attacks.registry import registry
from epsball.geometry import NORMS, Norm
from epsball.randomness import Stream
from epsball.threat import Threat

BOXES = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-2.1, 2.6)]
NORM = pytest.mark.parametrize("norm", list(NORMS.values()), ids=lambda n: n.name)


def pictures(
    n: int, shape: tuple[int, ...], levels: int, box: tuple[float, float], seed: int, kind: torch.dtype
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    places = torch.randint(levels, (n, *shape), generator=generator).double()
    places[0] = (places[0] > levels / 2) * (levels - 1.0)  # every pixel at a limit
    return (box[0] + (box[1] - box[0]) * places / (levels - 1)).to(kind)


def on_levels(x: Tensor, levels: int, box: tuple[float, float]) -> bool:
    place = (x.double() - box[0]) / (box[1] - box[0]) * (levels - 1)
    return bool(((place - place.round()).abs() < 1e-3).all())


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@NORM
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(4,), (1, 5, 5), (3, 8, 8)]),
    box=st.sampled_from(BOXES),
    levels=st.sampled_from([2, 16, 256]),
    share=st.sampled_from([0.0, 8 / 255, 0.1, 0.3]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
@settings(max_examples=20, deadline=None)
def test_every_verb_lands_on_a_level_inside_ball_and_box(
    norm: Norm,
    kind: torch.dtype,
    seed: int,
    shape: tuple[int, ...],
    box: tuple[float, float],
    levels: int,
    share: float,
    scale: float,
) -> None:
    size, span = math.prod(shape), box[1] - box[0]
    full = {"linf": 1.0, "l2": size**0.5, "l1": float(size), "l0": float(size)}[norm.name]
    eps = float(math.ceil(share * full)) if norm.name == "l0" else share * full * span
    if norm.name != "l0" and 0 < eps < span / (levels - 1):
        eps = 0.0
    threat = Threat(norm, eps, *box, levels=levels)
    x0 = pictures(5, shape, levels, box, seed, kind)
    generator = torch.Generator().manual_seed(seed)
    g, noise = (torch.randn(5, *shape, generator=generator, dtype=torch.float64).to(kind) for _ in range(2))
    inside = threat.project(x0 + span * noise, x0)
    for point in (
        inside,
        threat.furthest(scale * g, x0),
        threat.sample(x0, Stream(seed, torch.arange(5), 0)),
        threat.ascend(inside, scale * g, 0.3 * eps, x0),
        threat.ascend(x0, g, eps, x0),
    ):
        assert point.dtype == kind
        assert on_levels(point, levels, box)
        assert bool(threat.contains(point, x0).all())
        assert bool(((point >= box[0]) & (point <= box[1])).all())
    torch.testing.assert_close(threat.project(inside, x0), inside)
    assert on_levels(threat.clip(x0 + noise), levels, box)
    if eps == 0:
        assert torch.equal(inside, x0)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("box", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
def test_eight_levels_are_eight_levels(kind: torch.dtype, box: tuple[float, float]) -> None:
    x0 = pictures(4, (3, 32, 32), 256, box, 0, kind)
    span = box[1] - box[0]
    threat = Threat("linf", span * 8 / 255, *box, levels=256)
    at = threat.furthest(torch.ones_like(x0), x0)
    moved = ((at.double() - x0.double()) / span * 255).round()
    expected = torch.minimum(torch.full_like(moved, 8), ((box[1] - x0.double()) / span * 255).round())
    assert torch.equal(moved, expected)
    assert bool(threat.contains(at, x0).all())


@NORM
@given(seed=st.integers(0, 2**32 - 1), flat=st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_shortest_step_moves_a_feature_by_a_level(norm: Norm, seed: int, *, flat: bool) -> None:
    x0 = pictures(3, (20,), 256, (0.0, 1.0), seed, torch.float64).clamp(0.1, 0.9)
    threat = Threat(norm, 5.0 if norm.name == "l0" else 0.1, levels=256)
    x0 = threat.clip(x0)
    g = torch.ones_like(x0) if flat else torch.randn(3, 20, generator=torch.Generator().manual_seed(seed)).double()
    moved = threat.ascend(x0, g, 1e-9, x0) - x0
    assert bool(((moved * g).flatten(1).sum(1) > 0).all())
    assert bool((norm(moved) <= threat.smallest_budget * (1 + 1e-9)).all())


@pytest.mark.parametrize("name", ["l2", "l1"])
def test_the_budget_is_spent_but_for_one_level(name: str) -> None:
    x0 = pictures(3, (3, 16, 16), 256, (0.0, 1.0), 1, torch.float32)
    g = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    threat = Threat(name, {"l2": 0.5, "l1": 4.0}[name], levels=256)
    distance = threat.distance(threat.furthest(g, x0), x0)
    assert bool((distance > threat.eps * 0.99 - 1 / 255).all())


@NORM
def test_a_step_across_a_plane_is_the_shortest_along_its_direction(norm: Norm) -> None:
    if norm.name == "l0":
        return
    generator = torch.Generator().manual_seed(3)
    x = pictures(8, (12,), 256, (0.0, 1.0), 3, torch.float64)
    w, b = torch.randn(8, 12, generator=generator).double(), 0.3 * torch.randn(8, generator=generator).double()
    free, threat = Threat(norm), Threat(norm, levels=256)
    at = threat.cross(x, w, b, boxed=True)
    value = ((at - x) * w).sum(1) + b
    assert bool((value * b <= 1e-12).all())
    assert on_levels(at, 256, (0.0, 1.0))
    exact = free.distance(free.cross(x, w, b, boxed=True), x)
    slack = norm(torch.full((1, 12), 1.0 / 255, dtype=torch.float64)).item()
    assert bool((threat.distance(at, x) <= exact + slack).all())


@pytest.mark.parametrize("name", list(registry()))
def test_what_every_attack_finds_can_be_saved(name: str) -> None:
    attack = CHEAP.get(name) or registry()[name]()
    model, shape = Affine((1, 6, 6), 4, dtype=torch.float32), (1, 6, 6)
    x = pictures(6, shape, 256, (0.0, 1.0), 5, torch.float32)
    y = model(x).argmax(1)
    for norm in attack.norms:
        size = {"linf": 0.1, "l2": 0.6, "l1": 3.0, "l0": 5.0}[norm]
        threat = Threat(norm, math.inf if attack.minimum_norm else size, levels=256)
        found = attack(model, x, y, threat)
        assert on_levels(found.x, 256, (0.0, 1.0))
        saved = (found.x * 255).round().to(torch.uint8).float() / 255
        assert torch.equal(model(saved).argmax(1) != y, found.success)


def test_a_frozen_feature_stays() -> None:
    high = torch.tensor([1.0, 1.0, 0.2])
    low = torch.tensor([0.0, 0.0, 0.2])
    threat = Threat("l2", 0.5, low, high, levels=256)
    x0 = threat.clip(torch.full((2, 3), 0.2))
    assert threat.furthest(torch.ones(2, 3), x0)[:, 2].tolist() == pytest.approx([0.2, 0.2])


@pytest.mark.parametrize("levels", [0, 1, 2.5, True, 10**6])
def test_levels_that_are_none_are_refused(levels: int) -> None:
    with pytest.raises(eb.InputError, match="levels was given as"):
        Threat("linf", 0.1, levels=levels)


def test_what_levels_cannot_hold_is_refused() -> None:
    with pytest.raises(eb.InputError, match=r"levels are 0\.00392157 apart"):
        Threat("linf", 0.002, levels=256)
    model, x = Affine((4,), 3, dtype=torch.float32), torch.full((2, 4), 0.5)
    with pytest.raises(eb.InputError, match="between the 256 levels"):
        eb.FGSM()(model, x, torch.tensor([0, 1]), Threat("linf", 0.1, levels=256))
    with pytest.raises(eb.InputError, match="type float16"):
        eb.FGSM()(model, x.half(), torch.tensor([0, 1]), Threat("linf", 0.1, levels=256))


@pytest.mark.parametrize("levels", [16, 32, 64, 128, 256])
def test_a_length_of_a_few_levels_in_single_precision_is_that_many(levels: int) -> None:
    x = torch.full((1, 1, 2, 2), (levels // 2) / (levels - 1))
    for count in (1, 2, 4):
        length = torch.tensor([count / (levels - 1)])
        threat = Threat("linf", length, levels=levels)
        moved = Threat("linf", 0.5, levels=levels).ascend(x, torch.ones_like(x), length, x)
        for point in (moved, threat.project(torch.ones_like(x), x)):
            assert bool((((point - x) * (levels - 1)).round() == count).all())
        assert bool(threat.contains(threat.project(torch.ones_like(x), x), x).all())
