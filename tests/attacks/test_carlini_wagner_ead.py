"""The attacks of Carlini and Wagner and EAD against their algorithms, with the defects that copies of them have had elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import Affine, closed_form, digits
from epsball.attacks.parts.adam import Adam
from trajectories import NET, X, Y, equal, lead, points_of

EACH = [
    (eb.CarliniWagner(steps=60, searches=5, rate=0.05, constant=0.1), "l2"),
    (eb.CarliniWagnerL0(steps=40, rounds=10, rate=0.05, constant=0.1), "l0"),
    (eb.CarliniWagnerLinf(steps=200, patience=50, rate=0.05), "linf"),
    (eb.EAD(steps=60, searches=5, constant=0.1), "l1"),
]

FINE: dict[str, eb.Attack] = {
    "l2": eb.CarliniWagner(steps=60, searches=5, rate=0.02, constant=0.1),
    "l0": eb.CarliniWagnerL0(steps=40, rounds=14, rate=0.05, constant=0.1),
    "linf": eb.CarliniWagnerLinf(steps=400, patience=50, rate=0.01),
}


def test_adam_is_that_of_torch() -> None:
    gradients = torch.randn(20, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    theirs, x = torch.optim.Adam([weight], lr=0.1), torch.zeros(3, 4, dtype=torch.float64)
    ours = Adam.like(x)
    for g in gradients:
        weight.grad = g
        theirs.step()
        step, ours = ours.step(g)
        x = x - 0.1 * step
        torch.testing.assert_close(x, weight.detach(), rtol=0, atol=1e-12)
    anew = ours.again(torch.tensor([True, False, False]))
    assert anew.taken.tolist() == [0, 20, 20]
    assert float(anew.mean[0].abs().sum() + anew.square[0].abs().sum()) == 0
    assert torch.equal(anew.mean[1:], ours.mean[1:])


def c_and_w(row: int, c: float, steps: int, rate: float, low: float, high: float) -> tuple[list[Tensor], bool]:
    x0, y, half, middle = X[row : row + 1], int(Y[row]), (high - low) / 2, (high + low) / 2
    w = torch.atanh(0.99 * (x0 - middle) / half).requires_grad_()
    adam, points, won, before = torch.optim.Adam([w], lr=rate), [], False, float("inf")
    for _ in range(steps):
        x = middle + half * w.tanh()
        value, _ = lead(x.detach(), y)
        z = NET(x)[0]
        f = z[y] - torch.cat((z[:y], z[y + 1 :])).max()
        loss = ((x - x0) / (high - low)).square().sum() + c * f.clamp_min(0)
        points.append(x.detach())
        won = won or bool(value < 0)
        if loss.detach().item() > 0.9999 * before:  # of fewer than 20 steps, each is checked
            break
        before = loss.detach().item()
        (w.grad,) = torch.autograd.grad(loss, w)
        adam.step()
    return points, won


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.7)])
def test_carlini_wagner_follows_its_algorithm(row: int, low: float, high: float) -> None:
    expected, c, below, above = [X[row : row + 1]], 1e-5, 0.0, float("inf")
    for _ in range(5):
        points, won = c_and_w(row, c, 8, 0.05, low, high)
        expected += points
        below, above = (below, c) if won else (c, above)
        c = (below + above) / 2 if above < float("inf") else 10 * c
    assert above < float("inf")
    attack = eb.CarliniWagner(steps=8, searches=5, rate=0.05, constant=1e-5)
    points = points_of(attack, row, eb.Threat("l2", low=low, high=high))
    assert len(points) == len(expected)
    equal(points, expected, 1e-7)


@pytest.mark.parametrize("row", range(3))
def test_ead_follows_its_algorithm(row: int) -> None:
    x0, y, c = X[row : row + 1], int(Y[row]), 2.0
    x = point = x0
    expected = [x0]
    for step in range(8):
        value, g = lead(point, y)
        pull = 2 * (point - x0) + c * g * (value > 0)
        moved = point - 0.1 * (1 - step / 8) ** 0.5 * pull
        before = x
        x = torch.where((moved - x0).abs() <= 0.02, x0, moved - 0.02 * (moved - x0).sign()).clamp(0, 1)
        expected += [point, x]
        point = (x + step / (step + 3) * (x - before)).clamp(0, 1)
    attack = eb.EAD(steps=8, searches=1, rate=0.1, constant=c, shrinkage=0.02)
    points = points_of(attack, row, eb.Threat("l1"))
    equal(points, expected, 1e-8)
    assert {bool(NET(point).argmax() == y) for point in points} == {True, False}


@pytest.mark.parametrize(("attack", "norm"), EACH, ids=lambda value: value if isinstance(value, str) else "")
def test_black_and_white_images_move_and_what_is_missed_comes_back_as_it_was(attack: eb.Attack, norm: str) -> None:
    x = (digits(12, (6,)) > 0.5).double()
    net = Affine((6,), 3)
    y = net(x).argmax(1)
    found = attack(net, x, y, eb.Threat(norm))
    assert bool(found.success.any())
    assert torch.equal(found.x[~found.success], x[~found.success])
    certain = attack(lambda z: torch.stack((z.sum(1) + 9, z.sum(1)), 1), x, torch.zeros(12).long(), eb.Threat(norm))
    assert not bool(certain.success.any())
    assert torch.equal(certain.x, x)


@pytest.mark.parametrize(("attack", "norm"), EACH, ids=lambda value: value if isinstance(value, str) else "")
def test_a_constant_added_to_all_logits_changes_nothing(attack: eb.Attack, norm: str) -> None:
    x = digits(8, (6,))
    net = Affine((6,), 3)
    y = net(x).argmax(1)
    one, other = (attack(lambda z: net(z) - shift, x, y, eb.Threat(norm)) for shift in (0, 64))  # noqa: B023 - called at once
    assert bool(one.success.any())
    assert torch.equal(one.success, other.success)


@pytest.mark.parametrize(("attack", "norm"), EACH, ids=lambda value: value if isinstance(value, str) else "")
def test_on_an_affine_model_most_rows_are_found_near_their_boundary(attack: eb.Attack, norm: str) -> None:
    """The stated rate of attacks with steps of a given length: 9 in 10 of the rows that are farther than the median row."""
    net, x = Affine((12,), 3), digits(40, (12,), middle=True)
    y = net(x).argmax(1)
    attack = FINE.get(norm, attack)
    found = attack(net, x, y, eb.Threat(norm))
    assert found.success.double().mean().item() >= 0.9
    if norm != "l0":
        exact = closed_form(net, x, y, eb.Threat(norm).norm)
        far = exact > exact.median()
        near = found.distance <= 1.25 * exact
        assert near[far].double().mean().item() >= 0.9
    else:
        assert found.distance[found.success].median().item() <= 2
