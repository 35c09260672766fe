"""What several contexts hold at once, nested or in several threads: what was before is noted by the first and put back by the last."""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Thing = TypeVar("Thing")


class Before(Protocol):
    """How a thing was before it was held; made when the first context begins."""

    def restore(self) -> None:
        """Put it back."""


Noted = TypeVar("Noted", bound=Before)


class _Entry(Generic[Thing]):
    """A thing that is held, which keeps its id its own, what it was before, and how many contexts of which threads hold it."""

    def __init__(self, thing: Thing, before: Before) -> None:
        self.thing, self.before = thing, before
        self.holders: Counter[int] = Counter()


GUARD = threading.RLock()
"""Held for as long as networks are changed, never while one is queried."""
_HELD: dict[tuple[object, int], _Entry[object]] = {}
"""By kind and id; empty wherever nothing runs. It is the process's, as the networks are that its threads share."""


@contextmanager
def held(things: Iterable[Thing], note: Callable[[Thing], Noted]) -> Iterator[list[Noted]]:
    """Hold things for as long as the context lasts, and give what `note` made of each when it was first held."""
    keys: list[tuple[tuple[object, int], Thing]] = [((note, id(thing)), thing) for thing in things]
    taken: list[tuple[object, int]] = []
    thread = threading.get_ident()
    notes: list[Noted] = []
    try:
        with GUARD:
            for key, thing in keys:
                if key not in _HELD:
                    _HELD[key] = _Entry(thing, note(thing))
                _HELD[key].holders[thread] += 1
                taken.append(key)
                notes.append(_HELD[key].before)  # type: ignore[arg-type] # the key names the kind
        yield notes
    finally:
        with GUARD:
            for key in taken:
                _let_go(key, thread, 1)


def _let_go(key: tuple[object, int], thread: int, contexts: int) -> None:
    """End some contexts of a thread; the last one of all puts the thing back as it was."""
    entry = _HELD[key]
    entry.holders[thread] -= contexts
    if not entry.holders.total():
        del _HELD[key]
        entry.before.restore()


def _forked() -> None:
    """In a process that was forked there are no other threads: what they held is given back, and they keep nobody waiting."""
    here = threading.get_ident()
    try:
        for key, entry in list(_HELD.items()):
            for thread, contexts in list(entry.holders.items()):
                if thread != here and contexts:
                    _let_go(key, thread, contexts)
            if isinstance(entry.before, Turn):
                entry.before.renew()
    finally:
        GUARD.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=GUARD.acquire, after_in_parent=GUARD.release, after_in_child=_forked)


def parts_of(networks: Iterable[nn.Module]) -> list[nn.Module]:
    """Return every module of some networks once."""
    return list({id(part): part for network in networks for part in network.modules()}.values())


class PartBefore:
    """The mode and the buffers of one module, without its submodules."""

    def __init__(self, part: nn.Module) -> None:
        self.part = part
        self.mode = getattr(part, "training", None)  # torch.jit.freeze removes it
        self.buffers = [(name, buffer, _Values(buffer)) for name, buffer in part.named_buffers(recurse=False)]

    @torch.no_grad()
    def restore(self) -> None:
        """Put mode and buffers back."""
        if self.mode is not None:
            self.part.training = self.mode
        for name, buffer, values in self.buffers:
            setattr(self.part, name, buffer)
            values.give_back(buffer)


class WeightBefore:
    """Whether a parameter required gradients."""

    def __init__(self, weight: nn.Parameter) -> None:
        self.weight, self.needed = weight, weight.requires_grad

    def restore(self) -> None:
        """Require gradients again, or not."""
        self.weight.requires_grad_(self.needed)


class Turn:
    """Whose turn it is to use a module."""

    def __init__(self, part: nn.Module) -> None:
        del part
        self.lock = threading.RLock()

    def renew(self) -> None:
        """Replace a lock whose owner is gone."""
        if self.lock.acquire(blocking=False):  # it is free, or this thread's own
            self.lock.release()
        else:
            self.lock = threading.RLock()

    def restore(self) -> None:
        """Nothing was changed."""


class RandomState:
    """PyTorch's random state, of the processor and of every accelerator in use."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generators = [generator]
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call] # PyTorch does not annotate it
            self.generators += torch.cuda.default_generators
        self.states = [generator.get_state() for generator in self.generators]

    def restore(self) -> None:
        """Put it back."""
        for generator, state in zip(self.generators, self.states, strict=True):
            generator.set_state(state)


class _Values:
    """The values of a buffer of any layout."""

    def __init__(self, buffer: Tensor) -> None:
        self.values: Tensor = buffer.detach().clone()
        self.plain: bool = buffer.layout == torch.strided and not buffer.is_nested
        self.version: int = 0 if self.plain else buffer._version  # noqa: SLF001 PyTorch's count of changes has no public name

    def give_back(self, buffer: Tensor) -> None:
        """Put the values back where they changed; sparse tensors cannot be compared and count their changes."""
        same = torch.equal(buffer, self.values) if self.plain else buffer._version == self.version  # noqa: SLF001 the same
        if not same:
            buffer.copy_(self.values)
