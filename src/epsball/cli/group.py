"""The outermost layer: what goes wrong becomes one sentence on stderr and an exit code."""

from __future__ import annotations

import errno
import warnings
from contextlib import nullcontext
from functools import partial
from traceback import format_exc
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from epsball.cli.commands import COMMANDS
from epsball.cli.exit_codes import CODES, ExitCode, of_error
from epsball.cli.streams import nobody_reads, result_alone
from epsball.errors import LeftOutWarning
from epsball.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable

TRACEBACK = "--traceback"
_ALONE = "epsball.alone"
"""Whether stdout is for one JSON document and nothing else."""


class Group(TyperGroup):
    """Commands whose errors are sentences; with ``--traceback``, wherever it stands, they are tracebacks."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update({command.title: command for command in COMMANDS})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--traceback`` from behind a command to where it is understood."""
        wanted = TRACEBACK in args
        rest = [word for word in args if word != TRACEBACK]
        ctx.meta[_ALONE] = "--json" in rest and "--help" not in rest
        return super().parse_args(ctx, [TRACEBACK, *rest] if wanted and rest else rest)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; one sentence and an exit code for what the user can mend and for an interrupt."""
        alone = result_alone() if ctx.meta[_ALONE] else nullcontext()
        try:
            with alone, warnings.catch_warnings():
                warnings.showwarning = partial(_shown, warnings.showwarning)
                warnings.simplefilter("always", LeftOutWarning)
                return super().invoke(ctx)
        except tuple(CODES) as error:
            if getattr(error, "errno", None) == errno.EPIPE:
                nobody_reads()
                raise typer.Exit(of_error(error)) from error
            said = format_exc() if ctx.params.get("traceback") else f"Error: {_sentence(error)}"
            typer.echo(printable(said), err=True)
            raise typer.Exit(of_error(error)) from error
        except KeyboardInterrupt as stop:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from stop


def _shown(otherwise: Callable[..., None], message: Warning | str, *place: Any, **settings: Any) -> None:
    """A line on stderr for what a user should know; any other warning as Python shows it."""
    if isinstance(message, LeftOutWarning):
        typer.echo(printable(f"Note: {message}."), err=True)
    else:
        otherwise(message, *place, **settings)


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError):
        return " ".join(str(error).split())
    place = f"{error.filename}: " if error.filename else ""
    remedy = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "check the path and its permissions"
    return f"{place}{error.strerror or error}; {remedy}, then run the same command again"
