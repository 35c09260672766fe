"""An attack is made again from what the plan says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import pytest
import torch

import epsball as eb
from epsball.attacks.registry import registry
from epsball.attacks.suites import SUITES, suite
from epsball.evaluation.plan import attack_plan
from epsball.losses import cross_entropy
from epsball.record.plan import AttackPlan, portable, real
from epsball.replay.rebuild import attack_of, threat_of
from toy import Affine, toy_run

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from epsball.goal import Goal
    from epsball.oracle.oracle import Oracle

ATTACKS: dict[str, eb.Attack] = {
    **{name: make() for name, make in registry().items()},
    **{
        f"{name}:{one}": each
        for name in SUITES
        for images in (True, False)
        for one, each in suite(name, images=images).items()
    },
    "restarts": eb.Restarts(eb.PGD(steps=3, loss="margin"), 2),
    "worst": eb.Worst(eb.PGD(), eb.FGSM()),
    "targeted": eb.Targeted(eb.PGD(), 3),
    "momentum": eb.MomentumPGD(steps=3),
}


def own_loss(logits: Tensor, goal: Goal) -> Tensor:
    return cross_entropy(logits, goal)


@dataclass(frozen=True)
class Still(eb.Attack):
    """Looks at the input."""

    starts_at_input = True

    steps: int = 1

    def run(self, ask: Oracle) -> Tensor:
        ask.margin(ask.x0)
        return ask.x0


def read(attack: eb.Attack) -> AttackPlan:
    """What a record gives back of an attack's plan."""
    written = json.dumps(portable(attack_plan(attack, 0)))
    return msgspec.json.decode(written, type=AttackPlan, dec_hook=real)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_of_the_library_is_made_again(name: str) -> None:
    attack = ATTACKS[name]
    again = attack_of(name, read(attack))
    assert type(again) is type(attack)
    assert portable(attack_plan(again, 0)) == portable(attack_plan(attack, 0))


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        (Still(), "the class .*:Still' is unknown"),
        (eb.Restarts(Still(), 2), "the class .*:Still' is unknown"),
        (eb.PGD(loss=own_loss), "the function .*:own_loss' is unknown"),
        (eb.Transfer(eb.PGD(), Affine()), "(?:Transfer|class|setting)"),
    ],
)
def test_what_only_the_record_names_is_not_made(attack: eb.Attack, sentence: str) -> None:
    with pytest.raises(eb.InputError, match=f"cannot be made again from its record: .*{sentence}"):
        attack_of("one", read(attack))
    assert attack_of("one", read(attack), attack) is attack


def test_a_class_that_the_verifier_names_is_made() -> None:
    assert attack_of("one", read(Still(steps=3)), Still) == Still(steps=3)
    with pytest.raises(eb.InputError, match="Still was named"):
        attack_of("one", read(eb.PGD()), Still)


def test_a_replay_needs_the_attacks_and_takes_those_that_are_named(tmp_path: Path) -> None:
    toy_run(tmp_path, suite={"still": Still(), "fgsm": eb.FGSM()})
    assert any("the settings of still were not checked" in note for note in eb.verify(tmp_path, Affine()).notes)
    with pytest.raises(eb.InputError, match=r"the attack still .* cannot be made again"):
        eb.verify(tmp_path, Affine(), replay=5)
    for given in (Still, Still()):
        assert eb.verify(tmp_path, Affine(), replay=5, attacks={"still": given}).replay is not None
    with pytest.raises(eb.UntrustworthyError, match=r"settings\.steps"):
        eb.verify(tmp_path, Affine(), attacks={"still": Still(steps=2)})


def test_a_box_with_limits_of_each_feature_is_made_again(tmp_path: Path) -> None:
    low = torch.full((1, 4, 4), 0.1)
    run = toy_run(tmp_path, threat=eb.Threat("linf", 0.01, low=low, levels=None), suite={"fgsm": eb.FGSM()})
    again = threat_of(run.plan.threat, torch.float32, torch.device("cpu"))
    assert torch.equal(torch.as_tensor(again.low), low)
    assert eb.verify(tmp_path, Affine(), replay=5).replay is not None
