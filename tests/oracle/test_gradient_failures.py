"""Backward passes that fail, and those that run only once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import epsball as eb
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable


def in_place(x: Tensor) -> Tensor:
    return torch.sigmoid(x).mul_(2)


def reentrant(x: Tensor) -> Tensor:
    doubled: Tensor = checkpoint(lambda z: 2 * z, x, use_reentrant=True)
    return doubled


def twice(x: Tensor) -> Tensor:
    """Takes a gradient of an operation that PyTorch differentiates once."""
    with torch.enable_grad():
        z = x if x.requires_grad else x.detach().requires_grad_()
        apart = torch.cdist(z.flatten(1), torch.ones(1, 16))
        return torch.autograd.grad(apart.square().sum(), z, create_graph=True)[0]


class Raises(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        del gradients
        raise ValueError("no way\nback")


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("attack", [eb.FGSM(), eb.PGD(steps=2), eb.DeepFool(), eb.LBFGS(steps=2, searches=1)])
@pytest.mark.parametrize(
    ("layer", "remedy"),
    [
        (in_place, r"inplace operation: .*; write operations that make a new tensor"),
        (reentrant, r"use_reentrant=False"),
        (twice, r"differentiates, twice where"),
        (Raises.apply, r"raised ValueError: no way back; repair its backward pass, or use an attack that asks for no"),
    ],
)
def test_a_backward_pass_that_fails_is_the_models_error_with_its_remedy(
    layer: Callable[[Tensor], Tensor], remedy: str, attack: eb.Attack
) -> None:
    net, (x, y) = Affine(), samples(8, 0)
    threat = eb.Threat("l2") if attack.minimum_norm else eb.Threat("l2", 0.5)
    with torch.no_grad():
        y = net(layer(x)).argmax(1)
    with pytest.raises(eb.ModelError, match=remedy) as caught:
        attack(lambda z: net(layer(z)), x, y, threat)
    assert "\n" not in str(caught.value)


class Freed(torch.autograd.Function):
    """x W, whose backward pass frees what it saved, as compiled ones do."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.weight = weight
        return x @ weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        if ctx.weight is None:
            raise RuntimeError("Trying to backward through the graph a second time")
        weight, ctx.weight = ctx.weight, None
        return gradient @ weight.T, None


def compiled(net: nn.Module) -> Any:
    torch.compiler.reset()
    return torch.compile(net, backend="aot_eager")


def freed(net: Affine) -> Any:
    return lambda x: Freed.apply(x.flatten(1), net.weight.T) + net.bias  # type: ignore[no-untyped-call] # not annotated


@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf"
)  # PyTorch's compiler looks at it
@pytest.mark.parametrize("once", [compiled, freed])
@pytest.mark.parametrize("attack", [eb.DeepFool(), eb.LBFGS(steps=3, searches=2)])
def test_a_backward_pass_that_runs_only_once_is_begun_anew(once: Callable[[Affine], Any], attack: eb.Attack) -> None:
    net, (x, y) = Affine().eval(), samples(16, 2)
    expected, found = (attack(model, x, y, eb.Threat("l2")) for model in (net, once(net)))
    torch.testing.assert_close(found.distance, expected.distance, rtol=1e-4, atol=0)
    assert torch.equal(found.queries, expected.queries)
    assert torch.equal(found.gradients, expected.gradients)
    assert bool(found.success.all())
