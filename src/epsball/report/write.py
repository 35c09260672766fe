"""A record as a file to read, in one of several formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from epsball.errors import InputError, brief
from epsball.record.evaluation import Evaluation
from epsball.record.files import write_whole
from epsball.report.formats import FORMATS
from epsball.suggestions import did_you_mean, spelled

if TYPE_CHECKING:
    from epsball.report.formats import Format

_ENDS = 4096
"""The first and last bytes of a file, in one of which every report has its mark."""


def write_report(
    run: Evaluation,
    folder: Path | str,
    path: Path | str | None = None,
    *,
    format: str = "html",  # noqa: A002 (what users of other libraries call it)
    title: str = "",
) -> Path:
    """Write the report of a run as one file that needs no network, and return its path.

    Args:
        run: the record, as `evaluate` returned it or `eb.load_run` read it.
        folder: the run folder, where the pictures come from; a folder without inputs gives a report without pictures.
        path: the file to write; in `folder` when left out: report.html, report.md, report.tex, report.csv, report.json, model-card.md.
        format: "html", a page; "markdown" and "latex" (booktabs), a table; "csv", a row for each sample; "json", the figures;
            "model-card", a model card of the Hugging Face hub with its block of evaluation results.
        title: what stands above it; the model's name when left out.

    Raises:
        InputError: the run folder is damaged, the file cannot be written, something else than a report stands there, or there is no
            such format.
    """
    name = spelled(str(format), FORMATS)
    if name not in FORMATS:
        *others, last = FORMATS
        raise InputError(
            f"the format was given as {format!r}; {did_you_mean(str(format), FORMATS)}expected {', '.join(others)} or {last}"
        )
    if not isinstance(run, Evaluation):
        raise InputError(
            f"the run was given as {brief(run)}; expected what evaluate returned, or eb.load_run(folder) of a run folder"
        )
    chosen, folder = FORMATS[name], Path(folder)
    target = folder / chosen.file if path is None else Path(path)
    refuse_other(target, chosen)
    write_whole(target, chosen.text(run, folder, title).encode("utf-8"))
    return target


def refuse_other(target: Path, chosen: Format) -> None:
    """Refuse to overwrite a file that is not of that format: weights or a record, named by mistake, would be lost.

    Raises:
        InputError: something else stands there.
    """
    if not target.is_file():
        return
    with target.open("rb") as file:
        begins = file.read(_ENDS)
        file.seek(max(0, target.stat().st_size - _ENDS))
        ends = file.read()
    if begins and chosen.mark.encode() not in begins + ends:
        raise InputError(
            f"{target} is there already and is no report; expected a new name or that of an earlier report: "
            f"give another one, such as --out {chosen.file}, or remove the file first"
        )
