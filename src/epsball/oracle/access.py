"""What an attacker may see of a model."""

from __future__ import annotations

from enum import IntEnum


class Access(IntEnum):
    """What an attacker may see of a model; more includes less."""

    NOTHING = 0
    LABELS = 1
    SCORES = 2
    GRADIENT = 3
