"""The networks that several experiments share, each trained once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.losses import cross_entropy
from epsball.threat import Threat
from epsball.training.history import Epoch, Trained
from epsball.training.objectives import Objective, adversarial, standard
from epsball.training.recipe import Recipe, constant, recipe_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epsball.attacks import Attack
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

QUICK = {
    "linear": Recipe(epochs=12, batch_size=64),
    "mlp-512": Recipe(epochs=12),
    "fc-500-150": Recipe(epochs=12),
    "lenet-mnist": Recipe(epochs=6, batch_size=64),
    "lenet-cifar": Recipe(epochs=25, batch_size=64),
    "nin": Recipe(epochs=12, batch_size=64, rate=2e-3, batch_norm=True),
}
"""Settings on the embedded digits that take seconds."""


def standard_network(lab: Lab, name: str, data: str = "mnist", *, seed: int = 0) -> Trained:
    """A network of the zoo, trained on clean images; another `seed` gives other initial weights and batches."""
    title = f"{name} {lab.name(data)}"
    recipe = standard_recipe(lab, name, data)
    return lab.train(title, lab.network(name, data, seed), lab.data(data, "train"), recipe, seed=seed)


def standard_recipe(lab: Lab, name: str, data: str = "mnist") -> Recipe:
    """The settings of that training."""
    return QUICK[name] if lab.quick else recipe_for(name, data)


def shortened(lab: Lab, networks: Sequence[tuple[str, str]]) -> str:
    """A sentence, with a blank before it, on what helped some of these networks to learn; empty where nothing did."""
    recipes = {name: standard_recipe(lab, name, data) for name, data in networks}
    normalised = " and ".join(name for name, recipe in recipes.items() if recipe.batch_norm)
    rounded = " and ".join(name for name, recipe in recipes.items() if recipe.bfloat16)
    products = f", {'' if rounded == normalised else f'{rounded} '}with products in bfloat16" if rounded else ""
    return f" {normalised} learnt with batch normalisation that was folded away{products}." if normalised else ""


ROBUST_EPS = 0.3
"""ε in linf of the adversarially trained networks, that of Madry et al. 2017 on MNIST."""

PGD_STEPS = 7
ATTACKS: dict[str, Attack] = {"FGSM": FGSM(), "PGD": PGD(steps=PGD_STEPS, first=0.5, loss=cross_entropy)}
"""What the adversarial networks are trained against, by name."""

WARM_UP = (0.1, 0.2)
"""ε of an epoch each before the last: begun at 0.3, training stays for thousands of steps where every class is equally likely."""


def objective_named(name: str, eps: float = ROBUST_EPS, clean: float = 0.0) -> Objective:
    """The standard objective, or the adversarial one against an attack of `ATTACKS` in linf, `clean` the fraction of clean images."""
    return standard if name == "standard" else adversarial(ATTACKS[name], Threat(linf, eps), clean)


CLEAN_FRACTION = 0.5
"""α of Goodfellow et al. 2014, section 6: the fraction of the clean images in the loss against FGSM."""

CLEAN = {"FGSM": CLEAN_FRACTION}
"""That fraction in `robust_network`, by name; docs/decisions/shortened-trainings.md."""

ARMS = {
    "standard": "no attack",
    "FGSM": "one step, half the loss that of the clean images",
    "PGD": f"{PGD_STEPS} steps",
}
"""The same in words, the network that is trained without one included."""

STAGES = f"an epoch each at ε = {' and '.join(map(str, WARM_UP))} first"


def robust_network(lab: Lab, objective: str, *, seed: int = 0) -> Trained:
    """A convolutional network on digits, trained on "standard", "FGSM" or "PGD"; the adversarial ones in linf up to ε = 0.3."""
    recipe = Recipe(epochs=robust_epochs(lab, "standard"), batch_size=lab.pick(32, 64), rate=2e-3, warm_up=0)
    start, data = lab.network("cnn-mnist", "mnist", seed), lab.data("mnist", "train")
    return trained_up(lab, objective, start, data, recipe, seed, clean=CLEAN.get(objective, 0.0))


def robust_epochs(lab: Lab, objective: str) -> int:
    """How many epochs that training has, those of the warm-up included."""
    return lab.pick(6, 12) + (0 if objective == "standard" else len(WARM_UP))


def trained_up(
    lab: Lab, objective: str, start: Model, data: Data, recipe: Recipe, seed: int = 0, *, clean: float = 0.0
) -> Trained:
    """A network trained for an epoch at every ε of the warm-up, then at 0.3 by the recipe; a standard one needs no warm-up."""
    title, model = f"{start.source.removeprefix('zoo:')} {lab.name('mnist')} {objective}", start
    history: tuple[Epoch, ...] = ()
    for eps in () if objective == "standard" else WARM_UP:
        warm = replace(recipe, epochs=1, schedule=constant)
        goal = objective_named(objective, eps, clean)
        done = lab.train(f"{title} {eps}", model, data, warm, objective=goal, seed=seed)
        model, history = done.model, history + done.history
    done = lab.train(title, model, data, recipe, objective=objective_named(objective, clean=clean), seed=seed)
    return Trained(done.model, history + done.history)
