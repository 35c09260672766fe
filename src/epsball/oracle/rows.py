"""Row tensors that an attack carries from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from epsball.errors import InputError


class State:
    """The row tensors that an attack handed to `keep`, as attributes; the oracle drops finished rows from them between steps.

    What is assigned to their names later are row tensors too. Other attributes are left as they are.

    Args:
        n: rows now held.
        rows: tensors `(n, …)` by name; None for one that does not exist yet.

    Raises:
        InputError: a name that this class uses itself, something that is no tensor, or a tensor of another number of rows.
    """

    def __init__(self, n: int, rows: dict[str, Tensor | None]) -> None:
        taken = [name for name in rows if name == "_names" or hasattr(State, name)]
        if taken:
            raise InputError(f"keep was given a row tensor named {taken[0]!r}, which is taken; choose another name")
        object.__setattr__(self, "_names", tuple(rows))
        vars(self).update(rows)
        self._checked(n)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Tensor: ...
        def __setattr__(self, name: str, value: Tensor | None) -> None: ...

    def pack(self, live: Tensor) -> None:
        """Drop the rows of every row tensor that are not `live` `(n,)`."""
        self._checked(len(live))
        for name in self._names:
            value = vars(self)[name]
            if value is not None:
                setattr(self, name, value[live])

    def _checked(self, n: int) -> None:
        for name in self._names:
            value = vars(self)[name]
            if value is not None and not isinstance(value, Tensor):
                raise InputError(
                    f"the row tensor {name!r} is a {type(value).__name__}; expected a tensor with one row for each sample: "
                    "use constants in the loop as they are"
                )
            if value is not None and (not value.ndim or len(value) != n):
                raise InputError(
                    f"the row tensor {name!r} has shape {tuple(value.shape)} and the attack holds {n} rows; expected one row for each: "
                    "hand constants to the loop as they are, not to keep"
                )
