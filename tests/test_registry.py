"""Entries by name: the library's own, and those of other packages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path


def colours() -> Registry[int]:
    known: Registry[int] = Registry("colour", also="module:NAME")
    known.add("red", 1)
    known.register("blue")(2)
    return known


def test_entries_stand_in_the_order_of_registration() -> None:
    assert list(colours()) == ["red", "blue"]
    assert len(colours()) == 2
    assert colours()["blue"] == 2


def test_an_unknown_name_is_one_sentence_with_a_guess() -> None:
    with pytest.raises(
        eb.InputError, match=r"no colour 'bleu'; did you mean 'blue'\? expected one of red, blue, or module:NAME"
    ):
        colours()["bleu"]
    with pytest.raises(eb.InputError, match="no colour 'xyz'"):
        colours()["xyz"]


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="two entries 'red'"):
        colours().add("red", 3)


def test_an_installed_package_adds_entries_and_replaces_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shades.py").write_text("GREEN = 3\nRED = 4\n", encoding="utf-8")
    about = tmp_path / "shades-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shades\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(
        "[epsball.colours]\ngreen = shades:GREEN\nred = shades:RED\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    known = colours()
    assert list(known) == ["red", "blue", "green"]
    assert "green" in known
    assert "shades" not in sys.modules
    assert known["green"] == 3
    assert known["red"] == 1
