"""Run the notebooks and keep what they show: `python notebooks/refresh.py`, after the package or a notebook has changed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
SECONDS = 300


def executed(path: Path, folder: Path) -> Any:
    """A notebook with fresh outputs; the file stays as it is.

    Args:
        path: of the notebook.
        folder: its kernel works in.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat annotates only parts
    settings = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources=settings,
    )
    client.execute()
    return notebook


def tidy(notebook: Any) -> None:
    """Leave out what differs from machine to machine: versions, settings of the editor, and what is left of the bars of a slow one."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number:02}", {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("data", {}).get("text/html") != ""]


def main() -> None:
    """Run all of them."""
    for path in sorted(HERE.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        tidy(notebook)
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call] # the same
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
