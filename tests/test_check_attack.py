"""`check_attack` passes the library's wrappers and notices attacks that break the contract."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.attacks.base import Attack
from epsball.losses import cross_entropy
from epsball.testing import check_attack
from epsball.testing.contract import draws_from_the_seed_alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.oracle.forward import Local
    from epsball.oracle.oracle import Oracle


@pytest.mark.parametrize(
    "attack",
    [
        eb.Targeted(eb.PGD(steps=20), 1),
        eb.Targeted(eb.DeepFool(), 3),
        eb.Worst(eb.Targeted(eb.PGD(steps=20), 0), eb.Targeted(eb.PGD(steps=20), 2)),
        eb.Restarts(eb.PGD(steps=20), 2),
        pytest.param(eb.Restarts(eb.Targeted(eb.LBFGS(steps=12, searches=6), 2), 2), marks=pytest.mark.thorough),
    ],
    ids=["pgd", "deepfool", "worst", "restarts", "restarts of l-bfgs"],
)
def test_wrappers_keep_the_contract(attack: Attack) -> None:
    check_attack(attack, ["l2"])


@dataclass(frozen=True)
class Noise(Attack):
    """One point of noise from a source of its own."""

    source: Callable[[Tensor], Tensor]
    may_fail = True

    def run(self, ask: Oracle) -> Tensor:
        return ask.threat.project(ask.x0 + 0.02 * self.source(ask.x0), ask.x0)


@pytest.mark.parametrize(
    "source",
    [
        torch.randn_like,
        lambda x: torch.as_tensor(np.random.standard_normal(tuple(x.shape))).to(x),  # noqa: NPY002 - what must be noticed
        lambda x: x.new_full(x.shape, random.gauss(0, 1)),
        lambda x: torch.tensor([random.gauss(0, 1) for _ in range(x.numel())]).reshape(x.shape).to(x),
    ],
)
def test_global_random_numbers_are_noticed(source: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(AssertionError, match="draws global random numbers"):
        draws_from_the_seed_alone(Noise(source), "linf")
    with pytest.raises(AssertionError):
        check_attack(Noise(source), ["linf"])


@dataclass(frozen=True)
class OneMicroBatch(Attack):
    """Ascends the loss, and descends it where it sees just two or three rows at once."""

    may_fail = True

    def run(self, ask: Oracle) -> Tensor:
        def answer(local: Local) -> tuple[Tensor, ...]:
            g = local.gradient(cross_entropy(local.logits, local.goal))
            return (-g if len(g) in {2, 3} else g,)

        (g,) = ask.local(ask.x0, answer, into=(torch.zeros_like(ask.x0),))
        return ask.threat.furthest(g, ask.x0)


def test_an_answer_that_depends_on_its_micro_batch_is_noticed() -> None:
    with pytest.raises(AssertionError, match="another batch"):
        check_attack(OneMicroBatch(), ["l2"])


@dataclass(frozen=True)
class Deaf(Attack):
    """Says that it begins at starting points, and does not."""

    accepts_start = True
    may_fail = True

    def run(self, ask: Oracle) -> Tensor:
        return ask.x0


def test_starting_points_that_are_passed_over_are_noticed() -> None:
    with pytest.raises(AssertionError, match="never asks about them"):
        check_attack(Deaf(), ["linf"])


def test_a_check_in_no_norm_is_refused() -> None:
    with pytest.raises(eb.InputError, match="no norm"):
        check_attack(eb.PGD(), [])
