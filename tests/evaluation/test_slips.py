"""Slips of the hand in Python: each is one sentence that says what was given, what is expected and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import epsball as eb
from toy import toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAST = r"the channels seem to be last.*x\.permute\(0, 3, 1, 2\).*x\.transpose\(0, 3, 1, 2\)"
THREAT = eb.Threat("linf", 0.1)
X, Y = torch.rand(8, 3, 2, 2, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3


class Table:
    """As much of a table of pandas as is asked for."""

    columns = ("a", "b")

    def __getitem__(self, name: str) -> list[int]:
        return {"a": [1, 2], "b": [3, 4]}[name]

    def __len__(self) -> int:
        return 2

    def to_numpy(self) -> Any:
        return np.array([[1, 3], [2, 4]])


def linear() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)).eval()


def evaluated(data: Any = (X, Y), suite: Any = "quick", **settings: Any) -> eb.Evaluation:
    return eb.evaluate(linear(), data, THREAT, suite, anyway=True, **settings)


def run() -> eb.Evaluation:
    return toy_run(None)


def photographs(**normal: Any) -> eb.Evaluation:
    """As other libraries hold them, the channels last."""
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
    x = np.random.default_rng(0).random((6, 32, 32, 3), np.float32)
    return eb.evaluate(eb.wrap(net, **normal), (x, np.arange(6) % 3), THREAT)


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda: evaluated(suite=[eb.PGD(steps=2.5)]), r"PGD was given steps=2.5; expected a whole number"),  # type: ignore[arg-type]
        (lambda: evaluated(suite=[eb.PGD(steps=None)]), r"PGD was given steps=None; expected a whole number"),  # type: ignore[arg-type]
        (lambda: eb.verify(run(), None), r"the run folder was given as Evaluation.*expected its path"),  # type: ignore[arg-type]
        (lambda: eb.load_run(run()), r"the run folder was given as Evaluation.*expected its path"),  # type: ignore[arg-type]
        (lambda: run().plot("other"), r"the axes were given as 'other'; expected.*run\.plot\(label=…\)"),  # type: ignore[arg-type]
        (lambda: run().show("a"), r"the samples to show were given as 'a'; expected their ids.*run\.show\(0, 3\)"),  # type: ignore[arg-type]
        (lambda: evaluated(Table()), r"data was given as Table, a table; expected a pair.*to_numpy\(\)"),
        (lambda: evaluated(out=3), r"out was given as 3; expected the path of a folder"),
        (lambda: eb.load_data("digits", n="3"), r"n was given as '3'; expected a whole number of rows"),  # type: ignore[arg-type]
        (lambda: eb.load_data("digits", n=2.5), r"n was given as 2\.5; expected a whole number of rows"),  # type: ignore[arg-type]
        (lambda: photographs(mean=[0.5] * 3, std=[0.2] * 3), rf"mean was given for 3 channels.*{LAST}"),
        (lambda: photographs(mean=0.5, std=0.2), rf"shape \(6, 32, 32, 3\).*{LAST}"),
        (photographs, rf"shape \(6, 32, 32, 3\).*{LAST}"),
        (lambda: evaluated(suite="pdg"), r"there is no suite 'pdg'; did you mean 'pgd'\? expected quick.*'fgsm,pgd'"),
        (lambda: evaluated("cifar10"), r"given as str; expected a pair.*eb\.load_data\('cifar10'\)"),
        (lambda: eb.load_model("fac.py"), r"'fac\.py' names a file of Python.*give fac\.py:NAME"),
        (lambda: eb.load_model("net.onnx"), r"(onnx:|there is no file )net\.onnx"),
        (lambda: eb.load_model("k.keras"), r"(keras:|there is no file )k\.keras"),
        (lambda: eb.load_model("k.skops"), r"(sklearn:|there is no file )k\.skops"),
        (lambda: evaluated((X[0], Y[0])), r"one sample, with the label 0; expected a pair.*give x\[:1\], y\[:1\]"),
        (lambda: evaluated((X[0].numpy(), 2)), r"one sample, with the label 2; expected a pair.*give x\[:1\], y\[:1\]"),
    ],
)
def test_a_slip_is_told_in_a_sentence(slip: Callable[[], object], said: str) -> None:
    with pytest.raises((eb.InputError, eb.ModelError), match=said):
        slip()


def test_a_class_alone_is_an_attack_with_its_own_settings() -> None:
    assert list(evaluated(suite=eb.PGD).attacks) == list(evaluated(suite=[eb.PGD]).attacks) == ["pgd"]


def test_the_list_of_a_run_folder_names_the_folder_that_it_is_in(tmp_path: Path) -> None:
    toy_run(tmp_path / "run")
    with pytest.raises(eb.InputError, match=rf"the folder is expected; give {re.escape(str(tmp_path / 'run'))}$"):
        eb.load_run(tmp_path / "run" / "run.json")


def test_dictionaries_of_one_entry_are_opened_all_the_way() -> None:
    net = linear()
    for wrapped in (lambda x: {"o": {"logits": net(x)}}, lambda x: {"o": ({"p": net(x)},)}):
        assert torch.equal(eb.wrap(wrapped)(X), net(X))
    with pytest.raises(eb.ModelError, match=r"returned a dictionary with a, b;"):
        eb.wrap(lambda x: {"o": {"a": net(x), "b": x}})(X)
