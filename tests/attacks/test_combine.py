"""Restarts and Worst: fresh draws, every sample asked again, the best point kept."""

from __future__ import annotations

import pytest
import torch

import epsball as eb
from contract.problems import Affine, digits
from epsball.randomness import Stream
from recording import Recorder, middle

X = middle(4, 8)


def robust(x: torch.Tensor) -> torch.Tensor:
    """Always class 0, by a lead of at least 90."""
    return torch.stack((100 + x.sum(1), x.sum(1) ** 2), 1)


def test_every_restart_has_its_own_draws() -> None:
    model = Recorder(robust)
    eb.Restarts(eb.PGD(steps=1), 3)(model, X, torch.zeros(4).long(), eb.Threat("linf", 0.2), seed=5)
    clean, *rest = model.points
    assert torch.equal(clean, X)
    starts = torch.stack(rest[0:6:2])
    assert len(torch.unique(starts[:, 0, 0])) == 3
    for number, start in enumerate(starts, 1):
        unit = 2 * Stream(5, torch.arange(4), number << 32).uniform(8) - 1
        torch.testing.assert_close(start, X + 0.2 * unit, rtol=0, atol=1e-12)


def test_later_draws_of_a_restart_are_no_draws_of_another() -> None:
    model = Recorder(robust)
    eb.Restarts(eb.AdditiveNoise(draws=3), 3)(model, X, torch.zeros(4).long(), eb.Threat("l2", 0.2))
    first = torch.cat(model.points)[:, 0]
    assert len(torch.unique(first)) == 4 + 4 * 9  # the clean inputs, and every draw once


def test_restarts_keep_hits_and_spend_nothing_on_them() -> None:
    net = Affine((1, 4, 4), 3)
    x = digits(40, (1, 4, 4))
    y = net(x).argmax(1)
    threat, attack = eb.Threat("linf", 0.03), eb.PGD(steps=3)
    once = eb.Restarts(attack, 1)(net, x, y, threat)
    often = eb.Restarts(attack, 4)(net, x, y, threat)
    assert 3 < int(once.success.sum()) <= int(often.success.sum()) < 40
    assert torch.equal(often.x[once.success], once.x[once.success])
    assert torch.equal(often.queries[once.success], once.queries[once.success])
    assert often.gradients[~often.success].tolist() == [12] * int((~often.success).sum())


@pytest.mark.parametrize("order", [1, -1])
def test_worst_keeps_the_nearest_error_of_its_members(order: int) -> None:
    net = Affine((1, 4, 4), 3)
    x = digits(30, (1, 4, 4), middle=True)
    y = net(x).argmax(1)
    members = (eb.DeepFool(overshoot=0.3, halvings=0), eb.DeepFool())[::order]
    threat = eb.Threat("l2")
    alone = [member(net, x, y, threat) for member in members]
    both = eb.Worst(*members)(net, x, y, threat)
    nearest = torch.minimum(alone[0].distance, alone[1].distance)
    assert bool((nearest < torch.maximum(alone[0].distance, alone[1].distance) * 0.9).all())
    assert torch.equal(both.distance, nearest)


def test_worst_asks_the_second_member_about_all_that_still_stand() -> None:
    net, x = Affine((1, 4, 4), 3), digits(40, (1, 4, 4))
    y = net(x).argmax(1)
    threat = eb.Threat("linf", 0.03)
    first, second = eb.BIM(steps=6, rate=0.3), eb.FGSM()
    alone = first(net, x, y, threat)
    both = eb.Worst(first, second)(net, x, y, threat)
    assert 5 < int(alone.success.sum()) < 35
    assert bool(both.success[alone.success].all())
    assert torch.equal(both.gradients, alone.gradients + (~alone.success).long())
    assert both.gradients[~both.success].tolist() == [7] * int((~both.success).sum())


def test_members_of_worst_draw_different_numbers() -> None:
    model = Recorder(robust)
    members = (eb.AdditiveNoise(draws=1), eb.AdditiveNoise(draws=1))
    eb.Worst(*members)(model, X, torch.zeros(4).long(), eb.Threat("linf", 0.2), seed=5)
    drawn = [point for point in model.points if not torch.equal(point, X)]
    for number in (1, 2):
        unit = 2 * Stream(5, torch.arange(4), number << 32).uniform(8) - 1
        assert any(torch.allclose(point, X + 0.2 * unit, rtol=0, atol=1e-12) for point in drawn)
