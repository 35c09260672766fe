"""Planted adversarial examples: attacks that follow honest slopes find them, others do not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import epsball as eb
from epsball.attacks.planted import Planted, apart, heads
from epsball.errors import InputError
from epsball.models.planted import Features

PGD = eb.PGD(steps=10, rate=0.2)


class Dead(torch.autograd.Function):
    """The identity whose gradient is noise."""

    @staticmethod
    def forward(_: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_: object, g: Tensor) -> Tensor:
        return torch.randn(g.shape, generator=torch.Generator().manual_seed(0)).sign() * g.abs().mean()


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 4))


class Masked(nn.Module):
    """The network behind a step whose gradient is noise."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(Dead.apply(x))  # type: ignore[no-untyped-call] # as PyTorch declares it
        return logits


def inputs(n: int = 12, seed: int = 1) -> Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.05), ("l2", 0.5), ("l1", 4.0)])
def test_an_attack_by_honest_slopes_finds_what_is_planted(norm: str, eps: float) -> None:
    net, x = network(), inputs(24)
    found = Planted(PGD)(net, x, net(x).argmax(1), eb.Threat(norm, eps))
    assert int(found.notes["planted"].sum()) >= 8
    assert not bool((found.notes["unfound"] & ~found.notes["planted"]).any())
    assert int(found.notes["unfound"].sum()) <= 1
    assert not bool(found.success.any())
    assert torch.equal(found.x, x)
    assert bool((found.queries > 2 * Planted(PGD).inner).all())


def test_an_attack_by_slopes_that_lead_nowhere_does_not() -> None:
    net, x = network(), inputs()
    found = Planted(PGD)(Masked(), x, net(x).argmax(1), eb.Threat("linf", 0.05))
    assert int(found.notes["planted"].sum()) >= 8
    assert int(found.notes["unfound"].sum()) > 0.5 * int(found.notes["planted"].sum())


def test_what_is_planted_for_a_sample_does_not_depend_on_those_beside_it() -> None:
    net, x = network(), inputs(12)
    x[6:] = x[:6]  # balls that meet are searched one after the other
    y, threat, ids = net(x).argmax(1), eb.Threat("linf", 0.05), torch.arange(12)
    attack = Planted(eb.PGD(steps=2, random_start=True))
    whole = attack(net, x, y, threat, ids=ids)
    for rows in (torch.arange(6), torch.arange(6, 12), torch.tensor([7])):
        part = attack(net, x[rows], y[rows], threat, ids=ids[rows])
        for name in ("planted", "unfound"):
            assert torch.equal(part.notes[name], whole.notes[name][rows])
        assert torch.equal(part.queries, whole.queries[rows])


@settings(max_examples=20, deadline=None)  # the first call loads LAPACK
@given(st.integers(0, 10**6), st.integers(2, 40))
def test_a_head_puts_the_planted_point_as_far_above_as_the_highest_other_is_below(seed: int, size: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    inner, others = (torch.randn(5, 20, size, generator=draws) for _ in range(2))
    planted = 6 * torch.randn(5, size, generator=draws)
    weight, bias, possible = heads(planted, inner, others)
    at = ((planted * weight).sum(1) - bias)[possible]
    top = ((torch.cat((inner, others), 1) @ weight[..., None]).squeeze(2).amax(1) - bias)[possible]
    torch.testing.assert_close(at, torch.ones_like(at), atol=1e-3, rtol=0)
    torch.testing.assert_close(top, -torch.ones_like(top), atol=1e-3, rtol=0)


def test_where_no_head_tells_them_apart_none_is_planted() -> None:
    inner = torch.randn(3, 20, 5, generator=torch.Generator().manual_seed(0))
    assert not bool(heads(inner[:, 0], inner, inner)[2].any())
    assert not bool(heads(torch.zeros(3, 5), torch.zeros(3, 20, 5), torch.zeros(3, 20, 5))[2].any())


def test_groups_hold_samples_whose_balls_do_not_meet() -> None:
    x = torch.tensor([[0.0], [0.15], [0.5], [0.9], [0.05]])
    wanted = torch.tensor([True, True, True, False, True])
    groups = [group.tolist() for group in apart(x, eb.Threat("linf", 0.1), wanted)]
    assert groups == [[0, 2], [1], [4]]


def test_features_are_those_before_the_last_layer_and_else_the_logits() -> None:
    net, x = network(), inputs(3)
    with torch.no_grad():
        torch.testing.assert_close(Features(eb.wrap(net), x[:1])(x), net[:-1](x))
        torch.testing.assert_close(Features(eb.wrap(lambda v: net(v).tanh()), x[:1])(x), net[:-1](x))
        torch.testing.assert_close(Features(eb.wrap(lambda v: v.flatten(1)[:, :5]), x[:1])(x), x.flatten(1)[:, :5])


def test_a_search_for_the_nearest_error_is_refused() -> None:
    with pytest.raises(InputError, match="Within"):
        Planted(eb.DeepFool())
    assert not Planted(eb.attacks.Within(eb.DeepFool())).minimum_norm
