"""The findings of a record derived again, as the run derived them, from the model, the rows and the notes about them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.diagnostics import CHECKS, Outcome, Preflight
from epsball.evaluation.meter import Meter
from epsball.evaluation.plan import version
from epsball.evaluation.rounds import HEAD
from epsball.evaluation.runner import Run
from epsball.record.manifest import attack_stages
from epsball.record.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from epsball.record.evaluation import Finding
    from epsball.replay.opened import Opened

_EXPECTED = "D53"
"""About an accuracy that the user expected, which a record does not hold."""
_RANDOM = "D02"
_NUMBER = re.compile(r"\d[\d,.]*(?:e[+-]?\d+)?")
Text = tuple[str, str, str, str, str]


def other_findings(run: Opened, *, same: bool, notes: list[str]) -> Iterator[str]:
    """A sentence for every finding that the record lists and nothing gives, or that something gives and the record does not list.

    Args:
        run: the record.
        same: whether the numbers in findings must be the same too; in another environment they need not.
        notes: where what cannot be derived is added.

    Raises:
        ModelError: the model failed.
    """
    there, found = run.plan.environment.versions.get("epsball"), derived(run)
    if there != version():
        notes.append(
            f"of the findings only failed checks were derived: the run was made under epsball {there}, which may have others"
        )
        yield from _unlisted_failures(found, run)
        return
    given, listed = _texts(found, run, same=same), _texts(run.manifest.findings, run, same=same)
    for name, severity, message, evidence, _ in given - listed:
        source = "the model gives" if CHECKS[name].context is Preflight else "the rows give"
        yield f"the finding {name} is not listed, which {source}: {message} ({evidence}), a {severity}"
    for name, severity, message, evidence, _ in listed - given:
        yield f"the finding {name} is listed, which neither the model nor the rows give: {message} ({evidence}), a {severity}"
    if left := sorted({each.id for each in run.manifest.findings if not _derives(each.id, run)}):
        notes.append(f"the findings {', '.join(left)} were not derived, they need more than the rows and the model")


def _unlisted_failures(found: Sequence[Finding], run: Opened) -> Iterator[str]:
    """A sentence for every check that fails here and not in a record of another version."""
    listed = {each.id for each in run.manifest.findings}
    for each in found:
        if each.severity == "FAIL" and each.id not in listed and _derives(each.id, run):
            yield f"the check {each.id} fails here, and the record does not list it: {each.message} ({each.evidence})"


def derived(run: Opened) -> Sequence[Finding]:
    """What the run would find now, all of its chunks read and none computed.

    Raises:
        ModelError: the model failed.
    """
    reading = _Reading(run.path, run.manifest, None)
    again = _Again(run, reading)
    if run.manifest.complete:
        for position, name in enumerate(attack_stages(run.plan)):
            attack: Any = run.plan.attacks[name]  # of which only its question matters, as rows are read
            again.attack(position, name, attack)
        again.finish()
    return reading.findings


class _Again(Run):
    """The run, its model checked as it was, that goes through the stored chunks as they are, in rounds or not."""

    def __init__(self, run: Opened, reading: _Reading) -> None:
        head = run.first(HEAD) if run.plan.budget else run.samples
        super().__init__(head, run.threat, run.plan, reading, Meter(lambda *_: None, {}))
        self.check()
        self._samples, self._lower, self._opened = run.samples, np.zeros(len(run.samples)), run

    def _chunks(self, stage: str, name: str, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        del stage, wanted
        parts = [part for part in self._opened.parts if part.attack == name]
        yield from ((number, self._opened.places(part.rows.id)) for number, part in enumerate(parts))


class _Reading(RunFolder):
    """A run folder of which everything is read; the findings that would be written are kept."""

    findings: Sequence[Finding] = ()

    def write_findings(self, findings: Sequence[Finding]) -> None:
        self.findings = findings

    def finish(self, columns: Mapping[str, NDArray[Any]], findings: Sequence[Finding]) -> None:
        del columns
        self.findings = findings


def _texts(findings: Sequence[Finding], run: Opened, *, same: bool) -> Counter[Text]:
    def text(words: str) -> str:
        return words if same else _NUMBER.sub("…", words)

    return Counter(
        (each.id, each.severity, text(each.message), text(each.evidence), text(each.remedy))
        for each in findings
        if _derives(each.id, run)
    )


def _derives(name: str, run: Opened) -> bool:
    """Whether a finding follows from the rows or the model; before the first attack on a random one only that it is random."""
    if name not in CHECKS:
        return True
    context = CHECKS[name].context
    return name == _RANDOM or (name != _EXPECTED and context in ({Outcome} if run.random else {Outcome, Preflight}))
