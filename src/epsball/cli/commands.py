"""The commands, listed without being imported: torch is loaded by the command that is used, and by no other."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from epsball.cli.completion import Suggestion, suggestions

HELP: set[str] = {"-h", "--help"}


class Deferred(TyperCommand):
    """A command whose module is imported when it is used.

    Args:
        name: of the command.
        place: of its function, "module:function" within `epsball.cli`.
        summary: the first line of the function's docstring.
        settings: of its context.
    """

    def __init__(self, name: str, place: str, summary: str, settings: dict[str, Any] | None = None) -> None:
        super().__init__(name, help=summary)
        self.title: str = name
        self.place: str = place
        self.settings: dict[str, Any] | None = settings

    def loaded(self) -> Any:
        """The command itself."""
        alone = typer.Typer(add_completion=False)
        alone.command(self.title, context_settings=self.settings)(resolve_name(f"epsball.cli.{self.place}"))
        return get_command(alone)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **settings: Any) -> Any:
        """Import the command and let it read the words that follow its name; a shell that completes them imports nothing."""
        if settings.get("resilient_parsing"):
            return super().make_context(info_name, list(args), parent, **settings)
        command = self.loaded()
        if self.settings and HELP & set(args):
            command.epilog = resolve_name("epsball.cli.settings:explanation")(list(args))
        return command.make_context(info_name, args, parent, **settings)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the words as they are, for a shell that completes them."""
        ctx.args = words = list(args)
        return words

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the word that is being typed may become."""
        found: list[Suggestion] = suggestions(self.title, ctx.args, incomplete)
        return found


_FLAGS_OF_THE_ATTACK = {"allow_extra_args": True, "ignore_unknown_options": True}

COMMANDS = (
    Deferred(
        "demo",
        "demo:demo",
        "Train a network on digits, attack it, measure, and write the report; the embedded digits need no network.",
    ),
    Deferred(
        "evaluate",
        "evaluate:evaluate",
        "Measure clean and robust accuracy under a suite of attacks, every reported success verified.",
    ),
    Deferred(
        "check",
        "check:check",
        "Hold a model against a baseline: exit 1 if robust accuracy fell by more than is allowed, 3 if the samples cannot tell.",
    ),
    Deferred(
        "attack",
        "attack:attack",
        "Run one attack on every sample that is classified correctly.",
        _FLAGS_OF_THE_ATTACK,
    ),
    Deferred(
        "transfer",
        "transfer:transfer",
        "Attack each network and show its examples to all: a matrix of accuracies, source by target.",
    ),
    Deferred(
        "train",
        "train:train",
        "Train a network, standard or adversarially; an interrupted run goes on where it stopped.",
    ),
    Deferred(
        "reproduce",
        "reproduce:reproduce",
        "Measure the paper's claims, judge each, and write one HTML page; a stopped run goes on where it was.",
    ),
    Deferred(
        "verify",
        "verify:verify",
        "Verify every file, row, finding and success of a run folder, and run samples again; exit 3 if one is not so.",
    ),
    Deferred(
        "report",
        "report:report",
        "Write one file about a run: a page with figures, tables and adversarial examples that needs no network, or another format.",
    ),
    Deferred(
        "compare",
        "compare:compare",
        "Hold runs against the first of them on the samples that they share; exit 3 if a run is not trusted.",
    ),
    Deferred(
        "export",
        "export:export",
        "Write the nearest adversarial image of each sample as PNG or .npz, each verified again as it was saved.",
    ),
    Deferred(
        "list",
        "listing:listing",
        "List attacks, suites, models, data sets or experiments; `list attacks pgd` explains its settings.",
    ),
    Deferred(
        "doctor", "doctor:doctor", "Show versions, devices, data and extras, and what to install for what is missing."
    ),
)
