"""What the lists hold, and where from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from epsball.attacks.registry import make_attack, registry
from epsball.cli.commands import COMMANDS, Deferred
from epsball.cli.settings import described, settings
from epsball.data import SOURCES
from epsball.models.adapters.hub import HUB
from epsball.models.networks.catalogue import NETWORKS
from epsball.paper import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]


def test_attacks_are_described_by_their_classes(call: Call) -> None:
    rows = {row["name"]: row for row in json.loads(call("list", "attacks", "--json").stdout)["attacks"]}
    assert list(rows) == list(registry())
    for name, row in rows.items():
        made = make_attack(name)
        assert row["class"] == type(made).__name__
        assert row["norms"] == list(made.norms)
        assert row["access"] == made.access.name.lower()
        assert (row["asks"] == "how close?") == made.minimum_norm
        assert row["reference"]


def test_models_and_data_are_those_of_the_catalogues(call: Call) -> None:
    models = json.loads(call("list", "models", "--json").stdout)["models"]
    assert [row["name"] for row in models] == [f"zoo:{name}" for name in NETWORKS] + [f"hub:{name}" for name in HUB]
    data = json.loads(call("list", "data", "--json").stdout)["data"]
    assert [row["name"] for row in data] == list(SOURCES)
    assert next(row for row in data if row["name"] == "mnist-5k")["from"] == "embedded"


def test_experiments_are_those_of_the_paper(call: Call) -> None:
    rows = json.loads(call("list", "experiments", "--json").stdout)["experiments"]
    assert [(row["id"], row["name"], row["claim"]) for row in rows] == [
        (each.id, each.name, each.claim) for each in EXPERIMENTS.values()
    ]


def test_an_experiment_that_does_not_exist_is_refused(call: Call) -> None:
    said = call("reproduce", "E99", "--quick")
    assert said.exit_code == 2
    assert "there is no experiment E99; give E1 precision" in said.stderr


@pytest.mark.parametrize("what", ["attacks", "suites", "models", "data", "experiments"])
def test_every_list_is_shown_to_people(call: Call, what: str) -> None:
    said = call("list", what)
    assert said.exit_code == 0
    assert said.stdout.startswith(what)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.title)
def test_a_command_is_listed_as_it_explains_itself(call: Call, command: Deferred) -> None:
    assert command.help == (command.loaded().callback.__doc__ or "").split("\n")[0]
    overview = call("--help").stdout
    assert command.title in overview
    assert f" {command.title} [OPTIONS]" in call(command.title, "--help").stdout


def test_suites_say_what_each_contains(call: Call) -> None:
    rows = json.loads(call("list", "suites", "--json").stdout)["suites"]
    assert [row["attack"] for row in rows if row["suite"] == "autoattack-rand"] == [
        "apgd-ce", "apgd-dlr", "l1-apgd-ce", "l1-apgd-dlr",
    ]  # fmt: skip
    assert {row["suite"] for row in rows} == {
        "quick",
        "standard",
        "minimal",
        "autoattack",
        "autoattack-rand",
        "blackbox",
        "labels",
    }
    assert " at 0x" not in str(rows)


@pytest.mark.parametrize("name", registry())
def test_every_setting_of_every_attack_is_explained(name: str) -> None:
    assert [row.flag for row in settings(name) if not row.what] == []
    assert described(name)


def test_an_attack_is_explained_by_its_name_in_any_case(call: Call) -> None:
    (pgd,) = json.loads(call("list", "attacks", "PGD", "--json").stdout)["attacks"]
    assert pgd["name"] == "pgd"
    steps = pgd["settings"][0]
    assert steps == {"flag": "steps", "kind": "whole number", "default": "40", "what": "number of gradients."}
    said = call("list", "attacks", "pgd", "fgsm")
    assert "arXiv:1706.06083" in said.stdout
    assert "--random-start" in said.stdout
    shown = call("attack", "--attack", "pgd", "-h")
    assert shown.exit_code == 0
    assert "--rate (number; 0.03): length of the last step" in shown.stdout
    assert "did you mean 'pgd'" in call("list", "attacks", "pdg").stderr
    assert call("list", "suites", "quick").exit_code == 2
