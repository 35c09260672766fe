from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from epsball.randomness import Stream


@given(
    seed=st.integers(0, 2**63),
    ids=st.lists(st.integers(0, 2**40), min_size=2, max_size=6, unique=True),
    counter=st.integers(0, 9),
)
def test_a_sample_gets_its_own_numbers_in_any_company(seed: int, ids: list[int], counter: int) -> None:
    together = Stream(seed, torch.tensor(ids), counter).uniform(5)
    backwards = Stream(seed, torch.tensor(ids[::-1]), counter).uniform(5)
    alone = Stream(seed, torch.tensor(ids[:1]), counter).uniform(5)
    assert torch.equal(together.flip(0), backwards)
    assert torch.equal(together[:1], alone)
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together, Stream(seed, torch.tensor(ids), counter + 1).uniform(5))
    assert not torch.equal(together, Stream(seed + 1, torch.tensor(ids), counter).uniform(5))


def test_draws_ahead_are_those_that_come_one_by_one() -> None:
    ids = torch.tensor([5, -3, 2**40])
    ahead = Stream(3, ids, 7).ahead(4, 6)
    for number in range(4):
        assert torch.equal(ahead[:, number], Stream(3, ids, 7 + number).uniform(6))


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    assert torch.equal(Stream(3, torch.arange(4), 1).uniform(9)[:, :5], Stream(3, torch.arange(4), 1).uniform(5))


def test_numbers_lie_strictly_between_0_and_1_also_in_single_precision() -> None:
    u = Stream(0, torch.arange(100), 0).uniform(10_000).float()
    assert 0 < u.min().item() < 1e-5
    assert 1 - 1e-5 < u.max().item() < 1


@pytest.mark.parametrize(
    "arrangement", ["one stream", "one number per id", "one number per counter", "one number per seed"]
)
def test_uniform_numbers_are_uniform_and_uncorrelated(arrangement: str) -> None:
    n = 20_000
    ids = torch.arange(n)
    u = {
        "one stream": lambda: Stream(0, ids[:1], 0).uniform(n)[0],
        "one number per id": lambda: Stream(0, ids, 0).uniform(1)[:, 0],
        "one number per counter": lambda: torch.cat([Stream(0, ids[:1], c).uniform(1)[0] for c in range(2000)]),
        "one number per seed": lambda: torch.cat([Stream(s, ids[:1], 0).uniform(1)[0] for s in range(2000)]),
    }[arrangement]()
    assert stats.kstest(u.numpy(), "uniform").pvalue > 1e-4
    assert abs(torch.corrcoef(torch.stack((u[:-1], u[1:])))[0, 1].item()) < 5 / len(u) ** 0.5


def test_normal_numbers_are_normal() -> None:
    z = Stream(1, torch.arange(50), 2).normal(801)
    assert z.shape == (50, 801)
    assert stats.kstest(z.flatten().numpy(), "norm").pvalue > 1e-4


def test_numbers_do_not_depend_on_how_many_are_mixed_together() -> None:
    stream = Stream(3, torch.arange(50) * 7919, 2)
    words = (stream.bits(784) >> 41) & (2**23 - 1)
    assert torch.equal(stream.uniform(784), (words.double() + 0.5) / 2**23)
