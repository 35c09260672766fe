"""What is handed out: an sdist that holds its tests, and a wheel that holds all the package reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOT_HANDED_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info", "steps"
)
FAST = ("tests/laws", "tests/data", "tests/record", "tests/test_units.py", "tests/test_layers.py", "tests/test_docs.py")

pytestmark = pytest.mark.thorough


def build(kind: str, tree: Path, out: Path) -> Path:
    """The sdist or wheel of a tree, by setuptools as it is installed here."""
    program = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=tree, check=True, capture_output=True)
    return next(out.glob("*.tar.gz" if kind == "sdist" else "*.whl"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this tree, built from a copy and unpacked elsewhere."""
    place = tmp_path_factory.mktemp("sdist")
    tree = shutil.copytree(ROOT, place / "tree", ignore=NOT_HANDED_OUT)
    with tarfile.open(build("sdist", tree, place)) as archive:
        archive.extractall(place / "elsewhere", filter="data")
    return next((place / "elsewhere").iterdir())


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist."""
    return build("wheel", unpacked, tmp_path_factory.mktemp("wheel"))


@pytest.mark.parametrize("folder", ["src", "tests", "docs", "benchmarks", "notebooks"])
def test_the_sdist_holds_every_file(unpacked: Path, folder: str) -> None:
    def files(root: Path) -> set[Path]:
        found = {path.relative_to(root) for path in (root / folder).rglob("*") if path.is_file()}
        hidden = ("__pycache__", ".ipynb_checkpoints", "steps")
        return {path for path in found if not any(part in hidden or part.endswith(".egg-info") for part in path.parts)}

    assert files(ROOT) - files(unpacked) - {Path("docs/results/index.html")} == set()


def test_the_sdist_passes_its_tests(unpacked: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(unpacked / "src")}
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *FAST]
    done = subprocess.run(words, cwd=unpacked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    where = subprocess.run(
        [sys.executable, "-c", "import epsball; print(epsball.__file__)"],
        cwd=unpacked,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(unpacked))


def test_the_wheel_holds_all_that_the_package_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    src = ROOT / "src"
    wanted = {p.relative_to(src).as_posix() for p in (src / "epsball").rglob("*") if p.is_file()}
    assert {name for name in wanted if "__pycache__" not in name} - names == set()
    assert not any(name.startswith("tests/") for name in names)


def test_the_wheel_says_where_it_comes_from_and_what_it_runs_on(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("METADATA"))
        facts = message_from_string(archive.read(name).decode())
    links = {line.partition(",")[0] for line in facts.get_all("Project-URL") or []}
    assert {"Documentation", "Source", "Changelog", "Issues"} <= links
    stated = set(facts.get_all("Classifier") or [])
    pythons = {f"Programming Language :: Python :: 3.{minor}" for minor in (10, 11, 12, 13)}
    assert stated >= {*pythons, "Operating System :: OS Independent", "Typing :: Typed"}
    assert facts["License-Expression"] == "Apache-2.0"
