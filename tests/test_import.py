"""What imports cost: nothing until a name is used, and never what draws, tabulates, reads files or prints."""

import json
import subprocess
import sys
import time

import pytest

HEAVY = ("matplotlib", "pyarrow", "PIL", "jinja2", "typer", "rich", "mlxtend", "sklearn", "pandas", "scipy")
MODULES = ("cli", "errors", "units", "record")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)


def loaded(statement: str) -> set[str]:
    """The top-level packages loaded in a fresh process after the statement."""
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    return set(json.loads(run("-c", program).stdout))


@pytest.fixture(scope="module")
def after_every_name() -> set[str]:
    return loaded("from epsball import *")


@pytest.mark.parametrize("name", HEAVY)
def test_no_public_name_brings_a_heavy_library(after_every_name: set[str], name: str) -> None:
    assert name not in after_every_name


def test_import_says_nothing() -> None:
    done = run("-c", "import epsball; epsball.PGD")
    assert done.stdout == ""
    assert done.stderr == ""


def test_the_probe_sees_what_is_loaded(after_every_name: set[str]) -> None:
    assert {"epsball", "torch"} <= after_every_name
    assert "PIL" in loaded("import PIL.Image")


def test_a_name_is_loaded_when_it_is_used() -> None:
    assert {"torch", "numpy"}.isdisjoint(loaded("import epsball; epsball.__version__; dir"))
    assert "torch" in loaded("import epsball; epsball.PGD")
    assert "torch" not in loaded("import epsball; epsball.InputError")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_needs_no_torch_loads_none(module: str) -> None:
    assert {"torch", "matplotlib", "pyarrow"}.isdisjoint(loaded(f"from epsball import {module}"))


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["list", "--help-me"]])
def test_the_command_line_loads_torch_only_for_a_command(words: list[str]) -> None:
    statement = f"from epsball.cli import app\ntry:\n    app({words})\nexcept SystemExit:\n    pass"
    program = f"import sys\n{statement}\nprint(*sys.modules, file=sys.stderr)"
    names = set(run("-c", program).stderr.split())
    assert "typer" in names
    assert ("torch" in names) == (words[0] == "list")


def test_the_version_is_there_at_once() -> None:
    run("-m", "epsball", "--version")
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        run("-m", "epsball", "--version")
        taken.append(time.perf_counter() - started)
    assert min(taken) < 1, taken  # 0.2 s on a machine at rest; torch alone takes more than a second
