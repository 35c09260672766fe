"""Names as people type them: in any case, and with slips."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def spelled(name: str, known: Iterable[str]) -> str:
    """Return the known name that differs from what was typed in case, or in `_` for `-`, alone; what was typed where there is none.

    Example:
        >>> spelled("PGD", ["fgsm", "pgd"])
        'pgd'
    """
    known = list(known)
    if name in known:
        return name
    return next((each for each in known if _folded(each) == _folded(name)), name)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'pgd'? " for the known name that is nearest, nothing where none is near.

    Example:
        >>> did_you_mean("pdg", ["fgsm", "pgd"])
        "did you mean 'pgd'? "
    """
    folded = {each.casefold(): each for each in known}
    name = name.casefold()
    close = min(get_close_matches(name, list(folded)), key=partial(_apart, name), default="")
    return f"did you mean {folded[close]!r}? " if close else ""


def _folded(name: str) -> str:
    return name.casefold().replace("_", "-")


def _apart(name: str, other: str) -> int:
    """How many letters two names do not share; none where they are only in another order, the commonest slip."""
    one, two = Counter(name), Counter(other)
    return ((one - two) + (two - one)).total()
