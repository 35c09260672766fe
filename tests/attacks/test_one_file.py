"""A new attack is one file and one import line; everything else is there without another change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import epsball

ROOT = Path(epsball.__file__).parent
DOCS = ROOT.parent.parent / "docs"

BY_GRADIENTS = '''
"""Frank-Wolfe with an open-loop step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.losses import Loss, cross_entropy
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class OpenLoop(Attack):
    """x <- x + 2/(t+2) (argmax over s in S of <g, s> - x).

    Chen et al. 2020, arXiv:1811.10828. Deviations: open-loop step, no momentum.

    Args:
        steps: number of gradients.
        loss: what is ascended.
    """

    starts_at_input = True

    steps: int = positive(40)
    loss: Loss = cross_entropy

    def run(self, ask: Oracle) -> Tensor:
        x = ask.x0
        for t in ask.steps(self.steps):
            _, g = ask.gradient(x, self.loss)
            x = x + 2 / (t + 2) * (ask.threat.furthest(g, ask.x0) - x)
        return x
'''

BY_SCORES = '''
"""Random columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball.attacks.base import Attack
from epsball.oracle.access import Access
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class RandomColumns(Attack):
    """Set a random column of an image to a corner of the ball; keep it if the margin falls.

    Made for a test. Deviations: none.

    Args:
        tries: columns that are tried.
    """

    access = Access.SCORES
    norms = ("linf",)
    images_only = True
    may_fail = True

    tries: int = positive(25)

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, margin=ask.margin(ask.x0))
        for _ in ask.steps(self.tries):
            width = s.x.shape[3]
            u = ask.draw().uniform(1 + s.x.shape[1]).to(s.x)
            column = torch.arange(width) == (u[:, :1] * width).long()
            signs = (u[:, 1:] < 0.5).to(s.x) * 2 - 1
            move = column[:, None, None, :] * signs[:, :, None, None] * ask.eps[:, None, None, None]
            x = torch.where(column[:, None, None, :], ask.threat.project(ask.x0 + move, ask.x0), s.x)
            margin = ask.margin(x)
            better = margin < s.margin
            s.x = torch.where(better[:, None, None, None], x, s.x)
            s.margin = torch.where(better, margin, s.margin)
        return s.x
'''

CHECK = dedent(
    """
    import epsball as eb, torch
    from epsball.attacks.registry import registry
    from epsball.testing import check_attack
    made = getattr(eb, NAME)
    assert NAME in eb.__all__
    assert registry()[COMMAND] is made
    check_attack(made(), made.norms[:1])
    for wrong in (0, -1, float("nan")):
        try:
            made(**{FIELD: wrong})(lambda x: x.flatten(1), torch.rand(2, 1, 4, 4), torch.tensor([0, 1]), eb.Threat("linf", 0.1))
        except eb.InputError as error:
            assert FIELD in str(error)
        else:
            raise AssertionError(wrong)
    try:
        made()(lambda x: x, torch.rand(2, 5), torch.tensor([0, 1]), eb.Threat("linf", 0.1))
    except eb.InputError as error:
        assert made.images_only and "needs images" in str(error)
    else:
        assert not made.images_only
    """
)


@pytest.fixture(
    params=[
        ("open_loop", "OpenLoop", BY_GRADIENTS),
        pytest.param(("random_columns", "RandomColumns", BY_SCORES), marks=pytest.mark.thorough),
    ]
)
def grown(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, str]:
    """A copy of the package with one more attack: its folder, the class, the name on the command line."""
    module, name, text = request.param
    shutil.copytree(ROOT, tmp_path / "src" / "epsball", ignore=shutil.ignore_patterns("__pycache__"))
    attacks = tmp_path / "src" / "epsball" / "attacks"
    (attacks / f"{module}.py").write_text(text.lstrip(), encoding="utf-8")
    with (attacks / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(f"from epsball.attacks.{module} import {name} as {name}\n")
    return tmp_path, name, module.replace("_", "-")


def run(folder: Path, *words: str, code: int = 0) -> str:
    """What a fresh interpreter says that finds the copy."""
    env = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "300"}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=env, cwd=folder, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_file_and_an_import_line_are_all_that_an_attack_needs(grown: tuple[Path, str, str]) -> None:
    folder, name, command = grown
    field = "steps" if name == "OpenLoop" else "tries"
    run(folder, "-c", f"NAME, COMMAND, FIELD = {name!r}, {command!r}, {field!r}\n{CHECK}")
    listed = json.loads(run(folder, "-m", "epsball", "list", "attacks", "--json"))["attacks"]
    (row,) = [row for row in listed if row["name"] == command]
    assert row["class"] == name
    assert row["norms"] == (["linf", "l2", "l1", "l0"] if name == "OpenLoop" else ["linf"])
    common = ["--data", "mnist-5k", "--n", "12", "--norm", "linf", "--eps", "0.2", "--json"]
    flags = ["-m", "epsball", "attack", "zoo:mlp-512", "--attack", command, f"--{field}", "3", "--anyway", *common]
    result = json.loads(run(folder, *flags, code=3))  # the network is untrained, so that there is no number to quote
    assert command in result["results"]
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns("results", "*.png"))
    run(folder, "docs/threat_models.py")
    assert name in (folder / "docs" / "threat-models.md").read_text(encoding="utf-8")
