"""Layers that PyTorch does not have, or that several networks share."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Centre(nn.Module):
    """Pixels from [0, 1] to [-2, 2]: colour photographs train far better around zero. It has no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """(x - 1/2) / (1/4)."""
        return (x - 0.5) * 4


class Residual(nn.Module):
    """y = ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut(x)).  He et al. 2015, arXiv:1512.03385, option A: no parameters in the shortcut.

    Args:
        inputs: channels in.
        outputs: channels out; the missing channels of the shortcut are zeros.
        stride: of the first convolution and of the shortcut's subsampling.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride: int = stride
        self.padding: int = outputs - inputs
        self.branch: nn.Sequential = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """One residual block."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        before = self.padding // 2
        shortcut = F.pad(shortcut, (0, 0, 0, 0, before, self.padding - before))
        return F.relu(self.branch(x) + shortcut)


def convolution(
    inputs: int, outputs: int, side: int | tuple[int, int], padding: int = 0, stride: int = 1
) -> list[nn.Module]:
    """Return a convolution, initialised after He et al. 2015, and its ReLU."""
    layer = nn.Conv2d(inputs, outputs, side, stride, padding)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return [layer, nn.ReLU()]
