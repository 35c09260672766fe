"""The run folder: whole files, refusals in one sentence, nothing lost."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from msgspec.structs import replace

from epsball.errors import InputError, OtherConfigurationError
from epsball.record import AttackRows, RunFolder, Store, read_examples, read_inputs, read_run
from epsball.record.columns import positions, tabulate
from epsball.record.evaluation import ATTACK_COLUMNS
from epsball.record.files import table_bytes, write_whole
from epsball.record.manifest import json_bytes, stage_name
from epsball.record.ownership import LOCK
from epsball.record.plan import Real
from plans import PLAN, attack, plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STAGE = stage_name("attacks", 0, "pgd")
IDS, LABEL = np.array([3, 1, 2]), np.array([0, 1, 1])
X = np.arange(12, dtype=np.float32).reshape(3, 1, 2, 2) / 12


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def rows(ids: list[int], distance: list[float]) -> AttackRows:
    columns: dict[str, Any] = {name: np.ones(len(ids)) for name in ATTACK_COLUMNS}
    success, before = np.isfinite(distance), LABEL[positions(IDS, np.array(ids))]
    return AttackRows.of(
        columns
        | {"id": np.array(ids), "distance": np.array(distance), "relative": np.array(distance), "success": success}
        | {"before": before, "after": before + success}
    )


FIRST, SECOND = rows([3, 1], [0.05, np.inf]), rows([2], [0.1])


def chunk(store: Store, number: int, found: AttackRows) -> None:
    fooled = found.id[found.success]
    store.write_chunk(STAGE, number, found, (fooled, X[positions(IDS, fooled)]), seconds=1.5)


def table(*chunks: AttackRows) -> dict[str, Any]:
    return tabulate(IDS, LABEL, LABEL, np.zeros(3), {"pgd": AttackRows.join(chunks)})


STEPS: list[Callable[[Store], None]] = [
    lambda store: store.write_inputs(X, LABEL, IDS),
    lambda store: store.write_clean(table()),
    lambda store: chunk(store, 0, FIRST),
    lambda store: chunk(store, 1, SECOND),
    lambda store: store.finish(table(FIRST, SECOND), []),
]


def write(path: Path, steps: int = len(STEPS)) -> RunFolder:
    with closing(RunFolder.open(path, PLAN)) as folder:
        if not folder.complete:
            for step in STEPS[:steps]:
                step(folder)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert write(tmp_path).complete
    run = read_run(tmp_path)
    assert run.plan == PLAN
    assert run.seconds == 3.0
    assert run.upper.tolist() == [0.05, np.inf, 0.1]
    assert run.by.tolist() == ["pgd", "", "pgd"]
    assert run.attacks["pgd"].id.tolist() == [3, 1, 2]
    for name, kind in ATTACK_COLUMNS.items():
        assert getattr(run.attacks["pgd"], name).dtype == kind
    x, y, ids = read_inputs(tmp_path)
    assert x.tolist() == X.tolist()
    assert (y.tolist(), ids.tolist()) == (LABEL.tolist(), IDS.tolist())
    fooled, examples = read_examples(tmp_path, "pgd")
    assert fooled.tolist() == [3, 2]
    assert examples.tolist() == X[[0, 2]].tolist()


def test_of_an_unfinished_run_the_attacks_that_have_ended_are_read(tmp_path: Path) -> None:
    write(tmp_path, 3)
    run = read_run(tmp_path)
    assert not run.complete
    assert not run.trusted
    assert run.upper.tolist() == [np.inf] * 3
    assert run.attacks == {}
    assert [(finding.id, finding.severity) for finding in run.findings] == [("unfinished", "FAIL")]
    assert run.findings[0].evidence == "ended: none; still to come: pgd; pgd has begun (2 samples)"
    write(tmp_path, 4)
    run = read_run(tmp_path)
    assert run.upper.tolist() == [0.05, np.inf, 0.1]
    assert run.findings[0].evidence == "ended: pgd; the last checks are still to come"
    assert not run.trusted
    write(tmp_path)
    assert read_run(tmp_path).trusted


def test_no_success_gives_no_examples_of_the_right_shape(tmp_path: Path) -> None:
    write(tmp_path, 2)
    ids, x = read_examples(tmp_path, "pgd")
    assert (ids.shape, x.shape) == ((0,), (0, 1, 2, 2))
    with pytest.raises(InputError, match="no attack 'fgsm'; it has pgd"):
        read_examples(tmp_path, "fgsm")


class Killed(BaseException):
    """Ends the process, as far as the code can tell: nobody catches it."""


@pytest.mark.parametrize("what", ["fsync", "replace"])
def test_a_kill_at_any_moment_leaves_a_readable_folder(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 0
    while not (tmp_path / str(moment) / "done").exists():
        moment += 1
        path = tmp_path / str(moment)
        with monkeypatch.context() as patch:
            fuse(patch, what, moment, Killed())
            try:
                write(path / "run")
                (path / "done").touch()
            except Killed:
                pass
        with closing(RunFolder.open(path / "run", PLAN)) as again:
            kept = [again.read_chunk(STAGE, number) is not None for number in (0, 1)]
            samples = again.read_clean()
        assert kept in ([False, False], [True, False], [True, True])
        if samples is not None:
            assert np.isfinite(read_run(path / "run").upper).sum() == 2 * all(kept)
        assert write(path / "run").complete
        assert read_run(path / "run").upper.tolist() == [0.05, np.inf, 0.1]
        assert [file.name for file in path.rglob(".*")] == [LOCK]
    assert moment > 10


def fuse(patch: pytest.MonkeyPatch, what: str, moment: int, bang: BaseException) -> None:
    """Let the call number `moment` of os.fsync or of Path.replace raise."""
    calls = iter(range(1, 1000))
    owner: Any = os if what == "fsync" else __import__("pathlib").Path
    original = getattr(owner, what)

    def guarded(*arguments: Any) -> Any:
        if next(calls) == moment:
            raise bang
        return original(*arguments)

    patch.setattr(owner, what, guarded)


@pytest.mark.parametrize("moment", [1, 3, 6, 9, 12])
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        fuse(patch, "fsync", moment, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(
            InputError, match=r"no room for .*the disk is full; free space and run the same command again"
        ):
            write(path)
    assert [file.name for file in path.rglob(".*")] in ([LOCK], [])
    assert write(path).complete
    assert read_run(path).upper.tolist() == [0.05, np.inf, 0.1]


def test_a_failed_write_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    write_whole(file, b"old")
    fuse(monkeypatch, "fsync", 1, OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(InputError, match=r"cannot be written \(Read-only file system\); choose a folder"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"


def test_a_distance_may_be_asked_as_a_fraction() -> None:
    assert FIRST.within("1/20").tolist() == [True, False]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        RunFolder.open(tmp_path / "file" / "run", PLAN)
    with pytest.raises(InputError, match="is a file, a run needs a folder"):
        RunFolder.open(tmp_path / "file", PLAN)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"holds files but no run\.json"):
        RunFolder.open(tmp_path, PLAN)
    with pytest.raises(InputError, match=r"no run folder: it has no run\.json"):
        read_run(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("steps", [3, len(STEPS)])
@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (
            {"attacks": {"pgd": attack(settings={"steps": 20})}},
            "attacks.pgd.settings.steps = 40, this one has attacks.pgd.settings.steps = 20",
        ),
        ({"attacks": {}}, "this one has attacks = {}"),
        ({"seed": 1}, "seed = 0, this one has seed = 1"),
        ({"threat__eps": Real(np.inf)}, "threat.eps = 0.1, this one has threat.eps = inf"),
        ({"batching__chunk_size": 3}, "batching.chunk_size = 2, this one has batching.chunk_size = 3"),
        ({"certifiers": ("crown",)}, "certifiers = [], this one has certifiers = ['crown']"),
    ],
)
def test_another_plan_is_refused_by_its_first_field(
    change: dict[str, Any], shown: str, steps: int, tmp_path: Path
) -> None:
    write(tmp_path, steps)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}
    with pytest.raises(OtherConfigurationError) as caught:
        RunFolder.open(tmp_path, plan(**change))
    assert shown in str(caught.value)
    assert "choose another folder with out=, or delete that one" in str(caught.value)
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*.*")}


def test_a_run_goes_on_on_another_machine_and_in_any_order_of_keys(tmp_path: Path) -> None:
    write(tmp_path, 3)
    moved = plan(environment__started="today", environment__machine=replace(PLAN.environment.machine, threads=7))
    moved = replace(moved, batching=replace(moved.batching, batch_size=1, tiles=True))
    with closing(RunFolder.open(tmp_path, moved)) as folder:
        assert folder.read_chunk(STAGE, 0) is not None
    assert json_bytes({"b": 1, "a": {"d": 1, "c": 2}}) == json_bytes({"a": {"c": 2, "d": 1}, "b": 1})


@pytest.mark.parametrize("package", ["torch", "epsball"])
def test_a_half_done_run_of_another_version_is_refused_and_a_finished_one_is_not(package: str, tmp_path: Path) -> None:
    versions = PLAN.environment.versions
    other = plan(environment__versions=versions | {package: "9.9"})
    write(tmp_path, 3)
    with pytest.raises(
        OtherConfigurationError, match=rf"begun under {package} {versions[package]}, this is {package} 9.9"
    ):
        RunFolder.open(tmp_path, other)
    write(tmp_path)
    assert RunFolder.open(tmp_path, other).complete
    assert RunFolder.open(tmp_path, plan(environment__versions=versions | {"numpy": "9.9"})).complete


def test_a_finished_chunk_that_was_altered_is_not_built_upon(tmp_path: Path) -> None:
    write(tmp_path, 3)
    (tmp_path / STAGE / "00000.parquet").write_bytes(table_bytes(rows([3, 1], [0.01, 0.02]).columns()))
    with pytest.raises(InputError, match=rf"{STAGE}/00000.parquet is not as it was written"):
        RunFolder.open(tmp_path, PLAN)


def test_a_chunk_that_is_altered_while_the_run_is_open_is_not_built_upon(tmp_path: Path) -> None:
    write(tmp_path, 3)
    with closing(RunFolder.open(tmp_path, PLAN)) as folder:
        (tmp_path / STAGE / "00000.parquet").write_bytes(table_bytes(rows([3, 1], [0.01, 0.02]).columns()))
        with pytest.raises(InputError, match="was altered since it was written"):
            folder.read_chunk(STAGE, 0)


def test_a_name_is_made_fit_for_a_folder() -> None:
    assert stage_name("attacks", 7, "my module:Attack/2") == "attacks/07-my-module-Attack-2"


def test_the_nearest_error_of_the_first_attack_counts() -> None:
    label, clean = np.array([0, 0, 0]), np.array([0, 0, 1])
    attacks = {"a": rows([3, 1], [2.0, 1.0]), "b": rows([3, 1], [1.0, 1.0])}
    found = tabulate(IDS, label, clean, np.array([0.5, 1.5, 0.7]), attacks)
    assert found["upper"].tolist() == [1.0, 1.0, 0.0]
    assert found["by"].tolist() == ["b", "a", "clean"]
    assert found["queries"].tolist() == [2, 2, 0]
    assert found["lower"].tolist() == [0.5, 1.0, 0.0]


def test_positions_names_an_id_that_is_not_there() -> None:
    assert positions(IDS, np.array([2, 3])).tolist() == [2, 0]
    with pytest.raises(KeyError, match="7"):
        positions(IDS, np.array([2, 7]))
    with pytest.raises(KeyError, match="7"):
        positions(np.empty(0, np.int64), np.array([7]))
