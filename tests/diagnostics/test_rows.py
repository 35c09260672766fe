"""Each check of the rows fires on rows that contradict themselves, and not on those of an honest run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.diagnostics import Traits
from epsball.diagnostics.adaptive_attack import adaptive_attack
from epsball.diagnostics.sample_size import sample_size
from epsball.diagnostics.success_rate import stochastic, success_rate
from epsball.evaluation.plan import attack_plan
from epsball.record import AttackRows
from epsball.record.statistics import wilson
from outcomes import findings, outcome, rows
from toy import EPS, SUITE, Affine, samples, toy_run

if TYPE_CHECKING:
    from epsball.oracle.oracle import Oracle
    from epsball.record import Finding


def found(**attacks: AttackRows) -> list[tuple[str, str]]:
    return [(finding.id, finding.severity) for finding in findings(attacks=attacks)]


def test_one_step_must_not_beat_many() -> None:
    assert found(fgsm=rows(2), pgd=rows(1)) == [("D06", "FAIL")]
    assert found(fgsm=rows(2), pgd=rows(2)) == []
    assert found(fgsm=rows(2), pgd=rows(8)) == []
    assert found(fgsm=rows(2), deepfool=rows(100)) == []


def test_samples_on_which_only_one_side_was_run_prove_nothing() -> None:
    rest = AttackRows.of({name: values[50:] for name, values in rows(100).columns().items()})
    assert found(fgsm=rows(50), pgd=rest) == []


def test_noise_must_not_succeed_where_gradients_fail() -> None:
    assert found(noise=rows(1), pgd=rows(0)) == [("D10", "FAIL")]
    assert found(noise=rows(1), pgd=rows(0), deepfool=rows(100)) == []
    assert found(noise=rows(1, attacked=100), deepfool=rows(100, distance=2 * EPS)) == []


def test_scores_must_not_beat_gradients() -> None:
    assert found(square=rows(1), pgd=rows(0)) == [("D07", "WARN")]
    assert found(square=rows(1), pgd=rows(1)) == []


def test_scores_alone_that_significantly_beat_gradients_alone_are_a_failure() -> None:
    assert found(square=rows(7), pgd=rows(0)) == [("D07", "FAIL")]  # 2^-7 is below 0.01, 2^-6 is not
    assert found(square=rows(6), pgd=rows(0)) == [("D07", "WARN")]
    assert found(square=rows(7, attacked=50), pgd=rows(0)) == [("D07", "WARN")]  # not asked about all of them


def test_as_many_samples_as_the_limit_says_are_allowed() -> None:
    one_step, black_box = ({"fgsm": rows(1), "pgd": rows(0)}, {"square": rows(1), "pgd": rows(0)})
    assert findings(ids=np.arange(200), attacks=one_step) == []
    assert [finding.id for finding in findings(ids=np.arange(199), attacks=one_step)] == ["D06"]
    assert findings(ids=np.arange(500), attacks=black_box) == []
    assert [finding.id for finding in findings(ids=np.arange(499), attacks=black_box)] == ["D07"]


def test_an_attack_must_have_tried() -> None:
    assert found(pgd=rows(40, queries=0)) == [("D17", "FAIL")]
    assert found(pgd=rows(100, queries=0)) == []
    assert findings(attacks={"pgd": rows(0, queries=0)}, eps=0.0) == []


def test_an_unlimited_attack_must_reach_nearly_all() -> None:
    assert found(deepfool=rows(90)) == [("D08", "WARN")]
    assert found(deepfool=rows(30)) == [("D08", "FAIL")]
    assert found(deepfool=rows(95)) == []


@pytest.mark.parametrize(
    ("attack", "evidence"),
    [
        (eb.BIM(10, 0.1), ""),
        (eb.BIM(5, 0.1), "its steps reach 0.5 ε together"),
        (eb.BIM(40, 2.5), "its longest step is 2.5 ε long"),
        (eb.BIM(1, 1.0), ""),
        (eb.PGD(steps=5), ""),
        (eb.PGD(steps=3, first=0.4, rate=0.1), "its steps reach 0.7 ε together"),
        (eb.PGD(steps=9, first=8.0), "its longest step is 8 ε long"),
        (eb.FGSM(), ""),
        (eb.DeepFool(), ""),
    ],
)
def test_steps_must_be_able_to_cross_the_ball(attack: eb.Attack, evidence: str) -> None:
    traits = {"mine": Traits.of(attack_plan(attack, 0))}
    seen = [(finding.id, finding.evidence) for finding in findings(attacks={"mine": rows(96)}, traits=traits)]
    assert seen == [("D13", evidence)] * bool(evidence)


@dataclasses.dataclass(frozen=True)
class Asleep(eb.Attack):
    """Asks nothing."""

    def run(self, ask: Oracle) -> Tensor:
        return ask.x0


def _asleep(attack: Asleep, *arguments: Any, **settings: Any) -> Any:
    found = eb.Attack.__call__(attack, *arguments, **settings)
    return dataclasses.replace(found, queries=0 * found.queries)


setattr(Asleep, "__call__", _asleep)  # noqa: B010 - an attack cannot override it; a fabricated result is what is tested


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
    (finding,) = sample_size(outcome(robust=np.arange(100) < 50))
    assert (finding.id, finding.severity) == ("D19", "WARN")
    assert "9.6 points" in finding.message
    assert sample_size(outcome(robust=np.arange(10000) < 5000)) == []
    needed = int("".join(filter(str.isdigit, finding.remedy.partition("samples")[0])))
    low, high = wilson(needed // 2, needed)
    assert (high - low) / 2 == pytest.approx(0.02, abs=0.002)


def test_the_missing_adaptive_attack_is_named_in_every_run() -> None:
    note = toy_run().findings[-1]
    assert (note.id, note.severity, note.message) == ("adaptive", "INFO", "Adaptive attack: none supplied")
    own = toy_run(suite={**SUITE, "mine": Asleep()}).findings[-1]
    assert own.message == "Adaptive attack: mine supplied"
    assert [finding.message for finding in adaptive_attack(outcome())] == ["Adaptive attack: none supplied"]


def test_successes_on_a_part_of_the_draws_are_reported() -> None:
    assert findings(success_rates=np.array([]), passes=20) == []
    assert findings(success_rates=np.ones(3), passes=20) == []
    rates = np.array([1.0, 0.6, 0.8])
    (finding,) = findings(success_rates=rates, passes=20)
    assert (finding.id, finding.severity) == ("D22", "WARN")
    assert finding.evidence == "2 of 3 successes held in fewer than all of 20 passes: lowest 60%, median 80%"
    assert stochastic(rates, 20) == success_rate(outcome(success_rates=rates, passes=20)) == [finding]


def test_reported_successes_that_do_not_count_are_found_by_reason() -> None:
    dropped = {"pgd": {"moved": [4, 2], "label": []}, "fgsm": {"moved": [], "label": [7]}}
    first, second = findings(attacks={"fgsm": rows(3)}, dropped=dropped)
    assert (first.id, first.severity, second.id, second.severity) == ("D14", "FAIL", "D29", "WARN")
    assert first.message.startswith("pgd returned points outside")
    assert first.evidence == "2 successes, sample 2 among them"
    assert second.message.startswith("fgsm reported errors that a fresh pass")
    assert second.evidence == "1 of 4 successes, sample 7 among them"
    assert findings(dropped={"pgd": {"moved": [], "label": []}}) == []


def test_many_successes_that_a_fresh_pass_does_not_show_are_a_failure_of_a_model_that_is_not_random() -> None:
    gone = {"fgsm": {"moved": [], "label": [*range(10)]}}
    assert [each.severity for each in findings(attacks={"fgsm": rows(3)}, dropped=gone) if each.id == "D29"] == ["FAIL"]
    assert [each.severity for each in findings(attacks={"fgsm": rows(30)}, dropped=gone) if each.id == "D29"] == [
        "WARN"
    ]
    drawn = findings(attacks={"fgsm": rows(3)}, dropped=gone, passes=20)
    assert [each.severity for each in drawn if each.id == "D29"] == ["WARN"]


@pytest.mark.parametrize(
    ("attacks", "message", "evidence"),
    [
        (
            {"fgsm": rows(2), "pgd": rows(1)},
            "One step breaks samples that many steps do not",
            "fgsm broke 1 of 100 samples that pgd was run on and missed",
        ),
        (
            {"square": rows(1), "pgd": rows(0), "deepfool": rows(99, distance=2 * EPS)},
            "An attack that sees no gradients beats those that do",
            "square broke 1 of 100 samples that pgd, deepfool missed",
        ),
        (
            {"noise": rows(3), "pgd": rows(1)},
            "Random noise succeeds where gradients failed",
            "noise broke 2 of 100 samples that pgd missed",
        ),
        (
            {"pgd": rows(40, queries=0)},
            "pgd gave up without querying the model",
            "60 of the 60 samples it failed on cost no query",
        ),
        (
            {"deepfool": rows(90)},
            "deepfool finds no error at any distance for many samples, although one exists",
            "10 of 100 samples, sample 90 among them",
        ),
    ],
)
def test_a_finding_names_attacks_and_figures(attacks: dict[str, AttackRows], message: str, evidence: str) -> None:
    assert [(finding.message, finding.evidence) for finding in findings(attacks=attacks)] == [(message, evidence)]


def test_the_noise_of_one_draw_is_no_contradiction() -> None:
    x, y = samples(200, wrong=0)
    torch.manual_seed(0)
    run = toy_run(data=(x, y), every_sample=True, chunk_size=200)
    assert not {"D06", "D07", "D08", "D10", "D13", "D17"} & set(ids(run.findings))


def test_a_model_that_resists_one_step_only_is_overfitted() -> None:
    assert found(fgsm=rows(5), pgd=rows(95)) == [("D47", "WARN")]
    assert found(fgsm=rows(40), pgd=rows(100)) == []
    assert found(fgsm=rows(5), pgd=rows(20)) == []
    assert found(fgsm=rows(0, attacked=10), pgd=rows(10, attacked=10)) == []
    assert found(pgd=rows(95)) == []
