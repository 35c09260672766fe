"""When the command line was entered: a budget of time counts from there, the loading of torch, data and model included."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from epsball.evaluation.budget import Budget

STARTED = "epsball.started"
"""Where a context holds the moment."""


def budget_of(given: str | None, ctx: typer.Context) -> Budget | None:
    """The budget of ``--budget``, its clock started with the command line.

    Raises:
        InputError: it is none.
    """
    from epsball.evaluation.budget import Budget  # noqa: PLC0415 (this module is loaded with every command)

    return None if given is None else Budget.of(given, ctx.meta.get(STARTED))
