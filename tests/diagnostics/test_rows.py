"""Each check of the rows fires on rows that contradict themselves, and not on those of an honest run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.diagnostics import adaptive_attack, consistency, dropped_claims, lucky_draws, sample_size
from epsball.record import AttackRows
from epsball.record.evaluation import ATTACK_COLUMNS
from epsball.record.metrics import wilson
from toy import EPS, SUITE, Affine, samples, toy_run

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.record import Finding

IDS = np.arange(100)
FACTS: dict[str, dict[str, Any]] = {
    "noise": {"class": "AdditiveNoise", "access": "LABELS", "minimum_norm": False, "draws": 10},
    "fgsm": {"class": "FGSM", "access": "GRADIENT", "minimum_norm": False},
    "square": {"class": "Square", "access": "SCORES", "minimum_norm": False, "steps": 100},
    "pgd": {"class": "PGD", "access": "GRADIENT", "minimum_norm": False, "steps": 40, "rate": 0.1},
    "deepfool": {"class": "DeepFool", "access": "GRADIENT", "minimum_norm": True, "steps": 50},
}


def rows(broken: int, asked: int = 100, *, distance: float = EPS, queries: int = 3) -> AttackRows:
    """An attack that broke the first few of the samples it was asked about."""
    hit = np.arange(asked) < broken
    columns = {name: np.zeros(asked, kind) for name, kind in ATTACK_COLUMNS.items()}
    columns |= {"id": IDS[:asked], "success": hit, "distance": np.where(hit, distance, np.inf)}
    return AttackRows.of(columns | {"queries": np.full(asked, queries)})


def found(**attacks: AttackRows) -> list[tuple[str, str]]:
    return [(doubt.id, doubt.severity) for doubt in consistency(IDS, attacks, FACTS, EPS)]


def test_one_step_must_not_beat_many() -> None:
    assert found(fgsm=rows(2), pgd=rows(1)) == [("D06", "FAIL")]
    assert found(fgsm=rows(2), pgd=rows(2)) == []
    assert found(fgsm=rows(2), pgd=rows(50)) == []
    assert found(fgsm=rows(2), deepfool=rows(100)) == []


def test_samples_that_only_one_side_was_asked_about_prove_nothing() -> None:
    rest = AttackRows.of({name: values[50:] for name, values in rows(100).columns().items()})
    assert found(fgsm=rows(50), pgd=rest) == []


def test_noise_must_not_succeed_where_gradients_fail() -> None:
    assert found(noise=rows(1), pgd=rows(0)) == [("D10", "FAIL")]
    assert found(noise=rows(1), pgd=rows(0), deepfool=rows(100)) == []
    assert found(noise=rows(1, asked=100), deepfool=rows(100, distance=2 * EPS)) == []


def test_scores_must_not_beat_gradients() -> None:
    assert found(square=rows(1), pgd=rows(0)) == [("D07", "FAIL")]
    assert found(square=rows(1), pgd=rows(1)) == []


def test_an_attack_must_have_tried() -> None:
    assert found(pgd=rows(40, queries=0)) == [("D17", "FAIL")]
    assert found(pgd=rows(100, queries=0)) == []
    assert consistency(IDS, {"pgd": rows(0, queries=0)}, FACTS, 0.0) == []


def test_an_unlimited_attack_must_reach_nearly_all() -> None:
    assert found(deepfool=rows(90)) == [("D08", "WARN")]
    assert found(deepfool=rows(95)) == []


@pytest.mark.parametrize(
    ("steps", "rate", "fires"), [(10, 0.1, False), (5, 0.1, True), (40, 2.5, True), (1, 1.0, False)]
)
def test_steps_must_be_able_to_cross_the_ball(steps: int, rate: float, *, fires: bool) -> None:
    facts = {"pgd": FACTS["pgd"] | {"steps": steps, "rate": rate}}
    assert [doubt.id for doubt in consistency(IDS, {"pgd": rows(9)}, facts, EPS)] == ["D13"] * fires


@dataclasses.dataclass(frozen=True)
class Asleep(eb.Attack):
    """Asks nothing."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        found = super().__call__(*arguments, **settings)
        return dataclasses.replace(found, queries=0 * found.queries)

    def run(self, ask: Oracle, x0: Tensor, threat: eb.Threat) -> Tensor:
        del ask, threat
        return x0


def ids(findings: list[Finding]) -> list[str]:
    return [finding.id for finding in findings]


def test_a_run_shows_what_its_rows_show() -> None:
    assert ids(toy_run().findings) == ids(toy_run(every_sample=True).findings) == ["D19", "adaptive"]
    asleep = toy_run(suite={"asleep": Asleep()})
    assert ids(asleep.findings) == ["D17", "D19", "adaptive"]
    assert not asleep.trusted


class Masked(Affine):
    """Points uphill: the gradient has the wrong sign everywhere, so that noise is the better attack."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        return 2 * logits.detach() - logits


def test_a_masked_gradient_is_found_out_by_noise() -> None:
    noise, pgd = eb.AdditiveNoise(draws=30), eb.PGD(steps=4, rate=0.5, random_start=False)
    suite = {"pgd": pgd, "noise": noise}
    masked, honest = (toy_run(model=net, suite=suite, eps=0.03) for net in (Masked(), Affine()))
    assert "D10" in ids(masked.findings)
    assert not masked.trusted
    assert ids(honest.findings) == ["D19", "adaptive"]
    assert honest.robust_accuracy() < masked.robust_accuracy()


def test_few_samples_are_called_few() -> None:
    doubt = sample_size(np.arange(100) < 50)
    assert doubt is not None
    assert (doubt.id, doubt.severity) == ("D19", "WARN")
    assert "9.6 points" in doubt.message
    assert sample_size(np.arange(10000) < 5000) is None
    needed = int("".join(filter(str.isdigit, doubt.remedy.partition("samples")[0])))
    low, high = wilson(needed // 2, needed)
    assert (high - low) / 2 == pytest.approx(0.02, abs=0.002)


def test_the_missing_adaptive_attack_is_named_in_every_run() -> None:
    note = toy_run().findings[-1]
    assert (note.id, note.severity, note.message) == ("adaptive", "INFO", "Adaptive attack: none supplied")
    own = toy_run(suite={**SUITE, "mine": Asleep()}).findings[-1]
    assert own.message == "Adaptive attack: mine supplied"
    assert adaptive_attack({}).message == "Adaptive attack: none supplied"


def test_lucky_draws_are_told() -> None:
    assert lucky_draws(np.array([]), 20) is None
    assert lucky_draws(np.ones(3), 20) is None
    doubt = lucky_draws(np.array([1.0, 0.6, 0.8]), 20)
    assert doubt is not None
    assert doubt.id == "D22"
    assert doubt.evidence == "2 of 3 hits held in fewer than all of 20 passes: least 60%, median 80%"


def test_dropped_claims_are_told_by_reason() -> None:
    found = dropped_claims({"pgd": {"moved": [4, 2], "label": []}, "fgsm": {"moved": [], "label": [7]}})
    assert [(doubt.id, doubt.severity) for doubt in found] == [("D14", "FAIL"), ("D29", "WARN")]
    assert found[0].message.startswith("pgd returned points outside")
    assert found[0].evidence == "2 hits, sample 2 among them"
    assert dropped_claims({"pgd": {"moved": [], "label": []}}) == []


def test_the_noise_of_one_draw_is_no_contradiction() -> None:
    x, y = samples(200, wrong=0)
    torch.manual_seed(0)
    run = toy_run(data=(x, y), every_sample=True, chunk_size=200)
    assert not {"D06", "D07", "D08", "D10", "D13", "D17"} & set(ids(run.findings))
