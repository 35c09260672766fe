from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"
RESUMED = "small network, l2, resumed"

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="a source archive holds no benchmarks")


@pytest.fixture(autouse=True)
def _beside_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def started(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *command], check=False, capture_output=True, text=True, env=environment)


def test_a_changed_column_is_named_with_its_rows_and_its_largest_difference() -> None:
    from same_rows import compared  # noqa: PLC0415 (a script beside the package)

    old = {"upper": np.array([0.1, np.inf, np.nan, 0.3]), "by": np.array(["pgd", ""]), "id": np.arange(2)}
    assert compared(old, {name: values.copy() for name, values in old.items()}) == []
    new = {"upper": np.array([0.1, np.inf, np.nan, 0.5]), "by": np.array(["pgd", "deepfool"]), "id": np.arange(2)}
    assert compared(old, new) == [
        "upper: 1 of 4 rows differ, largest difference 0.2",
        "by: 1 of 2 rows differ, first  and now deepfool in row 1",
    ]
    assert compared(old, {"upper": old["upper"], "id": np.arange(2, dtype=np.int32), "more": np.arange(2)}) == [
        "by: missing in the new tree",
        "more: missing in the old tree",
        "id: was int64, is int32",
    ]
    assert compared({}, {}) == ["neither tree gave a column"]
    assert compared(old, {"error": np.array(["why"])}) == ["new failed:\nwhy"]


def test_zero_and_minus_zero_are_not_identical() -> None:
    from same_rows import difference  # noqa: PLC0415 (a script beside the package)

    assert difference(np.array([0.0]), np.array([-0.0])) == "1 of 1 rows differ, largest difference 0"


def test_a_tree_with_another_step_is_not_the_same(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    attack = tmp_path / "src" / "epsball" / "attacks" / "pgd.py"
    text = attack.read_text(encoding="utf-8")
    assert "rate: Number = positive(0.03)" in text
    attack.write_text(text.replace("rate: Number = positive(0.03)", "rate: Number = positive(0.04)"), encoding="utf-8")
    done = started(str(BENCHMARKS / "same_rows.py"), "--against", str(tmp_path), "--cases", RESUMED)
    assert done.returncode == 1, done.stderr
    assert f"{RESUMED}: \n" in done.stdout
    assert "second: distance: " in done.stdout
    assert "first: " not in done.stdout
    assert "0 of 1 cases are identical" in done.stdout


def test_without_a_card_the_check_of_one_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    done = started(str(BENCHMARKS / "gpu.py"))
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "no CUDA device" in done.stdout


def test_one_failing_case_is_recorded_and_the_next_one_runs(tmp_path: Path) -> None:
    import json  # noqa: PLC0415 (only here)

    from gpu_bench import Bench  # noqa: PLC0415 (a script beside the package)

    bench = Bench(torch.device("cpu"), small=True, path=tmp_path / "out.json", seconds=60)
    with bench.case("first"):
        bench.check("holds", holds=True)
        raise ValueError("the reason")
    with bench.case("second"):
        bench.check("does not hold", holds=False, note="by so much")
    found = json.loads(bench.path.read_text(encoding="utf-8"))
    assert not found["passed"]
    assert found["checks passed"] == {"holds": 1}
    assert [failure["case"] for failure in found["failures"]] == ["first", "second"]
    assert "the reason" in found["failures"][0]["note"]


def test_the_table_of_lies_has_cases_enough_and_says_which_are_wrong() -> None:
    from lying_gradients import Row  # noqa: PLC0415 (a script beside the package)
    from lying_models import honest, lying, train  # noqa: PLC0415 (as above)

    x, y = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    net = train(x, y, epochs=1)
    lies, truths = list(lying(net)), list(honest(net, x, y))
    assert len(lies) >= 25
    assert len(truths) >= 10
    assert all(case.net(x).shape[0] == 20 for case in (*lies, *truths))
    row = Row("a", honest=False, clean=0.9, claimed=0.5, refed=0.6, bpda=0.47, search=0.7, trusted=True, failed=(),
              quick=0.6, quick_trusted=True)  # fmt: skip
    assert row.true == 0.47
    assert row.wrong
    assert not dataclasses.replace(row, trusted=False).wrong
    assert not dataclasses.replace(row, claimed=0.48).wrong
    assert dataclasses.replace(row, honest=True, trusted=False).wrong
