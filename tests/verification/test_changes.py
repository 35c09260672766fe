"""However a run folder is changed, nothing prints a number that is not its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

import epsball as eb
from epsball.record import read_run
from epsball.report import write_report
from toy import SUITE, Affine, Interrupted, same, toy_run
from verification.changes import ANOTHER, CAREFUL, CARELESS

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
REFUSALS = (eb.InputError, eb.UntrustworthyError)
KILLED = (3, 6, 9, 12, 16, 20)
"""Micro-batches after which a run is killed."""


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation]:
    folder = tmp_path_factory.mktemp("runs") / "honest"
    return folder, toy_run(folder, chunk_size=64)


@pytest.fixture
def folder(honest: tuple[Path, Evaluation], tmp_path: Path) -> Path:
    return shutil.copytree(honest[0], tmp_path / "run")


@pytest.mark.parametrize("change", CARELESS)
def test_a_change_that_is_not_signed_is_refused_by_every_reader(change: str, folder: Path) -> None:
    CARELESS[change](folder)
    with pytest.raises(REFUSALS):
        read_run(folder)
    with pytest.raises(REFUSALS):
        write_report(read_run(folder), folder, folder / "page.html")
    with pytest.raises(REFUSALS):
        eb.verify(folder, Affine())
    with pytest.raises(REFUSALS):
        toy_run(folder, chunk_size=64)


@pytest.mark.parametrize("change", CAREFUL)
def test_a_change_that_is_signed_is_refused_by_verify(change: str, folder: Path) -> None:
    CAREFUL[change](folder)
    with pytest.raises(REFUSALS):
        eb.verify(folder, Affine(), replay=50, replay_seed=0)


def test_what_was_not_changed_is_verified_with_a_replay(folder: Path) -> None:
    replay = eb.verify(folder, Affine(), replay=50).replay
    assert replay is not None
    assert (replay.samples, replay.among, replay.elsewhere) == (50, 54, "")
    assert replay.rows > 0


def killed(folder: Path, after: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy_run(folder, progress=Interrupted(after))


@pytest.mark.parametrize(
    "after", [*KILLED[:2], *(pytest.param(each, marks=pytest.mark.thorough) for each in KILLED[2:])]
)
def test_a_killed_run_is_unfinished_and_ends_as_if_it_had_not_been(after: int, tmp_path: Path, run: Evaluation) -> None:
    killed(tmp_path, after)
    (tmp_path / "attacks" / "01-fgsm").mkdir(parents=True, exist_ok=True)
    (tmp_path / "attacks" / "01-fgsm" / "00003.parquet.part").write_bytes(b"a file that was being written")
    try:
        read = read_run(tmp_path)
    except eb.InputError:
        pass
    else:
        assert not read.complete
        assert read.findings[0].id == "unfinished"
        assert not eb.verify(tmp_path, Affine(), replay=3).complete
    assert same(toy_run(tmp_path), run)


@pytest.mark.parametrize("other", ANOTHER)
@pytest.mark.parametrize("after", [12, pytest.param(None, marks=pytest.mark.thorough)])
def test_a_folder_is_not_continued_with_anything_else(after: int | None, other: str, tmp_path: Path) -> None:
    if after is None:
        toy_run(tmp_path)
    else:
        killed(tmp_path, after)
    given: dict[str, Any] = ANOTHER[other]
    with pytest.raises(REFUSALS):
        toy_run(tmp_path, **given)
    assert set(SUITE) >= set(read_run(tmp_path).attacks)


def test_a_finished_folder_is_not_read_for_samples_of_other_ids(folder: Path) -> None:
    """All draws depend on them."""
    with pytest.raises(eb.InputError, match="holds samples of other ids"):
        toy_run(folder, chunk_size=64, ids=range(100, 160))
