"""Stages on the rows that came near, from the nearest point known, and on a random share; what is noted of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import SmallNet, digits
from epsball import losses
from epsball.attacks import Cascade, Sampled, Stage
from epsball.oracle.access import Access
from epsball.oracle.batching import Batching
from recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.oracle.oracle import Oracle

THREAT = eb.Threat("linf", 0.05)
NEVER = 1e-9


def problem(n: int = 24) -> tuple[SmallNet, Tensor, Tensor]:
    net, x = SmallNet().double().eval(), digits(n, (1, 8, 8))
    return net, x, net(x).argmax(1)


class Spy(eb.attacks.Attack):
    """Remembers where it began and which rows were live, and asks about the far corner of the ball."""

    accepts_start = True
    access = Access.SCORES

    def run(self, ask: Oracle) -> Tensor:
        seen.append((ask.start().clone(), ask.live.clone()))
        ask.margin(ask.start())
        return ask.x0


seen: list[tuple[Tensor, Tensor]] = []


def small(steps: int = 3, rate: float = 0.05, first: float = 0.2) -> eb.PGD:
    return eb.PGD(steps=steps, first=first, rate=rate, random_start=False, loss=losses.margin)


def test_a_stage_is_run_on_the_rows_that_came_near_and_begins_at_their_nearest_points() -> None:
    net, x, y = problem()
    seen.clear()
    ended = small(1).maximise(net, x, y, THREAT)
    margin = eb.Goal(y).margin
    near = margin(net(ended)).detach() / margin(net(x)).detach()
    middle = float(near.median())
    Cascade(Stage(small(1)), Stage(Spy(), middle, onward=True))(net, x, y, THREAT)
    start, live = seen[0]
    standing = ~Cascade(Stage(small(1)))(net, x, y, THREAT).success
    assert bool((near < 1).all())
    assert live.tolist() == ((near <= middle) & standing).tolist()
    assert 0 < int(live.sum()) < len(x)
    assert torch.equal(start[live], ended[live])


def test_rows_that_never_come_near_cost_only_the_first_stages() -> None:
    net, x, y = problem()
    one = Cascade(Stage(small()))(net, x, y, THREAT)
    both = Cascade(Stage(small()), Stage(small(50), NEVER))(net, x, y, THREAT)
    assert torch.equal(one.queries, both.queries)


def test_a_row_goes_its_own_way_whatever_stands_beside_it() -> None:
    net, x, y = problem()
    attack = Cascade(Stage(small()), Stage(eb.Square(steps=5), 0.9, onward=True), Stage(eb.PGD(steps=4), 0.9))
    whole = attack(net, x, y, THREAT, seed=3)
    for part in (slice(0, 1), slice(5, 11)):
        alone = attack(net, x[part], y[part], THREAT, seed=3, ids=list(range(24))[part])
        assert torch.equal(alone.queries, whole.queries[part])
        assert torch.allclose(alone.x, whole.x[part], atol=1e-6)


def stairs(x: Tensor) -> Tensor:
    """Logits whose gradient points the wrong way everywhere: only search lowers the margin."""
    rise = 4 * x.flatten(1).mean(1)
    true = 2 * rise.detach() - rise - 1.2
    return torch.stack((true, torch.zeros_like(true)), 1)


def plain(x: Tensor) -> Tensor:
    """Logits that are linear in the image."""
    true = 4 * x.flatten(1).mean(1) - 1.2
    return torch.stack((true, torch.zeros_like(true)), 1)


SEARCH = (
    Stage(small(first=1.0)),
    Stage(eb.Square(steps=10), onward=True),
    Stage(eb.Square(steps=10), onward=True, paid="search"),
)


def test_search_goes_on_where_it_pays_and_that_is_noted() -> None:
    x, y = torch.full((6, 1, 8, 8), 0.5), torch.zeros(6).long()
    found = Cascade(*SEARCH)(stairs, x, y, eb.Threat("linf", 0.1))
    less = Cascade(*SEARCH[:2])(stairs, x, y, eb.Threat("linf", 0.1))
    assert (found.queries - less.queries).min() >= 10
    assert bool(found.notes["searched"].all())


def test_search_does_not_go_on_where_gradients_lead() -> None:
    x, y = torch.full((6, 1, 8, 8), 0.5), torch.zeros(6).long()
    found = Cascade(*SEARCH)(plain, x, y, eb.Threat("linf", 0.1))
    assert not bool(found.notes["searched"].any())


def test_search_ends_once_it_pays_no_more() -> None:
    x, y = torch.full((6, 1, 8, 8), 0.5), torch.zeros(6).long()
    threat = eb.Threat("linf", 0.1)
    there = Stage(small(3, first=1.0))
    search, paid = Stage(eb.Square(steps=10), onward=True), Stage(eb.Square(steps=10), onward=True, paid="search")
    assert bool(Cascade(search, paid)(plain, x, y, threat).notes["searched"].all())
    assert not bool(Cascade(search, there, search, paid)(plain, x, y, threat).notes["searched"].any())


@pytest.mark.parametrize(("net", "goes_on"), [(stairs, True), (plain, False)])
def test_much_search_follows_where_all_searches_took_much_of_the_margin(
    net: Callable[[Tensor], Tensor], *, goes_on: bool
) -> None:
    x, y = torch.full((6, 1, 8, 8), 0.5), torch.zeros(6).long()
    few = (Stage(small(first=1.0)), *[Stage(eb.Square(steps=20), onward=True)] * 2)
    more = Stage(eb.Square(steps=10), paid="searches")
    less, both = (Cascade(*stages)(net, x, y, eb.Threat("linf", 0.1)) for stages in (few, (*few, more)))
    assert bool((both.queries > less.queries).all() if goes_on else torch.equal(both.queries, less.queries))


def test_rows_that_stand_near_an_error_are_noted() -> None:
    x, y = torch.tensor([[[[0.5]]], [[[0.9]]]]), torch.zeros(2).long()

    def net(x: Tensor) -> Tensor:
        true = x.flatten(1).mean(1) - 0.3
        return torch.stack((true, torch.zeros_like(true)), 1)

    found = Cascade(Stage(small(1, first=1.0)))(net, x, y, eb.Threat("linf", 0.19))
    assert found.notes["near"].tolist() == [True, False]
    assert not bool(found.success.any())


def test_blocks_of_rows_in_which_nothing_was_noted_are_no_hindrance() -> None:
    net, x, y = problem(6)
    wrong = torch.cat(((y[:3] + 1) % 5, y[3:]))
    batching = Batching(batch_size=3, channels_last=False, block_size=3)
    found = Cascade(Stage(small()))(net, x, wrong, THREAT, batching=batching)
    assert found.notes["near"].shape == (6,)
    assert not bool(found.notes["near"][:3].any())


def test_stages_that_are_not_defined_for_the_norm_or_the_inputs_are_left_out() -> None:
    attack = Cascade(Stage(small()), Stage(eb.Square(steps=5)), Stage(eb.SparseRS(steps=7)))
    assert set(attack.norms) == {"linf", "l2", "l1", "l0"}
    net, x, y = problem(4)
    base = Cascade(Stage(small()))
    for threat, more in ((eb.Threat("l0", 1), 7), (eb.Threat("linf", 1e-6), 5)):
        cost = attack(net, x, y, threat).queries - base(net, x, y, threat).queries
        assert set(cost.tolist()) <= {more, more + 1, more + 2}
    flat = x.flatten(1)
    assert torch.equal(
        attack(lambda x: net(x.reshape(-1, 1, 8, 8)), flat, y, eb.Threat("linf", 1e-6)).queries,
        base(lambda x: net(x.reshape(-1, 1, 8, 8)), flat, y, eb.Threat("linf", 1e-6)).queries,
    )


def test_minimum_norm_stages_begin_at_the_nearest_error_and_end_no_further_than_each_alone() -> None:
    net, x, y = problem()
    first, second = eb.DeepFool(), eb.FMN(steps=10, first=0.1)
    found = Cascade(Stage(first), Stage(second, onward=True))(net, x, y, eb.Threat("l2"))
    start = first(net, x, y, eb.Threat("l2"))
    alone = second(net, x, y, eb.Threat("l2"), start=start.x)
    assert bool((found.distance <= start.distance.minimum(alone.distance) + 1e-6).all())
    assert bool((found.distance < start.distance - 1e-6).any())


def test_a_share_of_the_rows_is_drawn_by_their_own_numbers_and_gets_other_random_numbers() -> None:
    net, x, y = problem(1)
    x, y = x.expand(400, -1, -1, -1), y.expand(400)
    threat, noise = eb.Threat("linf", 1e-6), eb.attacks.AdditiveNoise(draws=2)
    found = Sampled(noise, 0.1)(net, x, y, threat, seed=5)
    drawn = found.queries > 0
    assert 20 <= int(drawn.sum()) <= 65
    again = Sampled(noise, 0.1)(net, x[::2], y[::2], threat, seed=5, ids=list(range(0, 400, 2)))
    assert torch.equal(again.queries > 0, drawn[::2])
    asked = []
    twice = eb.Restarts(noise, 2)
    for attack in (twice, Sampled(twice, 1.0)):
        model = Recorder(net)
        attack(model, x[:1], y[:1], THREAT, seed=5)
        asked.append({tuple(points.flatten().tolist()) for points in model.points})
    assert asked[0] & asked[1] <= {tuple(x[0].flatten().tolist())}


def test_a_cascade_on_a_share_leaves_the_other_rows_alone() -> None:
    net, x, y = problem()
    found = Sampled(Cascade(Stage(small()), Stage(eb.PGD(steps=2))), 0.3)(net, x, y, THREAT)
    assert 0 < int((found.queries == 0).sum()) < len(x)


class Draws(eb.attacks.Attack):
    """Draws once among all rows, with numbers of its own or not."""

    def run(self, ask: Oracle) -> Tensor:
        with ask.among(ask.live, afresh=self.afresh):
            drawn.append(ask.draw().uniform(3))
        return ask.x0

    def __init__(self, *, afresh: bool) -> None:
        object.__setattr__(self, "afresh", afresh)

    afresh: bool


drawn: list[Tensor] = []


def test_numbers_drawn_afresh_are_others() -> None:
    net, x, y = problem(4)
    drawn.clear()
    for afresh in (False, False, True):
        Draws(afresh=afresh)(net, x, y, THREAT)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


class Outside(eb.attacks.Attack):
    """Asks about other inputs, which lie outside the threat."""

    def run(self, ask: Oracle) -> Tensor:
        ask.margin(ask.x0.flip(0))
        return ask.x0


def test_points_outside_the_threat_say_nothing_of_what_is_near() -> None:
    net, x, y = problem()
    margin = eb.Goal(y).margin
    assert bool((margin(net(x.flip(0))) < margin(net(x))).any())
    seen.clear()
    Cascade(Stage(Outside()), Stage(Spy(), onward=True))(net, x, y, THREAT)
    assert torch.equal(seen[0][0], x)


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(eb.InputError, match="near"):
        Cascade(Stage(small(), near=-1))
    with pytest.raises(
        eb.InputError,
        match="Stage was given paid='often'; expected '', 'much scatter', 'scatter', 'search', 'searches'",
    ):
        Cascade(Stage(small(), paid="often"))  # type: ignore[arg-type] # as a typing error of the user's
    for norms in ((), ("l3",)):
        with pytest.raises(eb.InputError, match="Stage was given norms="):
            Cascade(Stage(small(), norms=norms))
    with pytest.raises(eb.InputError, match="one kind"):
        Cascade(Stage(small()), Stage(eb.DeepFool()))
    with pytest.raises(eb.InputError, match="share"):
        Sampled(small(), share=0.0)


def test_a_stage_is_left_out_in_other_norms_than_its_own() -> None:
    net, x, y = problem(4)
    attack = Cascade(Stage(small()), Stage(small(7), norms=("l2",)))
    alone = Cascade(Stage(small()))
    for norm, more in (("linf", 0), ("l2", 7)):
        threat = eb.Threat(norm, 0.01)
        queries = attack(net, x, y, threat).queries - alone(net, x, y, threat).queries
        assert bool((queries >= more).all())
        assert bool((queries > 0).all()) == (more > 0)


def test_a_cascade_of_attacks_by_labels_asks_for_margins_itself() -> None:
    cascade = Cascade(Stage(eb.AdditiveNoise(draws=2)), Stage(eb.attacks.Within(eb.HopSkipJump(steps=2, tries=5))))
    assert cascade.access is eb.Access.SCORES
    net, x, y = problem(6)
    assert len(cascade(net, x, y, eb.Threat("linf", 0.2)).x) == 6
    assert Cascade(Stage(eb.HopSkipJump())).access is eb.Access.LABELS
