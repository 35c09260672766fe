"""An attack gives everything back as it was: model, modes, buffers, gradients, random state, inputs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable
from contract.problems import ATTACKS, MINIMUM_NORM, SmallNet, digits


def photograph(net: torch.nn.Module) -> dict[str, Any]:
    """Everything of a network that a careless attack disturbs."""
    return {
        "modes": [part.training for part in net.modules()],
        "wanted": [weight.requires_grad for weight in net.parameters()],
        "gradients": [None if weight.grad is None else weight.grad.clone() for weight in net.parameters()],
        "storage": [weight.data_ptr() for weight in net.parameters()],
        "strides": [weight.stride() for weight in net.parameters()],
        "state": {name: value.clone() for name, value in net.state_dict().items()},
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].tolist(),  # type: ignore[index] # noqa: NPY002 - the global state is what is checked
        "random": random.getstate(),
    }


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name in ("modes", "wanted", "storage", "strides", "numpy", "random"):
        assert before[name] == after[name], name
    assert torch.equal(before["torch"], after["torch"])
    for old, new in zip(before["gradients"], after["gradients"], strict=True):
        assert (old is None and new is None) or torch.equal(old, new)
    for name, value in before["state"].items():
        assert torch.equal(value, after["state"][name]), name


def disturbed_net() -> SmallNet:
    """In train mode but for one part, one weight frozen, gradients accumulated."""
    net = SmallNet()
    net.train()
    net.net[5].eval()
    next(net.parameters()).requires_grad_(False)  # noqa: FBT003 - PyTorch names the argument differently in its stubs
    net(digits(4, (1, 8, 8), dtype=torch.float32)).sum().backward()
    return net


def usual_threat(name: str, eps: float) -> eb.Threat:
    """In l2, or in the one norm that a minimum-norm attack is defined for."""
    norms = ATTACKS[name].norms
    norm = "l2" if "l2" in norms else norms[0]
    return eb.Threat(norm) if name in MINIMUM_NORM else eb.Threat(norm, eps)


@pytest.mark.parametrize("name", list(ATTACKS))
def test_everything_is_as_before(name: str) -> None:
    net, x, y = disturbed_net(), digits(6, (1, 8, 8), dtype=torch.float32), torch.arange(6) % 5
    old_x, old_y, before = x.clone(), y.clone(), photograph(net)
    threat = usual_threat(name, 0.5)
    ATTACKS[name](net, x, y, threat)
    assert_same(before, photograph(net))
    assert torch.equal(x, old_x)
    assert torch.equal(y, old_y)
    assert not x.requires_grad


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_everything_is_as_before_when_the_model_raises_half_way(after: int, error: type[BaseException]) -> None:
    net, calls = disturbed_net(), 0

    def failing(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error("no more")

    hook = net.register_forward_pre_hook(failing)
    before = photograph(net)
    x, y = digits(6, (1, 8, 8), dtype=torch.float32), torch.arange(6) % 5
    expected: type[BaseException] = eb.ModelError if error is ValueError else error
    with pytest.raises(expected, match="no more"):
        eb.PGD(steps=10)(net, x, y, eb.Threat("linf", 0.01))
    assert_same(before, photograph(net))
    hook.remove()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_attacks_work_where_the_caller_switched_gradients_off(mode: Callable[[], Any]) -> None:
    net = SmallNet()
    with mode():
        x = digits(6, (1, 8, 8), dtype=torch.float32) + 0
        y = net.eval()(x).argmax(1)
        inside = eb.PGD(steps=5)(net, x, y, eb.Threat("linf", 0.1))
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
    outside = eb.PGD(steps=5)(net, x.clone(), y.clone(), eb.Threat("linf", 0.1))
    assert torch.equal(inside.x, outside.x)


def test_a_model_that_draws_random_numbers_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    x = digits(4, (6,), dtype=torch.float32)
    eb.FGSM()(lambda x: x + torch.rand_like(x), x, torch.tensor([0, 1, 2, 3]), eb.Threat("linf", 0.1))
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_that_works_in_place_touches_neither_inputs_nor_result() -> None:
    net = SmallNet().eval()

    def in_place(x: torch.Tensor) -> torch.Tensor:
        x -= 0.5
        return net(x)  # type: ignore[no-any-return] # a module returns anything

    x = digits(6, (1, 8, 8), dtype=torch.float32)
    kept, y = x.clone(), net(x - 0.5).argmax(1)
    threat = eb.Threat("linf", 0.1)
    found = eb.PGD(steps=5)(in_place, x, y, threat)
    assert torch.equal(x, kept)
    assert torch.equal(found.x, eb.PGD(steps=5)(lambda x: net(x - 0.5), x, y, threat).x)


def test_a_buffer_that_forward_replaces_comes_back() -> None:
    net = SmallNet()
    net.register_buffer("calls", torch.zeros(()))

    def count(*_: object) -> None:
        net.calls = torch.ones(())

    net.register_forward_pre_hook(count)
    eb.FGSM()(net, digits(3, (1, 8, 8), dtype=torch.float32), torch.tensor([0, 1, 2]), eb.Threat("linf", 0.1))
    assert net.calls == 0


@pytest.mark.parametrize("name", list(ATTACKS))
def test_logits_of_another_type_than_the_inputs_are_welcome(name: str) -> None:
    net = SmallNet().eval()
    x = digits(9, (1, 8, 8))
    y = net(x.float()).argmax(1)
    threat = usual_threat(name, 0.7)
    found = ATTACKS[name](lambda x: net(x.float()), x, y, threat)
    assert found.x.dtype == torch.float64
    assert bool((net(found.x.float()).argmax(1) != y)[found.success].all())


def test_a_mean_per_channel_suits_flat_inputs() -> None:
    model = eb.wrap(lambda x: x, mean=[1.0, 2.0, 3.0], std=[1.0, 2.0, 4.0])
    assert model(torch.full((1, 3), 3.0)).tolist() == [[2.0, 0.5, 0.0]]


@pytest.mark.parametrize("attack", [eb.Restarts(eb.LBFGS(), 2), eb.Worst(eb.DeepFool(), eb.LBFGS())])
def test_ensembles_pass_over_samples_that_are_wrong_already(attack: eb.Attack) -> None:
    net, x = SmallNet().eval(), digits(3, (1, 8, 8), dtype=torch.float32)
    y = (net(x).argmax(1) + 1) % 5
    assert attack(net, x, y, eb.Threat("l2")).distance.tolist() == [0, 0, 0]
