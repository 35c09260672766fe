"""What one answer of a model costs in passes of the network behind it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Rows forwarded and gradients taken of the network for one row of the model.

    Args:
        forward: rows forwarded for the logits alone.
        differentiated: rows forwarded for logits to which gradients are taken.
        backward: gradients taken of the network for one gradient of the model.
    """

    forward: int = 1
    differentiated: int = 1
    backward: int = 1
