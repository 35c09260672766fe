"""Samples that were picked are not those that the rule draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

import epsball as eb
from epsball.data.origin import Origin, rule
from epsball.record.plan import differences
from forgery import contents, seal

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
FGSM = {"fgsm": eb.FGSM()}


def net() -> nn.Module:
    """A network that tells some of the digits."""
    x, y = eb.load_data("digits", "train")
    means = torch.stack([x[y == digit].mean(0).flatten() for digit in range(10)])
    layer = nn.Linear(64, 10)
    layer.weight.data, layer.bias.data = 10 * means, -5 * (means * means).sum(1)
    return nn.Sequential(nn.Flatten(), layer)


def evaluated(folder: Path, data: object, **settings: object) -> Evaluation:
    given = {"suite": FGSM, "out": folder, **settings}
    return eb.evaluate(net(), data, eb.Threat("linf", 0.05), **given)  # type: ignore[arg-type] # what a test hands in


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "all"), ({"n": 40}, "first"), ({"n": 40, "seed": 3}, "seed 3"), ({"seed": 2}, "seed 2")],
)
def test_the_plan_names_the_rule_and_the_rule_is_applied_again(
    given: dict[str, int], expected: str, tmp_path: Path
) -> None:
    run = evaluated(tmp_path, eb.load_data("digits", "test", **given))
    data = run.plan.data
    assert (data.source, data.split, data.rule) == ("digits", "test", expected)
    assert eb.verify(tmp_path, net()).notes == ()
    assert eb.verify(tmp_path, net(), "digits").notes == ()


def test_a_split_that_the_set_has_not_is_refused(tmp_path: Path) -> None:
    evaluated(tmp_path, eb.load_data("digits", "test", 40), source="digits", split="tset", rule="first")
    with pytest.raises(eb.UntrustworthyError, match="the split 'tset' of digits, which has train and test"):
        eb.verify(tmp_path, net())


def test_samples_that_were_picked_are_refused(tmp_path: Path) -> None:
    x, y = eb.load_data("digits", "test", 80)
    wrapped = eb.wrap(net())
    sure = (wrapped(x).softmax(1).amax(1)).argsort(descending=True)[:40]
    evaluated(tmp_path, (x[sure], y[sure]), source="digits", split="test", rule="first")
    with pytest.raises(eb.UntrustworthyError, match="not those of digits that the rule 'first' gives for n = 40"):
        eb.verify(tmp_path, net())


def test_all_means_all(tmp_path: Path) -> None:
    evaluated(tmp_path, eb.load_data("digits", "test", 40))
    run = contents(tmp_path)
    run["plan"]["data"]["rule"] = "all"
    seal(tmp_path, run)
    with pytest.raises(eb.UntrustworthyError, match="is about all samples of digits, which has 360, and holds 40"):
        eb.verify(tmp_path, net())


def test_ids_of_other_samples_are_refused(tmp_path: Path) -> None:
    x, y = eb.load_data("digits", "test", 40)
    evaluated(tmp_path, (x, y), source="digits", split="test", rule="first", ids=range(5, 45))
    with pytest.raises(eb.UntrustworthyError, match="picked otherwise"):
        eb.verify(tmp_path, net())


def test_a_target_leaves_samples_out_of_what_the_rule_drew(tmp_path: Path) -> None:
    run = evaluated(tmp_path, eb.load_data("digits", "test", 40), suite={"to": eb.Targeted(eb.PGD(steps=2), 3)})
    assert run.plan.data.left_out > 0
    assert eb.verify(tmp_path, net()).notes == ()


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    x, y = eb.load_data("digits", "test", 20)
    evaluated(tmp_path / "one", (x, y))
    assert eb.verify(tmp_path / "one", net()).notes == (
        "that the samples were not picked was not checked: the record has no rule that drew them",
    )
    evaluated(tmp_path / "two", (x, y), source="mine.npz", rule="first")
    assert "('mine.npz') is not here; give it with --data" in eb.verify(tmp_path / "two", net()).notes[0]
    np.savez(tmp_path / "mine.npz", x=x.numpy(), y=y.numpy())
    assert eb.verify(tmp_path / "two", net(), str(tmp_path / "mine.npz")).notes == ()


def test_a_rule_is_a_word_and_changes_no_result(tmp_path: Path) -> None:
    assert [rule(None, None), rule(5, None), rule(5, 2), rule(None, 0)] == ["all", "first", "seed 2", "seed 0"]
    assert Origin() == Origin("", "", "")
    run = evaluated(tmp_path, eb.load_data("digits", "test", 20))
    x, y = eb.load_data("digits", "test", 20)
    again = evaluated(tmp_path, (x, y), source="digits", split="test")
    assert again.reused
    assert list(differences(run.plan, again.plan)) == []


def test_a_folder_without_a_rule_is_read(tmp_path: Path) -> None:
    """As folders of before the rule was recorded are."""
    evaluated(tmp_path, eb.load_data("digits", "test", 20))
    run = contents(tmp_path)
    del run["plan"]["data"]["rule"], run["plan"]["environment"]["machine"]["capability"]
    seal(tmp_path, run)
    assert eb.load_run(tmp_path).plan.data.rule == ""
    assert eb.verify(tmp_path, net(), replay=5).replay is not None


@pytest.mark.parametrize("given", [{}, {"n": 120}, {"n": 120, "seed": 3}])
def test_the_samples_of_some_rounds_are_those_that_the_rule_gives_in_the_drawn_order(
    given: dict[str, int], tmp_path: Path
) -> None:
    run = evaluated(tmp_path, eb.load_data("digits", "test", **given), budget="2 rounds")
    assert len(run) < 120
    assert eb.verify(tmp_path, net()).notes == ()
    record = contents(tmp_path)
    record["plan"]["seed"] += 1
    seal(tmp_path, record)
    with pytest.raises(eb.UntrustworthyError, match="picked otherwise"):
        eb.verify(tmp_path, net())
