"""The table of scores in what a network returned, where that holds several things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import nn

from epsball.errors import ModelError
from epsball.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH = 4
"""Of entries within entries that are looked at: a dictionary may hold itself."""


def entry(answer: object, key: str) -> object:
    """Return one entry of what a network returned: by its name, its number, or its name within another entry.

    Args:
        answer: a dictionary, tuple or list, or an object with attributes.
        key: of the entry, "logits", "0", or "-1" for the last; empty for the whole answer. An entry within another is found by its name
            where there is one of that name, and by "out.logits" where there are several.

    Raises:
        ModelError: there is none of that name or number, or several.
    """
    if not key:
        return answer
    if hasattr(answer, "shape"):  # a tensor, or another library's array
        raise ModelError(
            f"the model returned a {type(answer).__name__} and nothing beside it, and the key is {key!r}; leave the key out"
        )
    entries = _entries(answer)
    if key in entries:
        return entries[key]
    if key.isidentifier() and hasattr(answer, key) and not isinstance(answer, Mapping):
        return getattr(answer, key)
    if _numbers(key, len(entries)):
        return list(entries.values())[int(key)]
    within = dict(_within(answer))
    found = [path for path in within if f".{path}".endswith(f".{key}")]
    if len(found) == 1:
        return within[found[0]]
    names = list(map(str, answer)) if isinstance(answer, Mapping) else []
    there = f"the entries {', '.join(names)}" if names else f"{len(entries)} entries" if entries else "no entries"
    kind = "dictionary" if isinstance(answer, Mapping) else type(answer).__name__
    given = f"the model returned a {kind} with {there}"
    if found:
        raise ModelError(f"{given}, and {' and '.join(found)} are {key!r}; give one of these as the key")
    raise ModelError(
        f"{given}, and none is {key!r}; {did_you_mean(key, [*names, *within])}give the name or number of one as the key"
    )


def named(net: object, key: str) -> str:
    """Return the name of the output that a key numbers, of a network read from a file that names several; else the key as it is."""
    parts = net.modules() if isinstance(net, nn.Module) else ()
    names = next(filter(None, (getattr(part, "graph_outputs", ()) for part in parts)), ())
    return names[int(key)] if key not in names and _numbers(key, len(names)) else key


def _numbers(key: str, count: int) -> bool:
    """Whether a key is the number of one of so many entries, from the front or, below 0, from the end."""
    return key.removeprefix("-").isdecimal() and -count <= int(key) < count


def only(answer: object) -> object:
    """Return the table in what a network returned: its `.logits`, or its only entry, at any depth of single entries."""
    inner = answer
    for _ in range(_DEPTH):
        logits = inner.get("logits") if isinstance(inner, Mapping) else getattr(inner, "logits", None)
        if hasattr(logits, "shape"):  # a tensor, or another library's array
            return logits
        if not isinstance(inner, Mapping | tuple | list) or len(inner) != 1:
            return inner
        inner = next(iter(_entries(inner).values()))
    return inner


def _entries(answer: object) -> dict[str, object]:
    """What a dictionary, tuple or list holds, by name or number; nothing for anything else."""
    if isinstance(answer, Mapping):
        return {str(name): value for name, value in answer.items()}
    return {str(number): value for number, value in enumerate(answer)} if isinstance(answer, tuple | list) else {}


def _within(answer: object, depth: int = _DEPTH) -> Iterator[tuple[str, object]]:
    """Entries at any depth with their paths, such as "out.logits"."""
    for name, value in _entries(answer).items():
        yield name, value
        if depth and isinstance(value, Mapping | tuple | list):
            yield from ((f"{name}.{path}", inner) for path, inner in _within(value, depth - 1))
