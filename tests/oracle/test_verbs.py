"""What an attack may ask, and what it holds while rows finish and are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import Affine, closed_form, digits
from epsball.losses import cross_entropy, margin
from epsball.oracle.access import Access
from epsball.oracle.batching import Batching
from epsball.oracle.rows import State
from scripted import MODEL, THREAT, Scripted, X, Y, attacked

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle

SMALL = Batching(batch_size=3, channels_last=False, block_size=1000)


def test_what_is_held_is_of_the_rows_that_are_left() -> None:
    seen: list[tuple[int, ...]] = []

    def script(ask: Oracle) -> Tensor:
        table = torch.arange(28.0)
        s = ask.keep(x=ask.x0, first=ask.x0)
        s.table = table
        for _ in ask.steps(12):
            held = (ask.x0, ask.labels, ask.eps, ask.live, ask.success, ask.best, ask.distance, ask.goal.labels, s.x)
            seen.append(tuple(len(rows) for rows in held))
            assert torch.equal(s.first, ask.x0)
            assert torch.equal(s.table, table)
            _, g = ask.gradient(s.x, margin)
            s.x = ask.threat.ascend(s.x, g, 0.01, ask.x0)
        return s.x

    eps = torch.linspace(0.001, 0.08, 28)
    attacked(script, threat=eb.Threat("linf", eps))
    assert all(len(set(lengths)) == 1 for lengths in seen)
    assert seen[0][0] == 28
    assert seen[-1][0] <= 20


def test_budgets_follow_their_rows() -> None:
    eps = torch.linspace(0.001, 0.08, 28)

    def script(ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.x0, eps=ask.eps)
        for _ in ask.steps(12):
            assert torch.equal(s.eps, ask.eps)
            assert torch.equal(torch.as_tensor(ask.threat.eps).to(s.eps), ask.eps)
            _, g = ask.gradient(s.x, margin)
            s.x = ask.threat.ascend(s.x, g, 0.01, ask.x0)
        return s.x

    attacked(script, threat=eb.Threat("linf", eps))


@pytest.mark.parametrize("wrong", [torch.zeros(27), torch.zeros(()), torch.zeros(1, 28)])
def test_a_constant_is_no_row_tensor(wrong: Tensor) -> None:
    def script(ask: Oracle) -> Tensor:
        ask.keep(x=ask.x0, table=wrong)
        return ask.x0

    with pytest.raises(eb.InputError, match=r"'table' has shape .* holds 28 rows; expected one row for each"):
        attacked(script)


def test_points_of_rows_that_were_dropped_are_refused() -> None:
    def script(ask: Oracle) -> Tensor:
        x, _ = ask.x0, ask.keep(other=ask.x0)
        for _ in ask.steps(20):
            _, g = ask.gradient(x, margin)
            x = x + 0.01 * g.sign()
        return x

    with pytest.raises(eb.InputError, match=r"asked about 28 rows and holds \d+; hand every row tensor to ask.keep"):
        attacked(script)


@pytest.mark.parametrize("batching", [None, SMALL], ids=["one batch", "micro-batches"])
def test_a_class_to_head_for_travels_with_its_rows(batching: Batching | None) -> None:
    """Every wrong label counts while the attack heads for the class that is second, whatever the micro-batches."""

    def script(ask: Oracle) -> Tensor:
        others = ask.scores(ask.x0).scatter(1, ask.labels[:, None], -torch.inf)
        s = ask.keep(x=ask.x0, k=others.argmax(1))
        for _ in ask.steps(8):
            value, g = ask.gradient(s.x, margin, towards=s.k)
            logits = MODEL(s.x)
            gap = logits.gather(1, s.k[:, None]).squeeze(1) - logits.scatter(1, s.k[:, None], -torch.inf).amax(1)
            torch.testing.assert_close(value[ask.live], gap[ask.live].detach())
            s.x = ask.threat.ascend(s.x, g, 0.01, ask.x0)
        return s.x

    found = attacked(script, batching=batching)
    reference = eb.PGD(steps=8, first=0.2, rate=0.2, random_start=False, loss=margin)(MODEL, X, Y, THREAT)
    assert 3 < int(found.success.sum()) < 28
    assert torch.equal(found.success, reference.success)


def test_scores_are_logits_and_need_access() -> None:
    def script(ask: Oracle) -> Tensor:
        torch.testing.assert_close(ask.scores(ask.x0), MODEL(ask.x0).detach())
        return ask.x0

    attacked(script)

    class Labels(Scripted):
        access = Access.LABELS

    with pytest.raises(eb.InputError, match="asked for scores and declared labels"):
        Labels(lambda ask: ask.scores(ask.x0))(MODEL, X, Y, THREAT)


@pytest.mark.parametrize("batching", [None, SMALL], ids=["one batch", "micro-batches"])
def test_several_points_a_row_are_answered_like_one_after_the_other(batching: Batching | None) -> None:
    def points(ask: Oracle) -> Tensor:
        draws = [ask.threat.sample(ask.x0, ask.draw()) for _ in range(5)]
        return torch.stack([ask.x0, *draws], 1)

    def together(ask: Oracle) -> Tensor:
        x = points(ask)
        decisions, scores = ask.met(x), ask.scores(x)
        value, g = ask.gradient(x, cross_entropy)
        logits, jacobian = ask.linearise(x)
        assert decisions.shape == value.shape == x.shape[:2]
        assert scores.shape == logits.shape == (*x.shape[:2], 4)
        assert g.shape == x.shape
        assert jacobian.shape == (*x.shape[:2], 4, *x.shape[2:])
        wrong = MODEL(x.flatten(0, 1)).argmax(1).reshape(x.shape[:2]) != ask.labels[:, None]
        assert torch.equal(decisions, wrong)
        live = ~wrong.any(1)
        for k in range(6):
            one, slope = ask.gradient(x[:, k], cross_entropy)
            torch.testing.assert_close(value[live, k], one[live])
            torch.testing.assert_close(g[live, k], slope[live])
        return ask.x0

    found = attacked(together, batching=batching, threat=eb.Threat("linf", 0.3))
    assert bool(found.success.any())
    assert bool((found.queries[~found.success] == 1 + 6 * 4 + 6 + 1).all())


def test_of_several_points_the_nearest_success_is_kept() -> None:
    scales = torch.tensor([0.9, 0.6, 0.8, 3.0, 0.55])

    def script(ask: Oracle) -> Tensor:
        _, g = ask.gradient(ask.x0, margin)
        step = ask.threat.furthest(g, ask.x0) - ask.x0
        ask.met(ask.threat.clip(ask.x0[:, None] + scales.reshape(1, 5, 1, 1, 1) * step[:, None]))
        return ask.x0

    class Nearest(Scripted):
        minimum_norm = True

    model, x = Affine((1, 4, 4), 2), digits(28, (1, 4, 4), middle=True)
    y = model(x).argmax(1).detach()
    exact = closed_form(model, x, y, eb.linf)
    found = Nearest(script)(model, x, y, eb.Threat("linf", 2 * exact))
    direct = exact < 0.2  # farther ones are stopped by the box
    assert int(direct.sum()) > 15
    torch.testing.assert_close(found.distance[direct], 1.1 * exact[direct], rtol=0.01, atol=0)


def test_the_margin_is_asked_without_gradients_and_of_some_rows() -> None:
    asked: list[Tensor] = []
    some = torch.arange(28) % 3 == 0

    def script(ask: Oracle) -> Tensor:
        asked.extend((ask.margin(ask.x0), ask.margin(ask.x0, where=some)))
        return ask.x0

    found = attacked(script)
    expected = eb.Goal(Y).margin(MODEL(X)).detach()
    assert torch.equal(asked[0], expected)
    assert torch.equal(asked[1], expected * some)
    assert not bool(found.gradients.any())


def test_of_two_errors_of_a_sample_in_one_question_the_nearer_is_kept() -> None:
    model = Affine((1, 4, 4), 2)
    y = model(X).argmax(1).detach()
    step = closed_form(model, X, y, eb.l2)
    normal = (model.weight[1] - model.weight[0]).detach().reshape(1, 1, 4, 4)
    towards = normal / normal.norm() * (1 - 2 * y)[:, None, None, None]

    def script(ask: Oracle) -> Tensor:
        two = torch.stack([ask.x0 + c * step[:, None, None, None] * towards for c in (1.5, 1.2)], 1)
        assert bool(ask.met(two).all())
        return ask.x0

    inside = ((X + 1.5 * step[:, None, None, None] * towards - 0.5).abs() <= 0.5).flatten(1).all(1)
    x, y, step, towards = X[inside], y[inside], step[inside], towards[inside]
    found = Scripted(script)(model, x, y, eb.Threat("l2", 9.0))
    assert len(x) > 3
    torch.testing.assert_close(found.distance, 1.2 * step)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"pack": torch.zeros(4)}, "named 'pack', which is taken"),
        ({"_names": torch.zeros(4)}, "named '_names', which is taken"),
        ({"c": 3.0}, "'c' is a float; expected a tensor"),
    ],
)
def test_row_tensors_are_tensors_with_names_of_their_own(rows: dict[str, Any], words: str) -> None:
    with pytest.raises(eb.InputError, match=words):
        State(4, rows)


def test_where_no_row_is_live_nothing_is_asked_and_nothing_fails() -> None:
    answers: list[tuple[Tensor, ...]] = []

    def late(ask: Oracle) -> Tensor:
        two = torch.zeros(len(ask.x0), 2, dtype=torch.int64)
        answers.append(ask.linearise(ask.x0, two))
        ask.retire(torch.ones(len(ask.x0), dtype=torch.bool))
        answers.extend((ask.linearise(ask.x0), ask.linearise(ask.x0, two), ask.gradient(ask.x0, cross_entropy)))
        answers.append(ask.local(ask.x0, lambda local: (local.logits,)))
        return ask.x0

    found = attacked(late)
    live, none, pair, gradient, nothing = answers
    assert live[1].shape == (28, 2, 1, 4, 4)
    assert bool(live[1].any())
    assert [t.shape for t in none] == [(28, 4), (28, 4, 1, 4, 4)]
    assert [t.shape for t in pair] == [(28, 4), (28, 2, 1, 4, 4)]
    assert not any(bool(t.any()) for t in (*none, *pair, *gradient))
    assert nothing == ()
    assert found.queries.tolist() == [2] * 28
