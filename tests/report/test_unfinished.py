"""The record of a run that was stopped: unfinished is said first, and only what ended is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.record import read_run
from epsball.report import write_report
from toy import Interrupted, toy_run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

SUITE = {"noise": eb.AdditiveNoise(draws=3), "pgd": eb.PGD(steps=4, rate=0.5), "deepfool": eb.DeepFool()}


@pytest.mark.parametrize("moment", [4, 8, 12, 16, 20])
def test_what_has_ended_and_nothing_else(moment: int, tmp_path: Path) -> None:
    whole = toy_run(suite=SUITE, chunk_size=32)
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, suite=SUITE, chunk_size=32, progress=Interrupted(moment))
    run = read_run(tmp_path)
    assert not run.complete
    assert not run.trusted
    assert run.findings[0].id == "unfinished"
    assert run.findings[0].severity == "FAIL"
    assert list(run.attacks) == list(SUITE)[: len(run.attacks)]
    for name, rows in run.attacks.items():
        assert rows.id.tolist() == whole.attacks[name].id.tolist()
    missing = [name for name in SUITE if name not in run.attacks]
    assert all(name in run.findings[0].evidence for name in SUITE)
    page = write_report(run, tmp_path).read_text(encoding="utf-8")
    first = page.index('id="trust"')
    assert page[first:].partition(">")[2].startswith(f"Unfinished: {len(run.attacks)} of 3 attacks ended")
    assert "Trusted" not in page.partition("glossary")[0]
    assert "no check found anything against these numbers" not in page
    table = page.partition('id="attacks"')[2].partition("</section>")[0]
    assert [name for name in missing if f">{name}<" in table] == []
    assert toy_run(tmp_path, suite=SUITE, chunk_size=32).trusted == whole.trusted
