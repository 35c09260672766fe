"""Who never imports whom, how large a file may be, and what no attack may do."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import epsball
from layers import Module, inside, own, reachable, read

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(epsball.__file__).parent
MODULES = read(ROOT)

LONGEST = 300
MEDIAN = 100

GROUND = ("errors", "units", "geometry", "goal", "losses", "threat", "randomness")
MAY_IMPORT = {
    "display": ("display",),
    "errors": (),
    "geometry": ("geometry", "errors", "suggestions"),
    "goal": ("errors",),
    "losses": ("goal", "errors"),
    "randomness": ("errors",),
    "units": ("errors",),
    "settings": ("units", "errors", "suggestions"),
    "threat": ("units", "geometry", "errors", "display.text"),
    "validation": ("threat", "geometry", "goal", "errors"),
    "oracle": ("oracle", "validation", "models", *GROUND),
    "attacks.parts": ("attacks.parts", "oracle", *GROUND),
}
"""All that the modules under the attacks import of their own package."""

ATTACK_MAY_IMPORT = ("attacks.base", "attacks.parts", "oracle", "validation", "settings", *GROUND)
_ENSEMBLES = "base call cascade combine found minimum_norm planted registry selected suites"
ENSEMBLES = tuple(f"attacks.{name}" for name in _ENSEMBLES.split())
ONLY_TORCH = ("geometry", "goal", "losses")
NO_TORCH = ("comparison", "display", "record", "report")
NEVER = {
    "certification": ("attacks",),
    "comparison": ("attacks", "evaluation", "models", "oracle", "training", "verification"),  # it reads rows
    "training": ("evaluation", "verification"),
    "attacks": ("evaluation", "training", "certification", "verification", "record"),
    "models": ("oracle", "attacks", "evaluation", "training", "verification", "record.evaluation"),
    "diagnostics": ("report",),
    "verification": ("attacks", "certification", "evaluation", "oracle", "training"),
    "record": ("report", "evaluation", "verification"),
}
"""Who never imports whom, whatever else it imports."""

HEAVY = ("PIL", "jinja2", "markupsafe", "matplotlib", "mlxtend", "pandas", "pyarrow", "rich", "sklearn", "typer")
MAY_BE_HEAVY = ("cli", "report", "paper", "display.figures", "comparison.figures")

GLOBAL_DRAWS = {"manual_seed", "seed", "set_rng_state", "set_state"}
LEGACY_NUMPY = {"default_rng", "Generator", "SeedSequence", "Philox", "PCG64", "BitGenerator"}
CLIPPING = {"clamp", "clamp_", "clip", "clip_"}
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"}


def attack_files() -> dict[str, Module]:
    return {n: m for n, m in MODULES.items() if n.startswith("attacks.") and not inside(n, *ENSEMBLES)}


def strays(modules: dict[str, Module], name: str, allowed: tuple[str, ...]) -> list[str]:
    """Imports by `name` and what lies below it of modules of the package that are not allowed."""
    found = []
    for module in modules.values():
        if inside(module.name, name):
            for imported in module.imports:
                other = own(modules, ROOT.name, imported)
                if other is not None and not inside(other, *allowed):
                    found.append(f"{module.path.name}:{imported.line} imports {imported.module}")
    return found


@pytest.mark.parametrize("name", sorted(MAY_IMPORT))
def test_the_core_imports_only_what_lies_under_it(name: str) -> None:
    assert strays(MODULES, name, MAY_IMPORT[name]) == []


@pytest.mark.parametrize("name", ONLY_TORCH)
def test_the_ground_floor_knows_no_library_but_torch(name: str) -> None:
    known = {"torch", "math", "abc", "dataclasses", "typing", "collections", "functools", "__future__", "epsball"}
    found = {i.module.split(".")[0] for m in MODULES.values() if inside(m.name, name) for i in m.imports}
    assert found <= known


@pytest.mark.parametrize("name", sorted(attack_files()))
def test_an_attack_imports_base_geometry_losses_rules_and_no_other_attack(name: str) -> None:
    assert strays(MODULES, name, (*ATTACK_MAY_IMPORT, name)) == []


@pytest.mark.parametrize("name", sorted(NEVER))
def test_neighbours_that_never_meet(name: str) -> None:
    allowed = tuple(other for other in MODULES if not inside(other, *NEVER[name]))
    assert strays(MODULES, name, allowed) == []


def test_folders_import_each_other_in_one_direction_only() -> None:
    below: dict[str, set[str]] = {}
    for name, module in MODULES.items():
        others = (own(MODULES, ROOT.name, i) for i in module.imports)
        below.setdefault(name.split(".")[0], set()).update(other.split(".")[0] for other in others if other)
    left = {name: others - {name, ""} for name, others in below.items() if name}
    while bottom := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in bottom}
    assert left == {}


def test_nothing_imports_the_command_line() -> None:
    outside = {n: m for n, m in MODULES.items() if not inside(n, "cli", "__main__")}
    found = [n for n, m in outside.items() for i in m.imports if inside(i.module, f"{ROOT.name}.cli")]
    assert found == []


@pytest.mark.parametrize("name", [n for n in MODULES if inside(n, *NO_TORCH)])
def test_rows_are_read_without_torch(name: str) -> None:
    found = [
        f"{other}:{i.line}"
        for other in reachable(MODULES, ROOT.name, name)
        for i in MODULES[other].imports
        if inside(i.module, "torch", "safetensors.torch")
    ]
    assert found == []


def test_no_heavy_library_is_imported_before_it_is_needed() -> None:
    found = [
        f"{m.path.name}:{i.line} imports {i.module}"
        for m in MODULES.values()
        if not inside(m.name, *MAY_BE_HEAVY)
        for i in m.imports
        if i.when_loaded and inside(i.module, *HEAVY)
    ]
    assert found == []


def global_draws(tree: ast.AST) -> Iterator[str]:
    """Uses of random state that belongs to the process and not to the caller."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and "random" in ast.unparse(node).split():
            yield f"{node.lineno}: {ast.unparse(node)}"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        seeds = owner in {"torch", "torch.random", "torch.cuda"} and name in GLOBAL_DRAWS
        legacy = owner in {"np.random", "numpy.random"} and name not in LEGACY_NUMPY
        draws = owner == "torch" and name in TORCH_DRAWS and not any(k.arg == "generator" for k in node.keywords)
        if seeds or legacy or draws:
            yield f"{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize(
    "name", sorted(set(MODULES) - {"testing.contract"})
)  # which sets it, to see whether an attack draws from it
def test_no_module_touches_global_random_state(name: str) -> None:
    assert list(global_draws(MODULES[name].tree)) == []


def is_mask(index: ast.expr) -> bool:
    """Whether an index is plainly a comparison or a negated mask."""
    return isinstance(index, ast.Compare) or (isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.Invert))


def number(value: ast.expr) -> str:
    """A number as text, without the ".0" of a float."""
    return ast.unparse(value).removesuffix(".0")


def of_constants(call: ast.Call) -> bool:
    """Whether a call is given named constants only: limits of arithmetic, which are no pixel box."""
    names = [node.id for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Name)]
    return bool(names) and all(name.isupper() for name in names)


def shortcuts(tree: ast.AST) -> Iterator[str]:
    """What belongs to the oracle, the threat or the goal and not into an attack's file."""
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.expr) else ""
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] in CLIPPING and "threat." not in called and not of_constants(node):
                yield f"{node.lineno}: clips by itself: {text}"
            if called.split(".")[-1] in {"model", "net", "module", "forward", "backward", "grad"}:
                yield f"{node.lineno}: asks the model or autograd itself: {text}"
        elif isinstance(node, ast.IfExp) and {number(node.body), number(node.orelse)} == {"1", "-1"}:
            yield f"{node.lineno}: turns the sign for targets itself: {text}"
        elif isinstance(node, ast.Subscript) and is_mask(node.slice):
            yield f"{node.lineno}: picks rows with a mask: {text}"


@pytest.mark.parametrize("name", sorted(attack_files()))
def test_an_attack_leaves_model_box_and_rows_to_others(name: str) -> None:
    assert list(shortcuts(MODULES[name].tree)) == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_file_is_longer_than_a_reader_can_hold(name: str) -> None:
    assert MODULES[name].lines <= LONGEST


def test_the_typical_file_fits_two_screens() -> None:
    assert statistics.median(module.lines for module in MODULES.values()) <= MEDIAN


BAD_TREE = {
    "__init__.py": "",
    "geometry.py": "from .goal import Goal",
    "goal.py": "",
    "cli.py": "",
    "evaluate.py": "def f():\n    from . import cli",
    "metrics.py": "from epsball.goal import Goal",
    "attacks/__init__.py": "",
    "attacks/pgd.py": "from epsball.attacks.fgsm import FGSM\nfrom ..evaluate import evaluate",
    "attacks/fgsm.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\nelse:\n    import PIL",
}


def bad_tree(folder: Path) -> dict[str, Module]:
    root = folder / ROOT.name
    for name, text in BAD_TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return read(root)


def test_the_reader_sees_relative_nested_and_typed_imports(tmp_path: Path) -> None:
    modules = bad_tree(tmp_path)
    assert strays(modules, "geometry", ("errors",)) == ["geometry.py:1 imports epsball.goal.Goal"]
    assert strays(modules, "attacks.pgd", ("attacks.base",)) == [
        "pgd.py:1 imports epsball.attacks.fgsm.FGSM",
        "pgd.py:2 imports epsball.evaluate.evaluate",
    ]
    assert [(i.module, i.when_loaded) for i in modules["evaluate"].imports] == [("epsball.cli", False)]
    assert [(i.module, i.when_loaded) for i in modules["attacks.fgsm"].imports][1:] == [
        ("pandas", False),
        ("PIL", True),
    ]
    assert reachable(modules, ROOT.name, "attacks.pgd") == {"attacks.pgd", "attacks.fgsm", "evaluate", "cli"}
    assert own(modules, ROOT.name, modules["metrics"].imports[0]) == "goal"


@pytest.mark.parametrize(
    "line",
    [
        "x = x.clamp(0, 1)",
        "x = torch.clip(x, 0, 1)",
        "z = self.model(x)",
        "g, = torch.autograd.grad(z, x)",
        "sign = -1 if targeted else 1",
        "sign = 1 if targeted else -1",
        "x[~hit] = y[~hit]",
        "x = x[loss > best]",
    ],
)
def test_each_shortcut_is_noticed(line: str) -> None:
    assert list(shortcuts(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "x = threat.project(x + threat.furthest(g, x0), x0)",
        "x = s.threat.clip(x)",
        "c = c.clamp(TINY, 1 / TINY)",
        "first = x[-1]",
        "wide = x[:, None]",
        "n = 1 if goal.targeted else candidates",
    ],
)
def test_what_only_looks_like_a_shortcut(line: str) -> None:
    assert list(shortcuts(ast.parse(line))) == []


@pytest.mark.parametrize(
    "line",
    [
        "import random",
        "from random import choice",
        "from numpy import random",
        "np.random.rand(3)",
        "np.random.seed(0)",
        "torch.manual_seed(0)",
        "torch.rand(3)",
    ],
)
def test_each_global_draw_is_noticed(line: str) -> None:
    assert list(global_draws(ast.parse(line)))


def test_a_draw_from_a_generator_of_ones_own_is_fine() -> None:
    text = "torch.rand(3, generator=draws)\nnp.random.default_rng(seed)\ndraws.manual_seed(0)"
    assert list(global_draws(ast.parse(text))) == []
