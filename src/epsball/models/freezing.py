"""Networks in evaluation mode without parameter gradients for a while, and everything as it was afterwards."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from epsball.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KERNEL = 4


def is_frozen(networks: Iterable[nn.Module]) -> bool:
    """Return whether there is nothing to freeze, as inside an attack; called before every forward pass, so it must cost little."""
    return not any(
        any(getattr(part, "training", False) for part in network.modules())
        or any(weight.requires_grad for weight in network.parameters())
        for network in networks
    )


@contextmanager
def frozen(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Put networks into evaluation mode without parameter gradients; modes, `requires_grad` and buffers are restored.

    Raises:
        ModelError: parameters that get their values with the first batch.
    """
    networks = list(networks)
    for network in networks:
        if any(is_lazy(weight) for weight in network.parameters()):
            raise ModelError(
                f"the network {type(network).__name__} has parameters without values, which come with the first batch; "
                "expected a network that is ready: pass one batch through it first, net(x[:2])"
            )
    parts = list({id(part): part for network in networks for part in network.modules()}.values())
    modes = [(part, part.training) for part in parts if hasattr(part, "training")]  # torch.jit.freeze removes it
    weights = {id(weight): weight for part in parts for weight in part.parameters(recurse=False)}.values()
    wanted = [(weight, weight.requires_grad) for weight in weights]
    buffers = [
        (part, name, buffer, _Kept(buffer)) for part in parts for name, buffer in part.named_buffers(recurse=False)
    ]
    try:
        for network in networks:
            evaluation_mode(network)
        for weight, _ in wanted:
            weight.requires_grad_(False)  # noqa: FBT003 - PyTorch names the argument differently in its stubs
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for weight, needed in wanted:
            weight.requires_grad_(needed)
        with torch.no_grad():
            for part, name, buffer, kept in buffers:
                setattr(part, name, buffer)
                kept.give_back(buffer)


def evaluation_mode(network: nn.Module) -> None:
    """Put a network into evaluation mode; a graph that was exported stays in the mode it was exported in."""
    try:
        network.eval()
    except NotImplementedError:  # what torch.export gives has no modes
        for part in network.modules():
            part.training = False


class _Kept:
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


@contextmanager
def random_state() -> Iterator[None]:
    """Give PyTorch's global random state back as it was, of the processor and of every accelerator in use."""
    initialised = torch.cuda.is_initialized()  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    devices = list(range(torch.cuda.device_count())) if initialised else []
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def channels_last(network: nn.Module) -> Iterator[None]:
    """Lend four-dimensional weights a copy of their data in channels-last order; the original storage comes back."""
    lent = [
        (weight, weight.data)
        for weight in network.parameters()
        if weight.ndim == _KERNEL and weight.layout == torch.strided
    ]
    try:
        for weight, data in lent:
            weight.data = data.contiguous(memory_format=torch.channels_last)
        yield
    finally:
        for weight, data in lent:
            weight.data = data
