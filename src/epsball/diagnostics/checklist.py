"""What no program can decide, said in every report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.record.evaluation import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping


def adaptive_attack(facts: Mapping[str, Mapping[str, Any]]) -> Finding:
    """Whether an attack that is not the library's own took part; only such a one can be written against a defence."""
    own = [name for name, fact in facts.items() if ":" in str(fact["class"])]
    if own:
        return Finding(
            "adaptive",
            "INFO",
            f"Adaptive attack: {', '.join(own)} supplied",
            "an attack from outside the library took part; whether it is aimed at this defence is for the reader to judge",
            "say what it exploits",
        )
    return Finding(
        "adaptive",
        "INFO",
        "Adaptive attack: none supplied",
        "all attacks are the library's own and know nothing of this model's defence",
        "if the model is defended, write an attack against that defence and add it to the suite",
    )
