"""In a notebook a long computation shows one bar that is redrawn in place, and leaves nothing of it in the saved file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

from epsball import notebook_bar

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CELL = """
import torch, epsball as eb
from epsball import notebook_bar, progress
progress.PATIENCE, notebook_bar.PAUSE = 0.0, 0.0
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
x = torch.rand(64, 1, 4, 4)
run = eb.evaluate(net, (x, net(x).argmax(1)), eb.Threat("linf", 0.05), suite=eb.PGD(steps=200), chunk_size=16)
run
"""


class Watching(NotebookClient):
    """A client that counts what the kernel draws."""

    def process_message(self, message: Any, cell: Any, cell_index: int) -> Any:
        vars(self).setdefault("kinds", []).append(message["msg_type"])
        vars(self).setdefault("texts", []).append(str(message["content"].get("data", {}).get("text/html", "")))
        return super().process_message(message, cell, cell_index)


def test_a_cell_shows_one_bar_and_then_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])  # type: ignore[no-untyped-call] # nbformat annotates only parts
    client: Any = Watching(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    kinds = vars(client)["kinds"]
    assert kinds.count("display_data") == 1
    assert kinds.count("update_display_data") >= 4
    drawn = [text for text in vars(client)["texts"] if "<progress" in text]
    assert any("pgd: " in text and " of " in text for text in drawn)
    shown = notebook.cells[0].outputs
    assert [output.output_type for output in shown] == ["display_data", "execute_result"]
    assert shown[0].data["text/html"] == ""
    assert shown[1].data["text/html"].startswith("<table>")
    assert shown[1].data["text/plain"].startswith("Evaluation(64 samples")


def test_elsewhere_there_is_no_notebook() -> None:
    assert not notebook_bar.in_notebook()
