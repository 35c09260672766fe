"""Attacks inside a ball as minimum-norm ones: the search over ε of each sample, and what it reuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import SmallNet, digits
from recording import Recorder
from scripted import MODEL, Scripted, X, Y
from trajectories import NET
from trajectories import X as NEAR
from trajectories import Y as LABELS

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

NORMS = ["linf", "l2", "l1", "l0"]


@pytest.mark.parametrize("norm", NORMS)
def test_it_finds_less_than_pgd_needs_and_no_less_than_there_is(norm: str) -> None:
    net, x = SmallNet().double().eval(), digits(12, (1, 8, 8))
    y = net(x).argmax(1)
    found = eb.MinimumNorm(eb.PGD(steps=10))(net, x, y, eb.Threat(norm))
    assert bool(found.success.all())
    nearest = eb.FMN()(net, x, y, eb.Threat(norm))
    assert found.distance.median().item() <= {"l0": 1.5, "l1": 1.4}.get(norm, 1.1) * nearest.distance.median().item()


def test_every_sample_has_its_own_bracket() -> None:
    """A boundary at a distance of its own for each row: the balls double until they hold it, and are halved towards it then."""
    radii: list[Tensor] = []

    class Spy(eb.attacks.Attack):
        def run(self, ask: Oracle) -> Tensor:
            radii.append(ask.eps.clone())
            return ask.threat.furthest(-torch.ones_like(ask.x0), ask.x0)

    def net(x: Tensor) -> Tensor:
        return torch.stack((x[:, 0] - 0.2, 0 * x[:, 0]), 1)

    x = torch.tensor([[0.25, 0.5], [0.55, 0.5]], dtype=torch.float64)
    attack = eb.MinimumNorm(Spy(), searches=5, first=0.125, halvings=0)
    found = attack(net, x, torch.zeros(2).long(), eb.Threat("linf"))
    widths = torch.stack(radii)
    assert widths[:, 0].tolist() == pytest.approx([0.0625, 0.03125, 0.046875, 0.0546875, 0.05078125], rel=1e-6)
    assert widths[:, 1].tolist() == pytest.approx([0.0625, 0.125, 0.25, 0.5, 0.375], rel=1e-6)
    assert found.distance.tolist() == pytest.approx([0.05078125, 0.375], rel=1e-6)


def test_a_success_is_drawn_back_and_the_next_search_begins_at_it() -> None:
    model = Recorder(NET)
    attack = eb.MinimumNorm(eb.PGD(steps=1, first=1e-9), searches=2, first=0.5, halvings=6)
    far = eb.PGD()(NET, NEAR, LABELS, eb.Threat("l2", 0.8))
    row = int(far.success.nonzero()[0])
    one = slice(row, row + 1)
    found = attack(model, NEAR[one], LABELS[one], eb.Threat("l2"), start=far.x[one])
    assert found.distance.item() < far.distance[row].item() * 0.99
    for point in torch.cat(model.points)[1:]:
        direction = torch.cosine_similarity(point - NEAR[row], far.x[row] - NEAR[row], dim=0)
        assert direction.item() == pytest.approx(1, abs=1e-6)


def test_a_minimum_norm_attack_needs_no_search() -> None:
    with pytest.raises(eb.InputError, match="looks for the nearest error by itself"):
        eb.MinimumNorm(eb.DeepFool())


def test_within_balls_a_success_ends_a_row_and_outside_it_counts_again() -> None:
    live: list[Tensor] = []

    def script(ask: Oracle) -> Tensor:
        boundary = eb.DeepFool()(MODEL, X, Y, eb.Threat("linf"))
        wide, narrow = 1.1 * boundary.distance, 0.5 * boundary.distance
        for eps in (wide, narrow):
            with ask.within(eps):
                ask.met(boundary.x)
                live.append(ask.live.clone())
        live.append(ask.live.clone())
        return ask.x0

    class Nearest(Scripted):
        minimum_norm = True

    found = Nearest(script)(MODEL, X, Y, eb.Threat("linf"))
    assert not bool(live[0].any())
    assert bool(live[1].all())
    assert bool(live[2].all())
    assert bool(found.success.all())


@pytest.mark.parametrize("levels", [4, 256])
@pytest.mark.parametrize("name", ["linf", "l2", "l1"])
def test_a_search_over_balls_takes_none_that_holds_no_other_level(name: str, levels: int) -> None:
    x = torch.full((2, 9), (levels // 2) / (levels - 1), dtype=torch.float64)
    near = x.sum(1).max() + 0.5 / (levels - 1)

    def model(points: torch.Tensor) -> torch.Tensor:
        ahead = 50 * (points.sum(1) - near)
        return torch.stack((-ahead, ahead), 1)

    found = eb.MinimumNorm(eb.PGD(steps=5))(model, x, torch.zeros(2).long(), eb.Threat(name, levels=levels))
    assert bool(found.success.all())
    assert float(found.distance.max()) <= {"linf": 1, "l2": 3, "l1": 9}[name] / (levels - 1) + 1e-9


def test_a_search_over_balls_asks_for_labels_at_least() -> None:
    x = torch.full((2, 4), 0.5)
    attack = eb.MinimumNorm(eb.Transfer(eb.PGD(steps=3), torch.nn.Linear(4, 2)))
    assert attack.access is eb.Access.LABELS
    assert len(attack(torch.nn.Linear(4, 2), x, torch.zeros(2).long(), eb.Threat("l2")).x) == 2
