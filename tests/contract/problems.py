"""Models and inputs for the contract suites."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.attacks.registry import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from _pytest.mark.structures import MarkDecorator, ParameterSet

    from epsball.geometry import Norm

CHEAP: dict[str, eb.Attack] = {
    "apgd": eb.APGD(steps=20),
    "targeted-apgd": eb.TargetedAPGD(steps=20, classes=2),
    "noise": eb.AdditiveNoise(draws=3),
    "hop-skip-jump": eb.HopSkipJump(steps=2, directions=4, tries=8),
    "pgd": eb.PGD(steps=6, rate=0.3),
    "bim": eb.BIM(steps=6, rate=0.3),
    "contrast": eb.Contrast(steps=4, halvings=1),
    "difgsm": eb.DIFGSM(steps=6, rate=0.3),
    "frank-wolfe": eb.FrankWolfe(steps=6),
    "gaussian-blur": eb.GaussianBlur(steps=4, halvings=1),
    "multi-targeted": eb.MultiTargeted(steps=8, classes=3),
    "nifgsm": eb.NIFGSM(steps=6, rate=0.3),
    "odipgd": eb.ODIPGD(steps=6),
    "patch": eb.Patch(side=0.6, steps=8, rate=0.5),
    "rotation-translation": eb.RotationTranslation(angles=3, shifts=3),
    "salt-and-pepper": eb.SaltAndPepper(steps=4, halvings=1, draws=3),
    "sifgsm": eb.SIFGSM(steps=6, rate=0.3, copies=2),
    "st-adv": eb.StAdv(steps=15, smoothness=0.0, rate=0.3),
    "tifgsm": eb.TIFGSM(steps=6, rate=0.3, length=3),
    "vmifgsm": eb.VMIFGSM(steps=6, rate=0.3, neighbours=2),
    "momentum-pgd": eb.MomentumPGD(steps=6, rate=0.3),
    "alma": eb.ALMA(steps=25, first=0.6),
    "carlini-wagner": eb.CarliniWagner(steps=20, searches=3, rate=0.1, constant=1.0),
    "carlini-wagner-l0": eb.CarliniWagnerL0(steps=15, rounds=4, rate=0.1, constant=1.0),
    "carlini-wagner-linf": eb.CarliniWagnerLinf(steps=40, patience=15, rate=0.1, constant=1.0),
    "ddn": eb.DDN(steps=40, radius=0.02, change=0.15, first=0.1),
    "ead": eb.EAD(steps=15, searches=3, constant=1.0),
    "fab": eb.FAB(steps=6, restarts=2),
    "fmn": eb.FMN(steps=20),
    "jsma": eb.JSMA(steps=20),
    "l1-apgd": eb.L1APGD(steps=15, balls=2),
    "targeted-l1-apgd": eb.TargetedL1APGD(steps=12, balls=2, targets=2),
    "lbfgs": eb.LBFGS(steps=12, searches=6),
    "pdpgd": eb.PDPGD(steps=80, first=0.3, last=0.001),
    "l1-pdpgd": eb.L1PDPGD(steps=80, last=0.0003),
    "sigma-zero": eb.SigmaZero(steps=30),
    "sparse-fool": eb.SparseFool(steps=20, halvings=5),
    "super-deepfool": eb.SuperDeepFool(steps=20, halvings=5),
    "targeted-fab": eb.TargetedFAB(steps=6, targets=2),
    "bandits": eb.Bandits(steps=4, tiles=3),
    "brendel-bethge": eb.BrendelBethge(steps=40, tries=8),
    "boundary": eb.Boundary(steps=11, tries=8),
    "geoda": eb.GeoDA(steps=2, directions=6, tries=12),
    "pointwise": eb.Pointwise(rounds=1, draws=3, tries=8),
    "rays": eb.RayS(steps=8),
    "sign-opt": eb.SignOPT(steps=2, directions=4, tries=8, starts=3),
    "surfree": eb.SurFree(steps=2, tries=8),
    "nes": eb.NES(steps=4, pairs=4),
    "one-pixel": eb.OnePixel(candidates=8, generations=3, pixels=2),
    "sim-ba": eb.SimBA(steps=8),
    "sim-ba-dct": eb.SimBADct(steps=6, frequencies=0.5),
    "sparse-rs": eb.SparseRS(steps=12),
    "spsa": eb.SPSA(steps=4, pairs=4),
    "square": eb.Square(steps=10),
}
"""Settings for tests; an attack that is not named here is tested with its defaults."""

ATTACKS: dict[str, eb.Attack] = {
    **{name: CHEAP.get(name) or make() for name, make in registry().items()},
    "deepfool-boxed": eb.DeepFool(boxed=True),
    "minimum-norm-pgd": eb.MinimumNorm(eb.PGD(steps=4, rate=0.3), searches=6),
    "cascade": eb.attacks.Cascade(
        eb.attacks.Stage(eb.PGD(steps=4, rate=0.4)),
        eb.attacks.Stage(eb.PGD(steps=2, first=0.2, rate=0.1), near=0.9, onward=True),
    ),
    "nearest": eb.attacks.Cascade(eb.attacks.Stage(eb.DeepFool()), eb.attacks.Stage(eb.FMN(steps=40), onward=True)),
    "restarts": eb.Restarts(eb.PGD(steps=4, rate=0.4), 2),
    "within": eb.Within(eb.DeepFool()),
    "worst": eb.Worst(eb.FGSM(), eb.PGD(steps=4, rate=0.4)),
}
BUDGETED = {name: attack for name, attack in ATTACKS.items() if not attack.minimum_norm}
MINIMUM_NORM = {name: attack for name, attack in ATTACKS.items() if attack.minimum_norm}


def first_of(*values: object, ids: Callable[[Any], str] = str) -> list[ParameterSet]:
    """Values of a parameter, of which the first belongs to every run of the tests and the others to the thorough ones."""
    marks: list[Collection[MarkDecorator]] = [(), *[[pytest.mark.thorough]] * (len(values) - 1)]
    return [pytest.param(value, marks=mark, id=ids(value)) for value, mark in zip(values, marks, strict=True)]


GOALS = first_of(
    *(goal == "targeted" for goal in ("untargeted", "targeted")), ids=("untargeted", "targeted").__getitem__
)
"""Whether a goal is targeted: each attack looks for any error in every run, and for one class in the thorough ones."""

PAIRS = [(name, norm) for name, attack in ATTACKS.items() for norm in attack.norms]


class Affine(nn.Module):
    """Logits W x + b with a known nearest boundary."""

    def __init__(self, shape: tuple[int, ...], classes: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        size = math.prod(shape)
        self.weight = nn.Parameter(
            (20 * torch.randn(classes, size, generator=generator, dtype=torch.float64) / size).to(dtype)
        )
        self.bias = nn.Parameter(torch.randn(classes, generator=generator, dtype=torch.float64).mul(0.02).to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - 0.5) @ self.weight.T + self.bias


class SmallNet(nn.Module):
    """Convolution, batch norm, dropout, ReLU and max-pooling: everything that a careless attack disturbs."""

    def __init__(self, shape: tuple[int, ...] = (1, 8, 8), classes: int = 5, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(
                nn.Conv2d(shape[0], 6, 3, padding=1),
                nn.BatchNorm2d(6),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Dropout(0.5),
                nn.Linear(6 * (shape[1] // 2) * (shape[2] // 2), classes),
            )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = 8 * self.net(x)
        return out


def digits(
    n: int, shape: tuple[int, ...], seed: int = 1, dtype: torch.dtype = torch.float64, *, middle: bool = False
) -> Tensor:
    """Random inputs of the unit box; in the `middle`, so that nothing is clipped, or all over it."""
    unit = torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (0.45 + 0.1 * unit if middle else unit).to(dtype)


def closed_form(model: Affine, x: Tensor, y: Tensor, norm: Norm) -> Tensor:
    """The distance of every sample to its nearest boundary, nothing clipped: min over k of (z_y - z_k) / |w_y - w_k|_q."""
    with torch.no_grad():
        z = model(x)
        gaps = z.gather(1, y[:, None]) - z
        slopes = torch.stack([norm.dual(model.weight[y] - row) for row in model.weight], 1)
        distance = torch.where(slopes > 0, gaps / slopes.clamp_min(1e-30), torch.inf)
        return distance.scatter(1, y[:, None], torch.inf).amin(1).double()


def budget(norm: Norm, shape: tuple[int, ...]) -> float:
    """A budget that fools some samples of a random small network and not all."""
    size = math.prod(shape)
    shares: dict[str, float] = {"linf": 0.1, "l2": 0.09 * size**0.5, "l1": 0.08 * size, "l0": max(1.0, size // 8)}
    return shares[norm.name]
