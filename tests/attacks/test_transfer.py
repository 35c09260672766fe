"""Transfer: what the target is shown, and that the plan says which surrogate it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from contract.problems import Affine, digits
from epsball.testing import check_attack
from epsball.testing.problems import Affine as Own
from epsball.testing.problems import Recorder

if TYPE_CHECKING:
    from pathlib import Path

TARGET, SURROGATE = Affine((1, 6, 6), 4), Affine((1, 6, 6), 4, seed=9)
NEAR = Affine((1, 6, 6), 4)
with torch.no_grad():
    NEAR.weight.add_(SURROGATE.weight, alpha=0.1)
X = digits(40, (1, 6, 6))
Y = TARGET(X).argmax(1)
THREAT = eb.Threat("linf", 0.1)


@pytest.mark.parametrize("attack", [eb.PGD(steps=4), eb.DeepFool(), eb.FGSM()])
def test_the_target_is_asked_once_about_what_the_surrogate_gave(attack: eb.Attack) -> None:
    asked = Recorder(TARGET)
    threat = eb.Threat("linf") if attack.minimum_norm else THREAT
    found = eb.Transfer(attack, NEAR)(asked, X, Y, threat, seed=5)
    assert sum(map(len, asked.points)) == int(found.queries.sum())
    assert int(found.queries.max()) == 2  # the input, and the point
    shown = asked.points[-1]
    if not attack.minimum_norm:
        torch.testing.assert_close(shown, attack.maximise(NEAR, X, Y, threat, seed=5), rtol=0, atol=0)
        assert torch.equal(found.success, TARGET(shown).argmax(1) != Y)
    assert bool(found.success.any())
    assert found.gradients.tolist() == [0] * len(X)


def test_a_near_surrogate_transfers_better_than_a_far_one() -> None:
    rates = [
        eb.Transfer(eb.PGD(), net)(TARGET, X, Y, THREAT).success.double().mean().item()
        for net in (TARGET, NEAR, SURROGATE)
    ]
    assert rates[0] >= rates[1] > rates[2]
    assert rates[0] == eb.PGD()(TARGET, X, Y, THREAT).success.double().mean().item()


def test_restarts_draw_other_points() -> None:
    asked = Recorder(TARGET)
    eb.Restarts(eb.Transfer(eb.PGD(steps=1), SURROGATE), 2)(
        asked, X, TARGET(X).argmin(1) * 0 + Y, eb.Threat("linf", 0.001)
    )
    shown = [points for points in asked.points if len(points) == len(X)]
    assert not torch.equal(shown[-1], shown[-2])


@pytest.mark.parametrize("attack", [eb.PGD(steps=4), eb.DeepFool()])
def test_it_keeps_the_contract(attack: eb.Attack) -> None:
    check_attack(eb.Transfer(attack, Own(seed=3)))


def test_the_surrogate_stands_in_the_plan(tmp_path: Path) -> None:
    def run(surrogate: torch.nn.Module) -> eb.Evaluation:
        return eb.evaluate(
            TARGET, (X, Y), THREAT, suite={"transfer": eb.Transfer(eb.PGD(steps=4), surrogate)}, out=tmp_path / "run"
        )

    assert not run(SURROGATE).reused
    recorded = eb.load_run(tmp_path / "run").plan.attacks["transfer"]
    assert recorded.access == "NOTHING"
    assert recorded.settings["surrogate"]["class"] == "Affine"
    assert len(recorded.settings["surrogate"]["weights"]) == 64
    assert run(Affine((1, 6, 6), 4, seed=9)).reused
    with pytest.raises(eb.InputError, match=r"surrogate\.weights"):
        run(NEAR)
