"""E9: what training against an adversary gives, against the attack it was trained on and against others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from epsball.attacks import FGSM, PGD, DeepFool, Restarts
from epsball.geometry import l2, linf
from epsball.paper.answers import labels
from epsball.paper.cells import apart, at_most, decimals, numbers
from epsball.paper.estimates import decimal, exactly, fraction, mean, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table, check
from epsball.paper.networks import ARMS, ROBUST_EPS, STAGES, robust_epochs, robust_network
from epsball.paper.plots import Bars
from epsball.paper.rows import Rows, split, where
from epsball.report.text import DASH
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab
    from epsball.paper.rows import Row

NAME = "adversarial-training"
THREAT = Threat(linf, ROBUST_EPS)
STANDARD, ONE_STEP, STEPS = ARMS
ATTACKS = CLEAN, FAST, PGD_40, PGD_100, TRANSFER = "", "FGSM", "PGD-40", "PGD-100", "transfer"
ACCURACY, RHO, MINUTES, PARAMETERS, REQUIRED = "accuracy", "ρ", "minutes", "parameters", "required accuracy"
SOURCE = {
    STANDARD: {CLEAN: "99.2 %", FAST: "6.4 %", PGD_40: "≈ 0 %"},
    ONE_STEP: {FAST: "94.8–99.8 %", PGD_40: "0 %"},
    STEPS: {CLEAN: "98.8 %", FAST: "95.6 %", PGD_40: "90.4 %", PGD_100: "89.3 %"},
}
"""Madry et al. 2017 on MNIST at ε = 0.3, with 20 restarts; the FGSM-trained ones of its capacity experiment."""
MAX_PARAMETERS, MAX_MINUTES = 350_000, 30
BROKEN, ABLE = 0.1, 0.8
IMAGES_AND_RESTARTS = (150, 5), (1000, 20)
"""Images for the slower attacks."""


def measure(lab: Lab) -> Rows:
    """Attack three networks of one architecture, white box, beyond the threat and by transfer."""
    (few, restarts), test = lab.pick(*IMAGES_AND_RESTARTS), lab.data("mnist")
    independent, rows = robust_network(lab, STANDARD, seed=1).model, list["Row | Rows"]()
    for arm in ARMS:
        trained = robust_network(lab, arm)
        name = f"{arm} {few} {restarts}"
        found = lab.step(NAME, name, attacked, trained.model, test, THREAT, few, restarts, independent, lab.seed)
        minutes = exactly(sum(epoch.seconds for epoch in trained.history) / 60).of(MINUTES)
        rows.append(Rows((*found, minutes)).of(network=arm))
    module = trained.model.module
    size = sum(weight.numel() for weight in module.parameters()) if module is not None else 0
    required = {CLEAN: lab.pick(0.9, 0.975), PGD_100: lab.pick(0.2, 0.85)}
    rows.append(exactly(size).of(PARAMETERS, network=STEPS))
    rows += [exactly(accuracy).of(REQUIRED, network=STEPS, attack=attack) for attack, accuracy in required.items()]
    return Rows.gathered(rows)


def _setting(lab: Lab) -> str:
    (few, restarts), n = lab.pick(*IMAGES_AND_RESTARTS), len(lab.data("mnist")[1])
    trainings = "; ".join(f"{name}: {text}, {robust_epochs(lab, name)} epochs" for name, text in ARMS.items())
    return (
        f"cnn-mnist on {lab.name('mnist')}, ε = {ROBUST_EPS} in linf; clean and FGSM on {n:,} test images, the others on {few:,}; PGD "
        f"with {restarts} restarts. Trained against: {trainings}, the "
        f"adversarial ones {STAGES}, where the source takes 100,000 steps of batch 50 against PGD with 40. Transfer: where PGD with 40 "
        "steps ends on an independent standard network, going on after the first error."
    )


def attacked(model: Model, test: Data, threat: Threat, few: int, restarts: int, independent: Model, seed: int) -> Rows:
    """Accuracy under every attack, the slower ones on the first few images, and DeepFool's ρ on these."""
    x, y = test[0][:few], test[1][:few]
    near = DeepFool()(model, x, y, Threat(l2))
    right = (near.distance > 0) & near.success
    moved = PGD().maximise(independent, x, y, threat, seed=seed)
    attacks = {PGD_40: Restarts(PGD(steps=40), restarts), PGD_100: Restarts(PGD(steps=100), restarts)}
    left = {
        FAST: fraction(~FGSM()(model, *test, threat, seed=seed).success),
        **{name: fraction(~attack(model, x, y, threat, seed=seed).success) for name, attack in attacks.items()},
        TRANSFER: fraction(labels(model, moved) == y),
    }
    rows = (row.of(ACCURACY, attack=name, norm=threat.norm.name, eps=threat.eps) for name, row in left.items())
    clean, rho = fraction(labels(model, test[0]) == test[1]), mean(near.relative[right])
    return Rows((clean.of(ACCURACY, attack=CLEAN), *rows, rho.of(RHO, attack=DeepFool.__name__, norm=l2.name)))


def _accuracy(rows: Rows, arm: str, attack: str) -> Row:
    return rows.one(quantity=ACCURACY, network=arm, attack=attack)


def _required(attack: str, rows: Rows) -> float:
    return rows.one(quantity=REQUIRED, attack=attack).value


def _enough(attack: str, rows: Rows) -> Answer:
    found = _accuracy(rows, STEPS, attack)
    return percent(found), found.value >= _required(attack, rows)


@check(f"PGD-trained in at most {MAX_MINUTES} minutes, with at most {MAX_PARAMETERS:,} parameters", "3.3 million")
def _cheap(rows: Rows) -> Answer:
    minutes, size = (rows.one(quantity=each, network=STEPS).value for each in (MINUTES, PARAMETERS))
    return f"{minutes:.1f} minutes, {size:,.0f}", minutes <= MAX_MINUTES and size <= MAX_PARAMETERS


@check(
    "PGD training leaves more under PGD than FGSM training does, intervals apart",
    f"{SOURCE[STEPS][PGD_40]} against {SOURCE[ONE_STEP][PGD_40]}",
)
def _against(rows: Rows) -> Answer:
    clean = _accuracy(rows, ONE_STEP, CLEAN)
    if clean.value < ABLE:
        text = f"the FGSM-trained network classifies only {percent(clean)} of the clean images: nothing to compare"
        return text, None
    return apart(_accuracy(rows, STEPS, PGD_40), _accuracy(rows, ONE_STEP, PGD_40))


@check(
    "beyond the threat: DeepFool's ρ in l2 of the PGD-trained network is above that of the standard one, intervals apart",
    DASH,
)
def _beyond(rows: Rows) -> Answer:
    return apart(rows.one(quantity=RHO, network=STEPS), rows.one(quantity=RHO, network=STANDARD), decimal)


@check(
    "black box: examples of an independent network leave the PGD-trained one more than its own do, intervals apart",
    DASH,
)
def _black_box(rows: Rows) -> Answer:
    return apart(_accuracy(rows, STEPS, TRANSFER), _accuracy(rows, STEPS, PGD_40))


def _cell(attack: str, line: Rows) -> str:
    """Accuracy beside the source's."""
    row = line.one(quantity=ACCURACY, attack=attack)
    return f"{percent(row)} [{SOURCE[row.network].get(attack, DASH)}]"


EXPERIMENT = Experiment(
    id="E9",
    name=NAME,
    claim="Training on PGD examples makes a network robust against first-order attacks and beyond; training on FGSM ones does not.",
    test="One architecture trained on clean images, on FGSM and on PGD examples: clean, FGSM, PGD with restarts, DeepFool's ρ, and "
    "examples of an independent network.",
    measure=measure,
    setting=_setting,
    checks=(
        Check(
            lambda rows: f"PGD-trained: at least {_required(CLEAN, rows):.1%} clean",
            SOURCE[STEPS][CLEAN],
            partial(_enough, CLEAN),
        ),
        Check(
            lambda rows: f"PGD-trained: at least {_required(PGD_100, rows):.0%} under PGD with 100 steps and restarts",
            SOURCE[STEPS][PGD_100],
            partial(_enough, PGD_100),
        ),
        _cheap,
        Check(
            "standard training leaves at most 10 % under PGD",
            SOURCE[STANDARD][PGD_40],
            at_most(BROKEN, quantity=ACCURACY, network=STANDARD, attack=PGD_40),
        ),
        _against,
        _beyond,
        _black_box,
    ),
    tables=(
        Table(
            "Accuracy at ε = 0.3 in linf, and DeepFool's ρ in l2; the source's figures in square brackets",
            ("network",),
            {
                "trained on": "network",
                **{attack or "clean": partial(_cell, attack) for attack in ATTACKS},
                RHO: decimals(quantity=RHO),
                MINUTES: numbers(quantity=MINUTES),
            },
            where(quantity=(ACCURACY, RHO, MINUTES)),
        ),
    ),
    figures=(
        Bars(
            "Accuracy of three networks at ε = 0.3 in linf, by what they were trained on.",
            split("network", quantity=ACCURACY),
            "attack",
            ACCURACY,
            percent=True,
        ),
    ),
)
