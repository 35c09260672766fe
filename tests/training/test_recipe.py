"""Settings of a run."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from epsball.data import SOURCES
from epsball.errors import InputError
from epsball.models.networks.catalogue import NETWORKS
from epsball.training.recipe import RECIPES, Recipe, adam, constant, one_cycle, recipe_for, sgd


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing() -> None:
    rates = [one_cycle(step / 100) for step in range(101)]
    assert rates[0] == 0
    assert rates[30] == max(rates) == 1
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert rates[15] == pytest.approx(0.5)
    assert rates[65] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0)
    assert constant(0.3) == 1


@pytest.mark.parametrize("make", [adam, sgd])
def test_an_optimiser_starts_at_its_rate(make: object) -> None:
    weight = nn.Parameter(torch.zeros(2))
    optimiser = make([weight], 0.25)  # type: ignore[operator] # the two functions of the parameter list
    assert [group["lr"] for group in optimiser.param_groups] == [0.25]


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", 0), ("batch_size", -1), ("rate", 0.0), ("rate", float("nan")), ("rate", float("inf"))],
)
def test_numbers_must_be_positive(field: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{field} was given as {value}; expected a positive number"):
        Recipe(**{field: value})  # type: ignore[arg-type] # one field at a time


def test_recipes_are_for_networks_and_data_that_exist() -> None:
    assert all(network in NETWORKS and data in SOURCES for network, data in RECIPES)
    assert {data for _, data in RECIPES} >= {entry.data for entry in NETWORKS.values()}
    assert recipe_for("mlp-512", "mnist-5k").epochs == 60
    assert recipe_for("mlp-512", "some.npz") == Recipe()
