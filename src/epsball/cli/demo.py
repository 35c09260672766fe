"""``epsball demo``: the main job on digits."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from epsball.cli.demonstration import demonstrate
from epsball.cli.options import Json, Seed
from epsball.cli.output import interval, note, print_findings, print_result, reuse, table
from epsball.cli.running import end, interruptible
from epsball.record import Evaluation, metrics
from epsball.record.statistics import wilson
from epsball.report.document import document
from epsball.report.text import count, number, percent, seconds, with_interval
from epsball.terminal import command

Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Where weights, run folder and report are written.")]


Digits = Annotated[
    str, typer.Option("--data", help="mnist-5k, embedded; or mnist, from $EPSBALL_DATA or its public home.")
]


def demo(*, data: Digits = "mnist-5k", out: Out = Path("epsball-demo"), seed: Seed = 0, as_json: Json = False) -> None:
    """Train a network on digits, attack it, measure, and write the report; the embedded digits need no network."""
    with interruptible(out):
        made = demonstrate(out, data=data, seed=seed, say=note)
    reuse(made.run, made.folder)
    print_findings(made.run.findings)
    eps, accuracy = made.fgsm
    paths = {"report": made.report, "weights": made.weights, "fgsm": {"eps": eps, "accuracy": accuracy}}
    print_result(accuracies(made.run), {**document(made.run, made.folder), **paths}, as_json=as_json)
    note(
        f"FGSM falls through the paper's 29 % at ε = {number(eps)}, where it leaves "
        f"{with_interval(accuracy, len(made.run))} of {count(len(made.run))} digits.\n"
        f"Done in {seconds(made.seconds)}.\n\n"
        f"Report:  {made.report}   (open it in a browser)\n"
        f"Weights: {made.weights}\n\n"
        "Next:\n"
        f"  {command('verify', made.folder)}\n"
        "  epsball evaluate your_model.py:make_model@weights.safetensors --data mnist --norm linf --eps 0.1 --out run/\n"
        "  epsball list attacks"
    )
    end(made.run)


def accuracies(run: Evaluation) -> Table:
    """What each attack alone leaves, with the median distance of the errors that it found, and all together."""
    shown = table(
        f"784-512-10 on {len(run)} digits, linf, ε = {number(run.eps)}",
        "",
        "accuracy",
        "95 % interval",
        "distance found",
        "mean |r|/|x|",
    )
    right = run.clean == run.label
    _row(shown, "clean", right)
    for name, rows in run.attacks.items():
        own, rho = metrics.attack_upper(run, name), number(float(metrics.rho(run, name)))
        _row(shown, name, own > run.eps, number(metrics.median_found(run, name, run.eps)), rho)
        if run.plan.attacks[name].minimum_norm and rows.success.any():
            _row(shown, "  at any distance", np.isinf(own), number(metrics.median_found(run, name)), rho)
    _row(shown, "all together", run.upper > run.eps)
    return shown


def _row(shown: Table, name: str, robust: np.ndarray[tuple[int], np.dtype[np.bool_]], *facts: str) -> None:
    bounds = wilson(int(robust.sum()), len(robust))
    shown.add_row(name, percent(float(robust.mean())), interval(*bounds), *facts)
