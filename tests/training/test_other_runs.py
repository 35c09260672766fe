"""A checkpoint belongs to one network, objective and recipe: to their code and values, not to their weights and names alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.errors import OtherConfigurationError
from epsball.training.fit import fit
from epsball.training.objectives import adversarial, standard
from epsball.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.training.objectives import Objective

QUICK = Recipe(epochs=1, batch_size=8, rate=1e-2)


def digits() -> tuple[Tensor, Tensor]:
    return torch.rand(16, 1, 40, 40, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 3


class Gate(nn.Module):
    """A linear network behind a gate that has no weights."""

    def __init__(self, gate: Callable[[Tensor], Tensor], momentum: float = 0.1, power: float = 1) -> None:
        super().__init__()
        self.gate, self.power = gate, power
        self.norm = nn.BatchNorm1d(1600, momentum=momentum)
        self.last = nn.Linear(1600, 3)
        with torch.no_grad():
            for weight in self.parameters():
                weight.fill_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.last(self.gate(self.norm(x.flatten(1))) ** self.power)
        return answer


class Square(Gate):
    """The same weights, and other arithmetic."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).square()


def steep(factor: float) -> Objective:
    def objective(model: eb.Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
        return factor * standard(model, x, y, seed=seed, ids=ids)

    return objective


def column(number: int) -> Objective:
    """A column of pixels may go farther: the limits are tensors, of which a repr leaves out the middle."""
    high = torch.ones(1, 40, 40)
    high[..., number] = 2
    return adversarial(eb.FGSM(), eb.Threat("linf", 0.1, high=high))


BASE = Gate(torch.relu)


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (Gate(torch.tanh), "structure"),
        (Gate(torch.relu, momentum=0.5), "structure"),
        (Gate(torch.relu, power=2), "structure"),
        (Square(torch.relu), "structure"),
    ],
    ids=["function", "momentum", "number", "class"],
)
def test_other_networks_with_the_same_weights_are_refused(net: nn.Module, says: str, tmp_path: Path) -> None:
    fit(BASE, digits(), QUICK, checkpoint=tmp_path / "run.pt")
    fit(Gate(torch.relu), digits(), QUICK, checkpoint=tmp_path / "run.pt")
    with pytest.raises(OtherConfigurationError, match=f"belongs to another run: its {says} is"):
        fit(net, digits(), QUICK, checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (steep(1.0), steep(2.0)),
        (lambda *given, **more: 3 * standard(*given, **more), lambda *given, **more: 2 * standard(*given, **more)),
        (column(20), column(21)),
    ],
    ids=["closure", "lambda", "mask"],
)
def test_other_objectives_of_the_same_name_are_refused(one: Objective, two: Objective, tmp_path: Path) -> None:
    fit(Gate(torch.relu), digits(), QUICK, objective=one, checkpoint=tmp_path / "run.pt")
    fit(Gate(torch.relu), digits(), QUICK, objective=one, checkpoint=tmp_path / "run.pt")
    with pytest.raises(OtherConfigurationError, match="belongs to another run: its objective's values or code is"):
        fit(Gate(torch.relu), digits(), QUICK, objective=two, checkpoint=tmp_path / "run.pt")


def brighter(by: float) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda x, draw: (x + by * torch.rand(1, generator=draw)).clamp(0, 1)


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("augment", brighter(0.1), brighter(0.3)),
        ("schedule", lambda done: done, lambda done: done / 2),
    ],
)
def test_other_functions_of_a_recipe_are_refused(name: str, one: object, two: object, tmp_path: Path) -> None:
    recipes = [replace(QUICK, **{name: function}) for function in (one, two)]  # type: ignore[arg-type] # by name
    fit(Gate(torch.relu), digits(), recipes[0], checkpoint=tmp_path / "run.pt")
    with pytest.raises(OtherConfigurationError, match="belongs to another run: its recipe's values or code is"):
        fit(Gate(torch.relu), digits(), recipes[1], checkpoint=tmp_path / "run.pt")
