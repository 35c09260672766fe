"""The contract, training and evaluation on a card that is only pretended: no tensor is made or left elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from contract.problems import ATTACKS, PAIRS, digits
from epsball.attacks.base import Attack
from epsball.losses import cross_entropy
from epsball.testing import CHECKS
from pretended import CARD, OnCard, pretended

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.oracle.oracle import Oracle

ALLOWED = {
    "is_available", "is_initialized", "device_count", "current_device", "synchronize", "get_rng_state", "set_rng_state",
    "get_device_name", "is_bf16_supported", "device", "manual_seed",
}  # fmt: skip


def convolutional() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        parts = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(256, 4)
        return nn.Sequential(*parts)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "norm"), PAIRS)
@pytest.mark.parametrize("check", list(CHECKS))
def test_every_attack_keeps_the_contract_on_a_card(check: str, name: str, norm: str) -> None:
    with pretended() as called:
        CHECKS[check](ATTACKS[name], norm, CARD)
    assert set(called) <= ALLOWED


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_images_are_attacked_where_they_are(name: str, norm: str, dtype: torch.dtype) -> None:
    attack = ATTACKS[name]
    with pretended():
        net, x = convolutional().to(CARD, dtype), digits(5, (1, 8, 8)).to(CARD, dtype)
        y = net.eval()(x).argmax(1)
        threat = (
            eb.Threat(norm) if attack.minimum_norm else eb.Threat(norm, {"linf": 0.1, "l2": 1, "l1": 9, "l0": 9}[norm])
        )
        found = attack(net, x, y, threat, queries=50)
        tensors = [*found.notes.values(), *(value for name, value in vars(found).items() if name != "notes")]
        assert {type(each) for each in tensors} == {OnCard}
        assert found.x.dtype == dtype


def test_a_run_on_a_card_is_written_read_and_verified(tmp_path: Path) -> None:
    with pretended():
        net, x = convolutional().to(CARD), digits(12, (1, 8, 8)).float().to(CARD)
        y = net.eval()(x).argmax(1)
        suite = {"noise": eb.AdditiveNoise(draws=2), "pgd": eb.PGD(steps=3), "deepfool": eb.DeepFool()}
        eb.evaluate(net, (x, y), eb.Threat("linf", 0.05), suite, out=tmp_path / "run")
    assert 0 <= eb.load_run(tmp_path / "run").robust_accuracy() <= 1


@pytest.mark.parametrize("objective", [None, eb.adversarial(eb.FGSM(), eb.Threat("linf", 0.1))])
def test_training_stays_on_a_card(objective: Any) -> None:
    with pretended():
        net, x = convolutional().to(CARD), digits(32, (1, 8, 8)).float().to(CARD)
        y = torch.arange(32, device=CARD) % 4
        settings = {} if objective is None else {"objective": objective}
        eb.fit(net, (x, y), eb.Recipe(epochs=2), **settings)
        assert {type(weight.data) for weight in net.parameters()} == {OnCard}


@dataclass(frozen=True)
class Planted(Attack):
    """One careless line."""

    line: Callable[[Oracle, Tensor], Tensor]

    def run(self, ask: Oracle) -> Tensor:
        _, g = ask.gradient(ask.x0, cross_entropy)
        return ask.threat.project(self.line(ask, g), ask.x0)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (lambda ask, g: ask.x0 + torch.ones(len(g), 1, 1, 1) * g, RuntimeError),
        (lambda ask, g: ask.x0 + torch.as_tensor(g.sign().numpy(), device=g.device), TypeError),
        (lambda ask, g: ask.x0 + torch.rand(g.shape, generator=torch.Generator(), device=g.device), RuntimeError),
    ],
    ids=["made elsewhere", "handed to NumPy", "drawn elsewhere"],
)
def test_a_planted_mix_is_noticed(line: Callable[[Oracle, Tensor], Tensor], error: type[Exception]) -> None:
    net, x = convolutional(), digits(4, (1, 8, 8)).float()
    threat, y = eb.Threat("linf", 0.1), torch.zeros(4, dtype=torch.int64)
    Planted(line)(net, x, y, threat)
    with pretended(), pytest.raises(error, match=r"same device|cuda:0 device type|'cuda' device type for generator"):
        Planted(line)(net.to(CARD), x.to(CARD), y.to(CARD), threat)


def test_what_a_card_refuses_is_refused_and_what_it_takes_is_taken() -> None:
    with pretended():
        x, y = torch.zeros(3, device="cuda"), torch.zeros(3)
        assert x.device == CARD
        assert torch.zeros_like(x).device == torch.empty(2, device=x.device).device == x.double().device == CARD
        assert (x + torch.tensor(1.0)).device == CARD
        assert x[torch.tensor([0, 1])].device == CARD
        assert x.cpu().device == y.device == x.to("cpu").device == x.to(y).device == torch.device("cpu")
        assert y.copy_(x).device == torch.device("cpu")
        assert x.topk(2).indices.device == CARD
        mixes: list[Callable[[], Tensor]] = [
            lambda: x + y,
            lambda: y[x.bool()],
            lambda: torch.stack([x.sum(), y.sum()]),
            lambda: y.sum().add_(x.sum()),
            lambda: x.index_put_((torch.tensor([0, 1]),), torch.ones(2)),
            lambda: torch.where(x > 0, x, y),
        ]
        for refused in mixes:
            with pytest.raises(RuntimeError, match="same device"):
                refused()
