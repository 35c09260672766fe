"""``epsball list``: what there is, read from the classes and catalogues themselves."""

import inspect
import json
import os
import re
from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from epsball.attacks.base import Attack
from epsball.attacks.registry import make_attack, registry
from epsball.attacks.suites import SUITES, suite
from epsball.cli.options import Json
from epsball.cli.output import console, print_result, table
from epsball.cli.settings import described, settings
from epsball.cli.streams import write_result
from epsball.data import SOURCES
from epsball.errors import InputError
from epsball.models.adapters.hub import HUB
from epsball.models.networks.catalogue import NETWORKS
from epsball.paper import EXPERIMENTS

_FUNCTION = re.compile(r"<function ([\w.]+) at 0x[0-9a-f]+>")


class Listed(str, Enum):
    """What can be listed."""

    attacks = "attacks"
    suites = "suites"
    models = "models"
    data = "data"
    experiments = "experiments"


def listing(
    what: Annotated[
        Listed,
        typer.Argument(
            metavar="WHAT",
            case_sensitive=False,
            help="attacks, suites, models, data or experiments",
            show_choices=False,
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME …]", help="Of attacks: show their settings, with defaults and meaning."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List attacks, suites, models, data sets or experiments; `list attacks pgd` explains its settings."""
    if names:
        _explain(what, names, as_json=as_json)
        return
    rows = {
        Listed.attacks: attacks,
        Listed.suites: suites,
        Listed.models: models,
        Listed.data: data_sets,
        Listed.experiments: experiments,
    }[what]()
    columns, cells = (
        (("attack", "question", "what it does"), _stacked) if what is Listed.attacks else (_names(rows), _flat)
    )
    shown = table(what.value, *columns, numeric=False)
    for row in rows:
        shown.add_row(*cells(row))
    print_result(shown, {what.value: rows}, as_json=as_json)


def _explain(what: Listed, names: list[str], *, as_json: bool) -> None:
    """What some attacks do, from which paper, and their settings."""
    if what is not Listed.attacks:
        raise InputError(f"{what.value} have no settings to explain, and {names[0]!r} was named; leave it out")
    found = []
    for name in map(registry().spelled, names):
        about, rows = described(name), settings(name)
        columns = ("setting", "value", "default", "what it is")
        shown = table(f"{name}\n{about}\n", *columns, numeric=False)
        for row in rows:
            shown.add_row(f"--{row.flag}", row.kind, row.default, row.what)
        facts = _attack(name, make_attack(name), about) if name in registry() else {"name": name}
        found.append((shown, facts | {"about": about, "settings": [asdict(row) for row in rows]}))
    for shown, _ in found:
        console(stderr=as_json).print(shown)
    if as_json:
        write_result(json.dumps({"attacks": [facts for _, facts in found]}, indent=2))


def _names(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(rows[0])


def _flat(row: dict[str, Any]) -> list[str]:
    return [", ".join(value) if isinstance(value, tuple) else str(value) for value in row.values()]


def _stacked(row: dict[str, Any]) -> list[str]:
    """Three short columns instead of six, so that a narrow terminal shows them too."""
    question = f"{row['asks']}\n{', '.join(row['norms'])}\nneeds {row['access']}"
    return [f"{row['name']}\n{row['class']}", question, f"{row['reference']}\n"]


def attacks() -> list[dict[str, Any]]:
    """One row per named attack, from its class."""
    return [_attack(name, make_attack(name), inspect.getdoc(make) or "") for name, make in registry().items()]


def _attack(name: str, attack: Attack, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "class": type(attack).__name__,
        "access": attack.access.name.lower(),
        "norms": attack.norms,
        "asks": "how close?" if attack.minimum_norm else "within ε?",
        "reference": text.split("\n", 1)[0],
    }


def suites() -> list[dict[str, Any]]:
    """One row per attack of each suite, in the order in which they are run."""
    return [
        {"suite": name, "attack": stage, "norms": attack.norms, "settings": _FUNCTION.sub(r"\1", repr(attack))}
        for name in SUITES
        for stage, attack in suite(name).items()
    ]


def models() -> list[dict[str, Any]]:
    """One row per network of the zoo and of the hub."""
    untrained = [
        {
            "name": f"zoo:{name}",
            "made for": entry.data,
            "images": tuple(map(str, entry.shape)),
            "what": entry.description,
        }
        for name, entry in NETWORKS.items()
    ]
    return untrained + [
        {"name": f"hub:{name}", "made for": "imagenet-sample", "images": ("3", "224", "224"), "what": entry.description}
        for name, entry in HUB.items()
    ]


def data_sets() -> list[dict[str, Any]]:
    """One row per named data set, and where it would come from now."""
    home = os.environ.get("EPSBALL_DATA") or "$EPSBALL_DATA"
    return [
        {
            "name": name,
            "classes": entry.classes,
            "from": "embedded"
            if entry.home == "embedded"
            else f"{home}/{name}{' or its public home' if entry.home == 'public' else ''}",
            "what": entry.description,
        }
        for name, entry in SOURCES.items()
    ]


def experiments() -> list[dict[str, Any]]:
    """One row per experiment of `epsball reproduce`."""
    return [{"id": each.id, "name": each.name, "claim": each.claim} for each in EXPERIMENTS.values()]
