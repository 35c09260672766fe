"""A set that is not held in memory gives the same run as one that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import epsball as eb
from epsball.data import batches
from epsball.data.batches import gathered
from epsball.data.streamed import Streamed
from epsball.models import inputs
from epsball.record.arrays import array_blocks, open_inputs
from epsball.verification.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

N = 23
X = torch.rand(N, 3, 6, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(N) % 3
THREAT = eb.Threat("linf", 0.02)


class Photographs(Dataset[tuple[Tensor, Tensor]]):
    """Images that are made when they are asked for."""

    def __init__(self, noise: float = 0.0) -> None:
        self.noise, self.reads = noise, 0

    def __len__(self) -> int:
        return N

    def __getitem__(self, at: int) -> tuple[Tensor, Tensor]:
        self.reads += 1
        return (X[at] + self.noise * self.reads).clamp(0, 1), Y[at]


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Flatten(), nn.Linear(108, 3))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few images fit into memory."""
    monkeypatch.setattr(batches, "HELD", 1000)
    monkeypatch.setattr(inputs, "_PART_NUMBERS", 5 * 108)


SUITE: list[eb.Attack] = [eb.PGD(steps=3)]
TOWARDS: list[eb.Attack] = [eb.Targeted(eb.FGSM(), 1)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("suite", [SUITE, TOWARDS], ids=["any error", "with samples left out"])
def test_the_same_rows_findings_and_plan_as_in_memory(suite: list[eb.Attack], tmp_path: Path) -> None:
    data = DataLoader(Photographs(), 4)
    assert isinstance(gathered(data).x, Streamed)
    streamed = eb.evaluate(network(), data, THREAT, suite=suite, out=tmp_path / "streamed", anyway=True)
    held = eb.evaluate(network(), (X, Y), THREAT, suite=suite, out=tmp_path / "held", anyway=True, chunk_size=5)
    for name in ("ids", "label", "clean", "upper", "by", "queries", "gradients"):
        assert np.array_equal(getattr(streamed, name), getattr(held, name)), name
    assert streamed.findings == held.findings
    assert streamed.plan.data == held.plan.data
    assert streamed.plan.model == held.plan.model
    for file in ("inputs.safetensors", "samples.parquet", "clean.parquet"):
        assert (tmp_path / "streamed" / file).read_bytes() == (tmp_path / "held" / file).read_bytes()
    left = Y != 1 if suite is TOWARDS else Y >= 0
    assert verify(tmp_path / "streamed", network(), (X[left], Y[left])).samples == int(left.sum())
    again = eb.evaluate(network(), data, THREAT, suite=suite, out=tmp_path / "streamed", anyway=True)
    assert again.reused


@pytest.mark.usefixtures("small")
def test_a_set_that_gives_other_images_each_time_is_refused() -> None:
    with pytest.raises(eb.InputError, match="gives another sample 0 each time it is read"):
        eb.evaluate(network(), Photographs(noise=1e-3), THREAT, suite=SUITE, anyway=True)


@pytest.mark.usefixtures("small")
def test_what_lies_outside_the_box_is_told_in_any_part() -> None:
    class Bright(Photographs):
        def __getitem__(self, at: int) -> tuple[Tensor, Tensor]:
            return X[at] * (200 if at > N - 2 else 1), Y[at]

    with pytest.raises(eb.InputError, match="pixels from 0 to 255: divide them by 255"):
        eb.evaluate(network(), Bright(), THREAT, suite=SUITE, anyway=True)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_a_file_written_in_pieces_is_the_one_written_at_once(kind: Any) -> None:
    arrays = {"ids": np.arange(5), "y": np.arange(5)[::-1].copy(), "x": X[:5].numpy().astype(kind)}
    assert b"".join(array_blocks(arrays)) == save(arrays)


def test_stored_inputs_are_read_by_rows(tmp_path: Path) -> None:
    eb.evaluate(network(), (X, Y), THREAT, suite=SUITE, out=tmp_path, anyway=True)
    x, label, ids = open_inputs(tmp_path)
    assert x.shape == X.shape
    assert np.array_equal(x[4:9], X[4:9].numpy())
    assert np.array_equal(x[np.array([7, 0])], X[[7, 0]].numpy())
    assert len(x[9:4]) == 0
    assert (label.tolist(), ids.tolist()) == (Y.tolist(), list(range(N)))
