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

A check is one file in `epsball/diagnostics/` and its line in that folder's `__init__.py`; another package adds one by an entry
point of the group `epsball.checks`.
"""


PREVENTED = """## Prevented

Mistakes that the library does not let happen, and the test that shows it.

| id | mistake | what happens instead | test |
| --- | --- | --- | --- |
| D01 | probabilities given as logits | float32 probabilities are refused before the first pass counts, with `outputs="probs"`; D01 finds rounded ones | `tests/evaluation/test_refusals.py` |
| D18 | an average over attacks, or an odd denominator | every figure is the minimum over attacks of each sample, over all samples; clean accuracy and counts stand beside it | `tests/record/test_metrics.py` |
| D20 | transferred examples called robustness | `epsball transfer` says transfer accuracy; exported sets carry their network's fingerprint, and D20 names them when they are evaluated | `tests/verification/test_export.py` |
| D23 | an error that a search came upon and lost | whatever an attack asks is looked at, and the nearest error is kept; D23 notes what an attack from outside did not return | `tests/diagnostics/test_lost_errors.py` |

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
    return "\n".join([HEAD, head, *rows, "", PREVENTED])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
