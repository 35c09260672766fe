"""What a check is, what it is handed, and how its observations become findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from epsball.diagnostics.outcome import Outcome
from epsball.diagnostics.probe import Preflight
from epsball.diagnostics.training_history import TrainingHistory
from epsball.record.evaluation import Finding, Severity
from epsball.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Context = TypeVar("Context", Preflight, Outcome, TrainingHistory)


@dataclass(frozen=True)
class Observation:
    """One thing that a check saw and that should not be so.

    Args:
        message: what is wrong, one sentence.
        evidence: the figures that show it.
        remedy: what to do; the check's own remedy where it is empty.
        severity: of this one; the check's own where it is empty.
    """

    message: str
    evidence: str
    remedy: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, eq=False)
class Check(Generic[Context]):
    """A test of a model or of a run, and what to say where it fails.

    Args:
        id: of its findings.
        severity: FAIL, WARN or INFO, that of its findings unless one says otherwise.
        context: what the test is handed, which says when it runs: `Preflight`, `Outcome` or `TrainingHistory`.
        test: yields what it observes; nothing where all is well. The first line of its docstring is its row in the docs.
        remedy: what to do about a finding.
        unless: ids of checks that sort before this one and whose findings, but for those of INFO, make this one meaningless.
        ends: whether a FAIL ends an evaluation before its first attack, unless the user wants it anyway.
    """

    id: str
    severity: Severity
    context: type[Context]
    test: Callable[[Context], Iterable[Observation]]
    remedy: str
    unless: tuple[str, ...] = ()
    ends: bool = False

    def __post_init__(self) -> None:
        if any(other >= self.id for other in self.unless):
            raise ValueError(
                f"check {self.id} waits for {', '.join(self.unless)}; expected ids that sort before its own"
            )

    def __call__(self, context: Context) -> list[Finding]:
        """The findings of this check alone."""
        return self.findings(self.test(context))

    def findings(self, seen: Iterable[Observation]) -> list[Finding]:
        """What was observed, with this check's id, severity and remedy."""
        return [
            Finding(self.id, one.severity or self.severity, one.message, one.evidence, one.remedy or self.remedy)
            for one in seen
        ]


CHECKS: Registry[Check[Any]] = Registry("check")
"""All checks by id; another package adds its own by the entry point group `epsball.checks`."""


def check(
    id: str,  # noqa: A002 (the word of the record)
    severity: Severity,
    context: type[Context],
    remedy: str,
    unless: tuple[str, ...] = (),
    *,
    ends: bool = False,
) -> Callable[[Callable[[Context], Iterable[Observation]]], Check[Context]]:
    """Return a decorator that makes a registered check of a test. Arguments are those of `Check`.

    Example:
        >>> @check("X01", "WARN", Outcome, remedy="evaluate more samples")
        ... def three_samples(run: Outcome) -> Iterable[Observation]:
        ...     \"\"\"There must be three samples.\"\"\"
        ...     if len(run.ids) < 3:
        ...         yield Observation("There are too few samples", f"{len(run.ids)} samples")
    """

    def made(test: Callable[[Context], Iterable[Observation]]) -> Check[Context]:
        return CHECKS.add(id, Check(id, severity, context, test, remedy, unless, ends))

    return made


def findings(context: Preflight | Outcome | TrainingHistory) -> list[Finding]:
    """The findings of all checks that take this context, in the order of their ids."""
    found: list[Finding] = []
    for name in sorted(CHECKS):
        chosen = CHECKS[name]
        amiss = {finding.id for finding in found if finding.severity != "INFO"}
        if isinstance(context, chosen.context) and not amiss & {*chosen.unless}:
            found += chosen(context)
    return found
