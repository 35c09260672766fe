"""What every attack owes its user, on every norm that it names."""

from __future__ import annotations

import pytest
import torch

import epsball as eb
from contract.problems import (
    ATTACKS,
    GOALS,
    MINIMUM_NORM,
    PAIRS,
    Affine,
    SmallNet,
    budget,
    closed_form,
    digits,
    first_of,
)
from epsball.geometry import NORMS
from epsball.testing import CHECKS

SHAPES = first_of((1, 8, 8), (6,), (3, 8, 8))
DTYPES = first_of(torch.float32, torch.float64)


def threat_for(name: str, norm: str, shape: tuple[int, ...], *, unbounded: bool = True) -> eb.Threat:
    return eb.Threat(norm) if name in MINIMUM_NORM and unbounded else eb.Threat(norm, budget(NORMS[norm], shape))


def goal_for(labels: torch.Tensor, classes: int, *, targeted: bool) -> torch.Tensor | eb.Goal:
    return eb.Goal((labels + 1) % classes, targeted=True) if targeted else labels


@pytest.mark.thorough  # on another network than the check of the contract below, which is part of every run
@pytest.mark.parametrize("targeted", GOALS)
@pytest.mark.parametrize(("name", "norm"), PAIRS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_found_is_true_and_stays_in_ball_and_box(
    name: str, norm: str, shape: tuple[int, ...], dtype: torch.dtype, *, targeted: bool
) -> None:
    if ATTACKS[name].images_only and len(shape) == 1:
        pytest.skip("it needs images")
    model = Affine(shape, 4, dtype=dtype)
    x = digits(9, shape, dtype=dtype)
    y = model(x).argmax(1)
    y[-1] = (y[-1] + 1) % 4  # already wrong
    goal = goal_for(y, 4, targeted=targeted)
    for threat in (threat_for(name, norm, shape), threat_for(name, norm, shape, unbounded=False)):
        found = ATTACKS[name](model, x, goal, threat)
        assert found.x.shape == x.shape
        assert found.x.dtype == dtype
        assert found.distance.dtype == torch.float64
        met = eb.Goal(y).met(model(found.x)) if isinstance(goal, torch.Tensor) else goal.met(model(found.x))
        assert bool(met[found.success].all())
        moved = found.x.double() - x.double()
        torch.testing.assert_close(threat.norm(moved)[found.success], found.distance[found.success], rtol=1e-12, atol=0)
        assert bool((threat.norm(moved) <= threat.eps).all())
        assert bool(((found.x >= 0) & (found.x <= 1)).all())
        assert torch.equal(found.x[~found.success], x[~found.success])
        assert bool(found.distance[~found.success].isinf().all())
        if not targeted:
            assert bool(found.success[-1])
            assert found.distance[-1].item() == 0
            assert torch.equal(found.x[-1], x[-1])


@pytest.mark.parametrize("targeted", GOALS)
@pytest.mark.parametrize(("name", "norm"), PAIRS)
@pytest.mark.parametrize("dtype", first_of(torch.bfloat16, torch.float16))
def test_half_precision_stays_in_ball_and_box(name: str, norm: str, dtype: torch.dtype, *, targeted: bool) -> None:
    model = Affine((1, 8, 8), 4, dtype=dtype)
    x = digits(6, (1, 8, 8), dtype=dtype)
    threat = threat_for(name, norm, (1, 8, 8), unbounded=False)
    found = ATTACKS[name](model, x, goal_for(model(x).argmax(1), 4, targeted=targeted), threat)
    assert bool((threat.norm(found.x.double() - x.double()) <= threat.eps).all())
    assert bool(((found.x >= 0) & (found.x <= 1)).all())


@pytest.mark.thorough  # on another network than the check of the contract below, which is part of every run
@pytest.mark.parametrize("targeted", GOALS)
@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_a_sample_fares_the_same_in_any_company(name: str, norm: str, *, targeted: bool) -> None:
    model, shape = SmallNet().double(), (1, 8, 8)
    x, ids = digits(23, shape), torch.arange(100, 123)
    with torch.no_grad():
        y = model.eval()(x).argmax(1)
    goal = goal_for(y, 5, targeted=targeted)
    labels = goal.labels if isinstance(goal, eb.Goal) else goal
    threat = threat_for(name, norm, shape)

    def attacked(rows: torch.Tensor) -> eb.Found:
        return ATTACKS[name](model, x[rows], eb.Goal(labels[rows], targeted), threat, seed=7, ids=ids[rows])

    whole = attacked(torch.arange(23))
    assert bool(whole.success.any()) or ATTACKS[name].may_fail
    for rows in (torch.tensor([4]), torch.arange(7), torch.arange(22, -1, -1)):
        part = attacked(rows)
        assert torch.equal(part.success, whole.success[rows])
        torch.testing.assert_close(part.x, whole.x[rows], rtol=0, atol=1e-9)
        torch.testing.assert_close(part.distance, whole.distance[rows], rtol=0, atol=1e-9)
        assert torch.equal(part.queries, whole.queries[rows])
        assert torch.equal(part.gradients, whole.gradients[rows])


@pytest.mark.parametrize("norm", first_of("l2", "linf", "l1"))
def test_curvature_does_not_amplify_the_rounding_of_a_batch(norm: str) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(12, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4)).double()
    x = torch.rand(56, 12, dtype=torch.float64)
    y, threat = net(x).argmax(1), eb.Threat(norm)
    whole = eb.LBFGS()(net, x, y, threat)
    for rows in torch.split(torch.arange(len(x)), 7):
        part = eb.LBFGS()(net, x[rows], y[rows], threat, ids=rows)
        torch.testing.assert_close(part.distance, whole.distance[rows], rtol=0, atol=1e-9)


def test_half_precision_does_not_overflow_in_a_search_for_a_constant() -> None:
    model, x = Affine((4,), 3, dtype=torch.float16), digits(8, (4,), dtype=torch.float16)
    assert bool(eb.LBFGS()(model, x, model(x).argmax(1), eb.Threat("l2")).success.all())


@pytest.mark.parametrize("classes", first_of(4, 2))
@pytest.mark.parametrize(("name", "norm"), [(name, norm) for name, norm in PAIRS if norm != "l0"])
def test_no_attack_beats_the_closed_form(name: str, norm: str, classes: int) -> None:
    model = Affine((3, 5, 5), classes)
    x = digits(20, (3, 5, 5), middle=True)
    y = model(x).argmax(1)
    exact = closed_form(model, x, y, NORMS[norm])
    attack = ATTACKS[name]
    eps = exact.median().item()
    found = attack(model, x, y, eb.Threat(norm) if attack.minimum_norm else eb.Threat(norm, eps))
    assert bool((found.distance >= exact * (1 - 1e-9)).all())


@pytest.mark.parametrize(("name", "norm"), PAIRS)
@pytest.mark.parametrize("check", list(CHECKS))
def test_every_attack_keeps_the_contract(check: str, name: str, norm: str) -> None:
    CHECKS[check](ATTACKS[name], norm, torch.device("cpu"))
