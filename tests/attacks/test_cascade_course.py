"""Which rows the later stages of a cascade are run on: those that move, and those on which something has paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from attacks.test_cascade import problem, small
from epsball import losses
from epsball.attacks import Cascade, Stage
from epsball.attacks.cascade import _Course
from epsball.evaluation import meter

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle


@pytest.mark.parametrize(("steps", "more"), [(320, 0), (200, 5)])
def test_a_stage_for_moving_rows_leaves_those_alone_whose_margin_has_not_fallen_for_300_passes(
    steps: int, more: int
) -> None:
    x, y = torch.full((3, 1, 8, 8), 0.5), torch.zeros(3).long()

    def net(x: Tensor) -> Tensor:
        true = 2 + 0 * x.flatten(1).sum(1)
        return torch.stack((true, torch.zeros_like(true)), 1)

    first = Stage(eb.Square(steps=steps))
    both = Cascade(first, Stage(small(5), moving=True))(net, x, y, eb.Threat("linf", 0.02))
    one = Cascade(first)(net, x, y, eb.Threat("linf", 0.02))
    assert ((both.queries - one.queries) >= 1).tolist() == [more > 0] * 3


@pytest.mark.parametrize(("left", "more"), [(0.03, 5), (0.3, 0)])
def test_a_row_that_has_nearly_fallen_counts_as_moving(left: float, more: int) -> None:
    x, y = torch.full((3, 1, 8, 8), 0.5), torch.zeros(3).long()

    def net(x: Tensor) -> Tensor:
        true = torch.where((x != 0.5).flatten(1).any(1), left, 2) + 0 * x.flatten(1).sum(1)
        return torch.stack((true, torch.zeros_like(true)), 1)

    first = Stage(eb.Square(steps=2)), Stage(eb.Square(steps=320))
    both = Cascade(*first, Stage(small(5), moving=True))(net, x, y, eb.Threat("linf", 0.02))
    one = Cascade(*first)(net, x, y, eb.Threat("linf", 0.02))
    assert ((both.queries - one.queries) >= 1).tolist() == [more > 0] * 3


class Counting(eb.attacks.Attack):
    """Asks for one gradient and one answer."""

    def run(self, ask: Oracle) -> Tensor:
        counted.append(ask.passes)
        ask.gradient(ask.x0, losses.margin)
        ask.margin(ask.threat.sample(ask.x0, ask.draw()))
        counted.append(ask.passes)
        return ask.x0


counted: list[Tensor] = []


def test_passes_are_queries_and_gradients() -> None:
    net, x, y = problem(4)
    counted.clear()
    Counting()(net, x, y, eb.Threat("linf", 1e-4))
    before, after = counted
    assert (after - before).tolist() == [3] * 4


def flat_but_for_few(x: Tensor) -> Tensor:
    """Logits that small changes of all features do not move at all, and a large change of one does."""
    away = (x.flatten(1) - 0.5).abs()
    true = 1.2 - (away - 0.3).clamp_min(0).sum(1)
    return torch.stack((true, torch.zeros_like(true)), 1)


def test_stages_behind_scattered_starts_are_run_where_those_lowered_the_margin() -> None:
    x, y = torch.full((4, 1, 8, 8), 0.5), torch.zeros(4).long()
    scatter = Stage(eb.PGD(steps=3, scatter=0.03, loss=losses.margin), scattered=True)
    more = Stage(eb.PGD(steps=2, random_start=False), paid="scatter")
    threat = eb.Threat("l2", 0.8)
    one, both = (Cascade(*stages)(flat_but_for_few, x, y, threat, seed=2) for stages in ((scatter,), (scatter, more)))
    lowered = both.queries - one.queries
    assert set(lowered.tolist()) <= {0, 2}
    assert 2 in lowered.tolist()
    plain = Stage(eb.PGD(steps=3, loss=losses.margin), scattered=True)
    one, both = (Cascade(*stages)(flat_but_for_few, x, y, threat, seed=2) for stages in ((plain,), (plain, more)))
    assert torch.equal(one.queries, both.queries)
    begun = scatter, plain
    one, both = (Cascade(*stages)(flat_but_for_few, x, y, threat, seed=2) for stages in (begun, (*begun, more)))
    assert 2 in (both.queries - one.queries).tolist(), "what the first one took counts"


def test_what_scattered_starts_must_have_taken_is_little_or_much() -> None:
    course = _Course(torch.ones(4))
    course.note(Stage(eb.PGD(scatter=0.1), scattered=True), torch.tensor([1.0, 0.96, 0.9, 0.7]), torch.ones(4))
    little, much = (course.calls_for(Stage(eb.PGD(), paid=paid)).tolist() for paid in ("scatter", "much scatter"))
    assert little == [False, False, True, True]
    assert much == [False, False, False, True]


@pytest.mark.parametrize("near", [0.5, 0.999])
def test_passes_are_expected_of_stages_that_rows_are_near_enough_for(
    near: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, x, y = problem(8)
    said: list[tuple[str, int, int]] = []
    clock = 0

    def timed(points: Tensor) -> Tensor:
        nonlocal clock
        clock += len(points)
        logits: Tensor = net(points)
        return logits

    monkeypatch.setattr(meter, "monotonic", lambda: clock)
    attack = Cascade(Stage(small(2)), Stage(small(2)), Stage(small(200), near=near))
    eb.evaluate(timed, (x, y), eb.Threat("linf", 1e-3), {"cascade": attack}, progress=lambda *each: said.append(each))
    begun = [total for stage, _, total in said if stage == "cascade"][8]
    assert 0.8 <= begun / said[-1][2] <= 1.25
