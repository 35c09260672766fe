"""Where the few things lie that have no public name in every version of the library: tried in order, newest first."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import TYPE_CHECKING, Any

import epsball as eb

if TYPE_CHECKING:
    from torch import Tensor

FIT = ("epsball:fit", "epsball.training.fit:fit", "epsball.training:fit", "epsball.train.loop:fit")
RECIPE = ("epsball:Recipe", "epsball.training.recipe:Recipe", "epsball.training:Recipe", "epsball.train.recipe:Recipe")
ADVERSARIAL = (
    "epsball:adversarial",
    "epsball.training.objectives.adversarial:adversarial",
    "epsball.training.objectives:adversarial",
    "epsball.training.objective:adversarial",
    "epsball.train.objective:adversarial",
)
BATCHING = ("epsball.oracle.batching:choose_batching", "epsball.layout:choose")


def place(names: tuple[str, ...]) -> Any:
    """Return the first "module:attribute" that can be imported.

    Raises:
        LookupError: none of them can.
    """
    for name in names:
        module, _, attribute = name.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError):
            continue
    raise LookupError(f"none of {', '.join(names)} can be imported; add the new place to benchmarks/places.py")


def batching(model: eb.Model, x: Tensor, **changed: object) -> tuple[int, dict[str, Any]]:
    """How a model is asked about inputs like `x`: the size of a micro-batch, and the keyword that asks so with some fields changed.

    Raises:
        LookupError: the library no longer says.
    """
    chosen = dataclasses.replace(place(BATCHING)(model, x), **changed)
    keyword = "batching" if hasattr(chosen, "batch_size") else "layout"
    return getattr(chosen, "batch_size", None) or chosen.rows, {keyword: chosen}


def attacks() -> dict[str, eb.Attack]:
    """Every public attack with its defaults, by name, and the ensembles around PGD."""
    found = {name: made for name in sorted(eb.__all__) if (made := _made(getattr(eb, name))) is not None}
    found["Restarts"] = eb.Restarts(eb.PGD(), 2)
    found["Worst"] = eb.Worst(eb.FGSM(), eb.PGD())
    return found


def _made(public: Any) -> eb.Attack | None:
    """The attack that a public name makes without arguments; None where it makes none."""
    if inspect.isclass(public):
        makes = issubclass(public, eb.Attack) and not inspect.isabstract(public)
    else:
        wanted = {
            name
            for name in eb.__all__
            if inspect.isclass(getattr(eb, name)) and issubclass(getattr(eb, name), eb.Attack)
        }
        makes = inspect.isfunction(public) and str(public.__annotations__.get("return")) in wanted
    if not makes or any(p.default is p.empty for p in inspect.signature(public).parameters.values()):
        return None
    made: eb.Attack = public()
    return made
