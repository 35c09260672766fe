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


@pytest.mark.parametrize("name", list(ATTACKS))
def test_everything_is_as_before(name: str) -> None:
    net, x, y = disturbed_net(), digits(6, (1, 8, 8), dtype=torch.float32), torch.arange(6) % 5
    old_x, old_y, before = x.clone(), y.clone(), photograph(net)
    threat = eb.Threat("l2") if name in MINIMUM_NORM else eb.Threat("l2", 0.5)
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
