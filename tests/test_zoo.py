"""The zoo that judges the checks: its table, and a slice of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zoo_models import Specimen

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="a source archive holds no benchmarks")


@pytest.fixture(autouse=True)
def _beside_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def specimens() -> dict[str, Specimen]:
    from zoo_models import Specimen  # noqa: PLC0415 (a script beside the package)

    def build(stock: object) -> Any:
        raise NotImplementedError(stock)

    found = [
        Specimen("killer", "hook", "digits", ("D04", "D05"), build),
        Specimen("purifier", "optimisation", "digits", ("D21 WARN",), build),
        Specimen("plain", "honest", "digits", (), build),
    ]
    return {one.name: one for one in found}


def line(name: str, found: dict[str, str], n: int = 50) -> dict[str, Any]:
    return {"name": name, "seed": 1, "n": n, "found": found, "said": "", "true": None, "clean": 0.9, "robust": 0.5}


@pytest.mark.parametrize(
    ("name", "found", "amiss"),
    [
        ("killer", {"D05": "FAIL"}, False),
        ("killer", {"D05": "WARN"}, True),
        ("killer", {"D03": "FAIL"}, True),
        ("killer", {}, True),
        ("purifier", {"D21": "WARN"}, False),
        ("purifier", {"D21": "FAIL"}, False),
        ("purifier", {"D05": "FAIL"}, True),
        ("plain", {"D19": "WARN"}, False),
        ("plain", {"D05": "FAIL"}, True),
        ("plain", {"refused": "FAIL"}, True),
    ],
)
def test_a_run_is_amiss_where_its_own_check_is_silent_or_an_honest_model_has_a_fail(
    name: str,
    found: dict[str, str],
    amiss: bool,  # noqa: FBT001 (a parameter of the table above)
) -> None:
    from zoo_table import wrong  # noqa: PLC0415 (a script beside the package)

    said = wrong(specimens(), [line(name, found)])
    assert [each.split(":")[0] for each in said] == ["accused" if name == "plain" else "missed"] * amiss


def test_the_table_counts_the_runs() -> None:
    from zoo_table import page  # noqa: PLC0415 (a script beside the package)

    lines = [line("killer", {"D05": "FAIL", "D26": "WARN"}), line("killer", {"D03": "FAIL"}, 200), line("plain", {})]
    text = "\n".join(page(specimens(), lines, "quick"))
    assert "**0 of 1 broken models are found by their own check in every run; 1 of 1 honest ones have no FAIL" in text
    assert "| hook | killer | D04, D05 | **1 of 2** | D03 1, D05 1 | D26 1 | - | - | - |" in text
    assert "| honest | plain |  | 1 of 1 | - | - | - | - | - |" in text
    assert "| hook | 2 | 50 | 50 |  +50 |" in text


def test_every_model_has_a_name_of_its_own_and_every_family_three_variants() -> None:
    import zoo  # noqa: PLC0415 (scripts beside the package)
    from zoo_honest import HONEST  # noqa: PLC0415
    from zoo_models import BROKEN  # noqa: PLC0415

    assert len(zoo.SPECIMENS) == len(HONEST) + len(BROKEN)
    variants: dict[str, int] = {}
    for one in BROKEN:
        variants[one.family] = variants.get(one.family, 0) + 1
    assert len(variants) >= 15
    assert min(variants.values()) >= 3


@pytest.mark.thorough
def test_a_slice_of_the_zoo(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "zoo.py"), "--suite", "quick", "--seeds", "1", "--sizes", "50"]
    done = subprocess.run(
        [*command, "--processes", "1", "--log", str(tmp_path), "--out", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = json.loads((tmp_path / "zoo.json").read_text(encoding="utf-8"))
    assert len(lines) > 60
    assert "accused" not in done.stderr
