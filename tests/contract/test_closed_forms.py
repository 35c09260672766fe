"""On affine models the nearest error is known; attacks that claim to find it must."""

from __future__ import annotations

import math

import pytest
import torch

import epsball as eb
from contract.problems import Affine, SmallNet, closed_form, digits, first_of
from epsball.geometry import NORMS

SHAPES = [(1, 6, 6), (12,), (3, 8, 8)]


def problem(shape: tuple[int, ...], classes: int, dtype: torch.dtype) -> tuple[Affine, torch.Tensor, torch.Tensor]:
    model = Affine(shape, classes, seed=classes, dtype=dtype)
    x = digits(64, shape, dtype=dtype, middle=True)
    with torch.no_grad():
        return model, x, model(x).argmax(1)


@pytest.mark.parametrize("dtype", first_of(torch.float64, torch.float32))
@pytest.mark.parametrize("shape", first_of(*SHAPES))
@pytest.mark.parametrize("classes", first_of(3, 2, 10))
@pytest.mark.parametrize(
    ("attack", "norm"),
    [(eb.DeepFool(), "l2"), (eb.DeepFool(), "linf"), (eb.DeepFool(), "l1"), (eb.LBFGS(), "l2")],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_minimum_norm_attacks_come_within_1_percent_of_the_distance(
    attack: eb.Attack, norm: str, classes: int, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    model, x, y = problem(shape, classes, dtype)
    exact = closed_form(model, x, y, NORMS[norm])
    clear = exact > 0.05 * exact.median()  # nearer ones are lost in the rounding of their logits
    clipped = exact > 0.4  # the box allows no coordinate of these inputs to move farther
    reachable = clear & ~clipped if norm == "l1" else clear
    found = attack(model, x, y, eb.Threat(norm))
    assert int(reachable.sum()) > 30
    ratio = found.distance[reachable] / exact[reachable]
    assert bool((ratio >= 1 - 1e-6).all())
    assert bool((ratio <= 1.01).all())


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_binary_deepfool_is_exact_in_one_step(norm: str) -> None:
    model, x, y = problem((1, 6, 6), 2, torch.float64)
    exact = closed_form(model, x, y, NORMS[norm])
    reachable = exact < 0.4 if norm == "l1" else exact > 0
    found = eb.BinaryDeepFool(overshoot=1e-6)(model, x, y, eb.Threat(norm))
    torch.testing.assert_close(found.distance[reachable], exact[reachable], rtol=1e-5, atol=0)
    assert bool((found.gradients[reachable] == 1).all())


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize(
    "attack", [eb.FGSM(), eb.BIM(steps=20), eb.PGD(), eb.MomentumPGD(steps=20)], ids=["fgsm", "bim", "pgd", "momentum"]
)
def test_budgeted_attacks_fool_exactly_the_samples_within_reach(attack: eb.Attack, norm: str) -> None:
    model, x, y = problem((3, 8, 8), 2, torch.float64)
    exact = closed_form(model, x, y, NORMS[norm])
    eps = min(exact.median().item(), 0.4)
    found = attack(model, x, y, eb.Threat(norm, eps))
    assert 5 < int(found.success.sum()) < 60
    assert bool(found.success[exact <= eps / 1.01].all())
    assert not bool(found.success[exact > eps].any())


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("attack", [eb.PGD(), eb.PGD(loss=eb.losses.margin)], ids=["cross entropy", "margin"])
def test_with_many_classes_pgd_fools_all_but_a_few_within_reach(attack: eb.Attack, norm: str) -> None:
    net = torch.nn.Linear(50, 10).double()
    x, w, y, z = _crowded(net)
    dual = {"linf": 1, "l2": 2, "l1": math.inf}[norm]
    away = (w[y][:, None] - w).norm(p=dual, dim=2)
    exact = ((z.gather(1, y[:, None]) - z) / away).masked_fill(away == 0, math.inf).amin(1)
    assert attack(net, x, y, eb.Threat(norm, 1.01 * exact)).success.double().mean().item() >= 0.9
    assert not bool(attack(net, x, y, eb.Threat(norm, 0.99 * exact)).success.any())


@pytest.mark.parametrize("attack", [eb.DeepFool(), eb.LBFGS()], ids=["deepfool", "lbfgs"])
def test_towards_the_next_class_of_many_the_distance_is_within_1_percent(attack: eb.Attack) -> None:
    net = torch.nn.Linear(50, 10).double()
    x, w, y, z = _crowded(net)
    target = z.topk(2, 1).indices[:, 1]
    gap = (z.gather(1, y[:, None]) - z.gather(1, target[:, None])).squeeze(1)
    found = attack(net, x, eb.Goal.towards(target, y), eb.Threat("l2"))
    ratio = found.distance * (w[y] - w[target]).norm(dim=1) / gap
    assert bool(((ratio > 1 - 1e-9) & (ratio < 1.01)).all())


def _crowded(net: torch.nn.Linear) -> tuple[torch.Tensor, ...]:
    """Inputs, weights, labels and logits of a linear model whose classes are all close to one another."""
    generator = torch.Generator().manual_seed(3)
    net.weight.data.normal_(0, 0.4, generator=generator)
    net.bias.data.zero_()
    x = torch.rand(100, 50, dtype=torch.float64, generator=generator) * 0.2 + 0.4
    z = net(x).detach()
    return x, net.weight.detach(), z.argmax(1), z


def test_screening_classes_saves_gradients_and_does_not_lengthen_deepfool() -> None:
    net = SmallNet().double().eval()
    x = digits(64, (1, 8, 8))
    y = net(x).argmax(1)
    few = eb.DeepFool()(net, x, y, eb.Threat("l2"))
    every = eb.DeepFool(screen=1e9)(net, x, y, eb.Threat("l2"))
    assert (few.distance.mean() / every.distance.mean()).item() < 1.002
    assert few.gradients.sum() < every.gradients.sum()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_boxed_step_finds_errors_that_the_closed_step_misses(norm: str) -> None:
    model = Affine((1, 8, 8), 2)
    x = digits(40, (1, 8, 8)).round()  # every pixel at a limit of the box
    y = model(x).argmax(1)
    closed = eb.DeepFool(boxed=False, steps=10)(model, x, y, eb.Threat(norm))
    boxed = eb.DeepFool(boxed=True, steps=10)(model, x, y, eb.Threat(norm))
    assert boxed.success.sum() >= closed.success.sum()
    assert bool(boxed.success.all())
    both = closed.success
    assert bool((boxed.distance[both] <= closed.distance[both] * 1.01).all())
