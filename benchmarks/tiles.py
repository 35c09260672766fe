"""The input gradient of first convolutions in tiles, against PyTorch's own, on the same images in channels-last order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from epsball.oracle.batching import Batching, arranged
from epsball.oracle.convolution import input_gradient, tile_side
from harness import Line, publish, race, read_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

Shape = tuple[int, int, int, int, int, int, int]
SHAPES: dict[str, Shape] = {
    "LeNet": (256, 28, 1, 20, 5, 1, 0),
    "Network in Network": (256, 32, 3, 192, 5, 1, 2),
    "ResNet-50": (8, 224, 3, 64, 7, 2, 3),
    "AlexNet": (8, 224, 3, 64, 11, 4, 2),
    "patches of 16": (8, 224, 3, 768, 16, 16, 0),
}
"""First convolutions: images, their side, channels in and out, side of the kernel, stride, padding."""
LAST = Batching(batch_size=1, channels_last=True, block_size=1)


def main() -> None:
    """Time both gradients of every shape."""
    options = read_options(__doc__)
    lines = []
    for name, shape in SHAPES.items():
        _, side, inputs, outputs, kernel, stride, padding = shape
        outcome = race(ways(shape), options.rounds)
        own = 1e3 * outcome.median("PyTorch")
        note = f"{inputs} → {outputs} channels, {kernel} x {kernel} by {stride}, padding {padding}, {side} x {side}: {own:.1f} ms"
        lines.append(Line(name, "PyTorch", "time, PyTorch / tiles", outcome.ratio("PyTorch", "tiles"), "", note))
        torch.testing.assert_close(outcome.answers["tiles"], outcome.answers["PyTorch"], rtol=1e-3, atol=1e-3)
    publish("tiles", options, lines)


def ways(shape: Shape) -> dict[str, Callable[[], Tensor]]:
    """The same gradient twice."""
    rows, side, inputs, outputs, kernel, stride, padding = shape
    x = arranged(torch.randn(rows, inputs, side, side), LAST).requires_grad_()
    w = torch.randn(outputs, inputs, kernel, kernel).contiguous(memory_format=torch.channels_last)
    y = F.conv2d(x, w, None, stride, padding)
    g = arranged(torch.randn(y.shape), LAST)
    both = (padding, padding)
    tile = tile_side(inputs, (kernel, kernel), (stride, stride), both) or stride
    return {
        "PyTorch": lambda: torch.autograd.grad(y, x, g, retain_graph=True)[0],
        "tiles": partial(input_gradient, g, w, (side, side), stride, both, tile),
    }


if __name__ == "__main__":
    main()
