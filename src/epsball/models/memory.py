"""Whether memory ran out: the one failure of a model that a smaller batch mends."""

from __future__ import annotations

import torch

from epsball.errors import ModelError

_SENTENCES = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out; on a processor that is a RuntimeError like any other."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sentence in str(error) for sentence in _SENTENCES)


def halved(batch_size: int, error: BaseException) -> int:
    """Return half the batch size if the error says that memory ran out, and raise the error otherwise.

    Raises:
        ModelError: memory ran out with a single input.
    """
    if not is_out_of_memory(error):
        raise error
    if batch_size == 1:
        raise ModelError(
            f"memory ran out with a single input: {error}; use a smaller model, or another device"
        ) from error
    return batch_size // 2
