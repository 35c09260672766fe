"""Where the few things lie that have no public name in every version of the library: tried in order, newest first."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import epsball as eb

FIT = ("epsball:fit", "epsball.training.fit:fit", "epsball.training:fit", "epsball.train.loop:fit")
RECIPE = ("epsball:Recipe", "epsball.training.recipe:Recipe", "epsball.training:Recipe", "epsball.train.recipe:Recipe")
ADVERSARIAL = (
    "epsball:adversarial",
    "epsball.training.objectives.adversarial:adversarial",
    "epsball.training.objectives:adversarial",
    "epsball.training.objective:adversarial",
    "epsball.train.objective:adversarial",
)
CHOOSE = ("epsball.oracle.batching:choose_batching",)


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
