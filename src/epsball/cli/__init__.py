"""The command line: strings end here, the functions below compute. A command's module is imported when it is used."""

import sys
from importlib import metadata
from typing import Annotated

import typer

from epsball.cli.group import Group
from epsball.cli.signals import stop_when_told
from epsball.cli.streams import open_missing
from epsball.plain import speak_plainly

app: typer.Typer = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="How robust is an image classifier against adversarial examples, and why that number can be believed.",
)


def _version(wanted: bool) -> None:  # noqa: FBT001 (typer hands the flag over by position)
    if wanted:
        typer.echo(f"epsball {metadata.version('epsball')}")
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error came from.")] = False,
) -> None:
    """Options that stand before a command."""
    del version, traceback  # the first is answered by its callback, the second is read by Group


def main() -> None:
    """Run the command line."""
    open_missing()
    stop_when_told()
    for stream in (sys.stdout, sys.stderr):
        speak_plainly(stream)
    app(prog_name="epsball")


__all__ = ["app", "main"]
