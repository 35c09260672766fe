"""However the plan of a run folder is altered, digests made to agree: what reads it ends in a result or in one sentence."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.record import read_run
from epsball.report import write_report
from epsball.verification.verify import verify
from forgery import altered, contents, seal
from toy import Affine, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

SUITE = {"fgsm": eb.FGSM()}
READERS: dict[str, tuple[int, Callable[[Path], object]]] = {
    "report": (150, lambda folder: write_report(read_run(folder), folder, folder / "page.html")),
    "verify": (40, lambda folder: verify(folder, Affine())),
    "evaluate": (40, lambda folder: toy_run(folder, suite=SUITE, chunk_size=64)),
}


@pytest.mark.parametrize("reader", READERS)
def test_no_altered_plan_ends_in_a_traceback(reader: str, tmp_path: Path) -> None:
    toy_run(tmp_path, suite=SUITE, chunk_size=64)
    whole, refused = contents(tmp_path), 0
    every, use = READERS[reader]
    for place, plan in islice(altered(whole["plan"]), list(READERS).index(reader), None, every):
        seal(tmp_path, whole | {"plan": plan})
        try:
            use(tmp_path)
        except (eb.InputError, eb.UntrustworthyError):
            refused += 1
        except Exception as error:
            raise AssertionError(place) from error
    assert refused > 2


def test_answers_that_are_no_table_are_refused(tmp_path: Path) -> None:
    toy_run(tmp_path, suite=SUITE, chunk_size=64)
    run = contents(tmp_path)
    run["plan"]["model"]["probe"][0].pop()
    seal(tmp_path, run)
    with pytest.raises(eb.InputError, match=r"inhomogeneous shape .* at `\$\.plan\.model`"):
        read_run(tmp_path)
