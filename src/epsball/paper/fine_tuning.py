"""E7: Figure 5, five more epochs on adversarial examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from epsball.attacks import DeepFool
from epsball.geometry import l2
from epsball.paper import fine_tuning_words as words
from epsball.paper.experiment import Experiment, Measured
from epsball.paper.figure import if_any, mean, share
from epsball.paper.networks import shortened, standard_network
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from epsball.paper.spaces import Space, View, centred, whitened
from epsball.training.fit import fit
from epsball.training.recipe import Recipe, constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "fine-tuning"
EPOCHS = 5
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
    own: Space

    def look(self, model: Model) -> dict[str, Any]:
        """Test error, and ρ by DeepFool over the samples that are classified correctly, None where none is."""
        x, y = self.probe
        view = self.own.view(model, x)
        found = DeepFool()(view.model, view.x, y, view.threat(l2))
        rows = ~wrong(model, x, y) & found.success
        return {"error": share(wrong(model, *self.test)), "rho": if_any(mean, view.rho(found.x)[rows])}


def measure(lab: Lab) -> Measured:
    """Tune every network in every arm and measure ρ after each epoch."""
    cases = lab.pick(QUICK, FULL)
    networks = {case.network: _case(lab, case) for case in cases}
    sizes = ", ".join(
        f"{case.network} {case.images:,}, {min(case.test, len(lab.data(case.data)[1])):,} and {case.probe}"
        for case in cases
    )
    setting = (
        f"Training images perturbed once and tuned on, test images for the error and for ρ: {sizes}. {EPOCHS} epochs of Adam at half "
        f"the rate (half of 5e-4 where training used another optimiser), its memory begun afresh each epoch; {SEEDS} seeds; images "
        f"perturbed, and ρ measured by DeepFool, in the paper's own space, nothing clipped; FGSM's ε fools 90 % of the first "
        f"{FOR_BUDGET:,} of these training images, or of all; {ROUNDED} is tuned with products in bfloat16."
        f"{shortened(lab, [(case.network, case.data) for case in cases])}"
    )
    return {"networks": networks, "setting": setting}


def _case(lab: Lab, case: Case) -> dict[str, Any]:
    model = standard_network(lab, case.network, case.data).model
    train, (x, y) = lab.data(case.data, "train"), lab.data(case.data)
    own = centred(train[0]) if case.data == "mnist" else whitened(train[0])
    bench = Bench((x[: case.test], y[: case.test]), (x[: case.probe], y[: case.probe]), own)
    images, labels = train[0][: case.images], train[1][: case.images]
    rests = (model, *bench.test, *bench.probe, own(x[:1]), own.name, repr((case, EPOCHS, FOR_BUDGET)))
    before = lab.step(NAME, f"{case.network} before", partial(bench.look, model), *rests)
    arms = {}
    for arm, examples in _arms(own.view(model, images), labels).items():
        run = partial(_tuned, model, examples, labels, case, bench)
        arms[arm] = [
            lab.step(NAME, f"{case.network} {arm} {seed}", partial(run, lab.seed + seed), *rests, images, labels)
            for seed in range(SEEDS)
        ]
    return {"before": before, "arms": arms}


def _arms(view: View, y: Tensor) -> dict[str, Callable[[], Tensor]]:
    """The images of every arm in pixels, made when they are first asked for and then kept."""
    model, x = view.model, view.x

    @cache
    def deepfool() -> Tensor:
        return DeepFool()(model, x, y, view.threat(l2)).x

    @cache
    def fgsm() -> Tensor:
        return fgsm_examples(view, y, fgsm_budget(view[:FOR_BUDGET], y[:FOR_BUDGET]))

    return {
        "clean": lambda: view.pixels(x),
        "DeepFool": lambda: view.pixels(deepfool()),
        "FGSM": lambda: view.pixels(fgsm()),
        "DeepFool × 2": lambda: view.pixels(x + 2 * (deepfool() - x)),
        "DeepFool × 3": lambda: view.pixels(x + 3 * (deepfool() - x)),
    }


def _tuned(
    model: Model, examples: Callable[[], Tensor], labels: Tensor, case: Case, bench: Bench, seed: int
) -> list[dict[str, Any]]:
    """What the bench says after each epoch."""
    recipe = Recipe(epochs=1, rate=case.rate, schedule=constant, bfloat16=case.network == ROUNDED)
    looks = []
    for epoch in range(EPOCHS):
        model = fit(model, (examples(), labels), recipe, seed=EPOCHS * seed + epoch).model
        looks.append(bench.look(model))
    return looks


EXPERIMENT = Experiment(
    id="E7",
    name=NAME,
    claim="Networks tuned on DeepFool examples end more robust than those tuned on FGSM examples (a); overly perturbed images lower "
    "robustness (b) (Figure 5).",
    test="Five extra epochs at half the rate on DeepFool examples, FGSM examples at the 90 % ε, clean images, and DeepFool "
    "perturbations doubled and tripled; ρ by DeepFool after each epoch, and the test error at the end.",
    measure=measure,
    judge=words.judge,
    tables=words.tables,
    pictures=words.pictures,
)
