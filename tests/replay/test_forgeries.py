"""A forged record is refused, alone or with a replay; an honest one is not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from epsball.oracle.batching import Batching
from forged import FORGERIES, Record
from forgery import contents, seal
from toy import Affine, Jittery, samples, toy_run

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.replay.rows import Replay

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
WITHOUT_A_REPLAY = {"findings emptied", "steps of a suite's attacks raised"}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "honest"
    toy_run(folder, suite="quick", chunk_size=1024)
    return folder


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return shutil.copytree(honest, tmp_path / "run")


def replayed(folder: Path, k: int = 50, **settings: object) -> Replay:
    replay = eb.verify(folder, Affine(), replay=k, **settings).replay  # type: ignore[arg-type] # what a test hands in
    assert replay is not None
    return replay


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_record_is_refused(kind: str, folder: Path) -> None:
    FORGERIES[kind](Record(folder, Affine()), 0)
    if kind not in WITHOUT_A_REPLAY:
        eb.verify(folder, Affine())
    with pytest.raises(eb.UntrustworthyError, match="is not as its files and the model show"):
        eb.verify(folder, Affine(), replay=50 * (kind not in WITHOUT_A_REPLAY))


def test_a_record_that_was_written_again_as_it_was_is_verified(folder: Path) -> None:
    Record(folder, Affine()).write()
    replay = replayed(folder)
    assert replay.rows > 0
    assert replay.elsewhere == ""


@pytest.mark.parametrize("seed", [0, None])
def test_the_same_seed_draws_the_same_samples(seed: int | None, folder: Path) -> None:
    first, again = replayed(folder, 7, replay_seed=seed), replayed(folder, 7, replay_seed=seed)
    assert (first.samples, first.among) == (7, 54)
    assert (first == again) == (seed is not None)


def test_a_forgery_of_a_share_is_missed_with_the_chance_that_is_told(folder: Path) -> None:
    replay = replayed(folder, 3)
    assert replay.missed(0.2) == pytest.approx(0.8**3)
    everything = replayed(folder, 500)
    assert (everything.samples, everything.missed(0.2)) == (replay.among, 0)


@pytest.mark.parametrize(
    ("batch_size", "threads"),
    [(7, 1), pytest.param(1, 1, marks=pytest.mark.thorough), pytest.param(64, 2, marks=pytest.mark.thorough)],
)
def test_a_run_of_any_batch_size_and_thread_count_is_verified(batch_size: int, threads: int, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        toy_run(tmp_path, batching=Batching(batch_size, channels_last=False, block_size=batch_size * 2))
    finally:
        torch.set_num_threads(before)
    assert replayed(tmp_path, 20).elsewhere == ""
    assert torch.get_num_threads() == before


def elsewhere(folder: Path, **versions: str) -> None:
    """Let the run say that it was made under other versions."""
    run = contents(folder)
    run["plan"]["environment"]["versions"] |= versions
    seal(folder, run)


def test_on_another_machine_the_columns_that_differ_are_counted(folder: Path, tmp_path: Path) -> None:
    elsewhere(folder, torch="2.12.0")
    assert "torch 2.12.0" in replayed(folder).elsewhere
    assert not any(replayed(folder).differing.values())
    other = tmp_path / "other"
    toy_run(other, suite="quick", chunk_size=1024, seed=5)
    run = contents(other)
    run["plan"]["seed"] = 0  # other draws throughout, as noise would give
    seal(other, run)
    elsewhere(other, torch="2.12.0")
    replay = replayed(other)
    assert replay.differing["distance"] > 5
    assert all(test.p > 0.01 for test in replay.tests)


@pytest.mark.parametrize("kind", ["every success erased", "steps of one's own attacks raised"])
def test_on_another_machine_a_weaker_record_is_refused(kind: str, folder: Path) -> None:
    FORGERIES[kind](Record(folder, Affine()), 0)
    elsewhere(folder, numpy="1.0")
    with pytest.raises(eb.UntrustworthyError, match=r"the replay differs to one side, .* by the exact paired test"):
        eb.verify(folder, Affine(), replay=54)


def test_on_another_machine_few_samples_that_differ_to_one_side_ask_for_more(folder: Path) -> None:
    elsewhere(folder, numpy="1.0")
    assert replayed(folder, 12).samples == 12
    FORGERIES["every success erased"](Record(folder, Affine()), 0)
    with pytest.raises(
        eb.UntrustworthyError, match=r"robust samples: more in the replay on 0, in the record on \d+ of 48,"
    ):
        eb.verify(folder, Affine(), replay=12)


def test_a_random_model_is_compared_by_tests(tmp_path: Path) -> None:
    toy_run(tmp_path, model=Jittery(), suite={"pgd": eb.PGD(steps=4)})
    replay = eb.verify(tmp_path, Jittery(), replay=20).replay
    assert replay is not None
    assert replay.elsewhere == "the model draws random numbers"


def test_an_unfinished_run_is_replayed_as_far_as_it_went(honest: Path, folder: Path) -> None:
    del honest
    run = contents(folder)
    for name in [name for name in run["files"] if "deepfool" in name or name == "samples.parquet"]:
        (folder / name).unlink()
        del run["files"][name]
    run["status"] = "running"
    run["findings"] = []
    seal(folder, run)
    assert replayed(folder, 20).rows > 20
    elsewhere(folder, torch="2.12.0")
    assert replayed(folder, 20).tests


def rejecting(x: torch.Tensor) -> torch.Tensor:
    """The toy's logits, and a score of rejection that never wins."""
    logits: torch.Tensor = Affine()(x)
    return torch.cat((logits, logits.amin(1, keepdim=True) - 1), 1)


def test_an_honest_run_of_a_detector_is_verified(tmp_path: Path) -> None:
    detector = eb.wrap(rejecting, outputs="reject")
    toy_run(tmp_path, model=detector, suite={"fgsm": eb.FGSM()})
    assert eb.verify(tmp_path, detector, replay=10).complete


@pytest.mark.parametrize("threads", [0, -1, 10**6])
def test_a_record_of_no_number_of_threads_is_refused(threads: int, folder: Path) -> None:
    run = contents(folder)
    run["plan"]["environment"]["machine"]["threads"] = threads
    seal(folder, run)
    with pytest.raises(eb.InputError, match="threads"):
        eb.verify(folder, Affine(), replay=1)


def test_a_negative_number_of_samples_is_refused(folder: Path) -> None:
    with pytest.raises(eb.InputError, match="replay was given as -1"):
        eb.verify(folder, Affine(), samples(), replay=-1)
