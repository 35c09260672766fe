"""The networks that several experiments share, each trained once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.attacks import FGSM, PGD
from epsball.geometry import linf
from epsball.threat import Threat
from epsball.train.objective import Objective, adversarial, standard
from epsball.train.recipe import Recipe, recipe_for

if TYPE_CHECKING:
    from epsball.paper.lab import Lab
    from epsball.train.loop import Trained

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
    recipe = QUICK[name] if lab.quick else recipe_for(name, data)
    title = f"{name} {lab.name(data)}"
    return lab.train(title, lab.network(name, data, seed), lab.data(data, "train"), recipe, seed=seed)


ROBUST_EPS = 0.3
"""ε in linf of the adversarially trained networks, that of Madry et al. 2017 on MNIST."""

OBJECTIVES: dict[str, Objective] = {
    "standard": standard,
    "FGSM": adversarial(FGSM(), Threat(linf, ROBUST_EPS)),
    "PGD": adversarial(PGD(steps=7), Threat(linf, ROBUST_EPS)),
}
"""What the networks of the saddle-point section minimise, by name."""


def robust_network(lab: Lab, objective: str, network: str = "capacity-4", *, seed: int = 0) -> Trained:
    """A convolutional network on digits, trained with one of `OBJECTIVES`; adversarial ones in linf at ε = 0.3."""
    title = f"{network} {lab.name('mnist')} {objective}"
    start, goal = lab.network(network, "mnist", seed), OBJECTIVES[objective]
    recipe = lab.pick(Recipe(epochs=12, batch_size=64, rate=1e-3), Recipe(epochs=20, batch_size=64, rate=1e-3))
    return lab.train(title, start, lab.data("mnist", "train"), recipe, objective=goal, seed=seed)
