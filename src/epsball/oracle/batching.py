"""How many rows go through the model at once and in which memory order: a written rule, never a stopwatch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor, nn

from epsball.models.memory import halved
from epsball.oracle.convolution import tiles_pay
from epsball.oracle.memory_format import takes_channels_last

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.model import Model

IMAGE_DIMENSIONS = 4
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
_PROCESSOR_BYTES = 4 * 2**20
_ACCELERATOR_BYTES = 256 * 2**20
_BLOCK_BYTES = 256 * 2**20
_GRAIN = 32


@dataclass(frozen=True)
class Batching:
    """How the model is queried.

    Args:
        batch_size: samples in one micro-batch.
        channels_last: whether images and convolution weights are stored pixel by pixel.
        block_size: samples of which the attack holds its own tensors at once.
        bfloat16: whether gradients are searched in bfloat16; every success of that search is checked in the model's own type.
        tiles: whether convolutions with few channels get their input gradient a tile of pixels at a time.
    """

    batch_size: int
    channels_last: bool
    block_size: int
    bfloat16: bool = False
    tiles: bool = False

    def fitting(self, left: int) -> int:
        """Return how many of the rows that are left go next.

        Convolutions are asked about equal shares, for a few rows take far more than theirs of the time; as they prepare anew for every
        size, all shares but the last are multiples of 32.
        """
        if not self.channels_last or left <= self.batch_size:
            return min(self.batch_size, left)
        shares = -(-left // self.batch_size)
        return min(self.batch_size, -(-left // (shares * _GRAIN)) * _GRAIN)

    def record(self) -> dict[str, int | bool]:
        """Return the batching as it is written into a run."""
        return asdict(self)


def choose_batching(model: Model, x: Tensor) -> Batching:
    """Return the batching for inputs like `x` `(N, …)`: the rule's, in plain memory order where the network takes no other.

    It is the frozen network that is tried; see `epsball.oracle.memory_format`.
    """
    batching = batching_by_rule(model, x)
    if not (batching.channels_last and len(x)) or takes_channels_last(model, x):
        return batching
    return replace(batching, channels_last=False)


def batching_by_rule(model: Model, x: Tensor) -> Batching:
    """Return the batching for inputs like `x` `(N, …)`; see docs/decisions/batching.md for the measurements behind the rule.

    Channels-last wherever a module has a two-dimensional convolution and the inputs are images. A micro-batch holds at most 256
    rows for convolutions and 1,024 otherwise, fewer where those would not fit 4 MiB on a processor (256 MiB on an accelerator).
    On a processor convolutions with few channels are differentiated in tiles, `epsball.oracle.convolution`.
    """
    convolutional = model.module is not None and any(isinstance(part, _CONVOLUTIONS) for part in model.module.modules())
    one = max(1, x[0].numel() * x.element_size()) if len(x) else 1
    cache = _PROCESSOR_BYTES if x.device.type == "cpu" else _ACCELERATOR_BYTES
    most = 256 if convolutional else 1024
    size = max(8, min(most, 2 ** ((cache // one).bit_length() - 1) if cache >= one else 1))
    images = convolutional and x.ndim == IMAGE_DIMENSIONS
    tiles = images and x.device.type == "cpu" and model.module is not None and tiles_pay(model.module)
    return Batching(size, images, max(size, _BLOCK_BYTES // one), tiles=tiles)


class MicroBatches:
    """Cuts rows into micro-batches and puts the answers together again; smaller ones once memory has run out.

    Args:
        batching: their size to begin with.
    """

    def __init__(self, batching: Batching) -> None:
        self.batching: Batching = batching

    def gather(
        self,
        places: Tensor | None,
        n: int,
        answer: Callable[[Tensor | slice], tuple[Tensor, ...]],
        into: tuple[Tensor, ...] | None,
    ) -> tuple[Tensor, ...]:
        """Return what `answer` says of each micro-batch, `(n, …)` each; zeros, or what `into` held, for rows not among `places`.

        Args:
            places: the rows to be answered for, all `n` when None.
            n: rows there are.
            answer: called with the rows of a micro-batch, `(b,)` places or a slice; returns tensors `(b, …)`.
            into: what rows that are not among them have; it may be written over, and what counts is returned.

        Raises:
            ModelError: memory ran out with a single row.
        """
        count = n if places is None else len(places)
        whole, start = into, 0
        while start < count:
            stop = start + self.batching.fitting(count - start)
            at = slice(start, stop) if places is None else places[start:stop]
            try:
                part = answer(at)
            except (RuntimeError, MemoryError) as error:
                self.batching = replace(self.batching, batch_size=halved(self.batching.batch_size, error))
                continue
            start = stop
            if places is None and len(part[0]) == count:
                return part
            if whole is None:
                whole = tuple(t.new_zeros((n, *t.shape[1:])) for t in part)
            for target, piece in zip(whole, part, strict=True):
                target[at] = piece.to(target.dtype)
        return whole or ()
