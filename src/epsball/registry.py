"""Named things: the library's own, those that other packages announce by entry points, and what stands in a user's own file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from epsball.errors import InputError
from epsball.suggestions import did_you_mean, spelled

Entry = TypeVar("Entry")

USER_MODULE = "epsball_user_"
"""What the name of a module begins with that was run from a user's own file."""


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
        self.noun: str = noun
        self.group: str = group or f"epsball.{noun}s"
        self.also: str = also
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

    def is_own(self, name: str) -> bool:
        """Whether an entry is the library's own or was looked up before, so that looking it up loads nothing."""
        return name in self._own

    def spelled(self, name: str) -> str:
        """Return the name of the entry that is meant, which may be typed in any case; the text itself where there is none."""
        return spelled(name, self)

    def __getitem__(self, name: str) -> Entry:
        if name in self._own:
            return self._own[name]
        for point in metadata.entry_points(group=self.group, name=name):
            return self.add(name, _loaded(point, self.noun))
        if (meant := self.spelled(name)) != name:
            return self[meant]
        raise InputError(
            f"there is no {self.noun} {name!r}; {did_you_mean(name, self)}expected one of {', '.join(self)}"
            f"{f', or {self.also}' * bool(self.also)}"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._own or (isinstance(name, str) and self.spelled(name) in iter(self))

    def __iter__(self) -> Iterator[str]:
        announced = (point.name for point in metadata.entry_points(group=self.group))
        return iter(dict.fromkeys((*self._own, *announced)))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _loaded(point: metadata.EntryPoint, noun: str) -> Any:
    try:
        return point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise InputError(
            f"the {noun} {point.name!r} of an installed package cannot be loaded from {point.value}: "
            f"{type(error).__name__}: {error}; mend or remove that package"
        ) from error


def attribute_of(path: Path, name: str) -> Any:
    """Run the Python file that the user named, which may import its neighbours, and return what it calls `name`.

    Raises:
        InputError: no such file, an error in it, or no such name.
    """
    if not path.is_file():
        beside = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise InputError(f"there is no file {path}; {did_you_mean(path.name, beside)}give path/to/file.py:name")
    module_name = f"{USER_MODULE}{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file; give path/to/file.py:name")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look a class's module up by name
    with neighbours(path):
        try:
            spec.loader.exec_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise InputError(f"{path} raised {type(error).__name__}: {error}; run it on its own and mend it") from error
    if name not in vars(module):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise InputError(
            f"{path} defines no {name!r}; {did_you_mean(name, public)}it has {', '.join(public) or 'no functions'}"
        )
    return vars(module)[name]


@contextmanager
def neighbours(path: Path) -> Iterator[None]:
    """Let the file import what lies beside it, as it may when Python runs it."""
    entry = str(path.parent.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


@contextmanager
def working_folder() -> Iterator[None]:
    """Let a module that the user named be found in the folder where he stands, after all that is installed."""
    entry = str(Path.cwd())
    sys.path.append(entry)
    try:
        yield
    finally:
        sys.path.remove(entry)
