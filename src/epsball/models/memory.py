"""Whether memory ran out: the one failure of a model that a smaller batch mends."""

from __future__ import annotations

import torch

_SENTENCES = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out; on a processor that is a RuntimeError like any other."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sentence in str(error) for sentence in _SENTENCES)
