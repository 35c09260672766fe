"""One self-contained HTML page from a record."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from epsball.errors import InputError
from epsball.record.files import write_whole
from epsball.record.manifest import MANIFEST, attack_stages, read_manifest
from epsball.report.figures import accuracy_curve, asks_how_close
from epsball.report.lines import attack_lines, confusion, distance_panels
from epsball.report.provenance import command, configuration, repeatable
from epsball.report.samples import gallery
from epsball.report.svg import inline
from epsball.report.target import left, target
from epsball.report.text import percent
from epsball.report.verdict import checks, findings, headline, verdict

if TYPE_CHECKING:
    from epsball.record import Evaluation
    from epsball.record.plan import ModelPlan

WIDE, NARROW = (8.4, 3.3), (4.2, 3.3)
_HEAD, _MARK = 4096, b"epsball</title>"
"""What the first bytes of every report hold."""


def write_report(run: Evaluation, folder: Path | str, path: Path | str | None = None) -> Path:
    """Write the report of a run as one HTML file that needs no network, and return its path.

    Args:
        run: the record, as `evaluate` returned it or `read_run` read it.
        folder: the run folder, where the pictures come from; a folder without inputs gives a report without pictures.
        path: the file to write; `folder`/report.html by default.

    Raises:
        InputError: the run folder is damaged, the file cannot be written, or something else than a report stands there.
    """
    folder = Path(folder)
    target = folder / "report.html" if path is None else Path(path)
    _refuse_other(target)
    style = resources.files("epsball.report").joinpath("style.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("epsball.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html.jinja").render(page=_page(run, folder), style=Markup(style))  # noqa: S704 (our own style sheet)
    write_whole(target, text.encode("utf-8"))
    return target


def _refuse_other(target: Path) -> None:
    """Refuse to overwrite a file that is no report: weights or a record, named by mistake, would be lost."""
    if not target.is_file():
        return
    with target.open("rb") as file:
        begins = file.read(_HEAD)
    if begins and _MARK not in begins:
        raise InputError(
            f"{target} is there already and is no report; expected a new name or that of an earlier report: "
            "give another one, such as --out report.html, or remove the file first"
        )


def _page(run: Evaluation, folder: Path) -> dict[str, Any]:
    model, data, environment = run.plan.model, run.plan.data, run.plan.environment
    samples = gallery(run, folder)
    return {
        "model": _title(model),
        "subtitle": " · ".join(part for part in (data.source, data.split, environment.started) if part),
        "version": environment.versions.get("epsball", ""),
        "verdict": verdict(run),
        "headline": headline(run),
        "target": target(run.plan),
        "findings": findings(run),
        "curve": _curve(run),
        "attacks": attack_lines(run, _seconds(run, folder)),
        "distances": distance_panels(run),
        "samples": samples,
        "samples_caption": _samples_caption(samples),
        "confusion": confusion(run),
        "checks": checks(run),
        "configuration": configuration(run),
        "command": command(run, folder),
        "repeatable": repeatable(run),
    }


def _title(model: ModelPlan) -> str:
    """The model as it was named, without the folders its weights lie in."""
    name, at, weights = (model.source or model.class_name or "model").partition("@")
    return f"{name}{at}{Path(weights).name}"


def _seconds(run: Evaluation, folder: Path) -> dict[str, float]:
    if not (folder / MANIFEST).is_file():
        return {}
    spent = read_manifest(folder).seconds
    return {name: spent[stage] for name, stage in attack_stages(run.plan).items() if stage in spent}


def _curve(run: Evaluation) -> dict[str, Any]:
    falls = f"The fraction {left(run.plan)}" if target(run.plan) else "Accuracy"
    spoken = f"{falls} falls from {percent(run.clean_accuracy)}"
    if np.isfinite(run.eps):
        spoken += f" at ε = 0 to {percent(run.robust_accuracy())} at the threat's ε."
    return {
        "wide": inline(accuracy_curve(run, *WIDE), "wide", spoken),
        "narrow": inline(accuracy_curve(run, *NARROW), "narrow", spoken),
        "certified": bool(np.any(run.lower > 0)),
        "marked": bool(np.isfinite(run.eps)),
        "close": asks_how_close(run),
    }


def _samples_caption(samples: list[dict[str, Any]]) -> str:
    if not samples:
        return "None to show: no attack found an error, or the inputs are not pictures with one or three channels."
    return (
        "Under each picture the class the model sees and its confidence. "
        "Grey pictures: blue became darker, red became brighter; colour pictures: grey is unchanged."
    )
