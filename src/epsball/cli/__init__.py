"""The command line: strings end here, the functions below compute."""

from importlib import metadata
from typing import Annotated

import typer

from epsball.cli.attack import SETTINGS, attack
from epsball.cli.demo import demo
from epsball.cli.evaluate import evaluate
from epsball.cli.group import Group
from epsball.cli.listing import listing
from epsball.cli.report import report
from epsball.cli.reproduce import reproduce
from epsball.cli.train import train
from epsball.cli.verify import verify

app = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How robust is an image classifier against adversarial examples, and why that number can be believed.",
)


def _version(asked: bool) -> None:  # noqa: FBT001 (typer hands the flag over by position)
    if asked:
        typer.echo(f"epsball {metadata.version('epsball')}")
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error came from.")] = False,
) -> None:
    """Options that stand before a command."""
    del version, traceback  # the first is answered by its callback, the second is read by Group


app.command()(demo)
app.command()(evaluate)
app.command(context_settings=SETTINGS)(attack)
app.command()(train)
app.command()(reproduce)
app.command()(verify)
app.command()(report)
app.command("list")(listing)


def main() -> None:
    """Run the command line."""
    app()


__all__ = ["app", "main"]
