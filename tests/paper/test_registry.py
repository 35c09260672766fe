"""A new experiment is one file and one import line, and says the name of what it measures once."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import epsball
from epsball.paper import EXPERIMENTS
from epsball.paper.reproduce import read

PACKAGE = Path(epsball.__file__).parent
RESULTS = Path(__file__).parents[2] / "docs" / "results"
NEW = '''"""E14: nothing."""

from epsball.paper.estimates import exactly
from epsball.paper.experiment import Check, Experiment
from epsball.paper.rows import Rows

EXPERIMENT = Experiment(
    "E14", "nothing", "one is one", "it is counted", lambda lab: Rows((exactly(1.0).of("one"),)), lambda lab: "none",
    (Check("one is 1", "1", lambda rows: (str(rows.one().value), rows.one().value == 1)),), (), (),
)
'''


def test_a_file_and_a_line_make_an_experiment(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "epsball", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "epsball" / "paper" / "nothing.py").write_text(NEW)
    listed = tmp_path / "epsball" / "paper" / "__init__.py"
    line = "from epsball.paper.nothing import EXPERIMENT as NOTHING\nfrom epsball.paper.precision import"
    listed.write_text(listed.read_text().replace("from epsball.paper.precision import", line))
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from epsball.cli import main; main()"
    command = [sys.executable, "-c", code, "reproduce", "E14", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "one is 1: 1.0" in done.stdout
    assert "| [E14 nothing](nothing.json) | one is one |" in (tmp_path / "out" / "README.md").read_text()


def sources(name: str) -> list[Path]:
    stem = name.replace("-", "_")
    return sorted((PACKAGE / "paper").glob(f"{stem}*.py"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_key_of_a_measurement_is_written_twice(name: str) -> None:
    (result,) = (result for result in read(RESULTS) if result.experiment.name == name)
    keys = {getattr(row, column) for row in result.rows for column in ("quantity", "attack", "space")} - {""}
    written = Counter(
        node.value
        for file in sources(name)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in keys
    )
    assert {key: times for key, times in written.items() if times > 1} == {}
