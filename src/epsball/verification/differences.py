"""Recorded against expected, with sentences that name the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

NAMED = 3
"""Samples named per column; one is enough to refuse a run."""


def differences(
    place: str,
    column: str,
    ids: NDArray[np.int64],
    recorded: NDArray[Any],
    expected: NDArray[Any],
    *,
    relative: float = 0.0,
    absolute: float = 0.0,
) -> Iterator[str]:
    """A sentence for each of the first samples whose recorded value is not the expected one, equal infinities being equal."""
    floats = recorded.dtype.kind == "f"
    same = np.isclose(recorded, expected, rtol=relative, atol=absolute) if floats else recorded == expected
    for row in np.flatnonzero(~same)[:NAMED]:
        yield f"{place}, sample {ids[row]}: {column} is {recorded[row]}, expected {expected[row]}"
