"""What a callable holds: the networks, tensors, numbers and functions that decide its answers, wherever Python keeps them."""

from __future__ import annotations

import dis
import functools
import inspect
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 4
"""Objects within objects that are looked into."""
_GROUND = frozenset({"torch", "numpy", "epsball", *sys.stdlib_module_names})
_LOOKED_INTO = (types.SimpleNamespace, functools.partial)
_CLOSED = ("torch.optim", "torch.utils.data", "flax.ids")
"""Whose objects decide no answer; the last are numbers that Flax counts through a process."""
_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_OF_EVERY_MODULE = frozenset(vars(nn.Module())) | {"training"}
_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME"}
_ATTRIBUTE = {"LOAD_ATTR", "LOAD_METHOD"}
_NUMBERS = (bool, int, float, complex, str, bytes, np.generic, torch.dtype)
_MAX_ITEMS = 256
_QUICK = {bool, int, float, str, type(None)}
_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@dataclass
class Contents:
    """What was found, by the path that leads there; the callable itself has the empty path.

    Args:
        modules: networks, not their submodules.
        tensors: tensors and arrays outside the states of these networks.
        values: numbers, texts, and names of functions and classes.
        code: functions and classes whose source decides the answers, the library's own and PyTorch's left out.
    """

    modules: dict[str, nn.Module] = field(default_factory=dict)
    tensors: dict[str, Tensor | np.ndarray[Any, Any]] = field(default_factory=dict)
    values: dict[str, object] = field(default_factory=dict)
    code: list[Any] = field(default_factory=list)


def contents(net: object, *, thorough: bool = False) -> Contents:
    """Return what `net` holds.

    Closures, globals that a function names, default values, bound methods, `functools.partial`, attributes, lists and dictionaries
    are followed; nothing is called.

    Args:
        net: any callable.
        thorough: also numbers, code, and what the methods of the networks' own classes name; networks alone cost far less.
    """
    walk = _Walk(thorough=thorough)
    walk.visit("", net, 0)
    return walk.found


def is_ground(thing: object) -> bool:
    """Return whether a class or function is Python's, PyTorch's, NumPy's or this library's: its version says which one it is."""
    return str(getattr(thing, "__module__", None) or "builtins").partition(".")[0] in _GROUND


def name_of(thing: Any) -> str:
    """Return the qualified name of a class or function, from the function on that it was made in."""
    return str(thing.__qualname__).rpartition("<locals>.")[2]


class _Walk:
    """Depth first, each object once."""

    def __init__(self, *, thorough: bool) -> None:
        self.found, self.thorough = Contents(), thorough
        self.seen: dict[int, object] = {}

    def visit(self, path: str, value: object, depth: int) -> None:
        """Note `value`, and visit what it holds."""
        if value is None or isinstance(value, _NUMBERS):
            self.found.values[path] = value.item() if isinstance(value, np.generic) else value
            return
        if id(value) in self.seen:
            return
        self.seen[id(value)] = value
        if isinstance(value, Tensor | np.ndarray):
            self.found.tensors[path] = value
        elif isinstance(value, nn.Module):
            self.module(path, value, depth)
        elif hasattr(type(value), "__dlpack__") and hasattr(type(value), "__array__"):  # an array of another library
            self.found.tensors[path] = np.asarray(value)
        elif isinstance(value, functools.partial):
            self.visit(path, value.func, depth)
            self.visit(f"{path}(arguments)", (value.args, value.keywords), depth)
        elif isinstance(value, types.MethodType):
            self.visit(path, value.__self__, depth)
            self.visit(path, value.__func__, depth)
        elif isinstance(value, types.FunctionType):
            self.function(path, value, depth)
        elif isinstance(value, dict | list | tuple | set | frozenset):
            self.collection(path, value, depth)
        else:
            self.thing(path, value, depth)

    def module(self, path: str, network: nn.Module, depth: int) -> None:
        """A network, its hooks, and what its parts hold outside parameters, buffers and submodules."""
        self.found.modules[path] = network
        self.seen |= {id(part): part for part in network.modules()}
        for name, part in unwrapped(network).named_modules():
            if isinstance(part, _PARALLEL) or "_orig_mod" in part._modules:  # noqa: SLF001 getattr is slow where it fails
                continue
            place, ground = f"{path}.{name}".strip("."), is_ground(type(part))
            for attribute, value in vars(part).items():
                if attribute in _OF_EVERY_MODULE:
                    if attribute in _HOOKS and value:
                        self.visit(f"{place}.{attribute.strip('_')}".lstrip("."), list(value.values()), depth + 1)
                elif not (ground and attribute.startswith("_")) and (self.thorough or type(value) not in _QUICK):
                    self.visit(f"{place}.{attribute}".lstrip("."), value, depth + 1)
            if self.thorough:
                self.methods(type(part), depth)

    def function(self, path: str, function: types.FunctionType, depth: int) -> None:
        """A function's name, its source, and the values its code and defaults name."""
        self.found.values[f"{path}()"] = name_of(function)
        if is_ground(function):  # such as what a decorator returns
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
                self.visit(f"{path}.{name}".lstrip("."), _cell(cell), depth + 1)
        elif function not in self.found.code:
            self.found.code.append(function)
            self.names(path, function, depth)

    def names(self, path: str, function: types.FunctionType, depth: int) -> None:
        """The values that a function's code reads from outside, and its defaults."""
        if depth > MAX_DEPTH:
            return
        for name, value in read_from_outside(function):
            self.visit(f"{path}.{name}".lstrip("."), value, depth + 1)
        if function.__defaults__ or function.__kwdefaults__:
            self.visit(f"{path}(defaults)", (function.__defaults__, function.__kwdefaults__), depth)

    def methods(self, kind: type, depth: int) -> None:
        """The source of a class and its bases, and what its methods name, where it is neither PyTorch's nor installed."""
        for base in kind.__mro__:
            if is_ground(base) or base in self.found.code:
                continue
            self.found.code.append(base)
            if "site-packages" in str(getattr(sys.modules.get(base.__module__), "__file__", "")):
                continue
            for name, member in vars(base).items():
                if isinstance(member, types.FunctionType) and name != "__init__":
                    self.names(f"{name_of(base)}.{name}", member, depth)

    def collection(self, path: str, values: Any, depth: int) -> None:
        """Elements by position or key."""
        if isinstance(values, dict):
            items = [(f"[{key!r}]", values[key]) for key in values if isinstance(key, str | int | float | tuple)]
        elif isinstance(values, set | frozenset):
            items = [(f"[{place}]", each) for place, each in enumerate(sorted(values, key=repr))]
        else:
            items = [(f"[{place}]", each) for place, each in enumerate(values)]
        if len(items) > _MAX_ITEMS and all(value is None or isinstance(value, _NUMBERS) for _, value in items):
            self.found.values[path] = repr(items)
            return
        for name, value in items:
            self.visit(f"{path}{name}", value, depth)

    def thing(self, path: str, value: object, depth: int) -> None:
        """Any other object: its attributes, unless it is one that decides no answer."""
        named = isinstance(value, type | types.BuiltinFunctionType) or type(value).__name__ == "ufunc"
        if named and self.thorough:
            self.found.values[f"{path}()"] = str(getattr(value, "__qualname__", value))
            if isinstance(value, type):
                self.methods(value, depth)
        skipped = is_ground(type(value)) and not (callable(value) or isinstance(value, _LOOKED_INTO))
        closed = any(str(type(value).__module__).startswith(package) for package in _CLOSED)
        if named or skipped or closed or isinstance(value, types.ModuleType) or depth >= MAX_DEPTH:
            return
        if self.thorough:
            self.found.values[f"{path}()"] = name_of(type(value))
            self.methods(type(value), depth)
        slots = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
        attributes = dict(getattr(value, "__dict__", {})) | {s: getattr(value, s) for s in slots if hasattr(value, s)}
        for attribute, inner in attributes.items():
            self.visit(f"{path}.{attribute}".lstrip("."), inner, depth + 1)


def read_from_outside(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """Yield the globals and closure cells that code reads, with the attributes it reads of them: `holder.net` and not all of holder."""
    cells = dict(zip(function.__code__.co_freevars, map(_cell, function.__closure__ or ()), strict=True))
    scope = function.__globals__
    for name, *attributes in dict.fromkeys(_chains(function.__code__)):
        if name in cells or name in scope:
            path, value = _follow(name, cells.get(name, scope.get(name)), attributes)
            if not isinstance(value, types.ModuleType):
                yield path, value


def _cell(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # of a name that is not assigned yet
        return None


def _chains(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """The names that code loads from outside itself, each with the attributes loaded directly after it."""
    chain: tuple[str, ...] = ()
    for step in dis.get_instructions(code):
        if step.opname in _ATTRIBUTE and chain:
            chain = (*chain, str(step.argval))
            continue
        if chain:
            yield chain
        outside = step.opname in _GLOBAL or step.argval in code.co_freevars
        chain = (str(step.argval),) if outside and isinstance(step.argval, str) else ()
    if chain:
        yield chain
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _chains(constant)


def _follow(name: str, value: object, attributes: list[str]) -> tuple[str, object]:
    """Where a chain of attributes leads, without running code; a method ends it."""
    for attribute in attributes:
        if isinstance(value, nn.Module | Tensor | type | types.FunctionType):
            break
        inner = vars(value).get(attribute) if hasattr(value, "__dict__") else None
        method = inspect.getattr_static(type(value), attribute, None)
        if inner is None and isinstance(method, types.FunctionType) and not isinstance(value, types.ModuleType):
            return name, types.MethodType(method, value)
        if inner is None:
            break
        name, value = f"{name}.{attribute}", inner
    return name, value


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside `torch.compile` and data parallelism, which change neither weights nor answers."""
    while True:
        inner = getattr(network, "_orig_mod", None)
        if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = network.module
        if not isinstance(inner, nn.Module):
            return network
        network = inner
