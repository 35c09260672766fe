"""Write what shells complete, from the commands and the catalogues themselves: python docs/completions.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import epsball
from epsball.attacks.suites import SUITES
from epsball.cli import completion, listing
from epsball.cli.commands import COMMANDS
from epsball.cli.demonstration import DIGITS
from epsball.cli.settings import SWITCH, settings
from epsball.comparison import formats as comparison_formats
from epsball.geometry import NORMS
from epsball.models.adapters.base import SCHEMES
from epsball.models.outputs import OUTPUTS
from epsball.report import formats as report_formats
from epsball.training.objectives import OBJECTIVES

FILE = Path(epsball.__file__).parent / "cli" / completion.FILE
KINDS = {
    "MODEL": "models",
    "MODEL...": "models",
    "DATA": "data",
    "ARCH": "networks",
    "WHAT": "lists",
    "[NAME …]": "listed",
    "[EXPERIMENT …]": "experiments",
}
"""What may stand for an argument or behind an option, by its placeholder."""
OWN = {
    "--attack": "attacks",
    "compare --format": "comparisons",
    "demo --data": "digits",
    "--device": "devices",
    "--estimate": "estimates",
    "--model": "models",
    "--norm": "norms",
    "--objective": "objectives",
    "--outputs": "outputs",
    "report --format": "reports",
    "--split": "splits",
    "--suite": "suites",
}


def names() -> dict[str, dict[str, str]]:
    """The names of every kind, each with what it means."""
    attacks = {row["name"]: row["reference"] for row in listing.attacks()}
    experiments = {row["name"]: row["claim"] for row in listing.experiments()}
    networks = {row["name"].removeprefix("zoo:"): row["what"] for row in listing.models() if "zoo:" in row["name"]}
    return {
        "attacks": attacks,
        "comparisons": dict.fromkeys(comparison_formats.FORMATS, ""),
        "data": {row["name"]: row["what"] for row in listing.data_sets()},
        "devices": dict.fromkeys(("auto", "cpu", "cuda", "mps"), ""),
        "digits": dict.fromkeys(DIGITS, ""),
        "estimates": {"eot:10": "mean of passes", "nes:50": "", "spsa:50": "", "bpda:": "and the name of a layer"},
        "experiments": experiments,
        "lists": dict.fromkeys((each.value for each in listing.Listed), ""),
        "models": {row["name"]: row["what"] for row in listing.models()} | {f"{name}:": "" for name in SCHEMES},
        "networks": networks,
        "norms": dict.fromkeys(NORMS, ""),
        "objectives": {name: each.description for name, each in OBJECTIVES.items()},
        "outputs": dict.fromkeys(OUTPUTS, ""),
        "reports": dict.fromkeys(report_formats.FORMATS, ""),
        "splits": dict.fromkeys(("test", "train"), ""),
        "suites": dict.fromkeys(SUITES, "suite") | attacks,
    } | {
        each.kind: dict.fromkeys(each.kind.split(", "), "")
        for name in attacks
        for each in settings(name)
        if ", " in each.kind
    }


def commands() -> dict[str, Any]:
    """Options and arguments of every command."""
    found = {}
    for deferred in COMMANDS:
        parameters = deferred.loaded().params
        options = {
            flag: {"help": each.help or "", "value": "" if each.is_flag else _kind(each, deferred.title)}
            for each in parameters
            if each.param_type_name == "option"
            for flag in (*each.opts, *each.secondary_opts)
        }
        options["--help"] = options["-h"] = {"help": "Show what it takes and exit.", "value": ""}
        arguments = [KINDS.get(each.metavar, "files") for each in parameters if each.param_type_name == "argument"]
        found[deferred.title] = {"options": options, "arguments": arguments}
    return found


def _kind(option: Any, command: str) -> str:
    flags = (*(f"{command} {flag}" for flag in option.opts), *option.opts)
    return next((OWN[flag] for flag in flags if flag in OWN), KINDS.get(option.metavar or "", "files"))


def attack_settings() -> dict[str, Any]:
    """The settings of every attack as options; a switch takes no value and has an opposite."""
    found = {}
    for row in listing.attacks():
        known = settings(row["name"])
        values = {
            each.flag: "" if each.kind == SWITCH else each.kind if ", " in each.kind else "files" for each in known
        }
        found[row["name"]] = {f"--{each.flag}": {"help": each.what, "value": values[each.flag]} for each in known} | {
            f"--no-{each.flag}": {"help": "", "value": ""} for each in known if each.kind == SWITCH
        }
    return found


def page() -> str:
    """The file."""
    found = {"commands": commands(), "names": names(), "settings": attack_settings()}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
