"""All experiments in one go: measure, judge, and write the page "the paper, claim by claim"."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from epsball.errors import InputError
from epsball.evaluation.plan import environment
from epsball.paper import EXPERIMENTS
from epsball.paper.duration import foreseen
from epsball.paper.experiment import Experiment, Finding, Verdict, verdict, worded
from epsball.paper.lab import STAND_INS
from epsball.paper.rows import Rows
from epsball.record.files import write_whole
from epsball.record.plan import portable
from epsball.report.svg import alone, inline
from epsball.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from epsball.paper.lab import Lab

TONES = {Verdict.HOLDS: "", Verdict.PARTLY: "warn", Verdict.FAILS: "bad", Verdict.MISSING: "warn"}
PAGE, SUMMARY = "index.html", "README.md"


@dataclass(frozen=True)
class Result:
    """One experiment's measurement and how it came about.

    Args:
        experiment: which one.
        rows: what it measured.
        setting: its data, sizes and settings, in sentences.
        environment: command, date, machine and versions.
        seconds: it took, finished steps and trained networks of earlier runs left out.
    """

    experiment: Experiment
    rows: Rows
    setting: str
    environment: dict[str, Any]
    seconds: float

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every statement of the claim, held against the rows."""
        return self.experiment.findings(self.rows)

    @property
    def verdict(self) -> Verdict:
        """What the measurement says about the claim."""
        return verdict(self.findings)


def reproduce(lab: Lab, names: Sequence[str] = (), command: str = "") -> list[Result]:
    """Run experiments one after the other and write each as it is done; the page shows all that lie in the folder.

    Args:
        lab: where they run, quick or in full, and where results are written.
        names: of experiments, by name or number ("E3"); all when left out.
        command: what to note as the command that gives these results.

    Raises:
        InputError: an unknown name, or results that cannot be written.
    """
    done, chosen = [], find(names)
    lab.say(foreseen(chosen, quick=lab.quick))
    for experiment in chosen:
        lab.say(f"{experiment.id} {experiment.name}: {experiment.claim}")
        facts = {"command": command, "quick": lab.quick, "seed": lab.seed, **portable(environment(torch.device("cpu")))}
        started = time.perf_counter()
        rows, setting = experiment.measure(lab).of(experiment=experiment.name), experiment.setting(lab)
        result = Result(experiment, rows, setting, facts, time.perf_counter() - started)
        write(result, lab.out)
        done.append(result)
        write_page(lab.out)
    return done


def place(folder: Path, *, quick: bool) -> Path:
    """Where results are written that were wanted in a folder: quick ones beside those in full that stand there, never over them.

    Raises:
        InputError: a damaged result stands there.
    """
    full = quick and any(not result.environment["quick"] for result in read(folder))
    return folder / "quick" if full else folder


def find(names: Sequence[str]) -> list[Experiment]:
    """The experiments of these names or numbers ("E3", "3"), all when there are none.

    Raises:
        InputError: a name that no experiment has.
    """
    known = {key: each for each in EXPERIMENTS.values() for key in (each.name, each.id.lower(), each.id[1:])}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        raise InputError(
            f"there is no experiment {', '.join(unknown)}; {did_you_mean(unknown[0], EXPERIMENTS)}"
            f"give {', '.join(f'{e.id} {e.name}' for e in EXPERIMENTS.values())}"
        )
    return [known[name.lower()] for name in names] if names else list(EXPERIMENTS.values())


def read(folder: Path) -> list[Result]:
    """The results that lie in a folder, in the paper's order.

    Raises:
        InputError: a result that is damaged, or that another version wrote in another form.
    """
    results = []
    for experiment in EXPERIMENTS.values():
        file = folder / f"{experiment.name}.json"
        if not file.exists():
            continue
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            facts = document["environment"]
            _ = facts["command"], facts["started"], facts["quick"], facts["versions"]["torch"]
            _ = facts["machine"]["processor"], facts["machine"]["cores"]
            rows = Rows.read(document)
            result = Result(experiment, rows, document["setting"], facts, float(document["seconds"]))
            _ = _described(result), _tables(result)
            results.append(result)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise InputError(
                f"{file} is no result of this version, or a damaged one; delete it and run {experiment.name} again"
            ) from error
    return results


def write(result: Result, folder: Path) -> None:
    """Write one result: a JSON file and its figures."""
    name = result.experiment.name
    for place, figure in enumerate(_figures(result), start=1):
        write_whole(folder / f"{name}-{place}.svg", alone(figure["svg"]).encode())
    write_whole(folder / f"{name}.json", result.rows.document(_described(result)).encode())


def write_page(folder: Path) -> Path:
    """Write all results of a folder as one HTML file and as a Markdown table, and return the former's path."""
    results = read(folder)
    environment = Environment(
        loader=PackageLoader("epsball.paper", ""),
        autoescape=select_autoescape(["html.jinja"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    style = resources.files("epsball.report").joinpath("style.css").read_text(encoding="utf-8")
    sections = [_section(result) for result in results]
    for name, template in ((PAGE, "page.html.jinja"), (SUMMARY, "page.md.jinja")):
        text = environment.get_template(template).render(sections=sections, style=Markup(style))  # noqa: S704 (our own style sheet)
        write_whole(folder / name, text.encode("utf-8"))
    return folder / PAGE


def _cell(text: str) -> str:
    """A text as a cell of a Markdown table, where a bar would begin the next one."""
    return text.replace("|", r"\|")


def _described(result: Result) -> dict[str, Any]:
    """What is said of a result beside its rows."""
    experiment = result.experiment
    return {
        "id": experiment.id,
        "name": experiment.name,
        "claim": experiment.claim,
        "test": experiment.test,
        "verdict": result.verdict.value,
        "checks": [asdict(finding) for finding in result.findings],
        "setting": result.setting,
        "environment": result.environment,
        "seconds": result.seconds,
    }


def _tables(result: Result) -> list[dict[str, Any]]:
    """Caption, heads and lines of every table."""
    rows = result.rows
    return [
        {"caption": worded(table.caption, rows), "columns": tuple(table.cells), "rows": table.filled(rows)}
        for table in result.experiment.tables
        if table.rows(rows)
    ]


def _figures(result: Result) -> list[dict[str, Any]]:
    """Caption and plot of every figure."""
    name, drawn = result.experiment.name, []
    for place, figure in enumerate(result.experiment.figures, start=1):
        caption = worded(figure.caption, result.rows)
        drawn.append({"caption": caption, "svg": inline(figure.draw(result.rows), f"{name}-{place}", caption)})
    return drawn


def _section(result: Result) -> dict[str, Any]:
    beside = {
        "stand_ins": STAND_INS if result.environment["quick"] else "",
        "tone": TONES[result.verdict],
        "tables": _tables(result),
        "figures": _figures(result),
    }
    return {**_described(result), **beside}
