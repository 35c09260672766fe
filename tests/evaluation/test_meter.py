"""The progress of an evaluation moves with every micro-batch, and its estimate holds, on a clock of passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from contract.problems import first_of
from epsball.attacks.combine import Restarts, Targeted, Worst
from epsball.attacks.suites import suite
from epsball.evaluation import meter
from epsball.evaluation.evaluate import evaluate
from epsball.oracle.batching import Batching
from epsball.progress import Pace
from toy import CLASSES, SUITE, Affine, samples


class Timed(nn.Module):
    """A network whose forward pass of a row takes one second of its own clock and whose gradient takes two, beside those of a call."""

    def __init__(self, net: nn.Module, a_call: float = 0.0) -> None:
        super().__init__()
        self.net, self.a_call, self.clock = net, a_call, 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.clock += self.a_call + len(x)
        logits: Tensor = self.net(x)
        if logits.requires_grad:
            logits.register_hook(self.back)  # type: ignore[no-untyped-call] # torch leaves it untyped
        return logits

    def back(self, gradient: Tensor) -> None:
        self.clock += 2 * len(gradient)


@dataclass
class Watched:
    """What the progress said, and when by the network's clock."""

    net: Timed
    said: list[tuple[float, str, int, int]] = field(default_factory=list)
    left: list[float | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pace = Pace(lambda: self.net.clock)

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.said.append((self.net.clock, stage, done, total))
        self.left.append(self.pace.left(done, total))


def watched(
    eps: float,
    attacks: object,
    chunk_size: int = 1024,
    scale: float = 1.0,
    n: int = 60,
    a_call: float = 0.0,
    batch_size: int = 8,
) -> Watched:
    net = Affine()
    with torch.no_grad():
        net.weight.mul_(scale)
        net.bias.mul_(scale)
    seen = Watched(Timed(net, a_call))
    batching = Batching(batch_size=batch_size, channels_last=False, block_size=3 * batch_size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meter, "monotonic", lambda: seen.net.clock)
        evaluate(
            seen.net,
            samples(n),
            eb.Threat("linf", eps),
            attacks,  # type: ignore[arg-type] # a test may hand in what it likes
            progress=seen,
            chunk_size=chunk_size,
            batching=batching,
        )
    return seen


@pytest.mark.parametrize("chunk_size", [16, 1024])
def test_it_moves_with_every_micro_batch_and_ends_with_everything_done(chunk_size: int) -> None:
    seen = watched(0.004, SUITE, chunk_size).said
    assert list(dict.fromkeys(stage for _, stage, _, _ in seen)) == ["clean pass", "checks", *SUITE]
    done = [done for _, _, done, _ in seen]
    assert done == sorted(done)
    assert all(done <= total for _, _, done, total in seen)
    assert seen[-1][2] == seen[-1][3]
    after = [clock for clock, stage, _, _ in seen if stage in SUITE]
    assert max(later - earlier for earlier, later in pairwise(after)) <= 8 * 3 * (1 + CLASSES)
    first = next(clock for clock, _, done, _ in seen if done)
    assert first == 8, "the clean pass moves with its first micro-batch"


@pytest.mark.parametrize("eps", first_of(0.006, 0.002, 0.02))
@pytest.mark.parametrize("attacks", [suite("standard"), suite("quick"), {"pgd": eb.PGD(steps=30)}], ids=len)
def test_after_a_fifth_of_the_time_the_estimate_is_right_within_a_factor_of_two(eps: float, attacks: object) -> None:
    # the checks, which no estimate covers, cost the same for any number of samples
    assert_right_within_a_factor_of_two(watched(eps, attacks, n=120))


def test_so_it_is_where_calls_of_few_rows_take_most_of_the_time() -> None:
    assert_right_within_a_factor_of_two(watched(0.002, suite("standard"), n=500, a_call=100, batch_size=250))


def test_so_it_is_where_searches_by_labels_ask_of_few_rows_in_each_call() -> None:
    attacks = {"hop-skip-jump": eb.HopSkipJump(steps=16), "rays": eb.RayS(steps=600)}
    assert_right_within_a_factor_of_two(watched(0.0005, attacks, n=20, a_call=100, batch_size=1000))


def assert_right_within_a_factor_of_two(seen: Watched) -> None:
    start, end = seen.said[0][0], seen.said[-1][0]
    for (clock, stage, done, total), left in zip(seen.said, seen.left, strict=True):
        if clock - start >= 0.2 * (end - start):
            estimate = clock - start + (left or 0.0)
            assert 0.5 <= estimate / (end - start) <= 2, (stage, done, total)


@pytest.mark.parametrize(
    ("attack", "passes"),
    [
        (eb.AdditiveNoise(draws=7), 7),
        (eb.FGSM(), 2),
        (eb.PGD(steps=9), 18),
        (Restarts(eb.PGD(steps=9), 3), 54),
        (Worst(eb.FGSM(), eb.PGD(steps=9)), 20),
        (Targeted(eb.PGD(steps=9), 0), 18),
    ],
)
def test_what_a_sample_that_resists_costs_is_known_beforehand(attack: eb.Attack, passes: float) -> None:
    assert attack.expected_passes == passes
    x, y = samples()
    given = x[y != 0], y[y != 0]
    found = attack(Affine(), *given, eb.Threat("linf", 1e-6))
    spent = (found.queries + found.gradients)[~found.success]
    assert passes <= spent.max() <= passes + 3
