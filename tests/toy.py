"""A small affine classifier and samples of it, for tests of what surrounds the attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.evaluation.evaluate import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

SHAPE = (1, 4, 4)
CLASSES = 4
EPS = 0.015
COLUMNS = ("ids", "label", "clean", "lower", "upper", "by", "queries", "gradients")
SUITE: dict[str, eb.Attack] = {
    "noise": eb.AdditiveNoise(draws=3),
    "fgsm": eb.FGSM(),
    "pgd": eb.PGD(steps=4, rate=0.5),
    "deepfool": eb.DeepFool(),
}


class Affine(nn.Module):
    """Logits W x + b."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(CLASSES, 16, generator=draws))
        self.bias = nn.Parameter(-self.weight.detach().sum(1) / 2)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T + self.bias


class Jittery(Affine):
    """The same with noise on its logits."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        return logits + 0.3 * torch.randn(logits.shape)  # noise of the process, as a careless defence draws it


def samples(n: int = 60, wrong: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Inputs far from the limits of the box, labelled as the affine classifier does, but for the first few."""
    x = 0.35 + 0.3 * torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        y = Affine()(x).argmax(1)
    y[:wrong] = (y[:wrong] + 1) % CLASSES
    return x, y


def closed_form(x: Tensor, y: Tensor) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Linf distance of every input to the nearest boundary of the affine classifier, as if there were no box."""
    net = Affine().double()
    with torch.no_grad():
        logits = net(x.double())
    gaps = logits.gather(1, y[:, None]) - logits
    slopes = (net.weight[y][:, None] - net.weight[None]).abs().sum(2)
    distance = torch.where(slopes > 0, gaps / slopes, torch.inf).amin(1)
    return distance.clamp_min(0).detach().numpy()


def toy_run(out: Path | None = None, eps: float = EPS, **settings: object) -> Evaluation:
    """Evaluate the affine classifier on its samples."""
    given = {
        "model": Affine(),
        "data": samples(),
        "threat": eb.Threat("linf", eps),
        "suite": SUITE,
        "chunk_size": 16,
        **settings,
    }
    return evaluate(out=out, **given)  # type: ignore[arg-type] # a test may hand in what it likes


def same(first: Evaluation, second: Evaluation) -> bool:
    """Whether two evaluations hold the same columns, rows of attacks and findings."""
    columns = all(np.array_equal(getattr(first, name), getattr(second, name)) for name in COLUMNS)
    rows = first.attacks.keys() == second.attacks.keys() and all(
        np.array_equal(values, second.attacks[name].columns()[column])
        for name in first.attacks
        for column, values in first.attacks[name].columns().items()
    )
    return columns and rows and first.findings == second.findings


class Interrupted:
    """Presses Ctrl-C when the progress is reported for the given time."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def __call__(self, _stage: str, _done: int, _total: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def exact_radius(factor: float) -> Callable[..., Tensor]:
    """A certifier that returns a fraction of the exact distance; above 1 it is wrong."""

    def certify(_model: eb.Model, x: Tensor, y: Tensor, _threat: eb.Threat) -> Tensor:
        return torch.from_numpy(closed_form(x, y)) * factor

    return certify
