"""The outermost layer: what goes wrong becomes one sentence on stderr and an exit code."""

from __future__ import annotations

import errno
from traceback import format_exc
from typing import Any

import typer
from typer.core import TyperGroup

from epsball.errors import InputError, ModelError, UntrustworthyError

GATE_FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130
TRACEBACK = "--traceback"


class Group(TyperGroup):
    """Commands whose errors are sentences; with ``--traceback``, wherever it stands, they are tracebacks."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--traceback`` from behind a command to where it is understood."""
        asked = TRACEBACK in args
        rest = [word for word in args if word != TRACEBACK]
        return super().parse_args(ctx, [TRACEBACK, *rest] if asked and rest else rest)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exit 2 with one sentence for what the user can mend, 130 for an interrupt."""
        try:
            return super().invoke(ctx)
        except (InputError, ModelError, UntrustworthyError, OSError) as error:
            if getattr(error, "errno", None) == errno.EPIPE:
                raise
            typer.echo(format_exc() if ctx.params.get("traceback") else f"Error: {_sentence(error)}", err=True)
            raise typer.Exit(UNUSABLE) from error
        except KeyboardInterrupt as stop:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from stop


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError):
        return " ".join(str(error).split())
    place = f"{error.filename}: " if error.filename else ""
    remedy = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "check the path and its permissions"
    return f"{place}{error.strerror or error}; {remedy}, then run the same command again"
