"""Networks written for batches of one size: graphs that were exported without a free first axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable


class FixedBatch(nn.Module):
    """A network asked in groups of the one size that it takes; the last group is filled up with its last row.

    Args:
        net: takes (size, …) only.
        size: rows of a group.
    """

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net, self.size = net, size

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Return the answers (N, …) to inputs (N, …), by name where the network names several."""
        missing = -len(x) % self.size
        filled = torch.cat((x, x[-1:].expand(missing, *x.shape[1:]))) if missing else x
        answers = [self.net(group) for group in torch.split(filled, self.size)]
        if isinstance(answers[0], dict):
            return {name: self._together([each[name] for each in answers])[: len(x)] for name in answers[0]}
        return self._together(answers)[: len(x)]

    def _together(self, answers: list[Tensor]) -> Tensor:
        return torch.cat([self._rows(answer) for answer in answers])

    def _rows(self, answer: Tensor) -> Tensor:
        """A graph for one row may have dropped its first axis."""
        return answer[None] if self.size == 1 and answer.ndim == 1 else answer


def in_groups(net: Callable[..., Any]) -> Callable[..., Any]:
    """Return a network that takes any number of rows: `net` itself unless it is an exported graph for batches of one size."""
    size = _size_of_graph(net)
    return net if size is None else FixedBatch(cast("nn.Module", net), size)


def needs_groups(net: nn.Module, size: int, x: Tensor) -> bool:
    """Return whether a network answers inputs `x` `(N, …)`, more than `size` of them, otherwise than in groups of that size."""
    with torch.no_grad():
        expected = FixedBatch(net, size)(x)
        try:
            answer = net(x)
        except Exception:  # noqa: BLE001 whatever a converted graph raises: in groups it does not
            return True
    pairs = (
        [(answer[name], expected[name]) for name in expected] if isinstance(expected, dict) else [(answer, expected)]
    )
    return any(one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3, atol=1e-4) for one, other in pairs)


def _size_of_graph(net: Callable[..., Any]) -> int | None:
    """The number of rows that a graph of `torch.export` was made for; None where it is free, and for anything else."""
    if all(kind.__name__ != "GraphModule" for kind in type(net).__mro__):
        return None
    given = [node.meta.get("val") for node in cast("Any", net).graph.nodes if node.op == "placeholder"]
    first = given[0].shape[0] if len(given) == 1 and isinstance(given[0], Tensor) and given[0].ndim else None
    return first if isinstance(first, int) else None
