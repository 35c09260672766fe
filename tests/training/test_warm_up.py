"""ε of an adversarial training rises to its value, because begun there a network may stay where it guesses."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.errors import InputError
from epsball.models.networks.catalogue import build
from epsball.training.checkpoint import describe
from epsball.training.fit import fit
from epsball.training.objectives import OBJECTIVES, adversarial, standard
from epsball.training.objectives.base import Graded, warmed
from epsball.training.recipe import Recipe

THREAT = eb.Threat(eb.linf, eps=0.3)


@dataclass(frozen=True)
class Budgets:
    """An attack that moves nothing and notes ε."""

    seen: list[float] = field(default_factory=list)

    def maximise(self, model: eb.Model, x: Tensor, y: Tensor, threat: eb.Threat, *, seed: int, ids: Tensor) -> Tensor:
        del model, y, seed, ids
        self.seen.append(float(threat.eps))
        return x


def budgets(recipe: Recipe) -> list[float]:
    attack = Budgets()
    x, y = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    fit(build("linear", shape=(1, 4, 4), classes=2), (x, y), recipe, objective=adversarial(attack, THREAT))
    return attack.seen


def test_epsilon_rises_on_a_line_over_the_first_part_of_the_steps() -> None:
    recipe = Recipe(epochs=2, batch_size=10, warm_up=0.5)
    assert budgets(recipe) == pytest.approx([0.075, 0.15, 0.225, 0.3, 0.3, 0.3, 0.3, 0.3])
    assert budgets(Recipe(epochs=2, batch_size=10, warm_up=0)) == [0.3] * 8
    assert budgets(Recipe(epochs=1, batch_size=10, warm_up=1)) == pytest.approx([0.075, 0.15, 0.225, 0.3])


def test_it_is_the_default_and_part_of_what_decides_the_weights() -> None:
    assert budgets(Recipe(epochs=1, batch_size=10))[0] < 0.3
    assert "warm_up" in {setting.name for setting in fields(Recipe)}
    x, y = torch.zeros(2, 1, 4, 4), torch.tensor([0, 1])
    model = eb.wrap(build("linear", shape=(1, 4, 4), classes=2))
    assert describe(model, x, y, standard, Recipe(warm_up=0.25), 0)["warm_up"] == "0.25"


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_a_named_objective_keeps_all_but_the_budget(name: str) -> None:
    objective = OBJECTIVES[name].make(THREAT, 3)
    assert isinstance(objective, Graded)
    assert repr(objective.within(0.5)) == repr(OBJECTIVES[name].make(eb.Threat(eb.linf, 0.15), 3))
    assert objective.within(0).threat == eb.Threat(eb.linf, 0)  # type: ignore[attr-defined] # robust as before
    assert warmed(objective, 1) is objective
    assert warmed(standard, 0.5) is standard


def test_fewer_than_one_feature_is_none_so_l0_starts_at_one() -> None:
    objective = adversarial(Budgets(), eb.Threat(eb.l0, 4))
    assert isinstance(objective, Graded)
    assert [float(objective.within(part).threat.eps) for part in (0.01, 0.5)] == [1, 2]  # type: ignore[attr-defined] # robust


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_a_warm_up_is_a_fraction_of_the_steps(value: float) -> None:
    with pytest.raises(InputError, match=f"warm_up was given as {value}; expected a fraction of the steps"):
        Recipe(warm_up=value)
