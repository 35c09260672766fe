"""A baseline is read as it was written, or refused in a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import epsball as eb
from epsball.errors import InputError, UntrustworthyError
from epsball.evaluation.evaluate import evaluate
from epsball.gate import Baseline, read_baseline, write_baseline
from epsball.record import Finding
from evaluations import INF, evaluation
from gated import QUICK, THREAT
from toy import Affine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

Data = tuple["Tensor", "Tensor"]


def test_a_run_folder_and_a_file_are_the_same_baseline(data: Data, baseline: Baseline, tmp_path: Path) -> None:
    run = evaluate(Affine(), data, THREAT, QUICK, out=tmp_path / "run")
    assert read_baseline(tmp_path / "run") == read_baseline(tmp_path / "run" / "run.json") == Baseline.of(run)
    assert write_baseline(run, tmp_path / "b.json") == read_baseline(tmp_path / "b.json")
    assert baseline.ids == run.ids.tolist()
    assert sum(baseline.robust) == round(run.robust_accuracy() * len(run))
    assert sum(baseline.right) == round(run.clean_accuracy * len(run))


FAILED = {"id": "D05", "severity": "FAIL", "message": "m", "evidence": "e", "remedy": "r"}


def altered(change: Callable[[dict[str, Any]], object], file: Path, to: Path) -> Path:
    content = json.loads(file.read_text())
    change(content)
    to.write_text(json.dumps(content))
    return to


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["robust"].__setitem__(0, not c["robust"][0]), "its digest differs"),
        (lambda c: c.update(seed=5), "its digest differs"),
        (lambda c: c["ids"].__setitem__(1, c["ids"][0]), "different samples"),
        (lambda c: c["robust"].pop(), "different samples"),
        (lambda c: c.update(right=[False] * 400), "only where `right`"),
        (lambda c: c.pop("threat"), "threat"),
        (lambda c: c.update(more=1), "more"),
        (lambda c: c.update(format=2), "format"),
        (lambda c: c.update(ids="all"), "ids"),
        (lambda c: c["data"].update(n=-1), "n"),
        (lambda c: c["findings"].append({**FAILED}), "a run that can be trusted, and D05 failed"),
    ],
)
def test_an_altered_file_is_refused(change: Callable[[Any], object], said: str, file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no baseline as epsball writes it: .*--write-baseline") as refused:
        read_baseline(altered(change, file, tmp_path / "other.json"))
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_what_is_no_baseline_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(content)
    with pytest.raises(InputError, match="no baseline as epsball writes it"):
        read_baseline(tmp_path / "b.json")
    with pytest.raises(InputError, match=r"there is no baseline .*--write-baseline"):
        read_baseline(tmp_path / "c.json")


def test_nothing_is_a_baseline_that_cannot_be_trusted() -> None:
    run = evaluation([INF, INF, 0.5])
    Baseline.of(run)
    with pytest.raises(UntrustworthyError, match="It is a guess"):
        Baseline.of(evaluation([INF] * 3, findings=[Finding("D01", "FAIL", "It is a guess", "", "")]))
    with pytest.raises(InputError, match="finite ε"):
        Baseline.of(evaluation([INF] * 3, eps=INF))


def test_another_threat_suite_or_data_is_refused(data: Data, file: Path) -> None:
    x, y = data
    other = eb.Threat("linf", 0.02)
    with pytest.raises(InputError, match=r"was measured for linf, ε = 0\.015, this run is for linf, ε = 0\.02"):
        eb.check(Affine(), data, other, file, suite=QUICK)
    with pytest.raises(InputError, match="by the suite custom, version 0, this run is by quick"):
        eb.check(Affine(), data, THREAT, file, suite="quick")
    with pytest.raises(InputError, match="attacks with other settings"):
        eb.check(Affine(), data, THREAT, file, suite={**QUICK, "pgd": eb.PGD(steps=5)})
    with pytest.raises(InputError, match="chosen by hand"):
        eb.check(Affine(), data, THREAT, file)
    with pytest.raises(InputError, match="other inputs or labels"):
        eb.check(Affine(), (x.flip(0), y), THREAT, file, suite=QUICK)
    with pytest.raises(InputError, match="other inputs or labels"):
        eb.check(Affine(), (x, y.flip(0)), THREAT, file, suite=QUICK)
    with pytest.raises(InputError, match="300 of the baseline's 400 samples are not among the 100 given"):
        eb.check(Affine(), (x[:100], y[:100]), THREAT, file, suite=QUICK)
