"""What a batch costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb
from epsball.errors import InputError
from epsball.losses import cross_entropy
from epsball.training.objectives import OBJECTIVES, adversarial, standard
from epsball.training.objectives.base import Robust

THREAT = eb.Threat(eb.linf, eps=0.1)


class Net(nn.Module):
    """An affine classifier behind batch norm and dropout, which tell the modes apart."""

    def __init__(self) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(0)
        self.norm, self.drop, self.line = nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Linear(16, 3)
        with torch.no_grad():
            self.line.weight.copy_(torch.randn(3, 16, generator=draws))

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.line(self.drop(self.norm(x).flatten(1)))
        return answer


@dataclass(frozen=True)
class Spy:
    """An attack that moves nothing much and writes down how it was called."""

    seen: dict[str, Any] = field(default_factory=dict)

    def maximise(self, model: eb.Model, x: Tensor, y: Tensor, threat: eb.Threat, *, seed: int, ids: Tensor) -> Tensor:
        assert model.module is not None
        training = [part.training for part in model.module.modules()]
        gradients = [weight.requires_grad for weight in model.module.parameters()]
        self.seen.update(training=training, gradients=gradients, x=x, y=y, threat=threat, seed=seed, ids=ids)
        return (x + 0.25).clamp(0, 1)


def batch() -> tuple[Tensor, Tensor, Tensor]:
    draws = torch.Generator().manual_seed(3)
    return torch.rand(6, 1, 4, 4, generator=draws), torch.arange(6) % 3, torch.arange(10, 16)


def test_the_standard_loss_is_the_cross_entropy() -> None:
    x, y, ids = batch()
    model = eb.wrap(Net().eval(), mean=0.5, std=0.25)
    assert torch.equal(standard(model, x, y, seed=0, ids=ids), F.cross_entropy(model.net((x - 0.5) / 0.25), y))


def test_the_attack_sees_pixels_in_eval_mode_and_the_update_is_in_training_mode() -> None:
    x, y, ids = batch()
    net, spy = Net(), Spy()
    model = eb.wrap(net, mean=0.5, std=0.25)
    loss = adversarial(spy, THREAT)(model, x, y, seed=11, ids=ids)
    assert spy.seen["x"] is x
    assert (spy.seen["seed"], spy.seen["ids"], spy.seen["threat"]) == (11, ids, THREAT)
    assert not any(spy.seen["training"])
    assert not any(spy.seen["gradients"])
    assert all(part.training for part in net.modules())
    loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
    assert net.line.weight.grad is not None
    assert int(net.norm.num_batches_tracked or 0) == 1


@pytest.mark.parametrize("clean", [0.0, 0.5, 0.9])
def test_the_weight_of_clean_loss(clean: float) -> None:
    x, y, ids = batch()
    model = eb.wrap(Net().eval())
    moved = (x + 0.25).clamp(0, 1)
    expected = clean * F.cross_entropy(model(x), y) + (1 - clean) * F.cross_entropy(model(moved), y)
    torch.testing.assert_close(adversarial(Spy(), THREAT, clean)(model, x, y, seed=0, ids=ids), expected)


def test_the_inner_maximum_of_an_affine_model_is_its_corner() -> None:
    draws = torch.Generator().manual_seed(5)
    x = 0.3 + 0.4 * torch.rand(8, 1, 4, 4, generator=draws)
    y = torch.arange(8) % 2
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.randn(2, 16, generator=draws))  # type: ignore[operator] # a linear layer's weight is a tensor
    slope = net.state_dict()["1.weight"][1 - y] - net.state_dict()["1.weight"][y]
    corner = x + 0.1 * slope.sign().reshape(x.shape)
    loss = adversarial(eb.PGD(steps=20), THREAT)(eb.wrap(net), x, y, seed=0, ids=torch.arange(8))
    torch.testing.assert_close(loss, F.cross_entropy(net(corner), y), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clean", [-0.1, 1.0, float("nan")])
def test_a_weight_outside_the_range_is_said(clean: float) -> None:
    with pytest.raises(InputError, match="expected 0 <= clean < 1"):
        adversarial(Spy(), THREAT, clean)


def test_named_objectives_are_made_from_a_threat_and_a_number_of_steps() -> None:
    x, y, ids = batch()
    model = eb.wrap(Net().eval())
    hand_made = {
        "standard": standard,
        "fgsm": adversarial(eb.FGSM(), THREAT),
        "pgd": adversarial(eb.PGD(steps=5, first=0.5, rate=0.5, loss=cross_entropy), THREAT),
    }
    assert set(OBJECTIVES) == set(hand_made)
    for name, entry in OBJECTIVES.items():
        made = entry.make(THREAT if entry.needs_threat else None, 5)
        expected = hand_made[name](model, x, y, seed=3, ids=ids)
        assert torch.equal(made(model, x, y, seed=3, ids=ids), expected)
        assert isinstance(made, Robust) == entry.needs_threat
        assert entry.description


def test_an_objective_without_its_threat_or_with_a_wrong_name_is_said() -> None:
    with pytest.raises(InputError, match="the objective pgd was given no threat; expected one to train against"):
        OBJECTIVES["pgd"].make(None, 5)
    with pytest.raises(InputError, match="no objective 'standart'; did you mean 'standard'"):
        OBJECTIVES["standart"]
