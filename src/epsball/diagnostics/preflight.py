"""Before the first attack: is the model a function of one input, and better than guessing?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from epsball.errors import ModelError
from epsball.goal import Goal
from epsball.losses import cross_entropy
from epsball.record.evaluation import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.wrap import Model

SAMPLES = 64
PASSES = 5
ALONE = 8
RANDOM = 1e-4
COUPLED = 1e-3
COUPLED_ON_ACCELERATOR = 1e-2
"""Kernels chosen by batch size and TF32 sums move logits by up to this share of their spread."""
VANISHED = 0.01
NEAR_CHANCE = 2.0


def preflight(model: Model, x: Tensor, y: Tensor) -> list[Finding]:
    """D02, D03 and D04 on the first inputs x (n, …) with labels y (n,); a handful of passes.

    Raises:
        ModelError: the model failed.
    """
    x, y = x[:SAMPLES].detach(), y[:SAMPLES]
    with torch.inference_mode(mode=False), model.frozen():
        with torch.no_grad():
            passes = torch.stack([model(x) for _ in range(PASSES)])
            found = random_model(passes)
            if found is None:
                found = batch_coupling(passes[0], *_again(model, x), accelerator=x.device.type != "cpu")
        gradient = None if found else vanishing_gradient(model, x, y)
    return [finding for finding in (found, gradient) if finding is not None]


def _again(model: Model, x: Tensor) -> tuple[Tensor, Tensor]:
    """The logits of the reversed batch, put back in order, and of the first inputs one by one."""
    return model(x.flip(0)).flip(0), torch.cat([model(row[None]) for row in x[:ALONE]])


def random_model(passes: Tensor) -> Finding | None:
    """D02: repeated passes (p, n, K) over one batch must agree."""
    unit = torch.nn.functional.normalize(passes.double(), dim=2)
    spread = float((unit - unit[0]).abs().amax())
    changed = int((passes.argmax(2) != passes[0].argmax(1)).any(0).sum())
    if spread <= RANDOM and not changed:
        return None
    return Finding(
        "D02",
        "FAIL",
        "The model gives different answers to the same input, so a hit may be a lucky draw",
        f"{len(passes)} passes over {passes.shape[1]} samples: {changed} labels changed, "
        f"normalised logits moved by up to {spread:.2g} (limit {RANDOM:g})",
        "make the model deterministic, or attack its average over many draws",
    )


def batch_coupling(together: Tensor, reversed_: Tensor, alone: Tensor, *, accelerator: bool = False) -> Finding | None:
    """D03: logits (n, K) must not depend on the order of the batch nor (the first rows) on having company."""
    spread = float(together.double().std()) if together.numel() > 1 else 0.0
    most = max(
        float((together - reversed_).double().abs().amax()),
        float((together[: len(alone)] - alone).double().abs().amax()),
    )
    rounding = 16 * torch.finfo(together.dtype).eps * float(together.abs().amax())
    limit = max((COUPLED_ON_ACCELERATOR if accelerator else COUPLED) * spread, rounding)
    if most <= limit:
        return None
    return Finding(
        "D03",
        "FAIL",
        "The model's answer to an input depends on the other inputs of its batch",
        f"logits moved by {most:.2g} between a batch, the reversed batch and single inputs (limit {limit:.2g})",
        "put batch normalisation into evaluation mode and remove statistics over the batch",
    )


def vanishing_gradient(model: Model, x: Tensor, y: Tensor) -> Finding | None:
    """D04: at correctly classified inputs the loss must have a gradient; asked of differentiable models only."""
    gradient, right = _loss_gradient(model, x, y)
    if gradient is None or not bool(right.any()):
        return None
    size = gradient[right].flatten(1).abs().amax(1)
    vanished = int((size < torch.finfo(size.dtype).tiny).sum())
    if vanished <= VANISHED * len(size):
        return None
    return Finding(
        "D04",
        "FAIL",
        "The gradient vanishes, so attacks that follow it cannot move",
        f"{vanished} of {len(size)} correctly classified samples have a gradient of zero or below the smallest normal number",
        "attack the logits with losses.margin, lower their scale, or replace the layer that stops the gradient",
    )


def _loss_gradient(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor | None, Tensor]:
    """The gradient of the loss, or None where the model has none, and which rows are classified correctly."""
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        try:
            logits = model(leaf)
            right = logits.argmax(1) == y
            loss = cross_entropy(logits, Goal(y)).sum()
            return torch.autograd.grad(loss, leaf, allow_unused=True)[0], right
        except (ModelError, RuntimeError):  # an attack that needs gradients will say so, others never meet this
            return None, torch.zeros_like(y, dtype=torch.bool)


def baseline(label: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> Finding | None:
    """D16: the clean accuracy must beat guessing and must not rise when all labels are shifted by one."""
    n = len(label)
    accuracy, chance = float(np.mean(label == predicted)), 1 / classes
    limit = chance + NEAR_CHANCE * math.sqrt(chance * (1 - chance) / n)
    shifted = {shift: float(np.mean((label + shift) % classes == predicted)) for shift in (1, -1)}
    shift = max(shifted, key=lambda by: shifted[by])
    if classes > 2 and shifted[shift] > accuracy:  # noqa: PLR2004 (with two classes a shift only swaps them)
        evidence = f"clean accuracy {accuracy:.1%}, with labels shifted by {shift:+d} {shifted[shift]:.1%}"
        message, remedy = (
            "The labels look shifted",
            "check whether the classes are counted from 0, in the model's order",
        )
    elif accuracy < 1 and accuracy <= limit:
        evidence = f"clean accuracy {accuracy:.1%} on {n} samples, guessing among {classes} classes gives {chance:.1%}"
        message = "The model is hardly better than guessing, so its robustness says nothing"
        remedy = "check weights, labels and normalisation: eb.wrap(net, mean=, std=)"
    else:
        return None
    return Finding("D16", "FAIL", message, evidence, remedy)
