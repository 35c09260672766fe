"""E3: Table 1, the accuracy that FGSM leaves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from epsball.attacks import FGSM
from epsball.evaluation.threshold import smallest_budget
from epsball.geometry import Norm, l1, l2, linf
from epsball.paper.experiment import Check, Experiment, Measured, Picture, Table
from epsball.paper.figure import percent, share
from epsball.paper.networks import standard_network
from epsball.paper.plots import Line, lines
from epsball.report.text import number
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.paper.figure import Figure
    from epsball.paper.lab import Data, Lab

NAME = "fgsm-table"
PAPER_CLEAN, PAPER_FGSM = 0.97, 0.29
BUDGETS: dict[Norm, tuple[float, ...]] = {
    linf: (0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    l2: (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 6),
    l1: (0, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64),
}


def measure(lab: Lab) -> Measured:
    """Train 784-512-10 and attack the test set at every budget of three norms."""
    model, test = standard_network(lab, "mlp-512").model, lab.data("mnist")
    curves = {
        norm.name: lab.step(
            NAME, f"FGSM in {norm.name}", partial(_curve, model, test, norm), model, *test, repr(BUDGETS[norm])
        )
        for norm in BUDGETS
    }
    eps, left = lab.step(NAME, "the ε of 29 %", partial(_falls_through, model, test), model, *test, str(PAPER_FGSM))
    return {"curves": curves, "eps": eps, "left": left, "images": f"{lab.name('mnist')}, {len(test[1]):,} test images"}


def _curve(model: Model, test: Data, norm: Norm) -> list[Figure]:
    x, y = test
    return [share(~FGSM()(model, x, y, Threat(norm, eps)).success) for eps in BUDGETS[norm]]


def _falls_through(model: Model, test: Data) -> tuple[float, Figure]:
    """The smallest ε that leaves the paper's share, and what it leaves."""
    eps = smallest_budget(FGSM(), model, *test, linf, accuracy=PAPER_FGSM, most=0.5)[0]
    return eps, share(~FGSM()(model, *test, Threat(linf, eps)).success)


def judge(measured: Measured) -> tuple[Check, ...]:
    """A good classifier at ε = 0 that FGSM breaks before ε = 0.25, the largest ε of its paper on these digits."""
    clean, eps, left = measured["curves"]["linf"][0], measured["eps"], measured["left"]
    return (
        Check("clean accuracy of at least 93 %", "≈ 97 %", percent(clean), clean["value"] >= 0.93),  # noqa: PLR2004
        Check(
            "FGSM leaves 29 % at an ε of at most 0.25, that of Goodfellow et al. 2014 on MNIST",
            "≈ 29 %, ε not given",
            f"{percent(left)} at ε = {number(eps)}",
            eps <= 0.25 and left["value"] <= PAPER_FGSM,  # noqa: PLR2004
        ),
    )


def tables(measured: Measured) -> tuple[Table, ...]:
    """Accuracy at every budget."""
    return tuple(
        Table(
            f"Accuracy under FGSM in {norm.name}",
            ("ε", "accuracy"),
            tuple(
                (number(eps), percent(left)) for eps, left in zip(budgets, measured["curves"][norm.name], strict=True)
            ),
        )
        for norm, budgets in BUDGETS.items()
    )


def pictures(measured: Measured) -> tuple[Picture, ...]:
    """Accuracy against ε, one plot a norm."""
    return tuple(
        Picture(
            f"784-512-10 under FGSM in {norm.name}, with 95 % interval; the dashed line is the paper's 29 %.",
            lines(
                [
                    Line(
                        "accuracy",
                        budgets,
                        *([f[end] for f in measured["curves"][norm.name]] for end in ("value", "low", "high")),
                    )
                ],
                f"ε ({norm.name}, data units)",
                "accuracy",
                percent=True,
                marks={"29 %": PAPER_FGSM},
            ),
        )
        for norm, budgets in BUDGETS.items()
    )


EXPERIMENT = Experiment(
    id="E3",
    name=NAME,
    claim="A network with about 97 % accuracy on MNIST keeps about 29 % on FGSM examples (Table 1).",
    test="784-512-10 under FGSM for ε from 0 to 0.5 in linf, and in l2 and l1; the ε at which 29 % are left.",
    measure=measure,
    judge=judge,
    tables=tables,
    pictures=pictures,
)
