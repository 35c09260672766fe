"""Whatever is altered in a run folder, digests made to agree: the numbers of the rows, or one sentence."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet

import epsball as eb
from epsball.record import metrics, read_examples, read_inputs, read_run
from epsball.report import write_report
from hostile.alterations import alter
from toy import Affine, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

SUITE = {"fgsm": eb.FGSM(), "pgd": eb.PGD(steps=2), "deepfool": eb.DeepFool()}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "honest"
    toy_run(path, suite=SUITE, chunk_size=40)
    return path


def numbers_of_the_rows(folder: Path, eps: float) -> tuple[float, float, float]:
    """Clean accuracy, robust accuracy at ε and median distance, from the tables of the attacks alone."""
    clean = parquet.read_table(folder / "clean.parquet").to_pydict()
    right = {i: y == said for i, y, said in zip(clean["id"], clean["label"], clean["clean"], strict=True)}
    nearest = {i: math.inf if ok else 0.0 for i, ok in right.items()}
    for file in folder.glob("attacks/*/*.parquet"):
        rows = parquet.read_table(file).to_pydict()
        for i, success, distance in zip(rows["id"], rows["success"], rows["distance"], strict=True):
            nearest[i] = min(nearest[i], distance if success else math.inf)
    beyond = [distance > eps or math.isinf(distance) for distance in nearest.values()]
    found = [distance for i, distance in nearest.items() if right[i]]
    return float(np.mean(list(right.values()))), float(np.mean(beyond)), float(np.median(found))


def numbers_of_the_record(folder: Path) -> None:
    run = read_run(folder)
    assert not run.trusted or len(run.attacks) == len(run.plan.attacks)
    if run.complete:
        said = run.clean_accuracy, run.robust_accuracy(), metrics.median_distance(run)
        assert said == numbers_of_the_rows(folder, run.eps)
        _every_number(run)


def _every_number(run: Evaluation) -> None:
    """Whatever may be asked of a record can be answered."""
    run.interval()
    run.certified_accuracy()
    metrics.attack_summaries(run)
    metrics.curve(run)
    metrics.quantiles(run)


def examples(folder: Path) -> None:
    read_inputs(folder)
    read_examples(folder, "fgsm")


READERS: dict[str, tuple[int, int, Callable[[Path], object]]] = {
    "numbers": (150, 700, numbers_of_the_record),
    "examples": (50, 200, examples),
    "verify": (60, 500, lambda folder: eb.verify(folder, Affine())),
    "report": (12, 60, lambda folder: write_report(read_run(folder), folder, folder / "page.html")),
    "evaluate": (25, 200, lambda folder: toy_run(folder, suite=SUITE, chunk_size=40)),
    "images": (25, 200, lambda folder: list(read_run(folder).examples())),
}
"""What reads a folder, and how many alterations it is given in every run and where there is time."""


def refused(honest: Path, place: Path, seeds: range, use: Callable[[Path], object]) -> int:
    """How many alterations end in a sentence; any other error fails."""
    count = 0
    for seed in seeds:
        folder = place / str(seed)
        shutil.copytree(honest, folder)
        what = alter(folder, seed)
        try:
            use(folder)
        except (eb.InputError, eb.UntrustworthyError) as error:
            assert "\n" not in str(error), what  # noqa: PT017 (the law is about the sentence)
            count += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {what}") from error
        shutil.rmtree(folder)
    return count


@pytest.mark.parametrize("reader", READERS)
def test_an_altered_record_gives_the_numbers_of_its_rows_or_one_sentence(
    reader: str, honest: Path, tmp_path: Path
) -> None:
    few, _, use = READERS[reader]
    first = 10_000 * list(READERS).index(reader)
    assert refused(honest, tmp_path, range(first, first + few), use) > few / 5


@pytest.mark.thorough
@pytest.mark.parametrize("reader", READERS)
def test_many_altered_records_give_the_numbers_of_their_rows_or_one_sentence(
    reader: str, honest: Path, tmp_path: Path
) -> None:
    _, many, use = READERS[reader]
    assert refused(honest, tmp_path, range(many), use) > many / 4


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"format": NaN}', "\ufeff{}", "\0" * 100])
def test_a_list_of_contents_that_is_none_is_one_sentence(text: str, honest: Path, tmp_path: Path) -> None:
    shutil.copytree(honest, tmp_path / "run")
    for content in (text.encode(), text.encode("utf-16"), b"[" * 100_000):
        (tmp_path / "run" / "run.json").write_bytes(content)
        with pytest.raises(eb.InputError, match="not as epsball writes it"):
            read_run(tmp_path / "run")
