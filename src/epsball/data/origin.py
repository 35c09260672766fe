"""Where samples come from: the name of a set, its split, and the rule that drew them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where samples come from: a set's name, its split, and the rule that drew them; empty where that is not known."""

    source: str = ""
    split: str = ""
    rule: str = ""


UNKNOWN = Origin()
"""Of samples that no function of this library drew."""


def rule(n: int | None, seed: int | None) -> str:
    """How the record calls what `choose` does with `n` and `seed`: "all", "first", or "seed 3"."""
    return f"seed {seed}" if seed is not None else "all" if n is None else "first"
