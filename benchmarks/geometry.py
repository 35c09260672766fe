"""What the operators of every norm cost, in forward-backward passes of LeNet over the same digits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from epsball.geometry import NORMS
from epsball.oracle.batching import arranged, choose_batching
from harness import Line, publish, race, read_options
from subjects import subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.geometry import Norm
    from subjects import Subject

RADII = {"linf": 0.1, "l2": 2.0, "l1": 20.0, "l0": 30.0}
PASS = "forward-backward pass"  # noqa: S105 (no password)


def main() -> None:
    """Time every operator once in the whole space and once in the box of each image."""
    options = read_options(__doc__)
    case = subject("lenet-mnist", options.rows)
    g, b = gradient(case)
    boxes: dict[str, tuple[float | Tensor, float | Tensor]] = {
        "unclipped": (-math.inf, math.inf),
        "in the box": (-case.x, 1 - case.x),
    }
    contestants: dict[str, Callable[[], Tensor]] = {PASS: lambda: gradient(case)[0]}
    for norm in NORMS.values():
        for place, (low, high) in boxes.items():
            for name, operator in operators(norm, g, b, low, high).items():
                contestants[f"{norm.name} {name}, {place}"] = operator
    outcome = race(contestants, options.rounds)
    lines = []
    for name in list(contestants)[1:]:
        note = f"{1e3 * outcome.median(name):.2f} ms for {len(case.x)} digits"
        lines.append(Line(case.name, PASS, f"time, {name}", outcome.ratio(name, PASS), note=note))
    publish("geometry", options, lines, seconds=outcome.seconds, radii=RADII, subject=case.origin)


def operators(
    norm: Norm, g: Tensor, b: Tensor, low: float | Tensor, high: float | Tensor
) -> dict[str, Callable[[], Tensor]]:
    """The operators of a norm, ready to run; the point to project lies outside the ball, as after a step of PGD."""
    radius = RADII[norm.name]
    outside = 1.5 * norm.lmo(g, radius) + 0.02 * torch.sign(g)
    return {
        "lmo": lambda: norm.lmo(g, radius, low, high),
        "project": lambda: norm.project(outside, radius, low, high),
        "onto_hyperplane": lambda: norm.onto_hyperplane(g, b, low, high),
    }


def gradient(case: Subject) -> tuple[Tensor, Tensor]:
    """The gradient of the margin to the runner-up at every image, and that margin, in epsball's batching."""
    batching = choose_batching(case.model, case.x)
    gradients, margins = [], []
    with case.model.frozen(channels_last=batching.channels_last):
        for images, labels in zip(
            torch.split(case.x, batching.batch_size), torch.split(case.y, batching.batch_size), strict=True
        ):
            leaf = arranged(images, batching).requires_grad_()
            logits = case.net(leaf)
            own = F.one_hot(labels, logits.shape[1]).bool()
            margin = logits[own] - logits.masked_fill(own, -math.inf).amax(1)
            gradients.append(torch.autograd.grad(margin.sum(), leaf)[0])
            margins.append(margin.detach())
    return torch.cat(gradients), torch.cat(margins)


if __name__ == "__main__":
    main()
