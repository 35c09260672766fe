"""Small classifiers of digits whose gradients lie, vanish or are coarse, each around an honest twin; and honest ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

Net: TypeAlias = Callable[[Tensor], Tensor]
SIDE = 8


@dataclass(frozen=True)
class Case:
    """A classifier, and the differentiable twin by whose gradient it is attacked from outside."""

    name: str
    net: Net
    twin: Net
    honest: bool = False


def train(x: Tensor, y: Tensor, *, teacher: Net | None = None, epochs: int = 40, seed: int = 0) -> nn.Sequential:
    """Return a small network trained on (x, y), or on the answers of a teacher."""
    torch.manual_seed(seed)  # the script's own process
    net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 128), nn.ReLU(), nn.Linear(128, 10))
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(128):  # type: ignore[no-untyped-call] # as torch declares it
            adam.zero_grad()
            wanted = y[rows] if teacher is None else teacher(x[rows]).detach().softmax(1)
            F.cross_entropy(net(x[rows]), wanted).backward()  # type: ignore[no-untyped-call] # as above
            adam.step()
    return net.eval().requires_grad_(requires_grad=False)


def behind(front: Net, net: Net) -> Net:
    """The network behind a front."""
    return lambda x: net(front(x))


def replaced(backward: Callable[[Tensor, Tensor], Tensor]) -> Net:
    """The identity with that backward."""
    return lambda x: Replaced.apply(x, backward)  # type: ignore[no-untyped-call] # as torch declares it


class Replaced(torch.autograd.Function):
    """The identity with another backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, backward: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return the input."""
        ctx.x, ctx.answer = x, backward
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        """Return what stands in for the gradient."""
        return ctx.answer(ctx.x, g), None


def backwards() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """What stands in for the gradient in backward."""
    mask = (torch.arange(SIDE)[:, None] + torch.arange(SIDE)[None]) % 2

    def noise(x: Tensor, g: Tensor) -> Tensor:
        draws = [torch.Generator().manual_seed(int(row.double().sum() * 1e4)) for row in x]
        return torch.stack([torch.randn(g.shape[1:], generator=draw) for draw in draws]) * g.abs().amax()

    return {
        "noise seeded by the input": noise,
        "its negative": lambda _, g: -g,
        "ones": lambda _, g: torch.ones_like(g),
        "every second pixel of it": lambda _, g: g * mask,
        "it, moved by a pixel": lambda _, g: g.roll(1, -1),
        "it, with its sign lost": lambda _, g: g.abs(),
        "it, with the rows reversed": lambda _, g: g.flip(-2),
    }


def levels(x: Tensor, steps: int) -> Tensor:
    """Rounded to 1 / steps, with the gradient 0."""
    return (x * steps).round() / steps


def straight_through(x: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of `x`."""
    return x + (rounded - x).detach()


def sawtooth(x: Tensor, steps: int, height: float) -> Tensor:
    """A tooth of a height on every step, with its true gradient 1 + height."""
    return x + height * (x - (steps * x).floor() / steps)


def median(x: Tensor) -> Tensor:
    """The median of 3 × 3 pixels."""
    around = F.unfold(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3)
    return around.reshape(len(x), 9, SIDE, SIDE).median(1, keepdim=True).values


def jpeg(x: Tensor, quality: float = 0.1) -> Tensor:
    """Cosine coefficients of the 8 × 8 block, rounded more coarsely the higher their frequency is."""
    k = torch.arange(SIDE, dtype=x.dtype)
    basis = torch.cos(math.pi * (k[None] + 0.5) * k[:, None] / SIDE) * math.sqrt(2 / SIDE)
    basis[0] /= math.sqrt(2)
    step = quality * (1 + k[:, None] + k[None])
    rounded = ((basis @ x @ basis.T) / step).round() * step
    return (basis.T @ rounded @ basis).clamp(0, 1)


def winners(net: nn.Sequential, x: Tensor, k: int) -> Tensor:
    """The network with the k largest of 128 features kept (Xiao et al. 2020, arXiv:1905.10510)."""
    features = net[:-1](x)
    answer: Tensor = net[-1](features * (features >= features.topk(k, 1).values[:, -1:]))
    return answer


def in_bfloat16(net: Net, x: Tensor) -> Tensor:
    """The network under autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        return net(x)


def half(x: Tensor, other: Tensor, columns: int = 4) -> Tensor:
    """The first columns of one and the others of another."""
    return torch.cat((x[..., :columns], other[..., columns:]), -1)


def lying(net: nn.Sequential) -> Iterator[Case]:
    """Cases that must not be overstated and trusted."""
    slope = torch.randn(SIDE * SIDE, 10, generator=torch.Generator().manual_seed(0))
    for name, backward in backwards().items():
        yield Case(f"backward replaced by {name}", behind(replaced(backward), net), net)
    fronts: dict[str, Callable[[Tensor], Tensor]] = {
        "half of the image detached": lambda x: half(x, x.detach()),
        "a quarter of the image detached": lambda x: half(x, x.detach(), 6),
        "8-bit input": lambda x: levels(x, 255),
        "4-bit input": lambda x: levels(x, 15),
        "2-bit input": lambda x: levels(x, 3),
        "binary input": lambda x: levels(x, 1),
        "half of the image in 8 bits": lambda x: half(x, levels(x, 255)),
        "half of the image in 4 bits": lambda x: half(x, levels(x, 15)),
        "4-bit input, straight-through": lambda x: straight_through(x, levels(x, 15)),
        "JPEG": jpeg,
        "JPEG, half of the image": lambda x: half(x, jpeg(x)),
        "JPEG, straight-through": lambda x: straight_through(x, jpeg(x)),
        "steps up, treads down, 8 bits": lambda x: sawtooth(x, 255, -4),
        "steps up, treads down, 4 bits": lambda x: sawtooth(x, 15, -4),
        "sawtooth, 4 bits, steep": lambda x: sawtooth(x, 15, 8),
        "median of a detached image": lambda x: half(median(x), median(x).detach()),
        "a square root in front": lambda x: x.sqrt().square(),
    }
    for name, front in fronts.items():
        yield Case(name, behind(front, net), net)
    heads: dict[str, Callable[[Tensor], Tensor]] = {
        "a tiny linear term on a detached network": lambda x: net(x.detach()) + 1e-4 * x.flatten(1) @ slope,
        "logits times 10⁴": lambda x: 1e4 * net(x),
        "log(softmax + 10⁻¹⁰)": lambda x: (net(x).softmax(1) + 1e-10).log(),
        "log(softmax of logits times 10 + 10⁻¹⁰)": lambda x: ((10 * net(x)).softmax(1) + 1e-10).log(),
        "sigmoids": lambda x: net(x).sigmoid(),
        "sigmoids of logits times 10": lambda x: (10 * net(x)).sigmoid(),
        "tanh of logits": lambda x: net(x).tanh(),
        "logits rounded to 0.1": lambda x: levels(net(x), 10),
        "half detached in bfloat16": lambda x: in_bfloat16(net, half(x, x.detach())),
        "a constant of 10⁶": lambda x: net(x) + 1e6,
    }
    yield from (Case(name, head, net) for name, head in heads.items())
    yield Case("k-WTA", lambda x: winners(net, x, 40), net)


def honest(net: nn.Sequential, x: Tensor, y: Tensor) -> Iterator[Case]:
    """Cases that must have no FAIL."""
    compressed = train(jpeg(x), y, seed=1)
    yield Case("the twin itself", net, net, honest=True)
    yield Case("trained on JPEG images", compressed, compressed, honest=True)
    hot = train(x, y, teacher=lambda z: net(z) / 10, seed=2)
    student = lambda z: 10 * hot(z)  # noqa: E731 - used as a net, twice
    yield Case("distilled at temperature 10", student, student, honest=True)
    filtered = lambda z: net(median(z))  # noqa: E731 - as above
    yield Case("median filter", filtered, filtered, honest=True)
    blurred = lambda z: net(F.avg_pool2d(z, 3, 1, 1))  # noqa: E731 - as above
    yield Case("mean filter", blurred, blurred, honest=True)
    yield Case("sawtooth, 8 bits, true gradient", lambda z: net(sawtooth(z, 255, 0.9)), net, honest=True)
    yield Case("bfloat16 inside", partial(in_bfloat16, net), net, honest=True)
    yield Case("a duplicated class", lambda z: F.pad(net(z), (0, 1)) + F.pad(net(z)[:, 3:4], (10, 0)), net, honest=True)
    yield Case("every class twice", lambda z: torch.cat((net(z), net(z)), 1), net, honest=True)
    yield Case("a masked class", lambda z: F.pad(net(z), (0, 1), value=-1e9), net, honest=True)
    yield Case("a constant of 100", lambda z: net(z) + 100, net, honest=True)
    smooth = lambda z: net(z) / 10  # noqa: E731 - as above
    yield Case("logits / 10", smooth, smooth, honest=True)
