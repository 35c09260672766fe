"""Every check is one file and one import line, and carries all that a reader needs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import epsball
from epsball import diagnostics
from epsball.diagnostics import CHECKS, Check, Observation, Outcome, check
from toy import toy_run

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(diagnostics.__file__).parent
NO_CHECKS = {"chance", "stuck_gradient", "ladder", "training_history", "__init__", "base", "outcome", "probe"}

NEW = '''"""D97."""

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.outcome import Outcome


@check("D97", "WARN", Outcome, remedy="none needed")
def always(run: Outcome) -> list[Observation]:
    """Nothing passes."""
    return [Observation("It is late", f"{len(run.ids)} samples")]
'''


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_check_says_what_it_tests_and_what_to_do(name: str) -> None:
    one = CHECKS[name]
    assert one.id == name
    assert one.severity in {"FAIL", "WARN", "INFO"}
    assert (one.test.__doc__ or "").splitlines()[0].endswith(".")
    assert one.remedy
    assert not one.remedy.endswith(".")


def test_every_file_holds_one_check_named_like_it() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - NO_CHECKS
    made = {name: getattr(import_module(f"epsball.diagnostics.{name}"), name) for name in files}
    assert sorted(one.id for one in made.values()) == sorted(CHECKS)
    assert all(isinstance(one, Check) for one in made.values())


def test_a_new_check_is_one_file_and_one_line(tmp_path: Path) -> None:
    copy = tmp_path / "epsball"
    for path in Path(epsball.__file__).parent.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = copy / path.relative_to(Path(epsball.__file__).parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (copy / "diagnostics" / "always.py").write_text(NEW)
    init = copy / "diagnostics" / "__init__.py"
    init.write_text(init.read_text().replace("    adaptive_attack,\n", "    adaptive_attack,\n    always,\n"))
    lines = "from toy import toy_run; print([finding.id for finding in toy_run().findings])"
    tests = Path(__file__).parent.parent
    said = subprocess.run(
        [sys.executable, "-c", lines],
        env={"PYTHONPATH": f"{tmp_path}:{tests}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "['D19', 'D97', 'adaptive']"


def silent(_run: Outcome) -> Iterator[Observation]:
    """Nothing to say."""
    return iter(())


def test_another_package_announces_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "Z01"

        @staticmethod
        def load() -> Check[Outcome]:
            return Check("Z01", "FAIL", Outcome, lambda _: [Observation("Too slow", "an hour")], "wait")

    def announced(group: str, name: str = "Z01") -> list[Any]:
        return [Point] if (group, name) == ("epsball.checks", "Z01") else []

    monkeypatch.setattr("importlib.metadata.entry_points", announced)
    monkeypatch.setattr(CHECKS, "_own", dict(CHECKS._own))  # noqa: SLF001 (so that nothing stays registered)
    run = toy_run()
    assert [finding.id for finding in run.findings] == ["D19", "Z01", "adaptive"]
    assert not run.trusted


def test_a_check_cannot_wait_for_a_later_one_nor_take_a_name_twice() -> None:
    with pytest.raises(ValueError, match="check D05 waits for D06; expected ids that sort before its own"):
        Check("D05", "WARN", Outcome, silent, "none", unless=("D06",))
    with pytest.raises(ValueError, match="two entries 'D06' among the checks"):
        check("D06", "WARN", Outcome, remedy="none")(silent)
