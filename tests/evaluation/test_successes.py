"""What an attack claims, against claims that are a little or very wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.attacks.found import Found
from epsball.evaluation.replay_check import Checked, check_successes
from epsball.evaluation.samples import Samples, prepare

X = torch.tensor([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5], [0.9, 0.5]], dtype=torch.float64)
Y = torch.tensor([0, 0, 0, 1])
THREAT = eb.Threat("linf", 0.4)
EVERY = np.arange(4)


def net(x: Tensor) -> Tensor:
    """Class 1 from 0.45 on."""
    lead = 4 * (x[:, :1] - 0.45)
    return torch.cat((-lead, lead), 1)


def cases(model: eb.Model | None = None) -> Samples:
    return prepare(model or eb.wrap(net), (X, Y), THREAT, [10, 11, 12, 13], None)


def found(**changes: Tensor) -> Found:
    """The first three samples moved by 0.4, 0.3 and 0.2; nothing found for the last."""
    distance = torch.tensor([0.4, 0.3, 0.2, torch.inf], dtype=torch.float64)
    moved = X + torch.stack((distance.masked_fill(distance.isinf(), 0), torch.zeros(4)), 1)
    queries, gradients = torch.tensor([5, 6, 7, 8]), torch.tensor([1, 2, 3, 4])
    made = Found(
        moved, distance.isfinite(), distance, distance / 0.5, queries, gradients, undefined=torch.zeros(4).long()
    )
    return replace(made, **changes)  # type: ignore[arg-type] # tensors alone are changed


def checked(claim: Found, threat: eb.Threat = THREAT) -> Checked:
    return check_successes(cases(), EVERY, claim, threat, 1)


def test_an_honest_claim_is_kept_with_all_its_columns() -> None:
    made = checked(found())
    rows = made.rows
    assert rows.id.tolist() == [10, 11, 12, 13]
    assert rows.success.tolist() == [True, True, True, False]
    assert rows.distance.tolist() == pytest.approx([0.4, 0.3, 0.2, np.inf])
    assert rows.relative.tolist() == pytest.approx([0.8, 0.6, 0.4, np.inf])
    assert (rows.queries.tolist(), rows.gradients.tolist()) == ([5, 6, 7, 8], [1, 2, 3, 4])
    assert (rows.before.tolist(), rows.after.tolist()) == ([0, 0, 0, 1], [1, 1, 1, 1])
    clean, after = net(X).softmax(1).amax(1), net(found().x).softmax(1).amax(1)
    assert rows.confidence_before.tolist() == pytest.approx(clean.tolist())
    assert rows.confidence_after.tolist() == pytest.approx([*after.tolist()[:3], clean[3].item()])
    assert made.examples[0].tolist() == [10, 11, 12]
    assert np.array_equal(made.examples[1], found().x[:3].numpy())
    assert made.notes == {"moved": [], "label": [], "success_rate": []}


@pytest.mark.parametrize(
    ("factor", "kept"), [(1 - 0.9e-6, True), (1 + 0.9e-6, True), (1 - 2e-6, False), (1 + 2e-6, False)]
)
def test_a_distance_may_be_off_by_a_millionth(factor: float, kept: bool) -> None:  # noqa: FBT001 - parametrised
    claim = found()
    claim.distance[1] *= factor
    made = checked(claim)
    assert made.rows.success.tolist() == [True, kept, True, False]
    assert made.notes["moved"] == ([] if kept else [11])
    assert made.rows.distance[1] == pytest.approx(0.3 if kept else np.inf, rel=1e-12)


def test_beyond_the_ball_or_the_box_nothing_counts() -> None:
    narrow = checked(found(), eb.Threat("linf", 0.3))
    assert narrow.rows.success.tolist() == [False, True, True, False]
    assert narrow.notes["moved"] == [10]
    assert narrow.rows.distance[1] <= 0.3
    boxed = checked(found(), eb.Threat("linf", 0.4, high=torch.tensor([0.9, 0.49], dtype=torch.float64)))
    assert not boxed.rows.success.any()
    assert (boxed.rows.relative[0], boxed.rows.after[0]) == (np.inf, 0)
    assert boxed.examples[1].shape == (0, 2)


def test_what_was_not_claimed_is_not_counted() -> None:
    made = checked(found(success=torch.tensor([True, False, True, False])))
    assert made.rows.success.tolist() == [True, False, True, False]
    assert made.notes == {"moved": [], "label": [], "success_rate": []}


def test_a_point_that_is_classified_correctly_is_no_error() -> None:
    claim = found()
    claim.x[2], claim.distance[2] = X[2] + torch.tensor([0.1, 0.0]), 0.1
    made = checked(claim)
    assert made.rows.success.tolist() == [True, True, False, False]
    assert made.notes == {"moved": [], "label": [12], "success_rate": []}
    assert (made.rows.distance[2], made.rows.after[2]) == (np.inf, 0)


@pytest.mark.parametrize(("wrong", "kept"), [(4, True), (3, True), (2, True), (1, False), (0, False)])
def test_on_a_random_model_half_of_the_passes_must_hold(wrong: int, kept: bool) -> None:  # noqa: FBT001 - parametrised
    calls = 0

    def random(x: Tensor) -> Tensor:
        """Right on the clean pass and on all later ones but the last few."""
        nonlocal calls
        calls += 1
        return (
            net(X)
            if calls == 1
            else torch.tensor([[0.5, 0.0 if calls <= 5 - wrong else 1.0]]).double().expand(len(x), 2)
        )

    asked = cases(eb.wrap(random))
    made = check_successes(
        asked,
        EVERY[:3],
        Found(*(getattr(found(), name)[:3] for name in Found.__annotations__ if name not in {"notes", "original"})),
        THREAT,
        4,
    )
    assert made.rows.success.tolist() == [kept] * 3
    assert made.notes["success_rate"] == ([wrong / 4] * 3 if kept and wrong < 4 else [])
    assert made.notes["label"] == ([] if kept else [10, 11, 12])
    assert made.rows.after.tolist() == [int(kept)] * 3
    if kept:
        assert made.rows.confidence_after.tolist() == pytest.approx([1 / (1 + np.exp(-0.5))] * 3)


def test_what_an_attack_noted_is_kept_of_the_samples_that_it_did_not_break_and_replaces_nothing() -> None:
    claim = found()
    every = torch.ones(len(claim.success), dtype=torch.bool)
    notes = checked(replace(claim, notes={"near": every, "moved": every})).notes
    plain = checked(claim).notes
    assert len(notes["near"]) == int((~claim.success).sum()) > 0
    assert notes["moved"] == plain["moved"]
