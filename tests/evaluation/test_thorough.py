"""A thorough evaluation: what slips through a bare run is caught by each of its checks, and honest networks pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.errors import InputError, UntrustworthyError
from epsball.evaluation import thorough
from epsball.evaluation.thorough import ROWS, controls, doubled
from epsball.verification.verify import verify
from forgery import contents, seal
from toy import same

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk", "little_search")

EPS = 0.06
CHECKS = ("D07", "D10", "D11", "D12", "D24")


@pytest.fixture
def little_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few points of noise and few steps of search: 36 features need no more."""
    monkeypatch.setattr(thorough, "DRAWS", 40)
    monkeypatch.setattr(thorough, "SEARCH", 40)


class Misled(torch.autograd.Function):
    """The identity with another backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, backward: Any) -> Tensor:
        ctx.answer = backward
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return ctx.answer(g), None


def network() -> nn.Sequential:
    """Two layers of which the second has features to plant in."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(36, 40), nn.ReLU(), nn.Linear(40, 3))
        return net.requires_grad_(requires_grad=False)


def misled(backward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    net = network()
    return lambda x: net(Misled.apply(x, backward))  # type: ignore[no-untyped-call] # as PyTorch declares it


def samples(n: int = 100) -> tuple[Tensor, Tensor]:
    x = torch.rand(n, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return x, network()(x).argmax(1)


def run(net: Callable[[Tensor], Tensor], attack: Any, eps: float = EPS, **given: Any) -> Evaluation:
    quiet = {"progress": lambda *_: None} | given
    return eb.evaluate(net, samples(), eb.Threat("linf", eps), suite=attack, thorough=True, **quiet)


def found(run: Evaluation) -> dict[str, str]:
    return {each.id: each.severity for each in run.findings if each.id in CHECKS}


def passes(run: Evaluation, name: str) -> np.ndarray[Any, Any]:
    rows = run.attacks[name]
    return rows.queries + rows.gradients


GOOD = [eb.PGD(steps=20, rate=0.1)]


def test_an_honest_network_passes_and_every_finding_says_how_sure_it_is() -> None:
    result = run(network(), GOOD, EPS / 2)
    assert found(result) == dict.fromkeys(CHECKS, "INFO")
    robust = int((result.upper > EPS / 2).sum())
    assert robust > ROWS
    for finding in result.findings:
        if finding.id in CHECKS:
            assert f"{ROWS} " in finding.evidence
            assert "at most" in finding.evidence
    for name in ("noise-1000", "blackbox", "more-steps", "more-restarts", "planted"):
        assert len(result.attacks[name]) == ROWS
        assert set(result.attacks[name].id) == set(result.attacks["planted"].id)
    alone = result.attacks["blackbox-alone"], result.attacks["whitebox-alone"]
    assert np.array_equal(alone[0].id, alone[1].id)
    assert passes(result, "whitebox-alone").max() >= passes(result, "blackbox-alone").max()
    assert (result.attacks["noise-1000"].queries >= thorough.DRAWS).all()


@pytest.mark.thorough
def test_half_of_the_samples_are_those_that_the_suite_brought_nearest() -> None:
    result = run(network(), [eb.FMN(steps=20), *GOOD], EPS / 2)
    chosen = np.isin(result.ids, result.attacks["noise-1000"].id)
    standing = np.sort(result.upper[result.upper > EPS / 2])
    assert set(standing[: ROWS // 2]) <= set(result.upper[chosen])
    assert result.upper[chosen].max() > standing[ROWS]


def test_gradients_that_lead_away_are_caught_by_search_without_them_and_by_what_is_planted() -> None:
    result = run(misled(lambda g: -g), GOOD)
    assert result.attacks["pgd"].success.mean() < 0.2
    assert found(result)["D07"] == found(result)["D24"] == "FAIL"
    assert not result.trusted
    broken = result.attacks["blackbox"]
    assert (result.upper[np.isin(result.ids, broken.id[broken.success])] <= EPS).all()
    assert "blackbox" in set(result.by.tolist())


def test_noise_that_breaks_what_withstood_the_suite_is_caught() -> None:
    result = run(misled(torch.zeros_like), [eb.PGD(steps=5, random_start=False)], 0.25)
    assert result.attacks["noise-1000"].success.any()
    assert found(result)["D10"] == "FAIL"


def test_too_few_steps_are_caught() -> None:
    few = eb.PGD(steps=2, first=0.3, rate=0.3, random_start=False)
    result = run(network(), [few])
    assert found(result)["D11"] == "WARN"
    assert found(result)["D12"] == "INFO"


def test_too_few_restarts_are_caught() -> None:
    flat = eb.PGD(steps=1, first=0.01, rate=0.01, random_start=True)
    result = run(misled(torch.zeros_like), [flat], 0.45)
    assert found(result)["D12"] == "WARN"


@pytest.mark.thorough
def test_a_network_is_judged_by_what_its_suite_has() -> None:
    x, y = samples(20)

    def scores(v: Tensor) -> Tensor:
        logits: Tensor = network()(v)
        return logits.detach()

    suite = [eb.Square(steps=100)]
    result = eb.evaluate(scores, (x, y), eb.Threat("linf", 0.01), suite=suite, thorough=True, progress=lambda *_: None)
    assert set(result.attacks) == {"square", "noise-1000", "more-steps", "more-restarts", "planted"}
    assert found(result) == dict.fromkeys(("D10", "D11", "D12", "D24"), "INFO")


def test_names_that_are_taken_get_another() -> None:
    made = controls({"planted": eb.PGD()}, eb.Threat("linf", 0.1), (5, 1, 6, 6))
    assert "thorough-planted" in made
    assert "planted" not in made


@pytest.mark.thorough
@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
@pytest.mark.parametrize("shape", [(1, 6, 6), (36,)])
def test_every_norm_and_shape_has_its_controls(norm: str, shape: tuple[int, ...]) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    x = torch.rand(4, *shape, generator=torch.Generator().manual_seed(0))
    threat = eb.Threat(norm, 2 if norm == "l0" else 0.01)
    suite = {"pgd": eb.PGD(steps=2)}
    for attack in controls(suite, threat, x.shape).values():
        assert attack.norms.count(norm) == 1
    with torch.no_grad():
        y = net(x).argmax(1)
    result = eb.evaluate(net, (x, y), threat, suite=suite, thorough=True, anyway=True, progress=lambda *_: None)
    assert len(result.attacks) == 8


def test_steps_are_doubled_wherever_they_are() -> None:
    assert doubled(eb.PGD(steps=7)) == eb.PGD(steps=14)
    assert doubled(eb.Restarts(eb.APGD(steps=5), 3)) == eb.Restarts(eb.APGD(steps=10), 3)
    stages = eb.attacks.Cascade(eb.attacks.Stage(eb.PGD(steps=3), 0.5), eb.attacks.Stage(eb.Square(steps=4)))
    twice = eb.attacks.Cascade(eb.attacks.Stage(eb.PGD(steps=6), 0.5), eb.attacks.Stage(eb.Square(steps=8)))
    assert doubled(stages) == twice
    assert doubled(eb.FGSM()) == eb.FGSM()


@pytest.mark.parametrize(
    ("attack", "eps", "said"),
    [
        (eb.PGD(), np.inf, "infinite ε"),
        (eb.attacks.Targeted(eb.PGD(), 1), 0.1, "one class"),
        (eb.AdditiveNoise(), 0.1, "only draws noise"),
    ],
)
def test_what_cannot_be_looked_at_thoroughly_is_refused(attack: eb.Attack, eps: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        controls({"attack": attack}, eb.Threat("linf", eps), (1, 1, 6, 6))


@pytest.mark.thorough
def test_a_thorough_run_goes_on_where_it_was_killed_and_is_verified(tmp_path: Path) -> None:
    net = misled(lambda g: -g)
    whole = run(net, GOOD, out=tmp_path / "whole")

    def stop(stage: str, _done: int, _total: int) -> None:
        if stage == "more-steps":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(net, GOOD, out=tmp_path / "killed", progress=stop)
    again = run(net, GOOD, out=tmp_path / "killed")
    assert same(whole, again)
    assert found(whole) == found(again)
    verify(tmp_path / "killed", net)
    read = eb.load_run(tmp_path / "killed")
    assert found(read) == found(whole)
    manifest = contents(tmp_path / "killed")
    manifest["plan"]["attacks"]["noise-1000"]["settings"]["drawn"] = 15
    seal(tmp_path / "killed", manifest)
    with pytest.raises((UntrustworthyError, InputError), match="noise-1000"):
        verify(tmp_path / "killed", net)


def test_elsewhere_the_controls_are_run_again_on_their_own_samples(tmp_path: Path) -> None:
    net = misled(lambda g: -g)
    recorded = run(net, GOOD, out=tmp_path)
    manifest = contents(tmp_path)
    manifest["plan"]["environment"]["versions"]["torch"] = "2.12.0"
    seal(tmp_path, manifest)
    replay = eb.verify(tmp_path, net, replay=len(recorded)).replay
    assert replay is not None
    assert "torch 2.12.0" in replay.elsewhere
    assert all((test.more, test.fewer) == (0, 0) for test in replay.tests)
    assert replay.rows == sum(map(len, recorded.attacks.values()))
