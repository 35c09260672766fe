"""The fastest batching by the clock, for those who ask for it: a rule decides otherwise."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from epsball.models.memory import is_out_of_memory
from epsball.oracle.batching import IMAGE_DIMENSIONS, choose_batching
from epsball.oracle.forward import forward
from epsball.oracle.memory_format import takes_channels_last

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.oracle.batching import Batching


def tune(model: Model, x: Tensor) -> Batching:
    """Return the fastest of a few batchings, timed on the first rows of `x` `(N, …)`; the clock decides."""
    start = choose_batching(model, x)
    best, fastest = start, float("inf")
    for channels_last in sorted({False, _takes_pixels(model, x)}):
        for size in sorted({max(1, start.batch_size // 4), start.batch_size, start.batch_size * 2}):
            candidate = replace(
                start, batch_size=size, channels_last=channels_last, block_size=max(size, start.block_size)
            )
            try:
                seconds = min(_seconds(model, x[: start.batch_size * 2], candidate) for _ in range(3))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                continue
            if seconds < fastest:
                best, fastest = candidate, seconds
    return best


def _takes_pixels(model: Model, x: Tensor) -> bool:
    return x.ndim == IMAGE_DIMENSIONS and takes_channels_last(model, x)


def _seconds(model: Model, x: Tensor, batching: Batching) -> float:
    with model.frozen(channels_last=batching.channels_last):
        started = time.perf_counter()
        for start in range(0, len(x), batching.batch_size):
            rows = x[start : start + batching.batch_size]
            with forward(model, rows, batching, differentiate=True) as (leaf, logits, _):
                torch.autograd.grad(logits.logsumexp(1).sum(), leaf)
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        return time.perf_counter() - started
