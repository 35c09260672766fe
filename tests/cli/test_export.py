"""``epsball export``: images for other programs, and what 8 bits did to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Call

EVALUATE = (
    *("evaluate", "nets.py:linear", "--data", "data.npz", "--norm", "linf", "--eps", "0.3"),
    *("--suite", "quick", "--out", "run", "--anyway"),
)


def test_pictures_and_arrays(at_home: Path, call: Call) -> None:
    call(*EVALUATE)
    said = call("export", "run", "--model", "nets.py:linear", "--json")
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    assert document["images"] == len(list((at_home / "run" / "export" / "images").iterdir()))
    assert 0 < document["fools"] <= document["images"]
    said = call("export", "run", "--npz", "--out", "arrays", "--trust-source")
    assert said.exit_code == 0, said.output
    assert "fool the model as saved" in said.stdout
    assert (at_home / "arrays" / "examples.npz").is_file()


def test_it_names_the_model_and_the_folder_that_it_needs(call: Call) -> None:
    call(*EVALUATE)
    said = call("export", "run")
    assert said.exit_code == 2
    assert "--model" in said.stderr
    call("export", "run", "--model", "nets.py:linear")
    said = call("export", "run", "--model", "nets.py:linear")
    assert said.exit_code == 2
    assert "run/export holds something already" in said.stderr
    assert call("export", "elsewhere").exit_code == 2


def test_one_kind_of_files_in_a_folder(at_home: Path, call: Call) -> None:
    call(*EVALUATE)
    both = call("export", "run", "--png", "--npz", "--trust-source")
    assert both.exit_code == 2
    assert "--png and --npz were both given; expected one of them" in both.stderr
    named = call("export", "run", "--npz", "--out", "x8.npz", "--trust-source")
    assert named.exit_code == 2
    assert "given as x8.npz, which is named as a file; expected a folder" in named.stderr
    assert not (at_home / "x8.npz").exists()
