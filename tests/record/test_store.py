"""Both stores give back what was written, and a folder belongs to one writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from epsball.errors import FolderLostError, InputError
from epsball.record import Finding, RunFolder
from epsball.record.files import write_whole
from epsball.record.in_memory import InMemory
from epsball.record.manifest import read_manifest
from plans import PLAN
from record.test_run_folder import FIRST, IDS, LABEL, SECOND, STAGE, STEPS, X, chunk, table, write

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Store

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
CERTIFICATE = "certificates/00-crown"
KINDS = {"id": np.int64, "lower": np.float64}


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return InMemory() if request.param == "memory" else RunFolder.open(tmp_path / "run", PLAN)


def test_a_store_gives_back_what_was_written(store: Store) -> None:
    with closing(store):
        assert store.read_clean() is None
        assert store.read_chunk(STAGE, 0) is None
        assert store.read_columns(CERTIFICATE, 0, KINDS) is None
        store.write_inputs(X, LABEL, IDS)
        store.write_findings([])
        chunk(store, 0, FIRST)
        store.write_chunk(STAGE, 1, SECOND, (np.array([2]), X[:1]), 2.0, {"moved": [7], "label": []})
        store.write_columns(CERTIFICATE, 0, {"id": IDS, "lower": np.ones(3)}, 0.25)
        store.write_clean(table(FIRST))
        samples, first, lower = (
            store.read_clean(),
            store.read_chunk(STAGE, 0),
            store.read_columns(CERTIFICATE, 0, KINDS),
        )
        assert samples is not None
        assert first is not None
        assert lower is not None
        assert {name: column.tolist() for name, column in samples.items()} == {
            "id": [3, 1, 2],
            "label": [0, 1, 1],
            "clean": [0, 1, 1],
        }
        assert all(np.array_equal(first.columns()[name], column) for name, column in FIRST.columns().items())
        assert lower["lower"].tolist() == [1.0, 1.0, 1.0]
        assert (store.notes(STAGE, 0), store.notes(STAGE, 1)) == ({}, {"moved": [7]})
        assert store.seconds == {STAGE: 3.5, CERTIFICATE: 0.25}
        assert not store.complete
        store.finish(table(FIRST, SECOND), [Finding("D19", "WARN", "few", "n", "more")])
        assert store.complete


def test_a_second_writer_is_refused_and_the_next_one_is_not(tmp_path: Path) -> None:
    with closing(RunFolder.open(tmp_path, PLAN)), pytest.raises(InputError, match="another run is being written into"):
        RunFolder.open(tmp_path, PLAN)
    assert write(tmp_path).complete


def test_a_refused_plan_leaves_the_folder_free(tmp_path: Path) -> None:
    write(tmp_path, 3)
    (tmp_path / STAGE / "00000.parquet").write_bytes(b"")
    errors = []  # their tracebacks keep what was opened alive
    for _ in range(2):
        with pytest.raises(InputError, match="is not as it was written") as caught:
            RunFolder.open(tmp_path, PLAN)
        errors.append(caught)


def test_a_finished_run_is_read_by_many_and_written_by_none(tmp_path: Path) -> None:
    write(tmp_path)
    with closing(RunFolder.open(tmp_path, PLAN)) as one, closing(RunFolder.open(tmp_path, PLAN)) as two:
        assert one.complete
        with pytest.raises(InputError, match="holds a finished run; nothing can be added"):
            two.write_findings([])


HOLD = """
import sys, time
from epsball.record import RunFolder
from plans import PLAN
folder = RunFolder.open(sys.argv[1], PLAN)
print("open", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="a process is killed by a signal")
def test_another_process_is_refused_until_the_writer_is_killed(tmp_path: Path) -> None:
    places = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": places}
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(InputError, match="another run is being written into"):
            RunFolder.open(tmp_path, PLAN)
        other.send_signal(signal.SIGKILL)
    assert write(tmp_path).complete


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_folder_that_is_moved_while_it_is_written_is_one_sentence(step: int, tmp_path: Path, *, again: bool) -> None:
    path = tmp_path / "run"
    with closing(RunFolder.open(path, PLAN)) as folder:
        for number, write_something in enumerate(STEPS):
            if number == step:
                path.rename(tmp_path / "elsewhere")
                if again:
                    path.mkdir()
                with pytest.raises(FolderLostError, match="was moved or deleted while a run was written into it"):
                    write_something(folder)
                break
            write_something(folder)
    assert path.exists() == again
    assert not again or not list(path.iterdir())
    (tmp_path / "elsewhere").rename(path) if not again else None
    assert again or write(path).complete


def test_a_folder_that_goes_away_while_its_last_file_is_written_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"

    def write_and_lose(place: Path, content: bytes) -> None:
        write_whole(place, content)
        path.rename(tmp_path / "elsewhere")

    with closing(RunFolder.open(path, PLAN)) as folder:
        for step in STEPS[:-1]:
            step(folder)
        monkeypatch.setattr("epsball.record.run_folder.write_whole", write_and_lose)
        with pytest.raises(FolderLostError, match="was moved or deleted"):
            STEPS[-1](folder)


@pytest.mark.parametrize("how", ["deleted", "emptied"])
@pytest.mark.parametrize("step", range(1, len(STEPS)))
def test_a_file_that_is_lost_while_the_run_is_written_leaves_no_complete_folder(
    step: int, how: str, tmp_path: Path
) -> None:
    """The folder itself stays: only what was already in it is gone or another when the run ends."""
    path = tmp_path / "run"
    with closing(RunFolder.open(path, PLAN)) as folder:
        for write_something in STEPS[:step]:
            write_something(folder)
        name = next(reversed(folder.manifest.files))
        (path / name).unlink() if how == "deleted" else (path / name).write_bytes(b"")
        for write_something in STEPS[step:-1]:
            write_something(folder)
        with pytest.raises(
            FolderLostError, match=rf"{name} is (missing|not as it was written).*while a run was written"
        ):
            STEPS[-1](folder)
    assert not read_manifest(path).complete
