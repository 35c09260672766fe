"""One loop for all forward passes: every row once, in order, and fewer at a time where memory runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.evaluation.answers import answers
from epsball.models.forward import forward, logits_of, numpy_of
from epsball.verification.independent import replay
from toy import Affine, Jittery, samples

if TYPE_CHECKING:
    from collections.abc import Callable


class Small(Affine):
    """Has memory for a few inputs at a time."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.sizes = room, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        self.sizes.append(len(x))
        return super().forward(x)


def test_the_logits_are_those_of_one_batch() -> None:
    x, _ = samples()
    with torch.no_grad():
        expected = Affine()(x)
    for batch_size in (1, 7, 60, 100):
        assert torch.allclose(logits_of(eb.wrap(Affine()), x, batch_size), expected, atol=1e-6)


def test_every_pass_visits_every_row_once_without_gradients() -> None:
    x, _ = samples(10)
    seen: list[tuple[int, int, int, bool]] = []
    forward(
        eb.wrap(Affine()),
        x.requires_grad_(),
        4,
        lambda number, rows, logits: seen.append((number, rows.start, rows.stop, logits.requires_grad)),
        passes=2,
    )
    assert seen == [(number, start, stop, False) for number in (0, 1) for start, stop in ((0, 4), (4, 8), (8, 10))]


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, x: logits_of(model, x, 16),
        lambda model, x: answers(model, x, 16),
        lambda model, x: replay(model, x, batch_size=16),
    ],
)
def test_a_batch_is_halved_where_memory_runs_out_and_stays_small(ask: Callable[[eb.Model, Tensor], object]) -> None:
    net = Small(room=5)
    ask(eb.wrap(net), samples(12)[0])
    assert net.sizes == [4, 4, 4]
    with pytest.raises(eb.ModelError, match="memory ran out with a single input"):
        ask(eb.wrap(Small(room=0)), samples(12)[0])


def test_labels_confidences_and_errors_are_counted_pass_by_pass() -> None:
    x, y = samples(30)
    torch.manual_seed(0)
    found = answers(eb.wrap(Jittery()), x, 8, passes=50)
    assert found.label.shape == found.confidence.shape == (50, 30)
    assert found.classes == 4
    assert np.array_equal(found.wrong(y.numpy()), found.label != y.numpy()[None])
    assert (found.label.std(0) > 0).any()
    assert ((found.confidence > 0.25) & (found.confidence <= 1)).all()


def test_bfloat16_becomes_what_numpy_has() -> None:
    array = numpy_of(torch.tensor([0.5, 1.0], dtype=torch.bfloat16, requires_grad=True))
    assert array.dtype == np.float32
    assert array.tolist() == [0.5, 1.0]
