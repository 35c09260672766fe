"""Findings that the rows give cannot be taken out of a sealed record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.replay.verify import verify
from forgery import contents, seal
from toy import Affine, Interrupted, toy_run

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_a_record_whose_findings_are_as_its_rows_give_them_is_verified(tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"noise": eb.AdditiveNoise(draws=2)})
    assert verify(tmp_path, Affine()).complete


def test_findings_that_were_taken_out_are_named(tmp_path: Path) -> None:
    run = toy_run(tmp_path, suite={"noise": eb.AdditiveNoise(draws=2)})
    assert not run.trusted
    seal(tmp_path, contents(tmp_path) | {"findings": []})
    with pytest.raises(
        eb.UntrustworthyError, match="the finding D33 is not listed, which the rows give: Only random noise"
    ):
        verify(tmp_path, Affine())


def test_a_finding_that_was_made_harmless_is_named(tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"noise": eb.AdditiveNoise(draws=2)})
    record = contents(tmp_path)
    for finding in record["findings"]:
        finding["severity"] = "INFO"
    seal(tmp_path, record)
    with pytest.raises(eb.UntrustworthyError, match="the finding D19 is not listed"):
        verify(tmp_path, Affine())


class Quantised(Affine):
    """Rounds its input, so that its gradient is zero."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x * 255).round() / 255)


@pytest.mark.parametrize("kept", [[], ["D16", "adaptive"]])
def test_findings_that_the_model_gives_are_derived_again(tmp_path: Path, kept: list[str]) -> None:
    run = toy_run(tmp_path, model=Quantised(), suite={"fgsm": eb.FGSM()})
    assert any(finding.id == "D04" for finding in run.findings)
    assert verify(tmp_path, Quantised()).complete
    record = contents(tmp_path)
    left = [
        finding for finding in record["findings"] if finding["id"] in kept or finding["id"] in {"D07", "D19", "D06"}
    ]
    seal(tmp_path, record | {"findings": left})
    with pytest.raises(
        eb.UntrustworthyError, match="the finding D04 is not listed, which the model gives: The gradient"
    ):
        verify(tmp_path, Quantised())


def test_an_unfinished_record_hides_no_finding_either(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, model=Quantised(), progress=Interrupted(8))
    assert not verify(tmp_path, Quantised()).complete
    seal(tmp_path, contents(tmp_path) | {"findings": []})
    with pytest.raises(eb.UntrustworthyError, match="D04 is not listed"):
        verify(tmp_path, Quantised())


def test_the_checks_of_another_version_may_have_warned_otherwise(tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"fgsm": eb.FGSM()})
    record = contents(tmp_path)
    assert {each["severity"] for each in record["findings"]} == {"INFO", "WARN"}
    record["findings"] = []
    record["plan"]["environment"]["versions"]["epsball"] = "0.0.1"
    seal(tmp_path, record)
    assert verify(tmp_path, Affine()).complete


@pytest.mark.parametrize("there", ["0.0.1", ""])
def test_a_check_that_fails_here_is_listed_by_a_record_of_any_version(there: str, tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"noise": eb.AdditiveNoise(draws=2)})
    record = contents(tmp_path) | {"findings": []}
    record["plan"]["environment"]["versions"]["epsball"] = there
    seal(tmp_path, record)
    with pytest.raises(eb.UntrustworthyError, match="the check D33 fails here, and the record does not list it"):
        verify(tmp_path, Affine())
