"""Named things that the library finds by their names: its own, and those that other packages announce by entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from importlib import metadata
from typing import Generic, TypeVar

from epsball.errors import InputError

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Entries by name, in the order of registration.

    An installed package adds entries with an entry point of the group `epsball.NOUNs`; it is loaded when its name is first
    looked up, and a name of the library's own is never replaced.

    Args:
        noun: what one entry is called in sentences, "attack".
        group: the entry points' group; "epsball.attacks" for the noun "attack".
        also: what else may be given in place of a name, for the sentence about an unknown one.

    Example:
        >>> colours: Registry[int] = Registry("colour")
        >>> colours.add("red", 1)
        1
        >>> colours["red"]
        1
    """

    def __init__(self, noun: str, group: str = "", also: str = "") -> None:
        self.noun, self.group, self.also = noun, group or f"epsball.{noun}s", also
        self._own: dict[str, Entry] = {}

    def add(self, name: str, entry: Entry) -> Entry:
        """Register an entry and return it.

        Raises:
            ValueError: the name is taken by another entry.
        """
        if self._own.setdefault(name, entry) is not entry:
            raise ValueError(f"there are two entries {name!r} among the {self.noun}s; expected names that differ")
        return entry

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Return a decorator that registers what it decorates."""
        return lambda entry: self.add(name, entry)

    def __getitem__(self, name: str) -> Entry:
        if name in self._own:
            return self._own[name]
        for point in metadata.entry_points(group=self.group, name=name):
            return self.add(name, point.load())
        close = get_close_matches(name, list(self), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(
            f"there is no {self.noun} {name!r}; {hint}expected one of {', '.join(self)}{f', or {self.also}' * bool(self.also)}"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._own or any(point.name == name for point in metadata.entry_points(group=self.group))

    def __iter__(self) -> Iterator[str]:
        announced = (point.name for point in metadata.entry_points(group=self.group))
        return iter(dict.fromkeys((*self._own, *announced)))

    def __len__(self) -> int:
        return len(list(iter(self)))
