"""E3: Table 1, the accuracy that FGSM leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.attacks import FGSM
from epsball.evaluation.threshold import smallest_budget
from epsball.geometry import Norm, l1, l2, linf
from epsball.paper.cells import at_least, key, percents
from epsball.paper.estimates import fraction, percent
from epsball.paper.experiment import Answer, Check, Experiment, Table, check
from epsball.paper.networks import standard_network
from epsball.paper.plots import Lines
from epsball.paper.rows import Rows, split, where
from epsball.report.text import number
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab

NAME = "fgsm-table"
PAPER_CLEAN, PAPER_FGSM, PAPER_EPS = 0.93, 0.29, 0.25
BUDGETS: dict[Norm, tuple[float, ...]] = {
    linf: (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    l2: (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0),
    l1: (0.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0),
}
ACCURACY, AT_THRESHOLD = "accuracy", "accuracy at the ε of 29 %"


def measure(lab: Lab) -> Rows:
    """Train 784-512-10 and attack the test set at every budget of three norms."""
    model, test = standard_network(lab, "mlp-512").model, lab.data("mnist")
    curves = (lab.step(NAME, f"FGSM in {norm.name}", curve, model, test, norm, BUDGETS[norm]) for norm in BUDGETS)
    return Rows.gathered([*curves, lab.step(NAME, "the ε of 29 %", falls_through, model, test, PAPER_FGSM)])


def _setting(lab: Lab) -> str:
    return f"{lab.name('mnist')}, {len(lab.data('mnist')[1]):,} test images"


def curve(model: Model, test: Data, norm: Norm, budgets: tuple[float, ...]) -> Rows:
    """Accuracy at every budget."""
    found = ((eps, fraction(~FGSM()(model, *test, Threat(norm, eps)).success)) for eps in budgets)
    return Rows.gathered(row.of(ACCURACY, attack=FGSM.__name__, norm=norm.name, eps=eps) for eps, row in found)


def falls_through(model: Model, test: Data, accuracy: float) -> Rows:
    """The smallest ε that leaves no more than an accuracy, and what it leaves."""
    eps = smallest_budget(FGSM(), model, *test, linf, accuracy=accuracy, most=0.5)[0]
    return curve(model, test, linf, (eps,)).of(AT_THRESHOLD)


@check("FGSM leaves 29 % at an ε of at most 0.25, that of Goodfellow et al. 2014 on MNIST", "≈ 29 %, ε not given")
def _falls(rows: Rows) -> Answer:
    left = rows.one(quantity=AT_THRESHOLD)
    return f"{percent(left)} at ε = {number(left.eps)}", left.eps <= PAPER_EPS and left.value <= PAPER_FGSM


LEARNT = at_least(PAPER_CLEAN, quantity=ACCURACY, norm=linf.name, eps=0)
CELLS = {"ε": key("eps", number), ACCURACY: percents()}
EXPERIMENT = Experiment(
    id="E3",
    name=NAME,
    claim="A network with about 97 % accuracy on MNIST keeps about 29 % on FGSM examples (Table 1).",
    test="784-512-10 under FGSM for ε from 0 to 0.5 in linf, and in l2 and l1; the ε at which 29 % are left.",
    measure=measure,
    setting=_setting,
    checks=(Check("clean accuracy of at least 93 %", "≈ 97 %", LEARNT), _falls),
    tables=tuple(
        Table(f"Accuracy under FGSM in {norm.name}", ("eps",), CELLS, where(quantity=ACCURACY, norm=norm.name))
        for norm in BUDGETS
    ),
    figures=tuple(
        Lines(
            f"784-512-10 under FGSM in {norm.name}, with 95 % interval; the dashed line is the paper's 29 %.",
            split("quantity", quantity=ACCURACY, norm=norm.name),
            "eps",
            f"ε ({norm.name}, data units)",
            ACCURACY,
            percent=True,
            marks={"29 %": PAPER_FGSM},
        )
        for norm in BUDGETS
    ),
)
