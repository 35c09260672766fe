"""What the findings say of samples where search beat gradients, and of what another course brought."""

from __future__ import annotations

import numpy as np
import pytest

from epsball.diagnostics import Traits, after
from outcomes import IDS, findings, outcome, rows

TRAITS = {"cascade": Traits(), "doubled": Traits(sampled=True)}
DRAWN = 5


def course(broken: int) -> object:
    """Another course on five of sixty samples."""
    made = rows(broken, 60)
    made.queries[:] = np.where(np.arange(60) < DRAWN, 40, 0)
    return made


@pytest.mark.parametrize(("many", "said"), [(6, False), (7, True)])
def test_search_that_beats_gradients_on_more_than_one_sample_in_ten_is_said(many: int, said: bool) -> None:  # noqa: FBT001 - a parameter
    found = findings(attacks={"cascade": rows(40)}, traits=TRAITS, searched={"cascade": IDS[40 : 40 + many].tolist()})
    assert [(one.id, one.severity) for one in found] == ([("D50", "WARN")] if said else [])
    assert not said or found[0].evidence.startswith("7 of the 60 samples that stand")


@pytest.mark.parametrize(("broken", "severity"), [(0, "INFO"), (1, "WARN")])
def test_what_is_left_is_said_and_warned_of_where_another_course_broke_some(broken: int, severity: str) -> None:
    cascade = rows(40)
    cascade.queries[:] = np.where(np.arange(100) < 2, 100, 50)
    run = outcome(
        attacks={"cascade": cascade, "doubled": course(broken)}, traits=TRAITS, near={"cascade": IDS[50:53].tolist()}
    )
    found = {one.id: one for one in after(run)}
    assert found["D51"].severity == severity
    assert "3 of 60 that stood after cascade are near an error, 2 fell in its last tenth" in found["D51"].evidence
    assert f"on 5 drawn at random broke {broken}" in found["D51"].evidence
    assert "D17" not in found, "a course on a share leaves the others alone"
