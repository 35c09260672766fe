"""E7: Figure 5, five more epochs on adversarial examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from epsball.attacks import DeepFool
from epsball.geometry import l2
from epsball.paper import fine_tuning_text as text
from epsball.paper.estimates import fraction, if_any, mean
from epsball.paper.experiment import Experiment
from epsball.paper.fine_tuning_text import CLEAN, DEEPFOOL, EPOCHS, ERROR, FGSM, RHO, THRICE, TWICE
from epsball.paper.networks import shortened, standard_network
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from epsball.paper.rows import Rows
from epsball.paper.spaces import Space, View, centred, whitened
from epsball.training.fit import fit
from epsball.training.recipe import Recipe, constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "fine-tuning"
SEEDS = 3
FOR_BUDGET = 1000
ROUNDED = "nin"


@dataclass(frozen=True)
class Case:
    """A network and how it is tuned.

    Args:
        network: of the zoo.
        data: what it was trained on.
        rate: half the rate it was trained with, or of 5e-4 where that was not Adam's.
        images: perturbed and tuned on.
        probe: test images on which ρ is measured.
        test: test images on which the error is measured.
    """

    network: str
    data: str
    rate: float
    images: int
    probe: int
    test: int = 10_000


FULL = (
    Case("lenet-mnist", "mnist", 5e-4, 6000, 300),
    Case("fc-500-150", "mnist", 5e-4, 20_000, 500),
    Case("nin", "cifar10", 2.5e-4, 500, 40, test=500),
    Case("lenet-cifar", "cifar10", 2.5e-4, 4000, 200, test=5000),
)
QUICK = (
    Case("lenet-mnist", "mnist", 1.5e-3, 150, 20, test=200),
    Case("fc-500-150", "mnist", 1.5e-3, 400, 40, test=500),
    Case("nin", "cifar10", 1e-3, 80, 16, test=100),
    Case("lenet-cifar", "cifar10", 1.5e-3, 200, 20, test=200),
)


@dataclass(frozen=True, eq=False)
class Bench:
    """Where a tuned network is looked at: images for the error, images for ρ, and the space where it is attacked."""

    test: Data
    probe: Data
    space: Space

    def look(self, model: Model) -> Rows:
        """Test error, and ρ by DeepFool over the samples that are classified correctly, nothing where none is."""
        x, y = self.probe
        view = self.space.view(model, x)
        found = DeepFool()(view.model, view.x, y, view.threat(l2))
        rows = ~wrong(model, x, y) & found.success
        return Rows(
            (fraction(wrong(model, *self.test)).of(ERROR), if_any(mean, view.rho(found.x)[rows]).of(RHO, norm=l2.name))
        )


def measure(lab: Lab) -> Rows:
    """Tune every network in every arm and measure ρ after each epoch."""
    return Rows.gathered(_case(lab, case) for case in lab.pick(QUICK, FULL))


def _setting(lab: Lab) -> str:
    cases = lab.pick(QUICK, FULL)
    sizes = ", ".join(
        f"{case.network} {case.images:,}, {min(case.test, len(lab.data(case.data)[1])):,} and {case.probe}"
        for case in cases
    )
    return (
        f"Training images perturbed once and tuned on, test images for the error and for ρ: {sizes}. {EPOCHS} epochs of Adam at half "
        f"the rate (half of 5e-4 where training used another optimiser), its memory begun afresh each epoch; {SEEDS} seeds; images "
        f"perturbed, and ρ measured by DeepFool, in the network's input space, nothing clipped; FGSM's ε fools 90 % of the first "
        f"{FOR_BUDGET:,} of these training images, or of all; {ROUNDED} is tuned with products in bfloat16."
        f"{shortened(lab, [(case.network, case.data) for case in cases])}"
    )


def _case(lab: Lab, case: Case) -> Rows:
    model = standard_network(lab, case.network, case.data).model
    train, (x, y) = lab.data(case.data, "train"), lab.data(case.data)
    space = centred(train[0]) if case.data == "mnist" else whitened(train[0])
    bench = Bench((x[: case.test], y[: case.test]), (x[: case.probe], y[: case.probe]), space)
    images, labels = train[0][: case.images], train[1][: case.images]
    rows = [lab.step(NAME, f"{case.network} before", Bench.look, bench, model)]
    for arm, examples in arms_of(space.view(model, images), labels).items():
        for seed in range(SEEDS):
            name, on = f"{case.network} {arm} {seed}", (model, (images, labels), case, bench, lab.seed + seed)
            found = lab.step(NAME, name, partial(tuned, examples), *on)
            rows.append(found.of(data=arm, seed=seed))
    return Rows.gathered(rows).of(network=case.network)


def arms_of(view: View, y: Tensor) -> dict[str, Callable[[], Tensor]]:
    """The images of every arm in pixels, made when they are first needed and not twice."""
    model, x = view.model, view.x

    @cache
    def deepfool() -> Tensor:
        return DeepFool()(model, x, y, view.threat(l2)).x

    @cache
    def fgsm() -> Tensor:
        return fgsm_examples(view, y, fgsm_budget(view[:FOR_BUDGET], y[:FOR_BUDGET]))

    images = (
        lambda: view.pixels(x),
        lambda: view.pixels(deepfool()),
        lambda: view.pixels(fgsm()),
        lambda: view.pixels(x + 2 * (deepfool() - x)),
        lambda: view.pixels(x + 3 * (deepfool() - x)),
    )
    return dict(zip((CLEAN, DEEPFOOL, FGSM, TWICE, THRICE), images, strict=True))


def tuned(examples: Callable[[], Tensor], model: Model, clean: Data, case: Case, bench: Bench, seed: int) -> Rows:
    """What the bench says after each epoch on what an arm makes of clean images."""
    recipe = Recipe(epochs=1, rate=case.rate, schedule=constant, bfloat16=case.network == ROUNDED)
    looks = []
    for epoch in range(EPOCHS):
        model = fit(model, (examples(), clean[1]), recipe, seed=EPOCHS * seed + epoch).model
        looks.append(bench.look(model).of(x=float(epoch + 1)))
    return Rows.gathered(looks)


EXPERIMENT = Experiment(
    id="E7",
    name=NAME,
    claim="Networks tuned on DeepFool examples end more robust than those tuned on FGSM examples (a); overly perturbed images lower "
    "robustness (b) (Figure 5).",
    test="Five extra epochs at half the rate on DeepFool examples, FGSM examples at the 90 % ε, clean images, and DeepFool "
    "perturbations doubled and tripled; ρ by DeepFool after each epoch, and the test error at the end.",
    measure=measure,
    setting=_setting,
    checks=text.CHECKS,
    tables=text.TABLES,
    figures=text.FIGURES,
)
