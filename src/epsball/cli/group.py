"""The outermost layer: what goes wrong becomes one sentence on stderr, under `--json` one document on stdout, and an exit code."""

from __future__ import annotations

import errno
import json
import warnings
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from time import monotonic
from traceback import format_exc
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from epsball.cli import usage
from epsball.cli.commands import COMMANDS, HELP
from epsball.cli.exit_codes import CODES, ExitCode, of_error
from epsball.cli.running_time import STARTED
from epsball.cli.streams import nobody_reads, result_alone, write_result
from epsball.errors import EightBitWarning, LeftOutWarning, SuiteWarning
from epsball.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRACEBACK = "--traceback"
_WORDS = "epsball.words"
"""The words of the command line."""
UsageError: Any = typer.BadParameter.__mro__[1]
"""What is raised for words that no command takes; typer brings its own in new versions and click's in old ones."""


class Group(TyperGroup):
    """Commands whose errors are sentences; with ``--traceback``, wherever it stands, they are tracebacks."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update({command.title: command for command in COMMANDS})

    def make_context(self, info_name: Any, args: list[str], *given: Any, **settings: Any) -> Any:
        """Read the words before the command."""
        with _sentences(list(args)):
            return super().make_context(info_name, args, *given, **settings)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--traceback`` from behind a command to where it is understood."""
        ctx.meta[_WORDS] = list(args)
        ctx.meta.setdefault(STARTED, monotonic())
        rest = [word for word in args if word != TRACEBACK]
        return super().parse_args(ctx, [TRACEBACK, *rest] if TRACEBACK in args and rest else rest)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; one sentence and an exit code for what the user can mend and for an interrupt."""
        words = ctx.meta[_WORDS]
        alone = result_alone() if _wants_json(words) else nullcontext()
        with alone, _sentences(words), warnings.catch_warnings():
            warnings.showwarning = partial(_shown, warnings.showwarning)
            warnings.simplefilter("always", LeftOutWarning)
            warnings.simplefilter("always", SuiteWarning)
            warnings.simplefilter("default", EightBitWarning)  # once, however many parts are read
            return super().invoke(ctx)


def _wants_json(words: list[str]) -> bool:
    """Whether stdout is for one JSON document and nothing else."""
    return "--json" in words and not HELP & set(words)


@contextmanager
def _sentences(words: list[str]) -> Iterator[None]:
    """Say what goes wrong, and exit with its code."""
    try:
        yield
    except typer.Exit:
        raise
    except tuple(CODES) as error:
        if getattr(error, "errno", None) == errno.EPIPE:
            nobody_reads()
            raise typer.Exit(of_error(error)) from error
        said = format_exc() if TRACEBACK in words else f"Error: {_sentence(error)}"
        raise _ended(said, type(error).__name__, _sentence(error), of_error(error), words) from error
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        said = usage.sentence(error, words)
        raise _ended(f"Error: {said}", "UsageError", said, ExitCode.UNUSABLE, words) from error
    except KeyboardInterrupt as stop:
        sentence = f"Interrupted: {stop}" if str(stop) else "Interrupted."
        raise _ended(sentence, "Interrupted", sentence, ExitCode.INTERRUPTED, words) from stop
    except Exception as defect:
        if _wants_json(words):
            write_error(type(defect).__name__, str(defect), 1)
        raise


def _ended(said: str, kind: str, sentence: str, code: ExitCode, words: list[str]) -> typer.Exit:
    """Say on stderr what went wrong, and on stdout where a program reads that; return the exit."""
    typer.echo(printable(said), err=True)
    if _wants_json(words):
        write_error(kind, sentence, code)
    return typer.Exit(code)


def write_error(kind: str, sentence: str, code: int) -> None:
    """One document that holds an error in place of a result."""
    with suppress(OSError):  # a full disk, or a reader who has gone: stderr has the sentence
        write_result(json.dumps({"error": {"kind": kind, "message": sentence, "exit_code": int(code)}}, indent=2))


def _shown(otherwise: Callable[..., None], message: Warning | str, *place: Any, **settings: Any) -> None:
    """A line on stderr for what a user should know; any other warning as Python shows it."""
    if isinstance(message, LeftOutWarning | EightBitWarning | SuiteWarning):
        typer.echo(printable(f"Note: {message}."), err=True)
    else:
        otherwise(message, *place, **settings)


def _sentence(error: Exception) -> str:
    """What an error says, with the option for the argument that the library's own sentence names."""
    if not isinstance(error, OSError):
        return " ".join(str(error).split()).replace(" with out=", " with --out")
    place = f"{error.filename}: " if error.filename else ""
    remedy = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "check the path and its permissions"
    return f"{place}{error.strerror or error}; {remedy}, then run the same command again"
