"""The fixture in a project of its own, as pytest runs it."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

PLUGIN = "epsball.pytest_plugin"
PROJECT = """
import sys
sys.path.insert(0, {tests!r})
import epsball as eb
from gated import QUICK, THREAT, worse
from toy import Affine, samples

DATA = samples(400, wrong=0)

def test_same(robustness):
    verdict = robustness.check(Affine(), DATA, THREAT, baseline={file!r}, suite=QUICK)
    assert verdict.passed

def test_worse(robustness):
    robustness.check(worse(), DATA, THREAT, baseline={file!r}, suite=QUICK)

def test_open(robustness):
    robustness.check(worse(0.2), DATA, THREAT, baseline={file!r}, suite=QUICK)

def test_open_allowed(robustness):
    robustness.check(worse(0.2), DATA, THREAT, baseline={file!r}, suite=QUICK, allow_undecided=True)

def test_gate(robustness):
    robustness.check(Affine(), DATA, THREAT, gate="90%", suite=QUICK, budget="9 rounds")

def test_guess(robustness):
    robustness.check(lambda x: 0 * Affine()(x), DATA, THREAT, gate=0.1, suite=QUICK, allow_undecided=True)
"""


def words() -> list[str]:
    """The plugin, where the copy that is installed does not bring it."""
    there = any(entry.value == PLUGIN for entry in entry_points(group="pytest11"))
    return [] if there else ["-p", PLUGIN]


def test_the_gate_decides_the_test(pytester: pytest.Pytester, file: Path, request: pytest.FixtureRequest) -> None:
    pytester.makepyfile(PROJECT.format(tests=str(request.config.rootpath / "tests"), file=str(file)))
    told = pytester.runpytest_subprocess(*words(), "-rfs", "-p", "no:cacheprovider", "--junitxml=out.xml")
    told.assert_outcomes(passed=1, failed=4, skipped=1)
    told.stdout.fnmatch_lines_random(
        [
            "robustness failed: robust accuracy fell by * all of it more than 2.0*points",
            "robustness undecided: *about * samples would tell",
            "robustness failed: robust accuracy is * on 80 samples, all of it below 90.0*",
            "robustness no verdict: the result cannot be trusted *",
            "SKIPPED *undecided: *about * samples would tell*",
        ]
    )
    assert 'name="robustness" value="passed: robust accuracy' in (pytester.path / "out.xml").read_text()


def test_projects_without_it_load_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_nothing_is_loaded():
            assert "epsball.pytest_plugin" in sys.modules
            assert not {"torch", "numpy", "msgspec", "typer", "epsball.gate"} & sys.modules.keys()
        """
    )
    pytester.runpytest_subprocess(*words(), "-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with 3.11")
def test_it_is_announced_to_pytest(request: pytest.FixtureRequest) -> None:
    import tomllib  # noqa: PLC0415 (as above)

    project = tomllib.loads((request.config.rootpath / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {"epsball": PLUGIN}
