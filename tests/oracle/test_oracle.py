from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from contract.problems import Affine, digits
from epsball.attacks.base import Attack
from epsball.losses import cross_entropy
from epsball.oracle.batching import Batching, choose_batching, tune
from epsball.oracle.forward import Access

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.threat import Threat

MODEL = Affine((1, 4, 4), 3)
X = digits(40, (1, 4, 4))
Y = MODEL(X).argmax(1)
SMALL = Batching(batch_size=8, channels_last=False, block_size=1000)


class Counting:
    """A model that notes the size of every batch, and runs out of memory above a limit."""

    def __init__(self, limit: int = 10**9) -> None:
        self.sizes: list[int] = []
        self.limit = limit

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) > self.limit:
            raise torch.OutOfMemoryError("out of memory")
        self.sizes.append(len(x))
        out: Tensor = MODEL(x)
        return out


def test_live_rows_are_packed_into_full_micro_batches() -> None:
    net = Counting()
    found = eb.PGD(steps=12, random_start=False)(net, X, Y, eb.Threat("linf", 0.03), batching=SMALL)
    passes = int(found.queries.max())
    assert 5 < int(found.success.sum()) < 35
    assert max(net.sizes) == 8
    assert sum(net.sizes) == int(found.queries.sum())
    assert len(net.sizes) <= sum(math.ceil(int((found.queries > t).sum()) / 8) for t in range(passes))
    assert bool((found.queries[found.success] <= found.queries[~found.success].min()).all())


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_memory_that_runs_out_halves_the_micro_batch_and_changes_nothing(limit: int) -> None:
    threat = eb.Threat("l2", 0.1)
    tight, wide = Counting(limit), Counting()
    found = eb.PGD(steps=5)(tight, X, Y, threat)
    reference = eb.PGD(steps=5)(wide, X, Y, threat)
    assert max(tight.sizes) <= limit
    torch.testing.assert_close(found.x, reference.x, rtol=0, atol=1e-12)
    assert torch.equal(found.queries, reference.queries)


def test_memory_that_cannot_hold_one_input_is_a_sentence() -> None:
    with pytest.raises(eb.ModelError, match="single input"):
        eb.FGSM()(Counting(limit=0), X, Y, eb.Threat("linf", 0.1))


@dataclass(frozen=True)
class Greedy(Attack):
    """Declares less than it asks for."""

    access = Access.LABELS

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:  # noqa: ARG002 - the question is refused
        ask.gradient(x0, cross_entropy)
        return x0


def test_an_attack_gets_no_more_than_it_declared() -> None:
    with pytest.raises(eb.InputError, match="asked for gradient and declared labels"):
        Greedy()(MODEL, X, Y, eb.Threat("linf", 0.1))


@dataclass(frozen=True)
class FrankWolfe(Attack):
    """The attack that the documentation adds: a plain loop over full tensors."""

    steps: int = 20

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        x = x0
        for t in ask.steps(self.steps):
            _, g = ask.gradient(x, cross_entropy)
            x = x + 2 / (t + 2) * (threat.furthest(g, x0) - x)
        return x


@dataclass(frozen=True)
class Outside(FrankWolfe):
    """Leaves the threat."""

    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        return super().run(ask, x0, replace(threat, eps=2 * threat.eps))


def test_a_plain_loop_over_full_tensors_is_an_attack() -> None:
    threat = eb.Threat("linf", 0.03)
    found, pgd = FrankWolfe()(MODEL, X, Y, threat), eb.PGD()(MODEL, X, Y, threat)
    assert int(found.success.sum()) >= int(pgd.success.sum()) - 1
    assert bool(threat.contains(found.x, X).all())


def test_points_outside_the_threat_never_count() -> None:
    threat = eb.Threat("linf", 0.03)
    found = Outside()(MODEL, X, Y, threat)
    assert bool(threat.contains(found.x, X).all())
    assert bool((found.distance[found.success] <= 0.03).all())


def test_a_jacobian_equals_one_gradient_per_class() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    @dataclass(frozen=True)
    class Linearise(Attack):
        def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:  # noqa: ARG002 - only a question
            seen.append(ask.linearise(x0))
            seen.append(ask.linearise(x0, torch.tensor([[2, 0]]).expand(len(x0), 2)))
            return x0

    Linearise()(MODEL, X, Y, eb.Threat("linf", 0.1), batching=SMALL)
    (logits, jacobian), (_, chosen) = seen
    torch.testing.assert_close(logits, MODEL(X).detach())
    torch.testing.assert_close(jacobian.flatten(2), MODEL.weight.detach().expand(40, 3, 16))
    torch.testing.assert_close(chosen, jacobian[:, [2, 0]])


def test_blocks_of_rows_give_the_same_answer_as_all_at_once() -> None:
    threat = eb.Threat("l2", 0.1)
    whole = eb.Restarts(eb.PGD(steps=4), 2)(MODEL, X, Y, threat)
    cut = eb.Restarts(eb.PGD(steps=4), 2)(
        MODEL, X, Y, threat, batching=Batching(batch_size=5, channels_last=False, block_size=11)
    )
    torch.testing.assert_close(cut.x, whole.x, rtol=0, atol=1e-12)
    assert torch.equal(cut.queries, whole.queries)


def test_maximise_does_not_stop_at_hits_and_returns_the_last_point() -> None:
    threat = eb.Threat("linf", 0.3)
    net = Counting()
    x = eb.PGD(steps=7).maximise(net, X, Y, threat)
    assert sum(net.sizes) == 7 * len(X)
    assert bool(threat.contains(x, X).all())
    assert bool((cross_entropy(MODEL(x), eb.Goal(Y)) > cross_entropy(MODEL(X), eb.Goal(Y))).all())


def test_the_layout_follows_a_written_rule() -> None:
    convolutional = eb.wrap(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten()))
    image = torch.zeros(2, 3, 224, 224)
    assert choose_batching(convolutional, torch.zeros(9, 3, 32, 32)) == Batching(256, True, 2**28 // (3 * 32 * 32 * 4))  # noqa: FBT003 - as printed
    assert choose_batching(convolutional, image).batch_size == 8
    assert choose_batching(eb.wrap(MODEL), X.float()).batch_size == 1024
    assert not choose_batching(eb.wrap(MODEL), X.float()).channels_last
    tuned = tune(convolutional, torch.rand(16, 3, 8, 8))
    assert tuned.record().keys() == {"batch_size", "channels_last", "block_size", "bfloat16", "tiles"}


def test_what_a_search_in_bfloat16_claims_is_asked_again() -> None:
    single = Affine((1, 4, 4), 3, dtype=torch.float32)

    class Rounded:
        """An affine model that calls every point an error, but only where products are in bfloat16."""

        def __init__(self) -> None:
            self.lowered = 0

        def __call__(self, x: Tensor) -> Tensor:
            out: Tensor = single(x)
            if torch.is_autocast_enabled("cpu"):
                self.lowered += len(x)
                return out + (out.roll(1, 1) - out).detach()
            return out

    threat, net, x = eb.Threat("linf", 0.01), Rounded(), X.float()
    exact = eb.PGD(steps=6, random_start=False)(single, x, Y, threat, batching=SMALL)
    found = eb.PGD(steps=6, random_start=False)(net, x, Y, threat, batching=replace(SMALL, bfloat16=True))
    assert net.lowered > 0
    assert bool((single(found.x).argmax(1)[found.success] != Y[found.success]).all())
    assert 0 < int(found.success.sum()) <= int(exact.success.sum()) + 1
    assert bool((found.queries[~found.success] > exact.queries[~found.success].max()).all())


def test_float64_is_never_lowered() -> None:
    threat, double = eb.Threat("linf", 0.02), Affine((1, 4, 4), 3).double()
    low = replace(SMALL, bfloat16=True)
    runs = [eb.PGD(steps=6)(double, X.double(), Y, threat, batching=batching) for batching in (SMALL, low)]
    assert torch.equal(runs[0].x, runs[1].x)
