"""The notebooks run from the first cell to the last, agree with the library where they say so, and were saved from such a run."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

from contract.problems import first_of

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REFRESH = runpy.run_path(str(ROOT / "notebooks" / "refresh.py"))
LARGEST = 400_000

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def pictures(notebook: Any) -> list[str]:
    shown = [output for output in outputs(notebook) if output.output_type == "display_data"]
    return [output.data["image/png"] for output in shown if "image/png" in output.data]


@pytest.mark.parametrize("path", first_of(*NOTEBOOKS, ids=lambda path: path.stem))
def test_a_notebook_runs_without_a_word_of_warning(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    saved = path.read_bytes()
    notebook = REFRESH["executed"](path, tmp_path)
    REFRESH["tidy"](notebook)
    assert [output.text for output in outputs(notebook) if output.get("name") == "stderr"] == []
    assert len(pictures(notebook)) == len(pictures(nbformat.read(path, as_version=4)))  # type: ignore[no-untyped-call] # nbformat annotates only parts
    assert path.read_bytes() == saved


def test_only_the_end_of_a_bar_is_left_out() -> None:
    outputs = [
        nbformat.v4.new_output("display_data", data={"text/html": "", "text/plain": ""}),  # type: ignore[no-untyped-call] # nbformat annotates only parts
        nbformat.v4.new_output("stream", name="stderr", text="something is wrong\n"),  # type: ignore[no-untyped-call] # the same
        nbformat.v4.new_output("display_data", data={"text/html": "<table></table>"}),  # type: ignore[no-untyped-call] # the same
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])  # type: ignore[no-untyped-call] # the same
    REFRESH["tidy"](notebook)
    assert notebook.cells[0].outputs == outputs[1:]


@each
def test_a_notebook_was_saved_after_one_complete_run(path: Path) -> None:
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat annotates only parts
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run python notebooks/refresh.py"
    assert len(pictures(notebook)) > 0


@each
def test_a_notebook_is_small_and_says_nothing_of_the_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook: Any = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call] # nbformat annotates only parts
    before = nbformat.writes(notebook)  # type: ignore[no-untyped-call] # nbformat annotates only parts
    REFRESH["tidy"](notebook)
    assert nbformat.writes(notebook) == before, "run python notebooks/refresh.py"  # type: ignore[no-untyped-call] # nbformat annotates only parts
    assert len(text.encode()) < LARGEST
    assert not any(str(home) in text for home in (ROOT, Path.home(), "site-packages"))
