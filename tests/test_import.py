"""What `import epsball` costs: torch and numpy, and nothing that draws, tabulates, reads files or prints."""

import json
import subprocess
import sys

import pytest

HEAVY = ("matplotlib", "pyarrow", "PIL", "jinja2", "typer", "rich", "mlxtend", "sklearn", "pandas", "scipy")


def loaded(statement: str) -> set[str]:
    """The top-level packages loaded in a fresh process after the statement."""
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def after_import() -> set[str]:
    return loaded("import epsball")


@pytest.mark.parametrize("name", HEAVY)
def test_import_leaves_heavy_libraries_alone(after_import: set[str], name: str) -> None:
    assert name not in after_import


def test_import_says_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", "import epsball"], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == ""


def test_the_probe_sees_what_is_loaded(after_import: set[str]) -> None:
    assert {"epsball", "torch"} <= after_import
    assert "PIL" in loaded("import PIL.Image")
