from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import epsball as eb
from epsball.attacks.parts.step_rules import momentum, steepest
from epsball.losses import Loss, cross_entropy, dlr, margin, sharpened_cross_entropy, value_and_slope

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(50, 5, generator=GENERATOR, dtype=torch.float64) * 3
LABELS = torch.randint(5, (50,), generator=GENERATOR)


def gradient(loss: Loss, logits: Tensor, goal: eb.Goal) -> Tensor:
    leaf = logits.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf, goal).sum(), leaf)[0]


@pytest.mark.parametrize("targeted", [False, True])
def test_cross_entropy_is_the_textbook_value_and_direction(targeted: bool) -> None:  # noqa: FBT001 - parametrised
    goal = eb.Goal(LABELS, targeted)
    sign = -1 if targeted else 1
    textbook = sign * F.cross_entropy(LOGITS, LABELS, reduction="none")
    torch.testing.assert_close(cross_entropy(LOGITS, goal), textbook)
    slope = gradient(cross_entropy, LOGITS, goal)
    expected = gradient(lambda z, g: sign * F.cross_entropy(z, g.labels, reduction="none"), LOGITS, goal)
    torch.testing.assert_close(F.normalize(slope), F.normalize(expected))
    clear = goal.margin(LOGITS).abs() >= 1
    assert 20 < int(clear.sum()) < 50
    sharpened = gradient(sharpened_cross_entropy, LOGITS, goal)
    torch.testing.assert_close(F.normalize(sharpened[clear]), F.normalize(expected[clear]))


def test_near_the_boundary_the_sharpened_one_heads_for_the_nearest_class() -> None:
    logits = torch.tensor([[1.0, 0.99, 0.9, 0.5]], dtype=torch.float64)
    slope = gradient(sharpened_cross_entropy, logits, eb.Goal(torch.tensor([0])))
    torch.testing.assert_close(slope, torch.tensor([[-1.0, 1.0, 0.0, 0.0]], dtype=torch.float64), rtol=0, atol=1e-3)


def test_the_gradient_of_cross_entropy_survives_a_confident_model() -> None:
    logits = torch.tensor([[200.0, 0.0, -5.0]])
    goal = eb.Goal(torch.tensor([0]))
    plain_gradient = gradient(lambda z, g: F.cross_entropy(z, g.labels, reduction="none"), logits, goal)
    assert float(plain_gradient.abs().sum()) == 0
    assert float(gradient(cross_entropy, logits, goal).abs().sum()) == pytest.approx(2)


@pytest.mark.parametrize("loss", [cross_entropy, sharpened_cross_entropy, margin, dlr])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_losses_grow_towards_the_goal(loss: Loss, targeted: bool, classes: int) -> None:  # noqa: FBT001 - parametrised
    logits, labels = LOGITS[:, :classes].clone(), LABELS % classes
    goal = eb.Goal(labels, targeted)
    helped = logits.clone()
    helped[torch.arange(50), labels] += 0.1 if targeted else -0.1
    value, better = loss(logits, goal), loss(helped, goal)
    assert bool(value.isfinite().all())
    assert bool((better >= value).all())
    if loss is not cross_entropy:
        assert torch.equal(value > 0, goal.met(logits))


def test_dlr_does_not_see_the_scale_of_the_logits() -> None:
    goal = eb.Goal(LABELS)
    torch.testing.assert_close(dlr(LOGITS, goal), dlr(1000 * LOGITS, goal))


def test_a_margin_is_positive_until_the_goal_is_met() -> None:
    for targeted in (False, True):
        goal = eb.Goal(LABELS, targeted)
        assert torch.equal(goal.margin(LOGITS) < 0, goal.met(LOGITS))
    assert eb.Goal(torch.tensor([0])).margin(torch.tensor([[1.0, -math.inf]])).item() == math.inf


def test_momentum_adds_normalised_gradients() -> None:
    g = torch.tensor([[3.0, -1.0]])
    assert steepest(g, None) == (g, None)
    first, memory = momentum(0.5)(g, None)
    torch.testing.assert_close(first, torch.tensor([[0.75, -0.25]]))
    second, _ = momentum(0.5)(g, memory)
    torch.testing.assert_close(second, 1.5 * first)
    nothing, _ = momentum()(torch.zeros(1, 2), None)
    assert bool((nothing == 0).all())


@pytest.mark.parametrize("loss", [cross_entropy, sharpened_cross_entropy, margin])
@pytest.mark.parametrize("targeted", [False, True])
def test_a_slope_in_closed_form_is_the_gradient_to_the_last_bit(loss: Loss, targeted: bool) -> None:  # noqa: FBT001 - parametrised
    for table in (LOGITS, 1000 * LOGITS.float(), LOGITS.bfloat16(), LOGITS[:, :2].float()):
        every = eb.Goal(LABELS % table.shape[1], targeted)
        clear = every.tied(table).sum(1) == 1
        goal, logits = every[clear], table[clear]
        closed = value_and_slope(loss, logits, goal)
        assert closed is not None
        assert torch.equal(closed[0], loss(logits, goal))
        assert torch.equal(closed[1], gradient(loss, logits, goal))
        assert closed[1].dtype == logits.dtype


def test_no_slope_is_written_out_for_ties_and_other_losses() -> None:
    goal, copies = eb.Goal(torch.tensor([0])), torch.tensor([[1.0, 1.0, 0.0]])
    assert value_and_slope(cross_entropy, copies, goal) is None
    assert value_and_slope(dlr, torch.tensor([[1.0, 0.5, 0.0]]), goal) is None
