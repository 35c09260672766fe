"""Networks in plain PyTorch and images from a seed: nothing is installed and no data set is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Shape = tuple[int, int, int]
TINY: Shape = (1, 8, 8)
DIGIT: Shape = (1, 28, 28)
PHOTOGRAPH: Shape = (3, 32, 32)
CLASSES = 10


class Residual(nn.Module):
    """x + F(x) of two convolutions with batch normalisation.  He et al. 2015, arXiv:1512.03385, figure 2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        same = inputs == outputs and stride == 1
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity() if same else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) -> (N, C', H', W')."""
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


class ViT(nn.Module):
    """A vision transformer on patches.  Dosovitskiy et al. 2020, arXiv:2010.11929."""

    def __init__(self, side: int = 32, patch: int = 4, width: int = 192, depth: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Parameter(0.02 * torch.randn(1, (side // patch) ** 2 + 1, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> logits (N, 10)."""
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), patches], 1) + self.place
        logits: Tensor = self.head(self.layers(tokens)[:, 0])
        return logits


def resnet(widths: Sequence[int], blocks: int, *, large: bool = False) -> nn.Sequential:
    """A residual network; `large` begins with the 7 x 7 convolution and the pooling for images of 224 pixels."""
    first = widths[0]
    stem: list[nn.Module] = [
        nn.Conv2d(3, first, 7, 2, 3, bias=False) if large else nn.Conv2d(3, first, 3, 1, 1, bias=False)
    ]
    stem += [nn.BatchNorm2d(first), nn.ReLU(), *([nn.MaxPool2d(3, 2, 1)] if large else [])]
    inputs, body = first, []
    for width in widths:
        for number in range(blocks):
            body.append(Residual(inputs, width, 2 if number == 0 and width != first else 1))
            inputs = width
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, CLASSES))


def resnet18(*, large: bool = False) -> nn.Sequential:
    """Two blocks each of 64, 128, 256 and 512 channels."""
    return resnet((64, 128, 256, 512), 2, large=large)


def resnet20() -> nn.Sequential:
    """Three blocks each of 16, 32 and 64 channels."""
    return resnet((16, 32, 64), 3)


def lenet() -> nn.Sequential:
    """Two convolutions and two linear layers on digits."""
    convolutions = (nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2))
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, CLASSES))


def mlp() -> nn.Sequential:
    """784-512-10."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, CLASSES))


def tiny_resnet() -> nn.Sequential:
    """One block each of 8 and 16 channels, for trials on a processor."""
    return resnet((8, 16), 1)


def small() -> nn.Sequential:
    """Convolution, batch norm, pooling and dropout on images of 8 pixels: all that a careless attack disturbs."""
    convolution = (nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*convolution, nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, CLASSES))


def images(n: int, shape: Shape, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) in [0, 1] and labels (N,): a coarse pattern for each class under noise, on the processor."""
    draw = torch.Generator().manual_seed(1)  # the classes are the same for every seed
    channels, height, width = shape
    coarse = torch.rand(CLASSES, channels, height // 4, width // 4, generator=draw)
    patterns = F.interpolate(coarse, size=(height, width))
    draw = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (n,), generator=draw)
    noise = torch.rand(n, *shape, generator=draw)
    return (0.5 * patterns[y] + 0.5 * noise).clamp(0, 1), y


def learned(make: Callable[[], nn.Module], shape: Shape, steps: int = 80) -> nn.Module:
    """A network from a fixed seed after `steps` of Adam on fresh images, on the processor, in evaluation mode."""
    return trained(make, (images(64, shape, seed=1000 + step) for step in range(steps)))


def trained(make: Callable[[], nn.Module], batches: Iterable[tuple[Tensor, Tensor]]) -> nn.Module:
    """A network from a fixed seed after one step of Adam a batch, on the processor, in evaluation mode."""
    net = drawn(make).train()
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for x, y in batches:
            optimiser.zero_grad()
            torch.autograd.backward(F.cross_entropy(net(x), y))
            optimiser.step()
    net.zero_grad(set_to_none=True)
    return net.eval()


def drawn(make: Callable[[], nn.Module]) -> nn.Module:
    """A network whose weights come from a fixed seed, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval()


def calibrated(net: nn.Module, x: Tensor) -> nn.Module:
    """Give random weights the statistics of `x` `(N, …)` and take off the mean logits, so that the classes are evenly predicted."""
    with torch.no_grad():
        net.train()(x)
        last = [part for part in net.modules() if isinstance(part, nn.Linear)][-1]
        last.bias.sub_(net.eval()(x).mean(0))
    return net
