"""What a comparison found: every run's figures at ε, and what each has more or less than the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from epsball.display.text import NORMS, budget, line, table
from epsball.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from epsball.comparison.paired import Paired, Pairs
    from epsball.comparison.unpaired import Unpaired
    from epsball.record import Evaluation
    from epsball.record.proportion import Proportion

CLEAR = 0.05
"""The adjusted p-value from which on no difference is said to be there."""


@dataclass(frozen=True, eq=False)
class Side:
    """One run at the ε of the comparison.

    Args:
        name: of the run.
        run: the run itself.
        clean: samples that are classified correctly without an attack.
        robust: samples on which no attack found an error within ε.
        certified: samples that are proved correct up to ε; None where no certificate was computed.
        passes: queries and gradients for one sample, on average.
    """

    name: str
    run: Evaluation
    clean: Proportion
    robust: Proportion
    certified: Proportion | None
    passes: float


@dataclass(frozen=True, eq=False)
class Difference:
    """A run held against the baseline; differences are its figure less the baseline's.

    Args:
        side: the run.
        pairs: the samples that it shares with the baseline.
        clean: what differs without an attack.
        robust: what differs at ε; over the shared samples where there are some, else over those of each.
        p_adjusted: p-value of the robust difference, adjusted for all runs of the comparison (Holm).
    """

    side: Side
    pairs: Pairs
    clean: Paired | Unpaired
    robust: Paired | Unpaired
    p_adjusted: float

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.side.name

    @property
    def paired(self) -> bool:
        """Whether the runs share samples."""
        return len(self.pairs) > 0

    @property
    def clear(self) -> bool:
        """Whether the difference of robust accuracy is more than chance, at 5 % over all runs of the comparison."""
        return self.p_adjusted < CLEAR


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs held against the first of them at ε (data units). `cautions` say what a difference means where they were made unlike."""

    eps: float
    sides: tuple[Side, ...]
    differences: tuple[Difference, ...]
    cautions: tuple[str, ...]

    @property
    def baseline(self) -> Side:
        """The run that all others are held against."""
        return self.sides[0]

    @property
    def trusted(self) -> bool:
        """Whether every run is trusted."""
        return all(side.run.trusted for side in self.sides)

    @property
    def norm(self) -> str:
        """The norm of all runs, for readers."""
        return NORMS[self.baseline.run.plan.threat.norm]

    def __repr__(self) -> str:
        found = [f"{self.baseline.name} {float(self.baseline.robust):.1%}"]
        for difference in self.differences:
            low, high = difference.robust.interval()
            change = f"{100 * difference.robust.difference:+.1f} points, {100 * low:+.1f} to {100 * high:+.1f}"
            found.append(f"{difference.name} {float(difference.side.robust):.1%} ({change})")
        trust = "" if self.trusted else "; not trusted"
        return line(f"Comparison(robust in {self.norm}, ε = {budget(self.eps)}: {', '.join(found)}{trust})")

    def _repr_html_(self) -> str:
        words = _module("words")
        heading, rows = words.comparison_rows(self)
        facts: dict[str, object] = {
            row[0]: ", ".join(f"{name} {cell}" for name, cell in zip(heading[1:], row[1:], strict=True) if cell)
            for row in rows
        }
        facts |= {f"{each.name} against {self.baseline.name}": words.sentence(self, each) for each in self.differences}
        return table("Comparison", facts | ({"caution": "; ".join(said)} if (said := words.cautions_of(self)) else {}))

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each run: its figures with their intervals, and its difference from the first.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 (not everybody's)
        except ImportError as error:
            raise InputError("to_pandas needs the package pandas, which is not here; pip install pandas") from error
        return pd.DataFrame(_module("document").frame_rows(self))

    def plot(self) -> Figure:
        """Accuracy against ε, all runs in one figure."""
        from matplotlib.figure import Figure  # noqa: PLC0415 (only for those who look)

        drawn = Figure(layout="constrained")
        axes = drawn.add_subplot()
        for side in self.sides:
            side.run.plot(axes, side.name)
        return drawn

    def write(self, path: Path | str, *, format: str | None = None, title: str = "") -> Path:  # noqa: A002 (as in `write_report`)
        """Write the comparison as one file that needs no network, and return its path.

        Args:
            path: the file.
            format: "html", a page with curves and pictures; "markdown", tables; "json", the figures. By the end of `path` when left
                out: .md, .json, else a page.
            title: what stands above it.

        Raises:
            InputError: the file cannot be written, something else than a comparison stands there, or there is no such format.
        """
        written: Path = _module("formats").write(self, Path(path), format, title)
        return written


def _module(name: str) -> Any:
    """A module that reads these types; by name, as it imports this one."""
    return resolve_name(f"epsball.comparison.{name}")
