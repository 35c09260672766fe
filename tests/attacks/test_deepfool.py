"""DeepFool's trajectories against closed forms: the step, the overshoot and its bisection, the choice of class."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from recording import Curved, Recorder, middle

WEIGHT = torch.tensor([3.0, -1.0, 2.0, 0.5, -2.0], dtype=torch.float64)
X = middle(4, 5)
ZERO = torch.zeros(4).long()
NORMS = ["l2", "linf", "l1"]


def plane(x: Tensor) -> Tensor:
    """Class 0 by <w, x> - b, with the boundary a little away from every input."""
    lead = x @ WEIGHT - (X @ WEIGHT).min() + 0.05
    return torch.stack((lead, torch.zeros_like(lead)), 1)


def step(norm: str, lead: Tensor) -> Tensor:
    """The shortest move that takes `lead` `(n,)` off <w, x>."""
    if norm == "l2":
        return -lead[:, None] / WEIGHT.square().sum() * WEIGHT
    if norm == "linf":
        return -lead[:, None] / WEIGHT.abs().sum() * WEIGHT.sign()
    return -lead[:, None] / WEIGHT[0] * torch.eye(5, dtype=torch.float64)[0]


@pytest.mark.parametrize("norm", NORMS)
def test_on_an_affine_model_one_step_and_three_bisections_of_the_overshoot(norm: str) -> None:
    model = Recorder(plane)
    found = eb.DeepFool()(model, X, ZERO, eb.Threat(norm))
    r = step(norm, plane(X)[:, 0])
    assert torch.equal(model.points[0], X)
    for point, overshoot in zip(model.points[1:5], (0.02, 0.01, 0.005, 0.0025), strict=True):
        torch.testing.assert_close(point - X, (1 + overshoot) * r, rtol=1e-9, atol=1e-12)
    assert found.gradients.tolist() == [1, 1, 1, 1]
    torch.testing.assert_close(found.x - X, 1.0025 * r, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_binary_deepfool_steps_by_a_thousandth_more(norm: str) -> None:
    model = Recorder(plane)
    found = eb.BinaryDeepFool()(model, X, ZERO, eb.Threat(norm))
    r = step(norm, plane(X)[:, 0])
    torch.testing.assert_close(model.points[1] - X, 1.001 * r, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.x - X, 1.001 * r, rtol=1e-9, atol=1e-12)
    assert found.gradients.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    "attack", [eb.DeepFool(overshoot=0, halvings=0, steps=1), eb.BinaryDeepFool(overshoot=0, steps=1)]
)
def test_a_step_aims_beyond_rounding(attack: eb.Attack, kind: torch.dtype) -> None:
    """Without an overshoot, one step onto the boundary of an affine model is an error clear of rounding already."""
    x, weight = middle(50, 5).to(kind), WEIGHT.to(kind)

    def net(x: Tensor) -> Tensor:
        lead = x @ weight - (X @ WEIGHT).min().to(kind) + 0.5
        return torch.stack((lead, -lead), 1)

    found = attack(net, x, torch.zeros(50).long(), eb.Threat("l2"))
    assert bool(found.success.all())
    exact = net(x)[:, 0].double() / WEIGHT.norm()
    torch.testing.assert_close(found.distance, exact, rtol=100 * torch.finfo(kind).eps, atol=0)


@pytest.mark.parametrize("attack", [eb.DeepFool(overshoot=1e-7, halvings=0), eb.BinaryDeepFool(overshoot=1e-7)])
def test_on_a_paraboloid_the_iterates_are_newtons(attack: eb.Attack) -> None:
    """f = |W x|² - c with W of orthonormal columns, from outside: |x| <- (|x|² + c) / 2 |x| along one ray."""
    draws = torch.Generator().manual_seed(0)
    first = torch.linalg.qr(torch.randn(9, 4, generator=draws, dtype=torch.float64)).Q.T
    radius = 0.2

    def net(x: Tensor) -> Tensor:
        f = (x @ first).square().sum(1) - radius**2
        return torch.stack((f, torch.zeros_like(f)), 1)

    x = 0.2 + 0.4 * torch.rand(6, 4, generator=draws, dtype=torch.float64)
    model = Recorder(net)
    found = attack(model, x, torch.zeros(6).long(), eb.Threat("l2"))
    unit, size = x / x.norm(dim=1, keepdim=True), x.norm(dim=1)
    for point in model.points[:6:2]:  # what is linearised; in between, the decision is tested
        torch.testing.assert_close(point, size[:, None] * unit, rtol=1e-9, atol=0)
        size = (size**2 + radius**2) / (2 * size)
    torch.testing.assert_close(found.distance, x.norm(dim=1) - radius, rtol=1e-5, atol=0)


def test_the_overshoot_lengthens_the_sum_of_the_steps_and_not_the_iterates() -> None:
    model = Recorder(lambda x: torch.stack((x.square().sum(1) - 0.01, 0 * x.sum(1)), 1))
    x = torch.full((1, 4), 0.4, dtype=torch.float64)
    eb.DeepFool(overshoot=0.1, halvings=0)(model, x, torch.tensor([0]), eb.Threat("l2"))
    sizes = [0.8]
    for _ in range(3):
        sizes.append((sizes[-1] ** 2 + 0.01) / (2 * sizes[-1]))
    expected = [0.8, 0.8 + 1.1 * (sizes[1] - 0.8), sizes[1], 0.8 + 1.1 * (sizes[2] - 0.8), sizes[2]]
    assert [point.norm().item() for point in model.points[:5]] == pytest.approx(expected, rel=1e-9)


SLOPES = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 4, 0, 0], [0, 0, 3, 3.0]], dtype=torch.float64)
BEHIND = torch.tensor([0.0, 0.1, 0.2, 0.21], dtype=torch.float64)


def fan(x: Tensor) -> Tensor:
    """At the grey input class 1 is 0.1 behind with a slope of 1, class 2 0.2 with 4, class 3 0.21 with (3, 3)."""
    return (x - 0.5) @ SLOPES.T - BEHIND


@pytest.mark.parametrize(
    ("norm", "candidates", "label", "distance"),
    [
        ("l2", 10, 3, 0.21 / 18**0.5),
        ("linf", 10, 3, 0.035),
        ("l1", 10, 2, 0.05),
        ("l2", 2, 2, 0.05),
        ("l2", 1, 1, 0.1),
    ],
)
def test_the_nearest_boundary_among_the_likeliest_classes_is_taken(
    norm: str, candidates: int, label: int, distance: float
) -> None:
    x = torch.full((1, 4), 0.5, dtype=torch.float64)
    found = eb.DeepFool(candidates=candidates)(fan, x, torch.tensor([0]), eb.Threat(norm))
    assert fan(found.x).argmax().item() == label
    assert found.distance.item() == pytest.approx(1.0025 * distance, rel=1e-9)
    assert found.gradients.item() == min(candidates, 3)


def algorithm_2(net: Curved, x: Tensor, y: int) -> tuple[Tensor, int]:
    """DeepFool on one sample as the paper writes it, in l2, and its number of steps."""
    at, steps = x.clone(), 0
    while net(x + 1.02 * (at - x)).argmax().item() == y:
        jacobian = torch.autograd.functional.jacobian(lambda p: net(p)[0], at)[:, 0]  # type: ignore[no-untyped-call] # PyTorch does not annotate it
        w, f = jacobian - jacobian[y], (net(at)[0] - net(at)[0, y]).abs()
        reach = (f / w.norm(dim=1)).nan_to_num(torch.inf)
        k = int(reach.argmin())
        at = at + f[k] / w[k].square().sum() * w[k]
        steps += 1
    return x + 1.02 * (at - x), steps


@pytest.mark.parametrize("screen", [0.25, 1e9])
def test_on_a_curved_network_it_is_the_papers_algorithm_2(screen: float) -> None:
    net, x = Curved(8, classes=6, seed=4), 0.5 + 6 * (middle(12, 8) - 0.5)
    y = net(x).argmax(1)
    found = eb.DeepFool(halvings=0, screen=screen)(net, x, y, eb.Threat("l2"))
    made = [algorithm_2(net, x[row : row + 1], int(y[row])) for row in range(12)]
    torch.testing.assert_close(found.x, torch.cat([point for point, _ in made]), rtol=0, atol=1e-9)
    steps = torch.tensor([steps for _, steps in made])
    assert int(steps.max()) > 1
    every = 5 * steps
    assert torch.equal(found.gradients, every) if screen > 1 else bool((found.gradients <= every).all())
    assert screen > 1 or int(found.gradients.sum()) < int(every.sum())


def test_towards_a_target_the_likeliest_other_class_is_the_boundary() -> None:
    x = torch.full((1, 4), 0.5, dtype=torch.float64)
    found = eb.DeepFool()(fan, x, eb.Goal(torch.tensor([1]), targeted=True), eb.Threat("l2"))
    assert fan(found.x).argmax().item() == 1
    assert found.distance.item() == pytest.approx(1.0025 * 0.1, rel=1e-9)
    assert found.gradients.item() == 1


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert eb.DeepFool() == eb.DeepFool(steps=50, candidates=10, overshoot=0.02, halvings=3, screen=0.25, boxed=None)
    assert eb.BinaryDeepFool() == eb.BinaryDeepFool(steps=50, overshoot=1e-3, boxed=None)
    assert eb.LBFGS() == eb.LBFGS(steps=30, searches=9, memory=8, checks=10, candidates=10)
    assert eb.AdditiveNoise() == eb.AdditiveNoise(draws=10)
    assert eb.Restarts(eb.FGSM()).n == 10
