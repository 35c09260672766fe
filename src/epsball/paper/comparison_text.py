"""What the rows of E6 say: checks, tables and figures beside the paper's."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import isnan, nan
from typing import TYPE_CHECKING, NamedTuple

from epsball.geometry import l2, linf
from epsball.paper.cells import decimals
from epsball.paper.estimates import decimal, percent
from epsball.paper.experiment import Answer, Check, Table
from epsball.paper.plots import Bars
from epsball.paper.rows import Rows, where
from epsball.paper.spaces import PIXELS
from epsball.report.text import DASH, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.rows import Row


class Source(NamedTuple):
    """A row of the paper's Figure 4 and of Table 2 of the DeepFool paper: error, ρ of three attacks, their times, ρ in linf of two."""

    error: str
    rho: tuple[float, float, float]
    times: tuple[str, str, str]
    linf: tuple[str, str]


PAPER = {
    "lenet-mnist": Source("1 %", (0.2, 1.0, 0.25), ("110 ms", "20 ms", "> 4 s"), ("0.10", "0.26")),
    "fc-500-150": Source("1.7 %", (0.11, 0.39, 0.12), ("50 ms", "10 ms", "> 2 s"), ("0.04", "0.11")),
    "nin": Source("11.5 %", (0.023, 0.12, 0.024), ("1100 ms", "180 ms", "> 50 s"), ("0.008", "0.024")),
    "lenet-cifar": Source("22.6 %", (0.03, 0.13, 0.039), ("220 ms", "50 ms", "> 7 s"), ("0.015", "0.028")),
    "caffenet": Source("42.6 %", (0.0027, 0.035, nan), ("510 ms (GPU)", "50 ms (GPU)", DASH), (DASH, DASH)),
    "googlenet": Source("31.3 %", (0.0019, 0.047, nan), ("800 ms (GPU)", "80 ms (GPU)", DASH), (DASH, DASH)),
}
UNKNOWN = Source(DASH, (nan, nan, nan), (DASH, DASH, DASH), (DASH, DASH))
ATTACKS = DEEPFOOL, FGSM, SAME_IMAGES, LBFGS, TARGETED = (
    "DeepFool",
    "FGSM",
    "DeepFool, same images",
    "L-BFGS",
    "L-BFGS to a target",
)
THEIRS = (DEEPFOOL, FGSM, TARGETED)
"""Those of the paper's figure."""

ERROR, RHO, FOUND, SECONDS, RATIO = "error", "ρ", "found", "seconds a sample", "ρ of DeepFool / ρ of L-BFGS"
RHO_OF_LABELS = "ρ of a change of the predicted label"
TIMES_SMALLER, ABOVE_LBFGS, ENOUGH = 3.5, 1.05, 0.9
ORDER = ("lenet-mnist", "fc-500-150", "lenet-cifar", "nin")
"""From the most robust to the least, as in the paper."""


def measured(name: str, rows: Rows) -> bool:
    """Whether there is anything of a network."""
    return any(row.n for row in rows.where(network=name))


def of_inputs(rows: Rows) -> Rows:
    """ρ in l2 in the network's input space, which is measured after pixels where it is another; of the networks measured."""
    own = (part.where(quantity=RHO, norm=l2.name, note="") for part in rows.by("network").values())
    return Rows.gathered(list(part.by("space").values())[-1] for part in own if part)


def _in_order(rows: Rows) -> Answer:
    rhos = [of_inputs(rows).one(network=name, attack=DEEPFOOL) for name in ORDER]
    return ", ".join(map(decimal, rhos)), all(one.low > other.high for one, other in pairwise(rhos))


def _over(rows: Rows, above: str, below: str) -> float:
    """One attack's ρ by another's; NaN where one of them found nothing."""
    return rows.one(attack=above).value / rows.one(attack=below).value


def _times(ratio: float) -> str:
    return DASH if isnan(ratio) else f"{ratio:.2f} times"


def _ratio(name: str, above: str, below: str, rows: Rows) -> Answer:
    """One attack's ρ by another's in both spaces; an attack that finds little has shown only its easiest images."""
    rows = rows.where(network=name)
    own, pixels = of_inputs(rows), rows.where(quantity=RHO, norm=l2.name, space=PIXELS)
    ratio = _over(own, above, below)
    near = ratio >= TIMES_SMALLER if above == FGSM else ratio <= ABOVE_LBFGS
    found = rows.where(quantity=FOUND, attack=(above, below))
    poor = [f"{row.attack} finds only {percent(row)}" for row in found if not row.n or row.value < ENOUGH]
    text = f"{_times(ratio)} ({_times(_over(pixels, above, below))} in pixels)"
    if below == LBFGS and not isnan(ratio):
        text += f"; a sample {decimal(rows.one(quantity=RATIO, space=own.rows[0].space))}"
    return "; ".join((text, *poor)), near and not poor


def _clock(name: str, rows: Rows) -> Answer:
    spent = {attack: row.value for attack, row in rows.each("attack", quantity=SECONDS, network=name).items()}
    holds = spent[FGSM] < spent[DEEPFOOL] < min(spent[LBFGS], spent[TARGETED])
    return ", ".join(_time(spent[attack]) for attack in (*THEIRS, LBFGS)), holds


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def checks_of(name: str) -> tuple[Check, ...]:
    """DeepFool against FGSM, against L-BFGS and against the clock on one network."""
    paper = PAPER.get(name, UNKNOWN)
    deepfool, fgsm, lbfgs = paper.rho
    smaller, theirs = f"{fgsm / deepfool:.1f} times", _times(deepfool / lbfgs)
    enough, applies = f"; found on at least {ENOUGH:.0%}", partial(measured, name)
    return (
        Check(
            f"{name}: DeepFool's ρ is at least {TIMES_SMALLER} times smaller than FGSM's, in the network's input space{enough}",
            DASH if isnan(deepfool) else smaller,
            partial(_ratio, name, FGSM, DEEPFOOL),
            applies,
        ),
        Check(
            f"{name}: there it is at most {ABOVE_LBFGS} times that of L-BFGS to a label drawn at random, on the same images{enough}",
            theirs,
            partial(_ratio, name, SAME_IMAGES, TARGETED),
            applies,
        ),
        Check(
            f"{name}: there it is at most {ABOVE_LBFGS} times that of L-BFGS to any label, on the same images{enough}",
            DASH,
            partial(_ratio, name, SAME_IMAGES, LBFGS),
            applies,
        ),
        Check(
            f"{name}: one DeepFool example takes longer than one of FGSM and less long than one of L-BFGS, to a target or to any label",
            DASH if paper is UNKNOWN else ", ".join(paper.times),
            partial(_clock, name),
            applies,
        ),
    )


def is_measured(name: str) -> Check:
    """What is missing to measure a network; no statement once it is measured."""
    return Check(
        f"{name} is measured",
        number(PAPER.get(name, UNKNOWN).rho[0]),
        lambda rows: (rows.one(network=name).note, None),
        lambda rows: not measured(name, rows),
    )


IN_ORDER = Check(
    f"DeepFool's ρ falls in the paper's order, intervals of neighbours apart: {', '.join(ORDER)}",
    " > ".join(number(PAPER[name].rho[0]) for name in ORDER),
    _in_order,
)


def _of_figure_4(rows: Rows) -> Rows:
    """Rows of the attacks in l2, the network's error beside those of DeepFool."""
    shown = rows.where(norm=("", l2.name), quantity=(ERROR, RHO, FOUND, SECONDS), note="")
    return Rows.gathered(row.of(attack=row.attack or DEEPFOOL) for row in shown)


def _beside(field: str, line: Rows) -> str:
    """The paper's entry for the network and attack of a line, in square brackets; nothing where its figure has none."""
    row = line.rows[0]
    entries = dict(zip(THEIRS, getattr(PAPER.get(row.network, UNKNOWN), field), strict=False))
    entry = entries.get(row.attack)
    return "" if entry is None else f" [{entry if isinstance(entry, str) else number(entry)}]"


def _if_any(quantity: str, text: Callable[[Row], str], otherwise: str, line: Rows) -> str:
    rows = line.where(quantity=quantity)
    return text(rows.one()) if rows else otherwise


def _error(row: Row) -> str:
    return f"{percent(row)} [{PAPER.get(row.network, UNKNOWN).error}]"


def _spent(line: Rows) -> str:
    rows = line.where(quantity=SECONDS)
    return _time(rows.one().value) + _beside("times", line) if rows else DASH


def _linf(place: int, attack: str, line: Rows) -> str:
    """ρ in linf in the first space measured, pixels, or in the last, the network's input space; there with the paper's."""
    own = line.where(attack=attack)
    return decimal(own.rows[place]) + (_beside("linf", own) if place else "")


def _ratio_in_linf(place: int, line: Rows) -> str:
    ratio = _over(list(line.by("space").values())[place], FGSM, DEEPFOOL)
    return DASH if isnan(ratio) else f"{ratio:.2f}"


TABLES = (
    Table(
        "Figure 4: test error, fraction of the correctly classified images on which the attack found an error, ρ = mean |r|₂/|x|₂ "
        "over n of them, time a sample; the numbers of the paper in square brackets",
        ("network", "attack"),
        {
            "network": partial(_if_any, ERROR, lambda row: row.network, ""),
            "test error": partial(_if_any, ERROR, _error, ""),
            "attack": "attack",
            FOUND: partial(_if_any, FOUND, percent, DASH),
            "n": lambda line: str(of_inputs(line).one().n),
            "ρ, network's input space": lambda line: decimal(of_inputs(line).one()) + _beside("rho", line),
            "ρ, pixels": decimals(quantity=RHO, space=PIXELS),
            "time": _spent,
        },
        _of_figure_4,
    ),
    Table(
        "The paper's own sense of ρ: the mean over all images, right or wrong, on which an attack changed the label predicted, with "
        "FGSM over all; the numbers of the paper in square brackets",
        ("network", "attack"),
        {
            "network": "network",
            "attack": "attack",
            "n": lambda line: str(line.rows[-1].n),
            "ρ, network's input space": lambda line: decimal(line.rows[-1]) + _beside("rho", line),
            "ρ, pixels": decimals(space=PIXELS),
        },
        where(quantity=RHO_OF_LABELS),
    ),
    Table(
        "FGSM's ε, the smallest that fools 90 % of the images",
        ("network",),
        {
            "network": "network",
            "input space": lambda line: line.rows[-1].space,
            "its ε there": lambda line: number(line.rows[-1].eps),
            "ε in pixels": lambda line: number(line.one(space=PIXELS).eps),
        },
        where(quantity=RHO, norm=l2.name, attack=FGSM),
    ),
    Table(
        "ρ in linf, mean |r|∞/|x|∞; Table 2 of the DeepFool paper in square brackets",
        ("network",),
        {
            "network": "network",
            **{
                f"{attack}, {space}": partial(_linf, place, attack)
                if attack in THEIRS
                else partial(_ratio_in_linf, place)
                for place, space in ((-1, "network's input space"), (0, PIXELS))
                for attack in (DEEPFOOL, FGSM, "ratio")
            },
        },
        where(quantity=RHO, norm=linf.name),
    ),
)

FIGURES = (
    Bars(
        "Our ρ by every attack in the network's input space, logarithmic; L-BFGS on fewer images, DeepFool on these too.",
        lambda rows: of_inputs(rows).by("attack"),
        "network",
        RHO,
        log=True,
    ),
)
