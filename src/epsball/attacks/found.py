"""What an attack found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from epsball.display.difference import CHANNELS
from epsball.display.text import table
from epsball.errors import InputError, ModelError
from epsball.rho import Rho

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from torch import Tensor

_SHOWN = 3
_IMAGES = 4


@dataclass(frozen=True)
class Found:
    """What an attack found for N samples.

    Args:
        x: the adversarial inputs `(N, …)`; the clean input where nothing was found.
        success: whether the goal is met inside the threat, `(N,)`.
        distance: |x - x0| in the threat's norm, float64 `(N,)`; infinity where nothing was found.
        relative: distance / |x0|, the paper's ρ of one sample, float64 `(N,)`.
        queries: model passes spent on the sample, `(N,)`.
        gradients: gradients taken for it, `(N,)`.
        undefined: entries of these gradients that were NaN or infinite, and taken as 0, `(N,)`.
        notes: what the attack says of the samples beside, by name, `(N,)` each, such as which of them stand near an error.
        original: the clean inputs `(N, …)`, for `show`; not a copy of what was given.
    """

    x: Tensor
    success: Tensor
    distance: Tensor
    relative: Tensor
    queries: Tensor
    gradients: Tensor
    undefined: Tensor
    notes: Mapping[str, Tensor] = field(default_factory=dict, kw_only=True)
    original: Tensor | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        near = self.distance[self.success]
        middle = f", median distance {near.median().item():.4g}" if len(near) else ""
        passes = f"{(self.queries + self.gradients).double().mean().item():.0f}" if len(self.x) else "no"
        return f"Found({int(self.success.sum())} of {len(self.x)} samples{middle}; {passes} passes a sample)"

    def _repr_html_(self) -> str:
        facts = {"successes": f"{int(self.success.sum())} of {len(self.x)}"}
        for name, row in (("distance", self.distance[self.success]), ("passes", self.queries + self.gradients)):
            if len(row):
                facts[f"median {name}"] = "{:.4g} ({:.4g} to {:.4g})".format(
                    *(end.item() for end in (row.double().median(), row.min(), row.max()))
                )
        return table("Found", facts)

    def show(self, *rows: int) -> Figure:
        """Original, amplified difference and adversarial image of these rows, of the nearest three successes where none are given.

        A notebook shows the figure where it is the value of a cell; `figure.savefig("examples.png")` writes it.

        Raises:
            InputError: there is no such row, it is no success, or the inputs are no images.
        """
        from epsball.display.figures import Sample, triptychs  # noqa: PLC0415 (matplotlib, only for those who look)

        success, distance = self.success.cpu(), self.distance.cpu()
        chosen = rows or distance.argsort(stable=True)[: min(_SHOWN, int(success.sum()))].tolist()
        if self.original is None or not len(chosen):
            raise InputError("there is no success among what was found; there is nothing to show")
        if self.x.ndim != _IMAGES or self.x.shape[1] not in CHANNELS:
            raise InputError(
                f"the inputs have shape {tuple(self.x.shape)}; expected images (N, C, H, W) with 1 or 3 channels to draw"
            )
        for row in chosen:
            if not 0 <= row < len(self.x):
                raise InputError(f"there is no row {row}; the rows go from 0 to {len(self.x) - 1}")
            if not success[row]:
                raise InputError(f"row {row} was not fooled; choose one of found.success.nonzero()")
        places = torch.tensor(chosen, device=self.x.device)
        before, after = (images[places].float().cpu().numpy() for images in (self.original, self.x))
        shown = [
            Sample(one, other, f"row {row}", "adversarial", f"distance {distance[row].item():.3g}")
            for one, other, row in zip(before, after, chosen, strict=True)
        ]
        return triptychs(shown, min(0.0, float(before.min())), max(1.0, float(before.max())))

    @property
    def blind(self) -> Tensor:
        """Whether every entry of every gradient taken for the sample was NaN or infinite, `(N,)`."""
        return (self.gradients > 0) & (self.undefined == self.gradients * self.x[0].numel())

    @property
    def rho(self) -> Rho:
        """The paper's ρ over these samples, with counts of those that are left out of the mean."""
        relative, distance, success = (t.cpu().numpy() for t in (self.relative, self.distance, self.success))
        return Rho.of(relative, distance > 0, success)


class UndefinedGradientError(ModelError):
    """No gradient that was taken holds a single number.

    Args:
        found: what was found nevertheless.
    """

    def __init__(self, found: Found) -> None:
        super().__init__(
            f"every gradient of the model is NaN or infinite in all of its entries, at {int(found.blind.sum())} samples, while its "
            "logits are finite; expected gradients to follow: look for a root, a norm or a logarithm at 0, a division or an overflow, "
            "or use an attack that asks for scores or labels only"
        )
        self.found = found
