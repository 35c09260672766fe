"""Norms by what people call them."""

from __future__ import annotations

from epsball.errors import InputError
from epsball.geometry import NORMS, Norm
from epsball.suggestions import did_you_mean

_ORDERS = {"∞": "inf", "infinity": "inf", "max": "inf"}
"""Other words for an order."""


def norm_named(norm: Norm | str | float) -> Norm:
    """The norm of a name or an order.

    Raises:
        InputError: there is none.
    """
    if isinstance(norm, Norm):
        return norm
    order = str(norm).strip().lower().removeprefix("l").removeprefix("_")
    name = f"l{_ORDERS.get(order, order.removesuffix('.0'))}"
    if isinstance(norm, bool) or name not in NORMS:
        raise InputError(
            f"the norm was given as {norm!r}; {did_you_mean(name, NORMS)}expected one of {', '.join(NORMS)}"
        )
    return NORMS[name]
