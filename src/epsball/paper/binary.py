"""E5: Algorithm 1, and the closed form of eq. 7 that it reaches on affine classifiers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypedDict

from torch import nn

from epsball.attacks import FGSM, BinaryDeepFool, DeepFool
from epsball.errors import InputError
from epsball.geometry import l2, linf
from epsball.models.load import load_model
from epsball.paper.answers import labels
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import Figure, mean, percent, plain, share
from epsball.paper.networks import QUICK
from epsball.paper.plots import histograms
from epsball.report.text import DASH
from epsball.threat import Threat
from epsball.training.recipe import recipe_for

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks import Attack
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "binary"
DIGITS = (3, 7)
FREE = "no pixel clipped"
BOXES = {FREE: Threat(l2, low=-1e3, high=1e3), "pixels in [0, 1]": Threat(l2)}
OVERSHOOT, LEAST = 0.02, 1e-3
ALGORITHMS: dict[str, Attack] = {
    "Algorithm 1": BinaryDeepFool(overshoot=OVERSHOOT),
    "Algorithm 2": DeepFool(overshoot=OVERSHOOT, halvings=0, screen=float("inf")),
}
FGSM_EPS, FGSM_ERROR, CLEAN_ERROR = 0.25, 0.99, 0.016
SAME, FEW = 0.01, 3


class Run(TypedDict):
    """One algorithm on one classifier: share fooled, then iterations and distances of the images fooled."""

    fooled: Figure
    iterations: Figure
    most: int
    distance: Figure


def measure(lab: Lab) -> Measured:
    """Train two classifiers to tell two digits apart, and take both algorithms to each."""
    x, y = of_digits(lab.data("mnist"))
    affine, network = (_trained(lab, name) for name in ("linear", "mlp-512"))
    setting = (
        f"The digits {DIGITS[0]} and {DIGITS[1]} of {lab.name('mnist')}, {len(y):,} test images, of which the correctly classified "
        f"are attacked in l2; logistic regression is a softmax of two logits, f their difference and ω its gradient, overshoot "
        f"{LEAST}; the network is 784-512-2 with ReLU, overshoot {OVERSHOOT}. One training each, seed {lab.seed}."
    )
    return {
        "affine": lab.step(NAME, "logistic regression", partial(_affine, affine, (x, y)), affine, x),
        "network": lab.step(NAME, "network", partial(_network, network, (x, y)), network, x),
        "setting": setting,
    }


def of_digits(data: Data) -> Data:
    """Return the images of the two digits, labelled 0 and 1."""
    x, y = data
    which = (y == DIGITS[0]) | (y == DIGITS[1])
    return x[which], (y[which] == DIGITS[1]).long()


def _trained(lab: Lab, name: str) -> Model:
    data = of_digits(lab.data("mnist", "train"))
    channels, height, width = data[0].shape[1:]
    start = load_model(f"zoo:{name}", shape=(channels, height, width), classes=2, seed=lab.seed)
    recipe = QUICK[name] if lab.quick else recipe_for(name, "mnist")
    return lab.train(f"{name} {lab.name('mnist')} {DIGITS[0]} or {DIGITS[1]}", start, data, recipe).model


def closed_form(model: Model, x: Tensor) -> Tensor:
    """Return |f| / |ω|, the distance to the boundary of an affine classifier of two classes, float64 `(N,)`."""
    layer = None if model.module is None else next(reversed(list(model.module.children())), None)
    if not isinstance(layer, nn.Linear) or layer.weight.shape != (2, x[0].numel()):
        raise InputError("the model is no affine classifier of two classes; give a linear layer with two outputs")
    weight, bias = (part.detach().double().diff(dim=0)[0] for part in (layer.weight, layer.bias))
    distance: Tensor = (x.flatten(1).double() @ weight + bias).abs() / weight.norm()
    return distance


def _affine(model: Model, data: Data) -> Measured:
    right = labels(model, data[0]) == data[1]
    x, y = data[0][right], data[1][right]
    exact, attack = closed_form(model, x), BinaryDeepFool(overshoot=LEAST)
    found = {name: _run(attack, model, (x, y), threat) for name, threat in BOXES.items()}
    ratios = {name: (distance / exact)[distance.isfinite()] for name, (_, distance) in found.items()}
    return {
        "error": share(~right),
        "FGSM": share(FGSM()(model, *data, Threat(linf, FGSM_EPS)).success),
        "exact": mean(exact),
        "runs": {name: run for name, (run, _) in found.items()},
        "off": (ratios[FREE] - 1).abs().max().item(),
        "ratios": {name: values.tolist() for name, values in ratios.items()},
    }


def _network(model: Model, data: Data) -> Measured:
    right = labels(model, data[0]) == data[1]
    rows = data[0][right], data[1][right]
    runs, alike = dict[str, Run](), dict[str, Figure]()
    for box, threat in BOXES.items():
        found = {name: _run(attack, model, rows, threat) for name, attack in ALGORITHMS.items()}
        first, second = (distance for _, distance in found.values())
        runs |= {f"{box}, {name}": run for name, (run, _) in found.items()}
        alike[box] = share((first - second).abs() <= SAME * second)
    return {"error": share(~right), "runs": runs, "alike": alike}


def _run(attack: Attack, model: Model, data: Data, threat: Threat) -> tuple[Run, Tensor]:
    found = attack(model, *data, threat)
    hit, distance = found.success, found.distance
    taken = found.gradients[hit]  # with two classes, both algorithms take one gradient an iteration
    return Run(fooled=share(hit), iterations=mean(taken), most=int(taken.max()), distance=mean(distance[hit])), distance


def judge(measured: Measured) -> tuple[Check, ...]:
    """On an affine classifier one step of Algorithm 1 is eq. 7; on a network a few steps do, and Algorithm 2 takes the same."""
    affine, network = measured["affine"], measured["network"]
    step, first = affine["runs"][FREE], network["runs"][f"{FREE}, Algorithm 1"]
    return (
        Check(
            "logistic regression: the distance is |f|/‖ω‖ within 1 % for every image, where no pixel is clipped",
            "|f|/‖ω‖ (eq. 7)",
            f"{100 * affine['off']:.2g} % off at most; fooled {percent(step['fooled'])}",
            affine["off"] <= SAME and step["fooled"]["value"] == 1,
        ),
        Check("logistic regression: one iteration is enough", "1", f"{step['most']} at most", step["most"] == 1),
        Check(
            "the network: Algorithm 1 fools every image, in fewer than 3 iterations on average, where no pixel is clipped",
            "< 3, arXiv:1511.04599",
            f"{plain(first['iterations'])}; fooled {percent(first['fooled'])}",
            first["iterations"]["value"] < FEW and first["fooled"]["value"] == 1,
        ),
        Check(
            "with two classes Algorithm 2 is Algorithm 1: the distances of at least 99 % of the images agree within 1 %",
            DASH,
            "; ".join(f"{box} {percent(figure)}" for box, figure in network["alike"].items()),
            all(figure["value"] >= 1 - SAME for figure in network["alike"].values()),
        ),
    )


def tables(measured: Measured) -> tuple[Table, ...]:
    """Distances and iterations; FGSM's error beside that of its paper."""
    affine, network = measured["affine"], measured["network"]
    runs: dict[str, Run] = {
        **{f"logistic regression, {name}": run for name, run in affine["runs"].items()},
        **{f"784-512-2, {name}": run for name, run in network["runs"].items()},
    }
    texts = {name: (plain(run["distance"]), plain(run["iterations"]), str(run["most"])) for name, run in runs.items()}
    rows = ((name, *texts[name], percent(run["fooled"])) for name, run in runs.items())
    return (
        Table(
            "Correctly classified images moved across the boundary in l2",
            ("classifier", "mean distance", "mean iterations", "most", "fooled"),
            (("|f|/‖ω‖ of the logistic regression (eq. 7)", plain(affine["exact"]), DASH, DASH, DASH), *rows),
        ),
        Table(
            f"Error of the logistic regression on {DIGITS[0]} against {DIGITS[1]}",
            ("images", "Goodfellow et al. 2014", "measured"),
            (
                ("clean", f"{100 * CLEAN_ERROR:.1f} %", percent(affine["error"])),
                (f"FGSM, ε = {FGSM_EPS} in linf", f"{100 * FGSM_ERROR:.0f} %", percent(affine["FGSM"])),
            ),
        ),
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """How the distances found compare with the closed form."""
    return (
        Picture(
            "Distance of Algorithm 1 on the logistic regression over |f|/‖ω‖: 1 where no pixel is clipped, more in the pixel box.",
            histograms(measured["affine"]["ratios"], "distance / (|f|/‖ω‖)"),
        ),
    )


EXPERIMENT = Experiment(
    id="E5",
    name=NAME,
    claim="Algorithm 1 reaches the boundary of an affine classifier in one step of |f|/‖ω‖ (eq. 7), and of a network in a few.",
    test="Logistic regression and a network on two digits: distances against the closed form, iterations, Algorithm 2 beside it.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
