"""Forward passes over many inputs: the one loop with which the library measures what a model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from epsball.models.memory import halved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from epsball.models.model import Model


def forward(
    model: Model,
    x: Tensor,
    batch_size: int,
    visit: Callable[[int, slice, Tensor], object],
    *,
    passes: int = 1,
    arrange: Callable[[Tensor], Tensor] = Tensor.detach,
) -> int:
    """Pass x (N, …) through the model in its own precision, without gradients.

    Args:
        model: the classifier; it is frozen meanwhile.
        x: its inputs, in data units.
        batch_size: inputs in one pass; halved while memory does not suffice.
        visit: called with the number of the pass, the rows and their logits (n, K).
        passes: repetitions, with fresh random numbers where the model draws any.
        arrange: gives a batch its memory order.

    Returns:
        the number of inputs for which memory sufficed, at most `batch_size`.

    Raises:
        ModelError: the model failed, or memory ran out with a single input.
    """
    with torch.inference_mode(mode=False), torch.no_grad(), model.frozen():
        for number in range(passes):
            for rows, logits in batches(model, x, batch_size, arrange):
                visit(number, rows, logits)
                if rows.stop < len(x):
                    batch_size = rows.stop - rows.start
    return batch_size


def batches(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    batch_size: int,
    arrange: Callable[[Tensor], Tensor] = Tensor.detach,
) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows of x (N, …) and their logits (n, K), a batch at a time. Arguments and errors are those of `forward`."""
    start = 0
    while start < len(x):
        rows = slice(start, min(start + batch_size, len(x)))
        try:
            logits = model(arrange(x[rows]))
        except (RuntimeError, MemoryError) as error:
            batch_size = halved(batch_size, error)
            continue
        yield rows, logits
        start = rows.stop


def logits_of(
    model: Model, x: Tensor, batch_size: int, *, arrange: Callable[[Tensor], Tensor] = Tensor.detach
) -> Tensor:
    """Return the logits (N, K) of inputs (N, …). Arguments and errors are those of `forward`."""
    batches: list[Tensor] = []
    forward(model, x, batch_size, lambda _number, _rows, logits: batches.append(logits), arrange=arrange)
    return torch.cat(batches)


def numpy_of(x: Tensor) -> NDArray[Any]:
    """Return the same numbers on the processor; bfloat16, which NumPy lacks, as float32."""
    x = x.detach().cpu()
    array: NDArray[Any] = (x.float() if x.dtype == torch.bfloat16 else x).numpy()
    return array
