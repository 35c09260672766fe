"""What an evaluation found: one row per sample, one row per sample and attack, and what checks found."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from msgspec import Struct

from epsball.display.text import budget, line, table
from epsball.errors import InputError
from epsball.record import classes, examples, metrics
from epsball.record.proportion import Proportion
from epsball.units import parse_budget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from epsball.record.classes import ClassAccuracy
    from epsball.record.examples import Example, Images
    from epsball.record.plan import Plan
    from epsball.rho import Rho

Severity = Literal["FAIL", "WARN", "INFO"]


class Finding(Struct, frozen=True, forbid_unknown_fields=True):
    """What a check found about the result. FAIL: never quote the number without it; WARN: read it first; INFO: for the record."""

    id: str
    severity: Severity
    message: str
    evidence: str
    remedy: str


@dataclass(frozen=True, eq=False)
class AttackRows:
    """The samples that one attack was run on, in their order; a row a sample.

    `success` says whether the attack found an error, at `distance` (inf where it found none) in the run's norm;
    `relative` is |r| / |x|. `before` and `after` are the labels predicted on the clean and on the returned input
    (the clean input again where the attack failed), the confidences the softmax probabilities of those labels.
    """

    id: NDArray[np.int64]
    success: NDArray[np.bool_]
    distance: NDArray[np.float64]
    relative: NDArray[np.float64]
    queries: NDArray[np.int64]
    gradients: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    confidence_before: NDArray[np.float64]
    confidence_after: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.id)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns by name, in the order of declaration."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[Any]]) -> AttackRows:
        """Build the rows from their columns, each in its own type."""
        return cls(**{name: np.asarray(columns[name], dtype=kind) for name, kind in ATTACK_COLUMNS.items()})

    @classmethod
    def join(cls, chunks: Sequence[AttackRows]) -> AttackRows:
        """The rows of all chunks, one after the other; no chunk gives no rows."""
        empty = {name: np.empty(0, dtype=kind) for name, kind in ATTACK_COLUMNS.items()}
        return cls.of(
            {name: np.concatenate([empty[name], *(chunk.columns()[name] for chunk in chunks)]) for name in empty}
        )

    def those(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> AttackRows:
        """Some of the rows, by a mask (k,) or their places."""
        return AttackRows.of({name: values[which] for name, values in self.columns().items()})

    def within(self, eps: float | str) -> NDArray[np.bool_]:
        """Whether the attack found an error no farther than ε (data units)."""
        return self.success & (self.distance <= parse_budget(eps))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Bounds on each sample's distance to its nearest error, lower <= Δ(x) <= upper, and where they come from.

    All columns have n rows. `clean` is the label predicted on the clean input; where it is wrong, lower = upper = 0.
    `upper` is inf where nothing was found; `by` names the attack it comes from ("clean" where the clean input is
    wrong, "" where nothing was found). `queries` and `gradients` add up the passes of all attacks. `reused` says that the
    result was read from a run folder that was finished already, and nothing was computed. `complete` says that every attack of
    the plan has ended; of an unfinished run, `attacks` holds those that have, and the first finding says so. `images`
    are where its inputs and adversarial examples are, None where they were not kept.
    """

    plan: Plan
    ids: NDArray[np.int64]
    label: NDArray[np.int64]
    clean: NDArray[np.int64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    by: NDArray[np.str_]
    queries: NDArray[np.int64]
    gradients: NDArray[np.int64]
    seconds: float
    findings: list[Finding]
    attacks: dict[str, AttackRows]
    reused: bool = False
    complete: bool = True
    images: Images | None = None

    @classmethod
    def of(
        cls,
        plan: Plan,
        columns: Mapping[str, NDArray[Any]],
        attacks: dict[str, AttackRows],
        findings: list[Finding],
        seconds: float,
        *,
        complete: bool = True,
        images: Images | None = None,
    ) -> Evaluation:
        """Build the evaluation from the columns of its samples."""
        named: dict[str, Any] = {"ids" if name == "id" else name: columns[name] for name in SAMPLE_COLUMNS}
        return cls(
            plan=plan, seconds=seconds, findings=findings, attacks=attacks, complete=complete, images=images, **named
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        figure = ", ".join(f"{name} {value}" for name, value in self._figures().items())
        return line(f"Evaluation({len(self)} samples: {figure}; suite {self.plan.suite}, {self._state()})")

    def _repr_html_(self) -> str:
        by_severity = [f"{each.severity} {each.id}: {each.message}" for each in self.findings]
        facts = {"samples": len(self), **self._figures(), "attacks": ", ".join(self.attacks), "suite": self.plan.suite}
        return table("Evaluation", {**facts, "verdict": self._state(), "findings": "; ".join(by_severity) or "none"})

    def _state(self) -> str:
        failed = f" ({', '.join(self.failed)} failed)" if self.failed else ""
        return "trusted" if self.trusted else f"{'not trusted' if self.complete else 'unfinished'}{failed}"

    def _figures(self) -> dict[str, str]:
        """The figures that stand for the run: its accuracies at ε, or how far its nearest errors are."""
        at = f"in {self.plan.threat.norm}, ε = {budget(self.eps)}"
        clean = {"clean": _share(self.clean_accuracy, len(self))}
        if self.plan.attacks and not self.attacks and not np.any(self.lower > 0):
            return clean | {"robust": "not measured, no attack has ended"}
        if np.isinf(self.eps):
            return clean | {"median distance": f"{metrics.median_distance(self):.4g} {at}"}
        certified = {"certified": _share(self.certified_accuracy(), len(self))} if np.any(self.lower > 0) else {}
        return clean | certified | {"robust": f"{_share(self.robust_accuracy(), len(self))} {at}"}

    @property
    def eps(self) -> float:
        """The budget of the run, in data units; inf where only the nearest errors are asked for."""
        return float(self.plan.threat.eps)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes in the order of the labels; None where the data do not name them."""
        return self.plan.data.names or None

    @property
    def clean_accuracy(self) -> float:
        """Fraction of the samples classified correctly without an attack."""
        return metrics.clean_accuracy(self)

    def robust_accuracy(self, eps: float | str | None = None) -> float:
        """Fraction of the samples with no error found within ε: mean(upper > ε). Default: the run's own ε."""
        return metrics.robust_accuracy(self, eps)

    @property
    def rho(self) -> Rho:
        """The paper's ρ of the nearest errors found, with counts of the samples that are left out of the mean."""
        return metrics.rho(self)

    def certified_accuracy(self, eps: float | str | None = None) -> float:
        """Fraction of the samples proved correct up to ε: mean(lower >= ε and clean is right). Default: the run's own ε."""
        return metrics.certified_accuracy(self, eps)

    def interval(self, eps: float | str | None = None) -> tuple[float, float]:
        """Wilson 95 % interval of the robust accuracy at ε over the choice of samples. Default: the run's own ε."""
        return metrics.interval(self, eps)

    def per_class(self, eps: float | str | None = None) -> tuple[ClassAccuracy, ...]:
        """Clean and robust accuracy at ε of every class that has samples, each with its 95 % interval. Default: the run's own ε.

        The worst of K classes is worse than it would be by itself, as it was picked: its `interval` is at the level 1 - 0.05 / K.
        """
        return classes.per_class(self, eps)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each sample: the columns of `samples.parquet`, and the class's name where known.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 (not everybody's)
        except ImportError as error:
            raise InputError("to_pandas needs the package pandas, which is not here; pip install pandas") from error
        columns = {"id": self.ids} | {name: getattr(self, name) for name in list(SAMPLE_COLUMNS)[1:]}
        if self.class_names:
            columns["class"] = np.asarray(self.class_names)[self.label]
        return pd.DataFrame(columns)

    def examples(self) -> Iterator[Example]:
        """The nearest adversarial example of each sample that was fooled, nearest first; each is read when it is reached.

        Raises:
            InputError: the images were not kept, as where those of a run without folder take more than 1 GiB.
        """
        return examples.examples(self)

    def show(self, *samples: int) -> Figure:
        """Original, amplified difference and adversarial image of samples by their ids, of the nearest three where none are given.

        A notebook shows the figure where it is the value of a cell; `figure.savefig("examples.png")` writes it.

        Raises:
            InputError: what is no id, there is no such sample, it was not fooled, the inputs are no images, or they were not kept.
        """
        return examples.show(self, samples)

    def plot(self, axes: Axes | None = None, label: str | None = None) -> Figure:
        """Accuracy against ε: the band from what is proved to what no attack refuted, with the 95 % interval of the latter.

        Args:
            axes: draw into these, so that several runs stand in one figure; a figure of its own when left out.
            label: of this run in the legend.

        Raises:
            InputError: axes that are none.
        """
        return examples.plot(self, axes, label)

    @property
    def trusted(self) -> bool:
        """Whether the run is finished and no finding is a FAIL."""
        return self.complete and not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """The ids of the checks that failed, in order: no figure of the run may stand without them."""
        return tuple(dict.fromkeys(finding.id for finding in self.findings if finding.severity == "FAIL"))


def _share(fraction: float, n: int) -> str:
    low, high = Proportion(round(fraction * n), n).interval()
    return f"{fraction:.1%} ({low:.1%} to {high:.1%})"


ATTACK_COLUMNS: dict[str, type[np.generic]] = {
    "id": np.int64,
    "success": np.bool_,
    "distance": np.float64,
    "relative": np.float64,
    "queries": np.int64,
    "gradients": np.int64,
    "before": np.int64,
    "after": np.int64,
    "confidence_before": np.float64,
    "confidence_after": np.float64,
}

CLEAN_COLUMNS: dict[str, type[np.generic]] = {"id": np.int64, "label": np.int64, "clean": np.int64}

CERTIFICATE_COLUMNS: dict[str, type[np.generic]] = {"id": np.int64, "lower": np.float64}

SAMPLE_COLUMNS: dict[str, type[np.generic]] = {
    "id": np.int64,
    "label": np.int64,
    "clean": np.int64,
    "lower": np.float64,
    "upper": np.float64,
    "by": np.str_,
    "queries": np.int64,
    "gradients": np.int64,
}
