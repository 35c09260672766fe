"""The formats of a report, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.report.document import json_text
from epsball.report.model_card import model_card
from epsball.report.page import html
from epsball.report.summary import csv, latex, markdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation


@dataclass(frozen=True)
class Format:
    """How a report is written in one format.

    Args:
        file: its usual name in the run folder.
        mark: what stands in its first or last lines, so that an earlier report is known as one.
        write: from the run, its folder and a title to the text.
    """

    file: str
    mark: str
    write: Callable[[Evaluation, Path, str], str]


FORMATS = {
    "html": Format("report.html", "epsball</title>", html),
    "markdown": Format("report.md", "<!-- epsball report -->", markdown),
    "latex": Format("report.tex", "% epsball report", latex),
    "csv": Format("report.csv", "id,label,clean,lower,upper,by", csv),
    "json": Format("report.json", '"epsball": "report"', json_text),
    "model-card": Format("model-card.md", "<!-- epsball report -->", model_card),
}
