"""Networks in evaluation mode without parameter gradients for a while, and everything as it was afterwards."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from epsball.errors import ModelError
from epsball.models.shared import GUARD, PartBefore, RandomState, Turn, WeightBefore, held, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KERNEL = 4


class Watched:
    """The parts and weights of some networks, listed once.

    Args:
        networks: whose.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        self.parts: list[nn.Module] = parts_of(networks)
        self.weights: list[nn.Parameter] = weights_of(self.parts)

    def frozen(self) -> bool:
        """Return whether there is nothing to freeze, as inside an attack; asked before every forward pass, so it must cost little."""
        return not any(getattr(part, "training", False) for part in self.parts) and not any(
            weight.requires_grad for weight in self.weights
        )


def weights_of(parts: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Return every parameter of some modules once, those of their submodules left out."""
    return list({id(weight): weight for part in parts for weight in part.parameters(recurse=False)}.values())


@contextmanager
def frozen(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Put networks into evaluation mode without parameter gradients; modes, `requires_grad` and buffers are restored.

    Where several contexts hold a network, nested or in several threads, the last one to end gives it back.

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
    parts = parts_of(networks)
    weights = weights_of(parts)
    with held(parts, PartBefore), held(weights, WeightBefore):
        with GUARD:
            for network in networks:
                evaluation_mode(network)
            for weight in weights:
                weight.requires_grad_(False)  # noqa: FBT003 - PyTorch names the argument differently in its stubs
        yield


@contextmanager
def alone(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Keep other threads from networks, and from those that share layers with them, which wait here for their turn."""
    parts = sorted(parts_of(networks), key=id)
    with held(parts, Turn) as turns, ExitStack() as locks:
        for turn in turns:
            locks.enter_context(turn.lock)
        yield


def evaluation_mode(network: nn.Module) -> None:
    """Put a network into evaluation mode; a graph that was exported stays in the mode it was exported in."""
    try:
        network.eval()
    except NotImplementedError:  # what torch.export gives has no modes
        for part in network.modules():
            part.training = False


@contextmanager
def random_state() -> Iterator[None]:
    """Give PyTorch's global random state back as it was, of the processor and of every accelerator in use.

    Of several contexts, nested or in several threads, the last one to end gives it back.
    """
    with held([torch.default_generator], RandomState):
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
