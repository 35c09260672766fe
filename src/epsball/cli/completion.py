"""What a shell may complete: options, names and settings, read from a file that `docs/completions.py` writes.

The commands themselves cannot be asked at each key: they import torch, which takes seconds.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from itertools import pairwise
from typing import Any

FILE = "completions.json"
_ANNOUNCED = {
    "attacks": ("epsball.attacks", ""),
    "data": ("epsball.data", ""),
    "models": ("epsball.models", ":"),
    "objectives": ("epsball.objectives", ""),
}
"""The entry points by which installed packages add names of a kind, and what stands behind such a name."""


@dataclass(frozen=True)
class Suggestion:
    """A word and what it means, as typer's shells read them."""

    value: str
    help: str = ""
    type: str = "plain"


@cache
def catalogue() -> dict[str, Any]:
    """Commands with their options, and the names of each kind with their meaning."""
    text = resources.files("epsball.cli").joinpath(FILE).read_text(encoding="utf-8")
    return dict(json.loads(text))


def suggestions(command: str, before: list[str], incomplete: str) -> list[Suggestion]:
    """Return what the last word of a command line may become; nothing where any file may stand, which shells complete themselves.

    Args:
        command: its name.
        before: the words between its name and the last word.
        incomplete: the beginning of the last word.
    """
    known = catalogue()["commands"][command]
    before, incomplete, cut = _joined(before, incomplete)
    options = known["options"] | _settings(before)
    option = options.get(before[-1]) if before else None
    if option is not None and option["value"]:
        found = _names(option["value"], incomplete)
    elif incomplete.startswith("-"):
        found = {name: each["help"] for name, each in options.items()}
    else:
        found = _argument(known["arguments"], before, options)
    return [
        Suggestion(name[cut:], about) for name, about in found.items() if name.startswith(incomplete) or not incomplete
    ]


def _joined(before: list[str], incomplete: str) -> tuple[list[str], str, int]:
    """The words as they were typed, and how many letters bash has already: it takes a colon for a word of its own."""
    if not os.environ.get("_EPSBALL_COMPLETE", "").endswith("bash"):
        return before, incomplete, 0
    if incomplete == ":" and before:
        start = f"{before[-1]}:"
        return before[:-1], start, len(start)
    if len(before) > 1 and before[-1] == ":":
        start = f"{before[-2]}:"
        return before[:-2], start + incomplete, len(start)
    return before, incomplete, 0


def _settings(before: list[str]) -> dict[str, Any]:
    """The settings of the attack that was named before, as options."""
    name = next((after for word, after in pairwise(before) if word == "--attack"), "")
    return dict(catalogue()["settings"].get(name.lower(), {}))


def _argument(kinds: list[str], before: list[str], options: dict[str, Any]) -> dict[str, str]:
    """The names that may stand where no option is open; the last kind for all that follow."""
    place, skip = 0, False
    for word in before:
        place += not skip and not word.startswith("-")
        skip = not skip and bool(options.get(word, {}).get("value"))
    if not kinds:
        return {}
    kind = kinds[min(place, len(kinds) - 1)]
    return _names(before[0] if kind == "listed" and before else kind, "")


def _names(kind: str, incomplete: str) -> dict[str, str]:
    """The names of a kind with their meaning; of a list with commas, all with what stands before the last one."""
    begun = incomplete.rpartition(",")[0] if kind == "suites" else ""
    group, ending = _ANNOUNCED.get(kind, ("", ""))
    announced = {f"{point.name}{ending}": "" for point in metadata.entry_points(group=group)} if group else {}
    known: dict[str, str] = announced | catalogue()["names"].get(kind, {})
    return {f"{begun},{name}": about for name, about in known.items()} if begun else known
