"""No file of the package needs itself through others."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import epsball
from layers import own, read

ROOT = Path(epsball.__file__).parent
MODULES = read(ROOT)


def test_no_files_import_each_other_in_a_circle_not_even_for_types() -> None:
    needed = {
        module.name: {
            other for i in module.imports if (other := own(MODULES, ROOT.name, i)) not in {None, "", module.name}
        }
        for module in MODULES.values()
    }
    TopologicalSorter(needed).prepare()  # raises CycleError


def test_a_circle_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "pair").mkdir()
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / "pair" / f"{one}.py").write_text(f"from pair.{other} import x", encoding="utf-8")
    modules = read(tmp_path / "pair")
    with pytest.raises(CycleError):
        TopologicalSorter({m.name: {own(modules, "pair", i) for i in m.imports} for m in modules.values()}).prepare()
