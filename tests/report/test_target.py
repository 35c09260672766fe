"""A run towards one class says so wherever it is read, and calls nothing robust."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

import epsball as eb
from epsball.attacks.combine import Restarts, Targeted, Worst
from epsball.cli.output import results
from epsball.record import read_run
from epsball.report import write_report
from epsball.report.document import document, finite
from epsball.report.target import left_out
from toy import Affine, samples

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

TARGET = 2


def towards(folder: Path | None = None, eps: float = 0.05, *attacks: eb.Attack) -> tuple[Evaluation, int]:
    """A run towards class 2, and how many samples have it as their label."""
    x, y = samples()
    suite = attacks or (Targeted(eb.PGD(steps=5), TARGET),)
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf", eps), suite=suite, out=folder)
    return run, int((y == TARGET).sum())


def test_samples_of_the_target_are_left_out_and_counted() -> None:
    run, own = towards()
    _, y = samples()
    assert own > 0
    assert run.plan.data.left_out == own
    assert run.ids.tolist() == np.flatnonzero(y.numpy() != TARGET).tolist()
    assert run.plan.targets == (TARGET,)
    assert left_out(run.plan).startswith(f"{own} image")


def test_a_finding_says_that_it_is_no_robust_accuracy() -> None:
    run, own = towards()
    finding = next(one for one in run.findings if one.id == "D46")
    assert finding.severity == "WARN"
    assert "only not turned into it" in finding.message
    assert f"target 2; {own} of" in finding.evidence


@pytest.mark.parametrize(
    ("attack", "targets"),
    [
        (eb.PGD(steps=2), ()),
        (Restarts(Targeted(eb.PGD(steps=2), TARGET), 2), (TARGET,)),
        (Worst(Targeted(eb.PGD(steps=2), TARGET), eb.FGSM()), ()),
        (Worst(Targeted(eb.PGD(steps=2), TARGET), Targeted(eb.FGSM(), TARGET)), (TARGET,)),
    ],
)
def test_wrappers_look_for_what_all_of_their_members_look_for(attack: eb.Attack, targets: tuple[int, ...]) -> None:
    assert attack.only_towards == targets
    run, own = towards(None, 0.05, attack)
    assert run.plan.targets == targets
    assert run.plan.data.left_out == (own if attack.aims_at else 0)
    assert any(one.id == "D46" for one in run.findings) == bool(targets)


def test_report_table_and_json_name_the_target_and_call_nothing_robust(tmp_path: Path) -> None:
    towards(tmp_path / "run")
    run = read_run(tmp_path / "run")
    page = write_report(run, tmp_path / "run").read_text(encoding="utf-8")
    said = re.sub(r"<style>.*?</style>|<dl class=\"glossary\">.*?</dl>", "", page, flags=re.DOTALL)
    assert "not turned into class 2" in said
    assert "were left out" in said
    assert "still classified correctly" not in said
    assert "Robust accuracy" not in said
    document_ = json.loads(json.dumps(finite(document(run, None))))
    assert "robust_accuracy" not in document_
    assert document_["targets"] == [TARGET]
    assert document_["left_out"] == run.plan.data.left_out
    assert document_["not_turned_into_target"] == run.robust_accuracy()
    assert set(document_["results"]["targeted"]) >= {"own_not_turned", "remaining_not_turned"}
    assert [column.header for column in results(run).columns][1] == "correct, not class 2"


def test_an_untargeted_run_reads_as_before(tmp_path: Path) -> None:
    run, _ = towards(tmp_path / "run", 0.05, eb.PGD(steps=2))
    page = write_report(run, tmp_path / "run").read_text(encoding="utf-8")
    assert "not turned" not in page
    assert "still classified correctly" in page
    assert document(run, None)["robust_accuracy"] == run.robust_accuracy()
    assert (document(run, None)["certified_accuracy"], document(run, None)["certified_interval"]) == (None, None)


def test_no_sample_left_is_refused() -> None:
    x, y = samples()
    with pytest.raises(eb.InputError, match=r"samples have the label 2 already, which is the target"):
        eb.evaluate(
            Affine(), (x[y == TARGET], y[y == TARGET]), eb.Threat("linf", 0.1), suite=[Targeted(eb.FGSM(), TARGET)]
        )
