"""How inputs are laid out and how many go through the model at once: a written rule, never a stopwatch."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from epsball.oracle.convolution import InTiles, tiles_pay

if TYPE_CHECKING:
    from epsball.models.wrap import Model

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
_PROCESSOR_BYTES = 4 * 2**20
_ACCELERATOR_BYTES = 256 * 2**20
_BLOCK_BYTES = 256 * 2**20
_IMAGE_DIMENSIONS = 4
_GRAIN = 32
_TILED_NUMBERS = 2**14
"""Below this many numbers in a micro-batch, the way through Python costs more than tiles save."""


@dataclass(frozen=True)
class Batching:
    """How the model is asked.

    Args:
        batch_size: samples in one micro-batch.
        channels_last: whether images and convolution weights are stored pixel by pixel.
        block_size: samples of which the attack holds its own tensors at once.
        bfloat16: whether gradients are searched in bfloat16; whatever that search claims is asked again in the model's own type.
        tiles: whether convolutions with few channels get their input gradient a tile of pixels at a time.
    """

    batch_size: int
    channels_last: bool
    block_size: int
    bfloat16: bool = False
    tiles: bool = False

    def fitting(self, left: int) -> int:
        """Return how many of the rows that are left go next: convolutions prepare anew for every size, so sizes are few."""
        size = min(self.batch_size, left)
        return size - size % _GRAIN if self.channels_last and size > _GRAIN else size

    def record(self) -> dict[str, int | bool]:
        """Return the batching as it is written into a run."""
        return asdict(self)


def choose_batching(model: Model, x: Tensor) -> Batching:
    """Return the batching for inputs like `x` `(N, …)`; see docs/decisions/batching.md for the measurements behind the rule.

    Channels-last wherever a module has a two-dimensional convolution and the inputs are images. A micro-batch holds at most 256
    rows for convolutions and 1,024 otherwise, fewer where those would not fit 4 MiB on a processor (256 MiB on an accelerator).
    On a processor convolutions with few channels are differentiated in tiles, `epsball.oracle.convolution`.
    """
    convolutional = model.module is not None and any(isinstance(part, _CONVOLUTIONS) for part in model.module.modules())
    one = max(1, x[0].numel() * x.element_size()) if len(x) else 1
    cache = _PROCESSOR_BYTES if x.device.type == "cpu" else _ACCELERATOR_BYTES
    most = 256 if convolutional else 1024
    rows = max(8, min(most, 2 ** ((cache // one).bit_length() - 1) if cache >= one else 1))
    images = convolutional and x.ndim == _IMAGE_DIMENSIONS
    tiles = images and x.device.type == "cpu" and model.module is not None and tiles_pay(model.module)
    return Batching(rows, images, max(rows, _BLOCK_BYTES // one), tiles=tiles)


def tune(model: Model, x: Tensor) -> Batching:
    """Return the fastest of a few layouts, timed on the first rows of `x`; ask for it explicitly, the clock decides."""
    start = choose_batching(model, x)
    best, fastest = start, float("inf")
    for channels_last in sorted({False, x.ndim == _IMAGE_DIMENSIONS}):
        for rows in sorted({max(1, start.batch_size // 4), start.batch_size, start.batch_size * 2}):
            candidate = replace(
                start, batch_size=rows, channels_last=channels_last, block_size=max(rows, start.block_size)
            )
            seconds = min(_seconds(model, x[: start.batch_size * 2], candidate) for _ in range(3))
            if seconds < fastest:
                best, fastest = candidate, seconds
    return best


def _seconds(model: Model, x: Tensor, batching: Batching) -> float:
    with model.frozen(channels_last=batching.channels_last), torch.enable_grad():
        started = time.perf_counter()
        for start in range(0, len(x), batching.batch_size):
            leaf = arranged(x[start : start + batching.batch_size], batching).requires_grad_()
            with asked(leaf, batching):
                logits = model(leaf)
            torch.autograd.grad(logits.logsumexp(1).sum(), leaf)
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        return time.perf_counter() - started


def precision(x: Tensor, *, bfloat16: bool) -> torch.autocast:
    """Return the context in which a model is asked about `x`; float64 is never lowered."""
    return torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16 and x.dtype == torch.float32)


def asked(x: Tensor, batching: Batching) -> AbstractContextManager[object]:
    """Return the context in which a model is asked about a micro-batch `x` to which gradients may be taken."""
    return InTiles() if batching.tiles and x.requires_grad and x.numel() >= _TILED_NUMBERS else nullcontext()


def arranged(x: Tensor, batching: Batching) -> Tensor:
    """Return a detached `x` in the batching's memory order.

    PyTorch takes one channel for contiguous whichever way its strides are written, and then runs the first convolution in the
    other order and converts after it; the strides say outright what is meant.
    """
    x = x.detach()
    if not batching.channels_last:
        return x
    if x.shape[1] == 1:
        height, width = x.shape[2:]
        return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1))
    return x.contiguous(memory_format=torch.channels_last)
