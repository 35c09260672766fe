from __future__ import annotations

import math

import pytest
import torch

from epsball.models.wrap import wrap
from epsball.paper.experiment import Verdict, verdict
from epsball.paper.rows import Row, Rows
from epsball.paper.transfer import (
    ACCURACY,
    ERROR,
    EXAMPLES,
    EXPERIMENT,
    GROUPS,
    HALVES,
    NETWORKS,
    SAME_SIZE,
    THREAT,
    gain,
    pairs,
    shown,
)
from paper import controls
from paper.controls import NOTHING, changed, holds, number, supports
from toy import Affine, samples


def cell(source: str, target: str) -> Rows:
    own = source == target
    rows = (
        number(0.0 if own else 0.55, 0.01).of(ACCURACY, attack=EXAMPLES),
        number(1.0 if own else 0.4, 0.01).of(ERROR, attack=EXAMPLES),
        number(0.02, 0.01).of(ERROR, attack=SAME_SIZE),
    )
    return Rows(rows).of(data=source, network=target)


TRUE = Rows.gathered(cell(source, target) for source in NETWORKS for target in NETWORKS)


def test_a_result_like_the_claim_holds() -> None:
    supports(EXPERIMENT, TRUE, len(GROUPS) + 1)
    assert [len(table.filled(TRUE)) for table in EXPERIMENT.tables] == [len(NETWORKS)] * 3


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_transfer_is_seen(group: str) -> None:
    lost, small = {(row.data, row.network) for row in pairs(TRUE, group, EXAMPLES)}, number(0.06, 0.01)
    without = Rows.gathered(
        changed(Rows((row,)), small) if row.quantity == ERROR and (row.data, row.network) in lost else row
        for row in TRUE
    )
    assert holds(EXPERIMENT, without)[list(GROUPS).index(group)] is False
    assert verdict(EXPERIMENT.findings(without)) is not Verdict.HOLDS


def test_noise_that_does_as_much_harm_is_seen() -> None:
    assert verdict(EXPERIMENT.findings(changed(TRUE, 0.39, attack=SAME_SIZE))) is Verdict.FAILS


def test_intervals_that_overlap_are_seen() -> None:
    rows = changed(TRUE, Row(0.4, 0.01, 0.41, 1000), quantity=ERROR, attack=EXAMPLES)
    assert holds(EXPERIMENT, rows) == [True] * len(GROUPS) + [False]


def test_a_mean_that_the_images_do_not_bear_out_is_seen() -> None:
    rows = changed(TRUE, Row(0.4, -3.6, 4.4, 1000), quantity=ERROR, attack=EXAMPLES)
    assert set(holds(EXPERIMENT, rows)) == {False}
    assert "38.0 points more" in EXPERIMENT.findings(rows)[0].measured


def test_pairs_that_share_their_images_do_not_narrow_the_interval_of_a_gain() -> None:
    many, few = (gain(TRUE, group) for group in (next(iter(GROUPS)), "same architecture, disjoint data"))
    assert many.value == pytest.approx(0.38)
    assert many.high - many.low == pytest.approx(few.high - few.low) == pytest.approx(0.02 * 2**0.5)


def test_where_nothing_fools_its_source_nothing_is_decided() -> None:
    rows = changed(TRUE, NOTHING, quantity=ERROR, data=HALVES)
    assert holds(EXPERIMENT, rows) == [True, True, True, True, None, True]
    rows = changed(TRUE, NOTHING, quantity=ERROR)
    assert set(holds(EXPERIMENT, rows)) == {None}
    assert math.isnan(gain(rows, next(iter(GROUPS))).value)
    controls.shown(EXPERIMENT, rows)


def test_no_group_holds_a_network_with_itself() -> None:
    assert [len(pairs(TRUE, group, EXAMPLES)) for group in GROUPS] == [72, 58, 16, 4, 2]


class Blind(Affine):
    """It sees one pixel, and noise of ε does not reach its boundary."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x.flatten(1)[:, :1]
        return torch.cat((bright, 0.2 - bright, bright - 1, bright - 1), 1)


def test_cells_count_what_fools_the_source_and_was_right_on_both() -> None:
    x, y = samples(40, wrong=8)
    models = {"one": wrap(Affine()), "twin": wrap(Affine()), "blind": wrap(Blind())}
    rows = shown(models, "one", (x, y), THREAT, 20, seed=0)
    one, twin, blind = rows.by("network").values()
    assert one.one(quantity=ERROR, attack=EXAMPLES).value == 1.0
    assert one.one(quantity=ERROR, attack=EXAMPLES).n <= 32
    assert twin.of(network="one") == one
    assert set(rows.values("data")) == {"one"}
    zeros = int((y == 0).sum())
    assert blind.one(quantity=ACCURACY).value == pytest.approx(zeros / 40)
    assert blind.one(quantity=ERROR, attack=EXAMPLES).value == 0.0
    assert blind.one(quantity=ERROR, attack=EXAMPLES).n < zeros + 1
