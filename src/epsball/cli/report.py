"""``epsball report``: the record as a page."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from epsball.cli.options import Json
from epsball.cli.verify import Folder


def report(
    folder: Folder,
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; RUN/report.html by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one HTML file with figures, tables and adversarial examples; it needs no network."""
    from epsball.record import read_run  # noqa: PLC0415 (only commands that read need Parquet)
    from epsball.report import write_report  # noqa: PLC0415 (only this command draws)

    path = write_report(read_run(folder), folder, out)
    sys.stdout.write(json.dumps({"report": str(path)}) + "\n" if as_json else f"{path}\n")
