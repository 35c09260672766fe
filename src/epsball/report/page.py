"""The report as a page: what stands on it, and the one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from epsball.record.manifest import MANIFEST, attack_stages, read_manifest
from epsball.report.checklist import checklist
from epsball.report.classes import class_lines, confusion, worst_class
from epsball.report.coverage import notes, tried, untested
from epsball.report.figures import accuracy_curve, asks_how_close, readings, spoken
from epsball.report.lines import attack_lines, distance_panels, distances_in_words
from epsball.report.provenance import attack_settings, configuration
from epsball.report.repeat import repeat
from epsball.report.samples import gallery
from epsball.report.svg import inline, place
from epsball.report.target import left, target
from epsball.report.text import percent, title_of
from epsball.report.verdict import findings, headline, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation
    from epsball.report.figures import Readings

SIZES = {"wide": (8.4, 3.3), "narrow": (4.2, 3.3)}
FEW_CLASSES = 30
STEPS = 9
"""Points of the curve that stand in a table too."""


def html(run: Evaluation, folder: Path, title: str) -> str:
    """The page of a run; `folder` is where its pictures come from, `title` what stands above it."""
    return rendered("epsball.report", "report.html.jinja", _page(run, folder, title))


def rendered(package: str, template: str, page: dict[str, Any]) -> str:
    """A page of a package's template, with the style and the script of the report in it."""
    environment = Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _text("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        page=page,
        style=Markup(_text("style.css")),  # noqa: S704 (our own style sheet)
        script=Markup(script),  # noqa: S704 (our own script)
        digest=digest,
    )


def _text(name: str) -> str:
    return resources.files("epsball.report").joinpath(name).read_text(encoding="utf-8")


def _page(run: Evaluation, folder: Path, title: str) -> dict[str, Any]:
    data, environment = run.plan.data, run.plan.environment
    model = title_of(run.plan)
    samples, (settings, left_out) = gallery(run, folder), attack_settings(run)
    began = environment.started.replace("T", " ").partition("+")[0]
    about = (model if title else "", data.source, data.split, f"{began} UTC" if began else "")
    return {
        "title": title or model,
        "subtitle": " · ".join(part for part in about if part),
        "version": environment.versions.get("epsball", ""),
        "verdict": verdict(run),
        "headline": headline(run),
        "target": target(run.plan),
        "findings": findings(run),
        "curve": _curve(run),
        "attacks": attack_lines(run, _seconds(run, folder)),
        "distances": distance_panels(run),
        "distances_in_words": distances_in_words(run),
        "samples": samples,
        "samples_caption": _samples_caption(samples),
        "classes": class_lines(run),
        "worst_class": worst_class(run),
        "few_classes": FEW_CLASSES,
        "confusion": confusion(run),
        "tried": tried(run),
        "untested": untested(run),
        "notes": notes(run),
        "checklist": checklist(run),
        "repeat": repeat(run, folder),
        "settings": settings,
        "settings_left_out": left_out,
        "configuration": configuration(run),
    }


def _seconds(run: Evaluation, folder: Path) -> dict[str, float]:
    if not (folder / MANIFEST).is_file():
        return {}
    spent = read_manifest(folder).seconds
    return {name: spent[stage] for name, stage in attack_stages(run.plan).items() if stage in spent}


def _curve(run: Evaluation) -> dict[str, Any]:
    points = readings(run)
    falls = f"The fraction {left(run.plan)}" if target(run.plan) else "Accuracy"
    said = f"{falls} falls from {percent(run.clean_accuracy)}"
    if np.isfinite(run.eps):
        said += f" at ε = 0 to {percent(run.robust_accuracy())} at the threat's ε."
    texts = spoken(run, points)
    start = int(np.searchsorted(points.eps, run.eps)) if np.isfinite(run.eps) else 0
    shown = sorted({*np.linspace(0, len(texts) - 1, STEPS).astype(int).tolist(), min(start, len(texts) - 1)})
    return {
        "pictures": {name: _picture(run, points, name, said) for name in SIZES},
        "texts": json.dumps(texts, ensure_ascii=False),
        "start": min(start, len(texts) - 1),
        "table": [texts[index] for index in shown],
        "certified": bool(np.any(run.lower > 0)),
        "marked": bool(np.isfinite(run.eps)),
        "close": asks_how_close(run),
    }


def _picture(run: Evaluation, points: Readings, name: str, said: str) -> dict[str, Any]:
    plot = accuracy_curve(run, points, *SIZES[name])
    picture = inline(plot, name, said)
    at = place(plot, list(zip(points.eps.tolist(), points.accuracy.tolist(), strict=True)))
    return {"svg": picture, "places": json.dumps(at, separators=(",", ":"))}


def _samples_caption(samples: list[dict[str, Any]]) -> str:
    if not samples:
        return "None to show: no attack found an error, or the inputs are not pictures with one or three channels."
    return (
        "The nearest errors known, each class in turn; where there are more, two at the median distance and the two farthest too: each "
        "says which it is. The largest difference stands near the end of the scale, by the factor that is named. Under each picture "
        "the class the model sees and its confidence. Grey pictures: blue became darker, red became brighter; colour pictures: grey is "
        "unchanged."
    )
