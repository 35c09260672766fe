"""Which rows are still queried: looked up when it may have changed, and not at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Live(NamedTuple):
    """What `alive` `(N,)`, in some version of it, says of the samples `held` `(n,)`.

    Args:
        alive: the tensor that was looked at.
        version: how often it had been changed by then.
        held: the samples asked about.
        rows: whether each is queried, `(n,)`.
        total: how many are.
    """

    alive: Tensor
    version: int
    held: Tensor
    rows: Tensor
    total: int

    @classmethod
    def of(cls, alive: Tensor, held: Tensor, affordable: Tensor | None = None) -> Live:
        """Look it up; `affordable` `(n,)` limits it to rows whose budget is not spent."""
        rows = alive.clone() if len(held) == len(alive) else alive[held]
        rows = rows if affordable is None else rows & affordable
        return cls(alive, version(alive), held, rows, int(rows.count_nonzero()))

    def still(self, alive: Tensor, held: Tensor) -> bool:
        """Whether it says the same of these samples now."""
        return self.alive is alive and self.version == version(alive) and self.held is held


def version(x: Tensor) -> int:
    """Return how often a tensor has been changed in place; PyTorch's count has no public name."""
    return x._version  # noqa: SLF001
