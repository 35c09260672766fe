"""Rows that are done leave the attack's tensors, and how rows are packed changes no result."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.oracle.batching import Batching
from recording import Recorder

SMALL = Batching(batch_size=4, channels_last=False, block_size=1000)
STEP = 0.01


@dataclass
class Counted:
    """A rule that notes how many rows a step is about."""

    rows: list[int]

    def __call__(self, g: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        self.rows.append(len(g))
        return g, memory


def line(x: Tensor) -> Tensor:
    """Class 1 where the first feature exceeds 0.5."""
    return torch.stack((0.5 - x[:, 0], x[:, 0] - 0.5), 1)


def attacked(steps_needed: list[int], batching: Batching | None = None) -> tuple[list[int], eb.Found, Recorder]:
    """Ascend from inputs that are so many steps of 0.01 away from the boundary."""
    x = 0.505 - STEP * torch.tensor(steps_needed, dtype=torch.float64)[:, None].expand(-1, 2)
    model, rule = Recorder(line), Counted([])
    attack = eb.PGD(steps=8, first=0.04, rate=0.04, random_start=False, rule=rule)
    found = attack(model, x, torch.zeros(len(x)).long(), eb.Threat("linf", 0.25), batching=batching)
    return rule.rows, found, model


def test_rows_are_packed_once_less_than_three_quarters_of_them_are_live() -> None:
    rows, found, _ = attacked([1, 1, 2, 3, 3, 4, 20, 20])
    assert found.success.tolist() == [True] * 6 + [False] * 2
    assert rows == [8, 8, 8, 5, 3, 2, 2, 2]  # an error is known when the next step asks; 6 of 8 are not fewer enough


def test_every_row_is_asked_as_often_as_it_takes() -> None:
    needed = [1, 3, 2, 5, 20]
    _, found, model = attacked(needed, SMALL)
    assert found.queries[:4].tolist() == [2 + n for n in needed[:4]]
    assert found.gradients[:4].tolist() == [1 + n for n in needed[:4]]
    assert found.gradients[4] == 8
    assert int(found.queries.sum()) == sum(model.sizes)
    assert max(model.sizes) == 4
    assert found.distance[:4].tolist() == pytest.approx([n * STEP for n in needed[:4]])


@pytest.mark.parametrize("rows", [1, 3, 7, 64])
def test_the_size_of_a_micro_batch_changes_nothing(rows: int) -> None:
    needed = [1, 4, 20, 2, 2, 7, 20, 3, 1, 6, 5]
    _, reference, _ = attacked(needed)
    _, found, model = attacked(needed, replace(SMALL, batch_size=rows))
    assert max(model.sizes) == min(rows, 11)
    for field in ("x", "success", "distance", "relative", "queries", "gradients"):
        assert torch.equal(getattr(found, field), getattr(reference, field)), field
