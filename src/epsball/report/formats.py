"""The formats of a report, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation


@dataclass(frozen=True)
class Format:
    """How a report is written in one format.

    Args:
        file: its usual name in the run folder.
        mark: what stands in its first or last lines, so that an earlier report is known as one.
        place: module and name of what makes the text of the run, its folder and a title; imported when it is used, as a page needs
            libraries that the other formats do not.
    """

    file: str
    mark: str
    place: str

    def text(self, run: Evaluation, folder: Path, title: str) -> str:
        """The report as text."""
        return str(resolve_name(f"epsball.report.{self.place}")(run, folder, title))


FORMATS = {
    "html": Format("report.html", "epsball</title>", "page:html"),
    "markdown": Format("report.md", "<!-- epsball report -->", "summary:markdown"),
    "latex": Format("report.tex", "% epsball report", "summary:latex"),
    "csv": Format("report.csv", "id,label,clean,lower,upper,by", "summary:csv"),
    "json": Format("report.json", '"epsball": "report"', "document:json_text"),
    "model-card": Format("model-card.md", "<!-- epsball report -->", "model_card:model_card"),
}
