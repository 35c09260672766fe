"""Input gradients in tiles are those of PyTorch."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

import epsball as eb
from epsball.oracle.batching import asked, choose_batching
from epsball.oracle.convolution import InTiles, input_gradient, tile_side, tiles_pay

SIDES = st.integers(1, 20)
KERNELS = st.integers(1, 7)


@settings(deadline=None)
@given(
    channels=st.integers(1, 3),
    kernel=st.tuples(KERNELS, KERNELS),
    stride=st.integers(1, 4),
    padding=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    size=st.tuples(SIDES, SIDES),
    tiles=st.integers(1, 4),
)
def test_tiles_hold_the_gradient_of_any_convolution(
    channels: int,
    kernel: tuple[int, int],
    stride: int,
    padding: tuple[int, int],
    size: tuple[int, int],
    tiles: int,
) -> None:
    assume(all(n + 2 * p >= k for n, p, k in zip(size, padding, kernel, strict=True)))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, channels, *size, dtype=torch.float64, generator=generator, requires_grad=True)
    w = torch.randn(3, channels, *kernel, dtype=torch.float64, generator=generator)
    y = F.conv2d(x, w, None, stride, padding)
    g = torch.randn(y.shape, dtype=torch.float64, generator=generator)
    (expected,) = torch.autograd.grad(y, x, g)
    torch.testing.assert_close(input_gradient(g, w, size, stride, padding, stride * tiles), expected)


def test_tiles_are_used_where_they_save_much() -> None:
    assert tile_side(1, (5, 5), (1, 1), (0, 0)) == 4
    assert tile_side(3, (7, 7), (2, 2), (3, 3)) == 2
    assert tile_side(3, (16, 16), (16, 16), (0, 0)) == 16
    assert tile_side(3, (3, 3), (1, 1), (1, 1)) is None
    assert tile_side(64, (5, 5), (1, 1), (2, 2)) is None
    assert tile_side(1, (5, 5), (1, 2), (0, 0)) is None
    assert tile_side(1, (5, 5), 1, 0, dilation=2) is None
    assert tile_side(1, (5, 5), 1, 0, groups=2) is None


def test_tiles_are_used_on_a_processor_for_micro_batches_that_are_worth_it() -> None:
    net, x = eb.wrap(_network()), _images(32)
    batching = choose_batching(net, x)
    assert batching.tiles
    assert not choose_batching(net, x.to("meta")).tiles
    assert isinstance(asked(x.requires_grad_(), batching), InTiles)
    for few in (_images(32), _images(20).requires_grad_()):
        assert not isinstance(asked(few, batching), InTiles)
    assert not isinstance(asked(x, replace(batching, tiles=False)), InTiles)


@pytest.mark.parametrize("settings", [{"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"stride": (1, 2)}])
def test_other_convolutions_are_left_alone(settings: dict[str, Any]) -> None:
    net = nn.Conv2d(2, 20, 5, **settings).requires_grad_(requires_grad=False)
    x = torch.rand(3, 2, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
    with InTiles():
        y = net(x)
    assert not _in_tiles(y)
    assert torch.equal(y, net(x))
    assert not tiles_pay(net)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_outputs_are_those_without_tiles_and_gradients_as_close_to_the_exact_ones(dtype: torch.dtype) -> None:
    net, x = _network().to(dtype), _images(4).to(dtype).requires_grad_()
    plain = net(x)
    with InTiles():
        tiled = net(x)
    assert _in_tiles(tiled)
    assert not _in_tiles(plain)
    assert torch.equal(tiled, plain)
    wide = x.detach().double().requires_grad_()
    exact = torch.autograd.grad(copy.deepcopy(net).double()(wide).logsumexp(1).sum(), wide)[0]
    apart = [(torch.autograd.grad(z.logsumexp(1).sum(), x)[0] - exact).abs().max() for z in (plain, tiled)]
    # processors add bfloat16 products in orders and precisions of their own: neither result is the reference
    assert apart[1] <= 2 * apart[0] + torch.finfo(dtype).eps * exact.abs().max()


def test_gradients_of_gradients_pass_through_tiles() -> None:
    net, x, second = _network(), _images(2).requires_grad_(), []
    for context in (nullcontext(), InTiles()):
        with context:
            value = net(x).logsumexp(1).square().sum()
        (slope,) = torch.autograd.grad(value, x, create_graph=True)
        second.append(torch.autograd.grad(slope.square().sum(), x)[0])
    torch.testing.assert_close(second[1], second[0])


@pytest.mark.parametrize("learning", ["0.weight", "0.bias"])
def test_weights_that_learn_get_their_gradients(learning: str) -> None:
    net = _network()
    weight = net.get_parameter(learning).requires_grad_()
    with InTiles():
        value = net(_images(2).requires_grad_()).square().sum()
    assert not _in_tiles(value)
    value.backward()
    assert weight.grad is not None


def test_attacks_take_gradients_in_tiles_and_find_the_same() -> None:
    seen: list[bool] = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = _network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z: torch.Tensor = self.net(x)
            seen.append(_in_tiles(z))
            return z

    net, x = Watched(), _images(32)
    y = net(x).argmax(1)
    tiles = choose_batching(eb.wrap(net), x)
    assert tiles.tiles
    found = []
    for batching in (tiles, replace(tiles, tiles=False)):
        seen.clear()
        found.append(eb.PGD(steps=3, random_start=False)(net, x, y, eb.Threat("linf", 0.05), batching=batching))
        assert any(seen) == batching.tiles
    assert torch.equal(found[0].success, found[1].success)
    torch.testing.assert_close(found[0].x, found[1].x)


def test_a_network_that_is_run_again_for_its_gradients_is_attacked_as_ever() -> None:
    net, x = _network(), _images(32)
    y = net(x).argmax(1)

    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            z: torch.Tensor = checkpoint(self.net, points, use_reentrant=False)
            return z

    plain, checked = (eb.PGD(steps=2)(model, x, y, eb.Threat("linf", 0.05)) for model in (net, Again()))
    torch.testing.assert_close(checked.x, plain.x)


def test_a_compiled_network_is_left_as_it_was_compiled() -> None:
    assert tiles_pay(_network())
    net = _network()
    net.compile(backend="eager")
    compiled: Any = torch.compile(_network(), backend="eager")
    for part in (net, compiled):
        assert not tiles_pay(nn.Sequential(part))


def _network() -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20 * 144, 10))
    return nn.Sequential(*layers).requires_grad_(requires_grad=False)


def _images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(1))


def _in_tiles(value: torch.Tensor) -> bool:
    """Whether a convolution in tiles is among what a value was computed from."""
    waiting = [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and "_Tiled" in node.name():
            return True
        waiting += [before for before, _ in node.next_functions] if node is not None else []
    return False
