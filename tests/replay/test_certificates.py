"""A radius that its certifier does not prove is refused where the verifier names that certifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import epsball as eb
from toy import Affine, exact_radius, toy_run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_a_radius_that_is_not_proved_again_is_refused(tmp_path: Path) -> None:
    toy_run(tmp_path, certifiers=[exact_radius(0.9)])
    noted, proved = eb.verify(tmp_path, Affine()), eb.verify(tmp_path, Affine(), certifiers=[exact_radius(0.9)])
    (missing,) = {*noted.notes} - {*proved.notes}
    assert missing.startswith("the radii of certify were not derived again")
    with pytest.raises(eb.UntrustworthyError, match=r"the radius is said to be .*, and certify proves"):
        eb.verify(tmp_path, Affine(), certifiers=[exact_radius(0.8)])


def test_a_smaller_radius_than_is_proved_may_be_stated(tmp_path: Path) -> None:
    toy_run(tmp_path, certifiers=[exact_radius(0.5)])
    assert eb.verify(tmp_path, Affine(), certifiers=[exact_radius(0.9)]).complete
