"""The contract that every attack keeps, for the library's own and for anybody's: `check_attack(MyAttack())`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.errors import InputError
from epsball.testing.contract import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epsball.attacks.base import Attack

__all__ = ["CHECKS", "check_attack"]


def check_attack(attack: Attack, norms: Iterable[str] | None = None, *, device: str | torch.device = "cpu") -> None:
    """Hold an attack to the contract in every norm that it names.

    Args:
        attack: with settings that are cheap enough for a test.
        norms: the norms to check; those of the attack when left out.
        device: where it is called.

    Raises:
        AssertionError: it breaks the contract; the sentence says how.
        InputError: no norms.
    """
    chosen = tuple(attack.norms if norms is None else norms)
    if not chosen:
        raise InputError(
            f"{type(attack).__name__} was to be checked in no norm at all; name one, such as norms=['linf']"
        )
    for norm in chosen:
        for check in CHECKS.values():
            check(attack, norm, torch.device(device))
