"""A device that is none: tensors on the processor that say they are on a card, and refuse what a card refuses.

`with pretended():` makes `.to("cuda")`, `device="cuda"` and the like give such tensors. Mixing them with tensors that are not on the
card, handing them to NumPy and the like raise what PyTorch raises with a card; `torch.cuda` is replaced by answers for one card.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CARD = torch.device("cuda", 0)
_LISTS = {torch.cat, torch.stack, torch.concat, torch.hstack, torch.vstack}
"""Where a number of 0 dimensions on the processor is refused too."""
_COPIES = {"copy_", "_has_compatible_shallow_copy_type"}
_CONVERSIONS = {"to", "cuda", "cpu", "type", "type_as"}
_TO_NUMPY = {"numpy", "__array__", "__array_wrap__", "__dlpack__"}
_KEPT = {"__get__", "__set__"}
_CUDA: dict[str, Any] = {
    "is_available": lambda: True,
    "is_initialized": lambda: True,
    "device_count": lambda: 1,
    "current_device": lambda: 0,
    "is_bf16_supported": lambda *_: True,
    "synchronize": lambda *_: None,
    "empty_cache": lambda: None,
    "get_rng_state": lambda *_: torch.zeros(16, dtype=torch.uint8),
    "set_rng_state": lambda *_: None,
    "get_device_name": lambda *_: "a pretended card",
    "get_device_capability": lambda *_: (9, 0),
    "reset_peak_memory_stats": lambda *_: None,
    "max_memory_allocated": lambda *_: 0,
    "manual_seed": lambda *_: None,
    "manual_seed_all": lambda *_: None,
    "device": lambda *_: nullcontext(),
}
"""What is stubbed of `torch.cuda`; anything else fails as it does without a card."""


class OnCard(torch.Tensor):
    """A tensor that says it is on a card."""

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        copied = self.detach().clone().requires_grad_(self.requires_grad)
        if isinstance(self, torch.nn.Parameter):
            copied = torch.nn.Parameter(copied, self.requires_grad)
        memo[id(self)] = copied
        return copied


class _Card(TorchFunctionMode):
    """Answers every call of PyTorch while the card is pretended."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - the way a subclass calls on
            if name in _KEPT:
                return _attribute(func, name, args)
            if name in _CONVERSIONS and isinstance(args[0], torch.Tensor):
                return _converted(func, name, args, kwargs)
            if name in _TO_NUMPY and isinstance(args[0], OnCard):
                raise TypeError(
                    "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
                )
            return _called(func, name, args, kwargs)


def _attribute(func: Callable[..., Any], name: str, args: tuple[Any, ...]) -> Any:
    on_card = isinstance(args[0], OnCard)
    of = getattr(getattr(func, "__self__", None), "__name__", "")
    if name == "__set__":
        return func(*args)
    if on_card and of == "device":
        return CARD
    if on_card and of == "is_cuda":
        return True
    if on_card and of == "is_cpu":
        return False
    return _onto_card(func(*args), on_card=on_card)


def _converted(func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    there = isinstance(args[0], OnCard) if name not in {"cuda", "cpu"} else name == "cuda"
    plain: list[Any] = [args[0]]
    for argument in args[1:]:
        if isinstance(argument, torch.device | str) and name in {"to", "cuda"}:
            there = torch.device(argument).type == "cuda"
            plain.append("cpu")
        elif isinstance(argument, torch.Tensor):
            there = isinstance(argument, OnCard)
            plain.append(argument)
        else:
            plain.append(argument)
    if kwargs.get("device") is not None:
        there = torch.device(kwargs["device"]).type == "cuda"
        kwargs["device"] = "cpu"
    func = torch.Tensor.cpu if name == "cuda" else func
    moved = func(*plain[: 1 if name == "cuda" else None], **({} if name == "cuda" else kwargs))
    if there == isinstance(moved, OnCard):
        return moved
    return moved.as_subclass(OnCard) if there else moved.as_subclass(torch.Tensor).clone()


def _called(func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    on_card = any(isinstance(t, OnCard) for t in tensors)
    if on_card and name not in _COPIES:
        _refuse_mixing(func, name, args, tensors)
    wanted = kwargs.get("device")
    if wanted is not None:
        on_card = torch.device(wanted).type == "cuda"
        kwargs["device"] = "cpu"
    if on_card and isinstance(kwargs.get("generator"), torch.Generator):
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
    answer = func(*args, **kwargs)
    same = bool(args) and answer is args[0] and wanted is None
    return answer if same else _onto_card(answer, on_card=on_card)


def _refuse_mixing(func: Callable[..., Any], name: str, args: tuple[Any, ...], tensors: list[torch.Tensor]) -> None:
    elsewhere = [t for t in tensors if not isinstance(t, OnCard)]
    if name == "__getitem__" and isinstance(args[0], OnCard):
        return  # a card's tensor may be indexed by the processor's
    if name == "__setitem__" and isinstance(args[0], OnCard):
        indexed = any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(args[1]))
        elsewhere = (
            [args[2]] if indexed and isinstance(args[2], torch.Tensor) and not isinstance(args[2], OnCard) else []
        )
    changed = name.endswith("_") and not name.endswith("__") and bool(args) and not isinstance(args[0], OnCard)
    if any(t.ndim or func in _LISTS for t in elsewhere) or (changed and elsewhere):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (in {name})"
        )


def _onto_card(answer: Any, *, on_card: bool) -> Any:
    if not on_card:
        return answer
    if isinstance(answer, tuple) and hasattr(type(answer), "n_fields"):
        return type(answer)([_onto_card(part, on_card=True) for part in answer])
    return tree_map_only(torch.Tensor, lambda t: t if isinstance(t, OnCard) else t.as_subclass(OnCard), answer)


@contextmanager
def pretended() -> Iterator[list[str]]:
    """Pretend a card within the context; gives the names in `torch.cuda` that were called."""
    called: list[str] = []

    def listed(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            called.append(name)
            return answer(*args)

        return call

    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # or `.to` would leave a parameter's type as it is
    try:
        with ExitStack() as stack:
            for name, answer in _CUDA.items():
                stack.enter_context(mock.patch.object(torch.cuda, name, listed(name, answer)))
            stack.enter_context(mock.patch.object(torch.cuda, "default_generators", (torch.Generator(),)))
            stack.enter_context(_Card())
            yield called
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
