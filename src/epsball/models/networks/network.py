"""A chain of layers that knows what it was built for."""

from __future__ import annotations

from torch import nn

Shape = tuple[int, int, int]


class Network(nn.Sequential):
    """A chain of layers that knows what it was built for.

    Args:
        name: its name in `NETWORKS`.
        shape: (C, H, W) of one image.
        classes: number of logits K.
        layers: what the input passes through, in order.
    """

    def __init__(self, name: str, shape: Shape, classes: int, layers: list[nn.Module]) -> None:
        super().__init__(*layers)
        self.name: str = name
        self.shape: Shape = shape
        self.classes: int = classes
