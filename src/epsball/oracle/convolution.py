"""Input gradients of convolutions with few channels, a tile of pixels at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LANES = 16
"""Output channels that a processor computes at once; a convolution with fewer wastes the rest."""
_WORTH = 0.4
"""Tiles are used where they leave at most this share of the products."""
_TILES = (1, 2, 4)
_TYPES = (torch.float32, torch.bfloat16)
_IMAGES = 4


class InTiles(TorchFunctionMode):
    """While entered, convolutions with few channels are set up to give their input gradient in tiles; the outputs are the same.

    The gradient of y = w * x to x is a convolution of g = ∂/∂y with as many output channels as x has: a digit has one, and a
    processor computes 16 at once. With the T² pixels of a tile as channels there are T² times as many, and the kernel grows to
    reach from all of them. The sums are the same. Source: none; docs/decisions/batching.md.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return (_convolved if func is torch.conv2d else func)(*args, **(kwargs or {}))


def _convolved(
    input: Tensor,  # noqa: A002 - it may be given by this name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.conv2d` with its arguments; only the gradient to the input may take another way, so no other must be asked for."""
    frozen = not weight.requires_grad and (bias is None or not bias.requires_grad)
    images = type(input) is Tensor and input.requires_grad and input.ndim == _IMAGES and input.dtype in _TYPES
    if frozen and images and not isinstance(padding, str):
        side = tile_side(weight.shape[1], weight.shape[2:], stride, padding, dilation, groups)
        if side is not None:
            return cast("Tensor", _Tiled.apply(input, weight, bias, _pair(stride)[0], _pair(padding), side))  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)


class _Tiled(torch.autograd.Function):
    """A convolution that saves what PyTorch's own saves: checkpoints run it again without tiles, and compare the two."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: Sequence[int], _: int) -> Tensor:
        return torch.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004 - PyTorch names both
        x, weight, _, *ctx.settings = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return input_gradient(g, weight.to(g.dtype), x.shape[2:], *ctx.settings), *[None] * 5


def tiles_pay(module: nn.Module) -> bool:
    """Whether a network has a convolution whose input gradient is computed in tiles; what is compiled stays as it was compiled."""
    if any(hasattr(part, "_orig_mod") or part._compiled_call_impl is not None for part in module.modules()):  # noqa: SLF001 - a public sign is missing
        return False
    return any(
        isinstance(part, nn.Conv2d)
        and not isinstance(part.padding, str)
        and tile_side(part.in_channels, part.kernel_size, part.stride, part.padding, part.dilation, part.groups)
        is not None
        for part in module.modules()
    )


def tile_side(
    channels: int,
    kernel: Sequence[int],
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> int | None:
    """Return the side in pixels of the tile with the fewest products a pixel, for a convolution as in `torch.conv2d`.

    None unless they are far fewer than without, and for dilated or grouped convolutions and for strides that differ.
    """
    step, across = _pair(stride)
    if step != across or _pair(dilation) != (1, 1) or groups != 1:
        return None

    def products(side: int) -> float:
        reaches = (_reach(k, step, p, side)[1] for k, p in zip(kernel, _pair(padding), strict=True))
        return _full(channels * side**2) * math.prod(reaches) / side**2

    side = min((step * tiles for tiles in _TILES), key=products)
    return side if products(side) <= _WORTH * _full(channels) * math.prod(kernel) / step**2 else None


def input_gradient(g: Tensor, w: Tensor, size: Sequence[int], stride: int, padding: Sequence[int], side: int) -> Tensor:
    """Return the gradient to the input `(N, I, *size)` of a convolution with weights w `(O, I, h, w)`, from g `(N, O, H, W)`.

    x at tile i, pixel a, gets g at q times the tap a + padding - stride q, q counted from the first output that the tile meets.
    `padding` is one number an axis, `side` that of the tile in pixels, a multiple of the stride.
    """
    across = zip(w.shape[2:], padding, size, g.shape[2:], strict=True)
    y, x = (_Axis.of(kernel, stride, p, side, inputs, outputs) for kernel, p, inputs, outputs in across)
    outputs, inputs = w.shape[:2]
    taps = F.pad(w, (0, 1, 0, 1))[:, :, y.taps[:, :, None, None], x.taps].permute(1, 2, 4, 0, 3, 5)
    kernel = taps.reshape(inputs * side**2, outputs, *taps.shape[-2:]).contiguous(memory_format=torch.channels_last)
    tiles = F.conv2d(g, kernel, None, side // stride, (y.padding, x.padding))
    pixels = F.pixel_shuffle(tiles, side)[:, :, y.skipped :, x.skipped :]
    return pixels[:, :, : size[0], : size[1]]


@dataclass(frozen=True)
class _Axis:
    """One axis of an image: the tap for each pixel of a tile and each output, how far to pad, how many pixels come too many."""

    taps: Tensor
    padding: int
    skipped: int

    @classmethod
    def of(cls, kernel: int, stride: int, padding: int, side: int, inputs: int, outputs: int) -> _Axis:
        """Padding is the same on both sides, so where more is needed behind, whole tiles are computed before and skipped."""
        step, tiles = side // stride, -(-inputs // side)
        first, reach = _reach(kernel, stride, padding, side)
        missing = (tiles - 1) * step + reach - (outputs - 2 * first)
        skipped = max(0, -(-missing // step))
        taps = torch.arange(side)[:, None] + padding - stride * (torch.arange(reach) + first)
        taps = taps.where((taps >= 0) & (taps < kernel), torch.tensor(kernel))
        return cls(taps, step * skipped - first, skipped * side)


def _reach(kernel: int, stride: int, padding: int, side: int) -> tuple[int, int]:
    """The first output that a tile's pixels meet, at most 0 relative to the tile, and the number of outputs from there to the last."""
    first = min(0, -((kernel - 1 - padding) // stride))
    return first, (side - 1 + padding) // stride - first + 1


def _full(channels: int) -> int:
    return -(-channels // _LANES) * _LANES


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
