"""Estimators: whose logits and gradients they give, and what they cost."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TypeAlias, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import epsball as eb
from contract.problems import Affine, digits
from epsball.models.identify import identify
from epsball.models.identity import differences
from epsball.testing.problems import Recorder

Make: TypeAlias = Callable[..., eb.Model]

MODEL = Affine((1, 4, 4), 3)
X = digits(6, (1, 4, 4))
Y = MODEL(X).argmax(1)


class Noisy(nn.Module):
    """An affine model whose logits have noise on them."""

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = MODEL(x)
        return z + torch.randn_like(z)


class Steps(nn.Module):
    """Rounds to 64 steps, through NumPy: no gradient passes."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy((x.numpy() * 64).round() / 64)


def jacobian(model: eb.Model, x: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    logits = model(leaf)
    return torch.stack([torch.autograd.grad(logits[:, k].sum(), leaf, retain_graph=True)[0] for k in range(3)], 1)


def test_the_mean_of_many_passes_has_the_spread_of_a_mean() -> None:
    torch.manual_seed(0)
    rest = eb.eot(Noisy(), draws=100)(X) - MODEL(X)
    assert rest.std().item() == pytest.approx(1 / math.sqrt(100), rel=0.4)
    torch.testing.assert_close(jacobian(eb.eot(Noisy(), draws=3), X), jacobian(eb.wrap(MODEL), X))


@pytest.mark.parametrize("make", [eb.nes, eb.spsa])
def test_estimated_gradients_are_those_of_the_model_on_average(make: Make) -> None:
    exact, near = jacobian(eb.wrap(MODEL), X), jacobian(make(MODEL, 400), X)
    error = (near - exact).flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)
    assert float(error.max()) < 2 * math.sqrt(16 / 400)
    torch.testing.assert_close(make(MODEL, 3)(X), MODEL(X))


@pytest.mark.parametrize("make", [eb.nes, eb.spsa])
def test_an_estimate_lies_in_the_span_of_its_draws(make: Make) -> None:
    found = jacobian(make(MODEL, 2), X)
    rank = torch.linalg.matrix_rank(found.flatten(2))
    assert rank.tolist() == [2] * len(X)


@given(seed=st.integers(0, 1000), rows=st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_a_points_estimate_does_not_depend_on_its_company(seed: int, rows: list[int]) -> None:
    x = digits(6, (1, 4, 4), seed=seed)
    model = eb.nes(MODEL, 3)
    torch.testing.assert_close(jacobian(model, x[rows]), jacobian(model, x)[rows])
    torch.testing.assert_close(jacobian(model, x[rows[:1]] + 1e-13), jacobian(model, x)[rows[:1]], rtol=1e-6, atol=1e-6)


def test_points_apart_draw_other_directions() -> None:
    one, two = jacobian(eb.spsa(MODEL, 1), torch.cat((X[:1], X[:1] + 0.01)))
    assert not torch.equal(one, two)


@pytest.mark.parametrize(
    ("make", "gradients"),
    [
        (lambda net: eb.eot(net, 3), 3),
        (lambda net: eb.nes(net, 4), 0),
        (lambda net: eb.nes(eb.eot(net, 2), 4), 0),
        (lambda net: eb.bpda(net, nn.Identity()), 1),
        (eb.wrap, 1),
    ],
    ids=["eot", "nes", "nes-of-eot", "bpda", "plain"],
)
@pytest.mark.parametrize("attack", [eb.PGD(steps=3), eb.DeepFool(steps=3), eb.AdditiveNoise(4)])
@pytest.mark.parametrize("budget", [None, 1, 20, 50])
def test_what_is_spent_is_what_the_network_saw(
    make: Make, gradients: int, attack: eb.Attack, budget: int | None
) -> None:
    net = Recorder(MODEL)
    threat = eb.Threat("l2") if attack.minimum_norm else eb.Threat("l2", 0.01)
    found = attack(make(net), X, Y, threat, queries=budget)
    assert int(found.queries.sum()) == sum(map(len, net.points))
    assert budget is None or int(found.queries.max()) <= budget
    if budget is None and isinstance(attack, eb.PGD):
        assert int(found.gradients.max()) == 3 * gradients


def test_a_gradient_attack_needs_only_logits_of_an_estimate() -> None:
    def blind(x: Tensor) -> Tensor:
        out: Tensor = MODEL(x.detach())
        return out.detach()

    threat = eb.Threat("l2", 0.8)
    true = eb.PGD(steps=10)(MODEL, X, Y, threat).success
    assert bool(true.any())
    assert torch.equal(eb.PGD(steps=10)(eb.nes(blind, 40), X, Y, threat).success, true)
    with pytest.raises(eb.ModelError, match="differentiated"):
        eb.PGD(steps=10)(blind, X, Y, threat)


@pytest.mark.parametrize("layer", ["inside", "name", "front"])
def test_a_step_keeps_its_values_and_gets_another_gradient(layer: str) -> None:
    steps = Steps()
    net = nn.Sequential(steps, MODEL)
    given = {
        "inside": lambda: eb.bpda(net, steps),
        "name": lambda: eb.bpda(net, "0"),
        "front": lambda: eb.bpda(MODEL, Steps()),
    }[layer]()
    torch.testing.assert_close(given(X), net(X), rtol=0, atol=0)
    torch.testing.assert_close(jacobian(given, X), jacobian(eb.wrap(MODEL), X))
    assert not any(vars(steps)[name] for name in ("_forward_hooks", "_forward_pre_hooks"))
    assert bool(eb.PGD(steps=20)(given, X, Y, eb.Threat("l2", 0.5)).success.any())


def test_the_gradient_is_that_of_the_replacement() -> None:
    twice = eb.bpda(MODEL, Steps(), lambda x: 2 * x)
    torch.testing.assert_close(jacobian(twice, X), 2 * jacobian(eb.wrap(MODEL), X))
    with pytest.raises(eb.ModelError, match="replacement returned shape"):
        eb.PGD(steps=1)(eb.bpda(MODEL, Steps(), lambda x: x.flatten(1)), X, Y, eb.Threat("l2", 0.5))


def test_an_estimate_is_another_model_than_its_network() -> None:
    models = [eb.wrap(MODEL), eb.nes(MODEL, 3), eb.nes(MODEL, 4), eb.spsa(MODEL, 3), eb.eot(MODEL, 3), eb.eot(MODEL, 4)]
    known = [identify(model, X) for model in models]
    for one in known:
        assert [other for other in known if not differences(one, other)] == [one]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: eb.eot(MODEL, 0), "draws was given as 0"),
        (lambda: eb.nes(MODEL, 2, sigma=0.0), "sigma was given as 0.0"),
        (lambda: eb.spsa(MODEL, 2, delta=float("nan")), "delta was given as nan"),
        (lambda: eb.spsa(MODEL, 2, delta=cast("float", "small")), "delta was given as 'small'"),
        (lambda: eb.bpda(nn.Sequential(MODEL), "body"), "no part 'body'; its first parts are 0"),
        (lambda: eb.bpda(MODEL, cast("str", 3)), "layer was given as 3; expected a part of the network"),
        (
            lambda: eb.bpda(nn.Sequential(MODEL), "0", cast("nn.Module", 3)),
            "backward was given as 3; expected a function",
        ),
    ],
)
def test_what_cannot_be_estimated_is_refused(make: Callable[[], eb.Model], said: str) -> None:
    with pytest.raises(eb.InputError, match=said):
        make()


def test_an_estimator_takes_images_of_the_size_of_what_it_estimates() -> None:
    model = dataclasses.replace(eb.wrap(torch.nn.Flatten()), input_size=(8, 6))
    for estimate in (eb.eot(model, 2), eb.nes(model, 2), eb.spsa(model, 2), eb.bpda(model, lambda x: x)):
        assert estimate.input_size == (8, 6)
