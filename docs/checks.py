"""Write docs/checks.md from the registered checks: `python docs/checks.py`; a test fails while it is stale."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball.diagnostics import CHECKS, Outcome, Preflight, TrainingHistory

if TYPE_CHECKING:
    from epsball.diagnostics import Check

PAGE = Path(__file__).with_name("checks.md")

WHEN = {Preflight: "before the first attack", Outcome: "after the last attack", TrainingHistory: "after a training"}

HEAD = """# Checks

What every evaluation checks of the model and of its own attacks, and every training of what it made.
A finding names the check, its evidence and a remedy. Written by `docs/checks.py` from the checks.

- **FAIL**: the robust accuracy must not be quoted; the run is not trusted.
- **WARN**: read it before quoting the robust accuracy.
- **INFO**: for the record.

`evaluate(…, thorough=True)`, on the command line `--thorough`, looks harder at 32 of the samples that are still robust after the suite:
half of them those whose nearest known error is the least far, at whatever ε (where the suite knows of none, those of which the model
is least sure), the others drawn by (seed, id). What falls there is verified and lowers the robust accuracy. D07 tries attacks without
gradients, by labels, by scores and on the smoothed model, and compares them alone with the suite's strongest attack at no fewer passes
on 32 samples drawn from all that are classified correctly; D10 draws 1,000 points of noise; D11 and D12 take twice the steps and
restarts of the strongest attack; D24 plants an adversarial example in each ball that this attack must find. Where all is well they
say in an INFO how many samples were tried, how many fell, and what share of all would fall at most.

A check is one file in `epsball/diagnostics/` and its line in that folder's `__init__.py`; another package adds one by an entry
point of the group `epsball.checks`.
"""


PREVENTED = (
    (
        "D01",
        "probabilities given as logits",
        'those of float32 are refused at the first pass, with `outputs="probs"` as the remedy; the check finds rounded ones',
        "tests/evaluation/test_refusals.py",
    ),
    (
        "D18",
        "an average over attacks, or an odd denominator",
        "every figure is the minimum over attacks of each sample, over all samples; the clean accuracy stands beside it",
        "tests/record/test_metrics.py",
    ),
    (
        "D20",
        "transferred examples called robustness",
        "`epsball transfer` says transfer accuracy; exported sets carry the fingerprint of their network, which the check names",
        "tests/verification/test_export.py",
    ),
    (
        "D23",
        "an error that a search came upon and lost",
        "whatever an attack asks is looked at, and the nearest error counts; the check notes what was not returned",
        "tests/diagnostics/test_lost_errors.py",
    ),
)

TAIL = """
## Prevented

Mistakes that the library does not let happen, and the test that shows it.

| id | mistake | what happens instead | test |
| --- | --- | --- | --- |"""

OPEN = """
What no program can decide, such as whether an attack is aimed at the defence, stands as an open question in every report.
"""


def row(check: Check[Any]) -> str:
    """A check's line of the table."""
    test = inspect.getdoc(check.test) or ""
    return f"| {check.id} | {check.severity} | {WHEN[check.context]} | {test.splitlines()[0]} | {check.remedy} |"


def page() -> str:
    """The whole page."""
    rows = [row(CHECKS[name]) for name in sorted(CHECKS)]
    head = "| check | severity | runs | tests | remedy |\n| --- | --- | --- | --- | --- |"
    prevented = [f"| {name} | {mistake} | {instead} | `{test}` |" for name, mistake, instead, test in PREVENTED]
    return "\n".join([HEAD, head, *rows, TAIL, *prevented, OPEN])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
