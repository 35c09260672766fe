"""E9: what training against an adversary gives, against the attack it was trained on and against others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from epsball.attacks import FGSM, PGD, DeepFool, Restarts
from epsball.geometry import l2, linf
from epsball.paper.answers import labels
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import mean, percent, plain, share
from epsball.paper.networks import ARMS, ROBUST_EPS, STAGES, robust_network
from epsball.paper.plots import bars
from epsball.report.text import DASH, number
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.attacks import Attack
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "adversarial-training"
OBJECTIVES = ("standard", "FGSM", "PGD")
THREAT = Threat(linf, ROBUST_EPS)
SOURCE = {
    "standard": {"clean": "99.2 %", "FGSM": "6.4 %", "PGD-40": "≈ 0 %"},
    "FGSM": {"FGSM": "94.8–99.8 %", "PGD-40": "0 %"},
    "PGD": {"clean": "98.8 %", "FGSM": "95.6 %", "PGD-40": "90.4 %", "PGD-100": "89.3 %"},
}
"""Madry et al. 2017 on MNIST at ε = 0.3, with 20 restarts; the FGSM-trained ones of its capacity experiment."""
MOST_PARAMETERS = 350_000
BROKEN, ABLE = 0.1, 0.8


def measure(lab: Lab) -> Measured:
    """Attack three networks of one architecture, white box, beyond the threat and by transfer."""
    few, restarts = lab.pick((150, 5), (1000, 20))
    test = lab.data("mnist")
    independent = robust_network(lab, "standard", seed=1).model
    rows = {}
    for objective in OBJECTIVES:
        trained = robust_network(lab, objective)
        look = partial(_look, trained.model, test, few, restarts, independent, lab.seed)
        found = lab.step(NAME, f"{objective} {few} {restarts}", look, trained.model, independent, *test, repr(THREAT))
        minutes, epochs = sum(epoch.seconds for epoch in trained.history) / 60, len(trained.history)
        rows[objective] = {**found, "minutes": minutes, "epochs": epochs}
    trainings = "; ".join(f"{name}: {ARMS[name]}, {row['epochs']} epochs" for name, row in rows.items())
    module = trained.model.module
    size = sum(weight.numel() for weight in module.parameters()) if module is not None else 0
    return {
        "networks": rows,
        "parameters": size,
        "asked": lab.pick({"clean": 0.9, "PGD-100": 0.2}, {"clean": 0.975, "PGD-100": 0.85}),
        "setting": f"{trained.model.source.removeprefix('zoo:')} on {lab.name('mnist')}, ε = {ROBUST_EPS} in linf; clean and FGSM on "
        f"{len(test[1]):,} test images, the others on {few:,}; PGD with {restarts} restarts. Trained against: {trainings}, the "
        f"adversarial ones {STAGES}, where the source takes 100,000 steps of batch 50 against PGD with 40. Transfer: where PGD with 40 "
        "steps ends on an independent standard network, going on after the first error.",
    }


def _look(model: Model, test: Data, few: int, restarts: int, independent: Model, seed: int) -> dict[str, Any]:
    x, y = test[0][:few], test[1][:few]
    near = DeepFool()(model, x, y, Threat(l2))
    right = (near.distance > 0) & near.success
    moved = PGD().maximise(independent, x, y, THREAT, seed=seed)
    return {
        "clean": share(labels(model, test[0]) == test[1]),
        "FGSM": _left(FGSM(), model, test, seed),
        "PGD-40": _left(Restarts(PGD(steps=40), restarts), model, (x, y), seed),
        "PGD-100": _left(Restarts(PGD(steps=100), restarts), model, (x, y), seed),
        "transfer": share(labels(model, moved) == y),
        "rho": mean(near.relative[right]),
    }


def _left(attack: Attack, model: Model, data: Data, seed: int) -> Any:
    return share(~attack(model, *data, THREAT, seed=seed).success)


def judge(measured: Measured) -> tuple[Check, ...]:
    """The PGD-trained network holds what it was trained for and more; the others do not."""
    standard, fgsm, pgd = (measured["networks"][objective] for objective in OBJECTIVES)
    clean, robust = measured["asked"]["clean"], measured["asked"]["PGD-100"]
    source = SOURCE["PGD"]
    return (
        Check(
            f"PGD-trained: at least {clean:.1%} clean",
            source["clean"],
            percent(pgd["clean"]),
            pgd["clean"]["value"] >= clean,
        ),
        Check(
            f"PGD-trained: at least {robust:.0%} under PGD with 100 steps and restarts",
            source["PGD-100"],
            percent(pgd["PGD-100"]),
            pgd["PGD-100"]["value"] >= robust,
        ),
        Check(
            f"PGD-trained in at most 30 minutes, with at most {MOST_PARAMETERS:,} parameters",
            "3.3 million",
            f"{pgd['minutes']:.1f} minutes, {measured['parameters']:,}",
            pgd["minutes"] <= 30 and measured["parameters"] <= MOST_PARAMETERS,  # noqa: PLR2004
        ),
        Check(
            "standard training leaves at most 10 % under PGD",
            SOURCE["standard"]["PGD-40"],
            percent(standard["PGD-40"]),
            standard["PGD-40"]["value"] <= BROKEN,
        ),
        _against(pgd, fgsm),
        Check(
            "beyond the threat: DeepFool's ρ in l2 of the PGD-trained network is above that of the standard one, intervals apart",
            DASH,
            f"{plain(pgd['rho'])} against {plain(standard['rho'])}",
            pgd["rho"]["low"] > standard["rho"]["high"],
        ),
        Check(
            "black box: examples of an independent network leave the PGD-trained one more than its own do, intervals apart",
            DASH,
            f"{percent(pgd['transfer'])} against {percent(pgd['PGD-40'])}",
            pgd["transfer"]["low"] > pgd["PGD-40"]["high"],
        ),
    )


def _against(pgd: Measured, fgsm: Measured) -> Check:
    able = fgsm["clean"]["value"] >= ABLE
    return Check(
        "PGD training leaves more under PGD than FGSM training does, intervals apart",
        f"{SOURCE['PGD']['PGD-40']} against {SOURCE['FGSM']['PGD-40']}",
        f"{percent(pgd['PGD-40'])} against {percent(fgsm['PGD-40'])}"
        if able
        else f"the FGSM-trained network classifies only {percent(fgsm['clean'])} of the clean images: nothing to compare",
        pgd["PGD-40"]["low"] > fgsm["PGD-40"]["high"] if able else None,
    )


COLUMNS = ("clean", "FGSM", "PGD-40", "PGD-100", "transfer")


def tables(measured: Measured) -> tuple[Table, ...]:
    """Accuracy of every network under every attack beside the source's."""
    rows = measured["networks"].items()
    return (
        Table(
            "Accuracy at ε = 0.3 in linf, and DeepFool's ρ in l2; the source's figures in square brackets",
            ("trained on", *COLUMNS, "ρ", "minutes"),
            tuple(
                (
                    objective,
                    *(f"{percent(row[what])} [{SOURCE[objective].get(what, DASH)}]" for what in COLUMNS),
                    plain(row["rho"]),
                    number(row["minutes"]),
                )
                for objective, row in rows
            ),
        ),
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """The table as bars."""
    series = {name: [row[what]["value"] for what in COLUMNS] for name, row in measured["networks"].items()}
    plot = bars(COLUMNS, series, "accuracy", percent=True)
    return (Picture("Accuracy of three networks at ε = 0.3 in linf, by what they were trained on.", plot),)


EXPERIMENT = Experiment(
    id="E9",
    name=NAME,
    claim="Training on PGD examples makes a network robust against first-order attacks and beyond; training on FGSM ones does not.",
    test="One architecture trained on clean images, on FGSM and on PGD examples: clean, FGSM, PGD with restarts, DeepFool's ρ, and "
    "examples of an independent network.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
