"""What verification says of runs that do not hold, and of models that are odd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.record.evaluation import ATTACK_COLUMNS
from epsball.record.files import read_table, table_bytes
from epsball.verification.verify import SHOWN, verify
from forgery import forge
from toy import Affine, Jittery, toy_run
from verification.test_verify import FGSM, alter

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_one_problem_is_said_alone_and_many_are_counted(tmp_path: Path) -> None:
    toy_run(tmp_path)
    columns = read_table(tmp_path / FGSM, ATTACK_COLUMNS)
    forge(tmp_path, FGSM, table_bytes(columns | {"before": alter(columns["before"], 3)}))
    with pytest.raises(eb.UntrustworthyError) as alone:
        verify(tmp_path, Affine())
    assert "None" not in str(alone.value)
    assert " more" not in str(alone.value)
    assert f"{FGSM}, sample {columns['id'][3]}: before is" in str(alone.value)
    moved = {name: columns[name] * 1.5 for name in ("distance", "relative", "confidence_before", "confidence_after")}
    forge(tmp_path, FGSM, table_bytes(columns | moved))
    with pytest.raises(eb.UntrustworthyError, match=r"; and \d+ more; do not quote") as many:
        verify(tmp_path, Affine())
    assert str(many.value).count("; ") == SHOWN + 1


@pytest.mark.parametrize("column", ["before", "after"])
def test_what_a_random_model_recorded_must_agree_with_itself(column: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    toy_run(tmp_path, model=Jittery())
    columns = read_table(tmp_path / FGSM, ATTACK_COLUMNS)
    failed = int((~columns["success"]).argmax())
    forge(tmp_path, FGSM, table_bytes(columns | {column: alter(columns[column], failed)}))
    with pytest.raises(eb.UntrustworthyError, match=rf"sample {columns['id'][failed]}: (before|after) is"):
        verify(tmp_path, Jittery())


def test_a_model_without_weights_is_asked_where_the_run_was_made(tmp_path: Path) -> None:
    weight = Affine().weight.detach()

    def rule(x: Tensor) -> Tensor:
        return (x.flatten(1) - 0.5) @ weight.T

    toy_run(tmp_path, model=rule)
    assert verify(tmp_path, rule).successes > 0
