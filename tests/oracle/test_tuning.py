"""Timed layouts, on a clock that the model moves."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.oracle.batching import choose_batching
from epsball.oracle.tuning import tune


class Timed:
    """A model that moves a clock: the seconds of one gradient depend on the size of its batch."""

    def __init__(self, seconds: dict[int, float], first: float = 0.0) -> None:
        self.seconds, self.first, self.now = seconds, first, 100.0

    def __call__(self, x: Tensor) -> Tensor:
        self.now += self.first
        self.first = 0.0
        x.register_hook(self._differentiated)  # type: ignore[no-untyped-call] # PyTorch does not annotate it
        return x.flatten(1)

    def _differentiated(self, g: Tensor) -> None:
        self.now += self.seconds.get(len(g), 50.0)


@pytest.mark.parametrize(
    ("seconds", "rows"),
    [
        ({16: 1.0, 64: 9.0, 128: 9.0}, 16),  # eight calls, two and one: 8, 18 and 9
        ({16: 4.0, 64: 2.0, 128: 9.0}, 64),
        ({16: 4.0, 64: 5.0, 128: 9.0}, 128),
        ({16: 1.0, 64: 4.0, 128: 8.0}, 16),  # of equals the first
    ],
)
@pytest.mark.parametrize("slow_start", [0.0, 100.0])
def test_tuning_takes_the_fastest_and_forgives_a_slow_start(
    seconds: dict[int, float], rows: int, slow_start: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = Timed(seconds, slow_start), torch.rand(200, 2**14)
    assert choose_batching(eb.wrap(model), x).batch_size == 64
    monkeypatch.setattr(time, "perf_counter", lambda: model.now)
    assert tune(eb.wrap(model), x) == replace(choose_batching(eb.wrap(model), x), batch_size=rows, block_size=4096)
