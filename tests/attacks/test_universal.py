"""Universal perturbations: one for all, found on other data, held and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from contract.problems import Affine, SmallNet, digits
from epsball.testing import check_attack

if TYPE_CHECKING:
    from pathlib import Path

NET = SmallNet().double().eval()
OWN, X = digits(100, (1, 8, 8), seed=2), digits(60, (1, 8, 8))
OWN_Y, Y = NET(OWN).argmax(1), NET(X).argmax(1)
THREAT = eb.Threat("linf", 0.15)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_what_is_found_on_other_data_turns_more_than_noise_of_its_length(norm: str) -> None:
    threat = eb.Threat(norm, {"linf": 0.15, "l2": 1.0, "l1": 6.0}[norm])
    held = eb.universal(NET, OWN, OWN_Y, threat)
    v = held.perturbation[None]
    assert float(threat.norm(v)) <= float(threat.eps) * (1 + 1e-6)
    found, noise = held(NET, X, Y, threat), eb.AdditiveNoise(draws=1)(NET, X, Y, threat)
    assert int(found.success.sum()) > 2 * int(noise.success.sum()) + 5
    against = eb.Universal(-held.perturbation)(NET, X, Y, threat)
    assert int(against.success.sum()) < int(found.success.sum())


def test_it_is_added_to_every_sample_and_asked_about_once() -> None:
    v = torch.full((1, 8, 8), 0.1, dtype=torch.float64)
    model = Affine((1, 8, 8), 4)
    y = model(X).argmax(1)
    found = eb.Universal(v)(model, X, y, THREAT)
    shown = THREAT.project(X + v, X)
    assert torch.equal(found.success, model(shown).argmax(1) != y)
    assert int(found.queries.max()) == 2
    torch.testing.assert_close(found.x[found.success], shown[found.success])


def test_the_seed_decides_the_order_and_nothing_else_does() -> None:
    torch.manual_seed(5)
    one = eb.universal(NET, OWN, OWN_Y, THREAT, epochs=2, seed=1).perturbation
    torch.manual_seed(6)
    assert torch.equal(one, eb.universal(NET, OWN, OWN_Y, THREAT, epochs=2, seed=1).perturbation)
    assert not torch.equal(one, eb.universal(NET, OWN, OWN_Y, THREAT, epochs=2, seed=2).perturbation)


def test_it_keeps_the_contract() -> None:
    check_attack(eb.Universal(0.2 * digits(1, (1, 6, 6))[0] - 0.1))


def test_its_digest_stands_in_the_plan(tmp_path: Path) -> None:
    def run(v: torch.Tensor) -> eb.Evaluation:
        return eb.evaluate(NET, (X, Y), THREAT, suite={"universal": eb.Universal(v)}, out=tmp_path / "run")

    v = 0.1 * digits(1, (1, 12, 12), seed=8)[0][:, :8, :8]
    run(v)
    assert run(v.clone()).reused
    recorded = eb.load_run(tmp_path / "run").plan.attacks["universal"].settings["perturbation"]
    assert recorded["shape"] == [1, 8, 8]
    assert len(recorded["sha256"]) == 64
    with pytest.raises(eb.InputError, match=r"perturbation\.sha256"):
        run(v + 1e-3)


def test_another_shape_is_refused() -> None:
    with pytest.raises(eb.InputError, match="expected the shape of one input"):
        eb.Universal(torch.zeros(1, 4, 4))(NET, X, Y, THREAT)


@pytest.mark.parametrize("setting", ["epochs", "batch_size"])
def test_no_data_at_all_is_no_search(setting: str) -> None:
    with pytest.raises(eb.InputError, match=f"{setting} was given as 0; expected a whole number of at least 1"):
        eb.universal(NET, OWN, OWN_Y, THREAT, **{setting: 0})
