"""Digests of source: what changes them, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from epsball.models.code import of_files, of_objects

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "net.py": "import helper\nfrom parts.blocks import Block\n\ndef make():\n    import late\n    return __import__('named')\n",
    "helper.py": "import math\nfrom deeper import X\n",
    "deeper.py": "import helper\nX = 1\n",
    "late.py": "",
    "named.py": "this is no Python",
    "parts/__init__.py": "",
    "parts/blocks.py": "from .base import Y\nfrom . import sibling\nfrom .. import helper\n",
    "parts/base.py": "Y = 2\n",
    "parts/sibling.py": "",
    "stranger.py": "",
}


def test_imports_are_followed_wherever_they_stand_and_nothing_is_run(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\nraise SystemExit\n", encoding="utf-8")
    before = of_files(tmp_path / "net.py")
    assert set(before) == set(FILES) - {"stranger.py"}
    for name in before:
        path = tmp_path / name
        path.write_text(path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
        assert {n for n, digest in of_files(tmp_path / "net.py").items() if digest != before[n]} == {name}
        before = of_files(tmp_path / "net.py")


CLASS = """
class Net:
    '''What it is.'''
    def forward(self, x):
        # why
        return {} * x
answer = lambda x: {} + x; other = lambda x: 2 + x
def function(x):
    return {} - x
"""


def run(path: Path, number: int, text: str = CLASS) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": "net"}
    path.write_text(text.replace("{}", str(number)), encoding="utf-8")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)  # noqa: S102 the text stands above
    return scope


@pytest.mark.parametrize("name", ["answer", "function"])
def test_only_its_own_source_counts(tmp_path: Path, name: str) -> None:
    first = of_objects([run(tmp_path / "a.py", 1)[name]])
    moved = "\n\n# a comment\n" + CLASS.replace("; other = lambda x: 2 + x", " # why")
    moved = moved.replace("function(x):\n", "function(x):\n    'What.'\n")
    assert first == of_objects([run(tmp_path / "b.py", 1, moved)[name]])
    assert first != of_objects([run(tmp_path / "c.py", 3)[name]])


def test_of_two_lambdas_in_a_line_one_counts(tmp_path: Path) -> None:
    one, two = (run(tmp_path / f"{number}.py", number) for number in (1, 3))
    assert of_objects([one["answer"]]) != of_objects([two["answer"]])
    assert of_objects([one["other"]]) == of_objects([two["other"]])


def test_what_was_typed_in_is_told_apart_by_what_is_run() -> None:
    def typed(number: int, name: str) -> dict[str, str]:
        scope: dict[str, Any] = {"__name__": "typed"}
        exec(compile("\n" * number + CLASS.replace("{}", str(number % 10)), "<typed>", "exec"), scope)  # noqa: S102 the same
        return of_objects([scope[name]])

    for name in ("Net", "answer", "function"):
        assert typed(1, name) == typed(11, name)
        assert typed(1, name) != typed(3, name)


def test_things_of_one_name_share_an_entry(tmp_path: Path) -> None:
    both = [run(tmp_path / f"{number}.py", number)["function"] for number in (1, 3)]
    assert of_objects(both) == of_objects(both[::-1]) != of_objects(both[:1])
