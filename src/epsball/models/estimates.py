"""The networks behind `epsball.models.estimators`: a model's network, asked in another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import torch
from torch import Tensor, nn

from epsball.errors import ModelError
from epsball.randomness import Stream

if TYPE_CHECKING:
    from epsball.models.model import Model

Draw: TypeAlias = Callable[[Stream, int], Tensor]
"""(stream, n) -> directions (N, n)."""

_GRAIN = 2**12
"""Points that agree to this fraction of a unit draw the same numbers, so that the rounding of a batch does not show."""
_ROWS = 256
"""Rows that go through the network at once, where a point needs many."""


def normal(draw: Stream, n: int) -> Tensor:
    """Return standard normal directions (N, n)."""
    return draw.normal(n)


def signs(draw: Stream, n: int) -> Tensor:
    """Return directions of random signs (N, n)."""
    return draw.uniform(n).sub_(0.5).sign()


class _Estimate(nn.Module):
    """A model's network behind another way of asking it.

    Args:
        model: what is asked, in data units.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.network = model.module


class Averaged(_Estimate):
    """The mean of the logits over several passes.

    Args:
        model: what is asked.
        draws: passes.
    """

    def __init__(self, model: Model, draws: int) -> None:
        super().__init__(model)
        self.draws = draws

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean logits (N, K) of inputs (N, …)."""
        return torch.stack([self.model.as_it_is(x) for _ in range(self.draws)]).mean(0)


class Replaced(_Estimate):
    """A network with one step whose backward pass is another function's.

    Args:
        model: what is asked.
        layer: the step: a part of the network, or a function in front of it.
        backward: from the input of the step to something of the shape of its output; None for the identity.
    """

    def __init__(
        self, model: Model, layer: Callable[[Tensor], Tensor], backward: Callable[[Tensor], Tensor] | None
    ) -> None:
        super().__init__(model)
        self.layer = layer
        self.replacement = backward
        self.inside: bool = self.network is not None and any(layer is part for part in self.network.modules())

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K) of inputs (N, …)."""
        if not self.inside:
            return self.model.as_it_is(self._joined(x, self.layer(x.detach())))
        given: list[Tensor] = []

        def before(_part: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            given.append(inputs[0])
            return (inputs[0].detach(), *inputs[1:])

        def after(_part: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
            return self._joined(given.pop(), output)

        part = cast("nn.Module", self.layer)
        with part.register_forward_pre_hook(before), part.register_forward_hook(after):
            return self.model.as_it_is(x)

    def _joined(self, x: Tensor, output: Tensor) -> Tensor:
        """Return `output` with the gradient of the replacement at `x`."""
        if not (torch.is_grad_enabled() and x.requires_grad):
            return output
        near = x if self.replacement is None else self.replacement(x)
        if near.shape != output.shape:
            raise ModelError(
                f"the backward replacement returned shape {tuple(near.shape)} and the layer {tuple(output.shape)}; "
                "expected the same: give bpda a function backward= from the layer's input to the shape of its output"
            )
        return near + (output.to(near.dtype) - near).detach()


class Differences(_Estimate):
    """A network whose Jacobian is estimated from differences of its logits along random directions.

    A point's directions are a function of the point alone, not of what stands beside it.

    Args:
        model: what is asked.
        draws: pairs of points.
        width: how far they are from the middle, in data units.
        directions: (stream, n) -> directions (N, n).
    """

    def __init__(self, model: Model, draws: int, width: float, directions: Draw) -> None:
        super().__init__(model)
        self.draws, self.width, self.directions = draws, width, directions

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K) of inputs (N, …)."""
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.model.as_it_is(x)
        return cast("Tensor", _Estimated.apply(x, self))  # type: ignore[no-untyped-call] # PyTorch does not annotate it

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"draws={self.draws}, width={self.width}, {self.directions.__name__}"

    def direction(self, ids: Tensor, number: int, like: Tensor) -> Tensor:
        """Return one direction for each point, of the shape of `like` (N, …)."""
        flat = self.directions(Stream(0, ids, number), like[0].numel())
        return flat.to(like).reshape(like.shape)

    def changes(self, x: Tensor, ids: Tensor) -> Tensor:
        """Return f(x + w u_i) - f(x - w u_i) for every direction, (N, m, K)."""
        together = max(1, _ROWS // (2 * len(x)))
        found = []
        for first in range(0, self.draws, together):
            numbers = range(first, min(first + together, self.draws))
            moves = torch.stack([self.width * self.direction(ids, number, x) for number in numbers])
            logits = self.model.as_it_is(torch.cat((x + moves, x - moves)).flatten(0, 1))
            ahead, behind = logits.reshape(2, len(numbers), len(x), -1)
            found.append(ahead - behind)
        return torch.cat(found).transpose(0, 1)


class _Estimated(torch.autograd.Function):
    """The logits, and as their Jacobian 1/(2 m w) sum_i change_i u_i^T."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, estimate: Differences) -> Tensor:
        """Return the logits and keep the changes; the directions are drawn again in the backward pass."""
        with torch.autocast(x.device.type, enabled=False):
            ids = _ids(x)
            ctx.save_for_backward(estimate.changes(x, ids), ids, x)
            ctx.estimate = estimate
            return estimate.model.as_it_is(x)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        """Return the gradient (N, …) of <slope, logits>."""
        changes, ids, x = ctx.saved_tensors
        estimate = ctx.estimate
        weights = (changes * slopes[0][:, None]).sum(2) / (2 * estimate.draws * estimate.width)
        gradient = torch.zeros_like(x)
        for number in range(estimate.draws):
            weight = weights[:, number].reshape(-1, *[1] * (x.ndim - 1))
            gradient += weight * estimate.direction(ids, number, x)
        return gradient, None


def _ids(x: Tensor) -> Tensor:
    """A number for every point, (N,): equal for points that are equal but for rounding."""
    grains = (x.detach().double() * _GRAIN).round().to(torch.int64).flatten(1)
    factors = Stream(0, torch.zeros(1, dtype=torch.int64, device=x.device), 0).bits(grains.shape[1])
    return (grains * factors).sum(1)
