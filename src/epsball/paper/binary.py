"""E5: Algorithm 1, and the closed form of eq. 7 that it reaches on affine classifiers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from epsball.attacks import FGSM, BinaryDeepFool, DeepFool
from epsball.errors import InputError
from epsball.geometry import l2, linf
from epsball.models.load import load_model
from epsball.paper.answers import labels
from epsball.paper.cells import decimals, key, listed
from epsball.paper.estimates import decimal, exactly, fraction, mean, percent
from epsball.paper.experiment import Answer, Experiment, Table, check
from epsball.paper.networks import QUICK
from epsball.paper.plots import Histograms
from epsball.paper.rows import Row, Rows, split, where
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
SPACES = FREE, BOXED = "no pixel clipped", "pixels in [0, 1]"
THREATS = {FREE: Threat(l2, low=-1e3, high=1e3), BOXED: Threat(l2)}
OVERSHOOT, SMALL = 0.02, 1e-3
NETWORKS = AFFINE, NETWORK = "logistic regression", "784-512-2"
ALGORITHMS = FIRST, SECOND = "Algorithm 1", "Algorithm 2"
FGSM_EPS = 0.25
CLEAN, FOOLED, ITERATIONS, MAXIMUM, DISTANCE = (
    "clean error",
    "fooled",
    "iterations",
    "largest number of iterations",
    "distance",
)
CLOSED_FORM, RATIO, SAME_DISTANCE = "|f|/‖ω‖ (eq. 7)", "distance / (|f|/‖ω‖)", "same distance"
ERRORS = {CLEAN: ("clean", "1.6 %"), FOOLED: (f"FGSM, ε = {FGSM_EPS} in linf", "99 %")}
"""Of the logistic regression, in words and in Goodfellow et al. 2014."""
SAME, FEW = 0.01, 3


def measure(lab: Lab) -> Rows:
    """Train two classifiers to tell two digits apart, and take both algorithms to each."""
    test = of_digits(lab.data("mnist"))
    affine, network = (_trained(lab, name) for name in ("linear", "mlp-512"))
    found = (lab.step(NAME, AFFINE, of_affine, affine, test), lab.step(NAME, NETWORK, of_network, network, test))
    return Rows.gathered(rows.of(network=name) for name, rows in zip(NETWORKS, found, strict=True))


def _setting(lab: Lab) -> str:
    n = len(of_digits(lab.data("mnist"))[1])
    return (
        f"The digits {DIGITS[0]} and {DIGITS[1]} of {lab.name('mnist')}, {n:,} test images, of which the correctly classified "
        f"are attacked in l2; {AFFINE} is a softmax of two logits, f their difference and ω its gradient, overshoot "
        f"{SMALL}; the network is {NETWORK} with ReLU, overshoot {OVERSHOOT}. One training each, seed {lab.seed}."
    )


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


def of_affine(model: Model, data: Data) -> Rows:
    """Algorithm 1 on an affine classifier, beside the closed form, in either space; and its error under FGSM."""
    right = labels(model, data[0]) == data[1]
    x, y = data[0][right], data[1][right]
    exact, attack = closed_form(model, x), BinaryDeepFool(overshoot=SMALL)
    fgsm = fraction(FGSM()(model, *data, Threat(linf, FGSM_EPS)).success)
    rows: list[Row | Rows] = [
        fraction(~right).of(CLEAN),
        fgsm.of(FOOLED, attack=FGSM.__name__, norm=linf.name, eps=FGSM_EPS),
        mean(exact).of(DISTANCE, attack=CLOSED_FORM, norm=l2.name),
    ]
    for space, threat in THREATS.items():
        run, distance = _run(attack, model, (x, y), threat)
        ratios = enumerate((distance / exact).tolist())
        each = Rows(tuple(exactly(ratio).of(RATIO, x=float(i)) for i, ratio in ratios if ratio < float("inf")))
        rows += [part.of(attack=FIRST, norm=l2.name, space=space) for part in (run, each)]
    return Rows.gathered(rows)


def of_network(model: Model, data: Data) -> Rows:
    """Both algorithms on a network in either space, and on how many images their distances agree."""
    right = labels(model, data[0]) == data[1]
    correct = data[0][right], data[1][right]
    attacks: tuple[Attack, ...] = (
        BinaryDeepFool(overshoot=OVERSHOOT),
        DeepFool(overshoot=OVERSHOOT, halvings=0, screen=float("inf")),
    )
    rows: list[Row | Rows] = [fraction(~right).of(CLEAN)]
    for space, threat in THREATS.items():
        found = [_run(attack, model, correct, threat) for attack in attacks]
        rows += [
            run.of(attack=name, norm=l2.name, space=space) for name, (run, _) in zip(ALGORITHMS, found, strict=True)
        ]
        first, second = (distance for _, distance in found)
        rows.append(fraction((first - second).abs() <= SAME * second).of(SAME_DISTANCE, norm=l2.name, space=space))
    return Rows.gathered(rows)


def _run(attack: Attack, model: Model, data: Data, threat: Threat) -> tuple[Rows, Tensor]:
    """The fraction fooled, then iterations and distances of the images fooled; and the distances of all `(N,)`."""
    found = attack(model, *data, threat)
    success, distance = found.success, found.distance
    taken = found.gradients[success]  # with two classes, both algorithms take one gradient an iteration
    rows = (
        fraction(success).of(FOOLED),
        mean(taken).of(ITERATIONS),
        exactly(int(taken.max())).of(MAXIMUM),
        mean(distance[success]).of(DISTANCE),
    )
    return Rows(rows), distance


@check(f"{AFFINE}: the distance is |f|/‖ω‖ within 1 % for every image, where no pixel is clipped", CLOSED_FORM)
def _closed(rows: Rows) -> Answer:
    off = max(abs(ratio - 1) for ratio in rows.values(quantity=RATIO, space=FREE))
    fooled = rows.one(quantity=FOOLED, network=AFFINE, space=FREE)
    return f"{100 * off:.2g} % off at most; fooled {percent(fooled)}", off <= SAME and fooled.value == 1


@check(f"{AFFINE}: one iteration is enough", "1")
def _one_step(rows: Rows) -> Answer:
    largest = rows.one(quantity=MAXIMUM, network=AFFINE, space=FREE).value
    return f"{largest:g} at most", largest == 1


@check(
    "the network: Algorithm 1 fools every image, in fewer than 3 iterations on average, where no pixel is clipped",
    "< 3, arXiv:1511.04599",
)
def _few_steps(rows: Rows) -> Answer:
    run = rows.where(network=NETWORK, attack=FIRST, space=FREE)
    steps, fooled = run.one(quantity=ITERATIONS), run.one(quantity=FOOLED)
    return f"{decimal(steps)}; fooled {percent(fooled)}", steps.value < FEW and fooled.value == 1


@check(
    "with two classes Algorithm 2 is Algorithm 1: the distances of at least 99 % of the images agree within 1 %", DASH
)
def _alike(rows: Rows) -> Answer:
    found = rows.each("space", quantity=SAME_DISTANCE)
    return listed(found), all(row.value >= 1 - SAME for row in found.values())


def _classifier(line: Rows) -> str:
    row = line.rows[0]
    if row.attack == CLOSED_FORM:
        return f"|f|/‖ω‖ of the {row.network} (eq. 7)"
    return ", ".join((row.network, row.space, *([row.attack] if row.network == NETWORK else [])))


def _cell(quantity: str, line: Rows) -> str:
    """A dash where the closed form has no such thing."""
    rows = line.where(quantity=quantity)
    return (percent if quantity == FOOLED else decimal)(rows.one()) if rows else DASH


EXPERIMENT = Experiment(
    id="E5",
    name=NAME,
    claim="Algorithm 1 reaches the boundary of an affine classifier in one step of |f|/‖ω‖ (eq. 7), and of a network in a few.",
    test="Logistic regression and a network on two digits: distances against the closed form, iterations, Algorithm 2 beside it.",
    measure=measure,
    setting=_setting,
    checks=(_closed, _one_step, _few_steps, _alike),
    tables=(
        Table(
            "Correctly classified images moved across the boundary in l2",
            ("network", "space", "attack"),
            {
                "classifier": _classifier,
                "mean distance": decimals(quantity=DISTANCE),
                "mean iterations": partial(_cell, ITERATIONS),
                "maximum": partial(_cell, MAXIMUM),
                FOOLED: partial(_cell, FOOLED),
            },
            where(norm=l2.name, quantity=(DISTANCE, ITERATIONS, MAXIMUM, FOOLED)),
        ),
        Table(
            f"Error of the {AFFINE} on {DIGITS[0]} against {DIGITS[1]}",
            ("quantity",),
            {
                "images": key("quantity", lambda quantity: ERRORS[quantity][0]),
                "Goodfellow et al. 2014": key("quantity", lambda quantity: ERRORS[quantity][1]),
                "measured": lambda line: percent(line.one()),
            },
            where(network=AFFINE, space="", quantity=tuple(ERRORS)),
        ),
    ),
    figures=(
        Histograms(
            "Distance of Algorithm 1 on the logistic regression over |f|/‖ω‖: 1 where no pixel is clipped, more in the pixel box.",
            split("space", quantity=RATIO),
            RATIO,
        ),
    ),
)
