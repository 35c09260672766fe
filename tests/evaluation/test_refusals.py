"""An evaluation: what its record says, and what is refused."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.evaluation.evaluate import evaluate
from epsball.evaluation.plan import attack_plan, json_value
from epsball.record import Evaluation, read_run
from epsball.record.plan import AttackPlan, Real, portable
from forgery import contents, seal
from toy import CLASSES, EPS, SUITE, Affine, Interrupted, exact_radius, same, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_the_plan_says_it_all(run: Evaluation) -> None:
    plan = run.plan
    assert plan.attacks["pgd"] == AttackPlan(
        kind="PGD",
        position=2,
        access="GRADIENT",
        minimum_norm=False,
        single_step=False,
        noise_only=False,
        reach=Real(2.923661),  # 1 + 0.5^(1/3) + 0.5^(2/3) + 0.5
        longest_step=Real(1.0),
        code={},
        only_towards=(),
        settings={
            "first": 1.0,
            "steps": 4,
            "rate": 0.5,
            "random_start": True,
            "loss": "sharpened_cross_entropy",
            "rule": "steepest",
            "slope": "here",
            "diversify": 0,
            "scatter": 0.0,
        },
    )
    assert [name for name, attack in plan.attacks.items() if attack.single_step] == ["fgsm"]
    assert [name for name, attack in plan.attacks.items() if attack.noise_only] == ["noise"]
    assert [name for name, attack in plan.attacks.items() if attack.minimum_norm] == ["deepfool"]
    assert portable(plan.threat) == {"norm": "linf", "eps": EPS, "low": 0.0, "high": 1.0}
    assert (plan.data.shape, plan.data.classes, plan.data.n) == ((1, 4, 4), CLASSES, 60)
    assert len(plan.model.weights) == len(plan.data.fingerprint) == 64
    assert plan.model.class_name.endswith("Affine")
    assert plan.suite == "custom"
    assert plan.batching.chunk_size == 16
    assert {"python", "torch", "numpy", "epsball"} == plan.environment.versions.keys()


def test_one_step_is_one_step_whatever_the_attack_is_called() -> None:
    assert attack_plan(eb.PGD(steps=1), 0).single_step
    assert not attack_plan(eb.DeepFool(steps=1), 0).single_step
    assert not attack_plan(eb.AdditiveNoise(draws=1), 0).single_step


def test_a_value_is_what_json_has() -> None:
    given = {
        "eps": math.inf,
        "norm": eb.linf,
        "steps": (1, 2.5),
        "x": torch.ones(2),
        "loss": json_value,
        "attack": eb.FGSM(),
    }
    assert json_value(given) == {
        "eps": "inf",
        "norm": "linf",
        "steps": [1, 2.5],
        "x": [1.0, 1.0],
        "loss": "json_value",
        "attack": {"class": "FGSM", "loss": "cross_entropy"},
    }


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 1}, "seed"),
        (
            {"suite": {**SUITE, "pgd": eb.PGD(steps=4, rate=0.5, random_start=False)}},
            "attacks.pgd.settings.random_start",
        ),
        ({"suite": dict(reversed(SUITE.items()))}, "attacks.deepfool.position"),
        ({"model": Affine(seed=5), "data": samples(wrong=5)}, "data.fingerprint"),
        ({"eps": 0.02}, "threat.eps"),
        ({"chunk_size": 8}, "batching.chunk_size"),
        ({"every_sample": True}, "every_sample"),
        ({"certifiers": [exact_radius(0.1)]}, "certifiers"),
    ],
)
def test_a_folder_of_another_configuration_is_refused(change: dict[str, Any], key: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, progress=Interrupted(4))
    with pytest.raises(eb.InputError, match=rf"this one has {key} = .*choose another folder with out="):
        toy_run(tmp_path, **change)


@pytest.mark.parametrize("moment", [4, 1000])
@pytest.mark.parametrize(
    "model",
    [
        lambda: Affine(seed=1),
        lambda: eb.wrap(Affine(), mean=0.01),
        lambda: lambda x: 2 * Affine()(x),
        lambda: nn.Sequential(Affine(), nn.Softplus()),
    ],
)
def test_another_model_is_refused_in_a_used_folder(model: Callable[[], Any], moment: int, tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt):
        toy_run(tmp_path, progress=Interrupted(moment))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}
    with pytest.raises(eb.InputError, match=r"holds a run with another model: .*choose another folder with out="):
        toy_run(tmp_path, model=model())
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*.*")}


def test_other_ids_are_another_run(tmp_path: Path) -> None:
    toy_run(tmp_path)
    manifest = contents(tmp_path)
    del manifest["files"]["samples.parquet"]
    seal(tmp_path, manifest | {"status": "running"})
    with pytest.raises(eb.InputError, match="samples of other ids"):
        toy_run(tmp_path, ids=range(1, 61))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": samples()[0]}, r"expected a pair \(x, y\)"),
        ({"data": (samples()[0], samples()[1][:-1])}, "expected one class per input"),
        ({"data": (samples()[0], samples()[1] + CLASSES)}, "expected labels from 0 to 3"),
        ({"data": (samples()[0] * 2 - 1, samples()[1])}, "eb.wrap"),
        ({"data": (samples()[0] * torch.nan, samples()[1])}, "NaN"),
        ({"threat": "linf"}, "expected eb.Threat"),
        ({"threat": eb.Threat("linf", torch.full((60,), 0.1))}, "needs one number for all"),
        ({"threat": eb.Threat("linf")}, "'noise', which works inside a ball"),
        ({"threat": eb.Threat("l0", 3)}, "'deepfool', which is not defined for l0"),
        ({"suite": "quickest"}, "no suite 'quickest'"),
        ({"suite": {}}, "holds no attack"),
        ({"suite": None}, "the suite was given as NoneType; expected"),
        ({"seed": "a"}, "the seed was given as 'a'"),
        ({"seed": 1.5}, "the seed was given as 1.5"),
        ({"ids": [0.5] * 60}, "type float32 for 60 inputs"),
        ({"suite": [3]}, "expected an attack such as"),
        ({"chunk_size": 0}, "at least 1 sample"),
        ({"ids": [0] * 60}, "1 different values for 60 inputs"),
        ({"certifiers": ["crown"]}, r"no certificate 'crown'; expected .* a function \(model, x, y, threat\) -> radii"),
        ({"certifiers": [3]}, "a certifier was given as int"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(eb.InputError, match=sentence):
        toy_run(**change)


def test_a_suite_that_fits_nothing_is_one_sentence() -> None:
    with pytest.raises(eb.InputError, match=r"no attack of the suite 'quick' works in l0 with ε = inf"):
        evaluate(Affine(), samples(), eb.Threat("l0"), "quick")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (lambda x: Affine()(x).softmax(1), "returned probabilities"),
        (lambda x: Affine()(x) * torch.nan, "NaN or infinite logits"),
        (lambda x: {"first": x, "second": x}, "returned a dictionary"),
    ],
)
def test_a_model_that_answers_nonsense_is_one_sentence(model: Callable[[Tensor], Any], sentence: str) -> None:
    with pytest.raises((eb.InputError, eb.ModelError), match=sentence):
        toy_run(model=model)


def test_a_model_that_fails_half_way_loses_nothing(run: Evaluation, tmp_path: Path) -> None:
    class Tired(Affine):
        def __init__(self) -> None:
            super().__init__()
            self.left = 80

        def forward(self, x: Tensor) -> Tensor:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("tired")
            return super().forward(x)

    tired = Tired()
    tired.train()
    named: Any = {"model": eb.wrap(tired)}
    with pytest.raises(eb.ModelError, match="tired"):
        toy_run(tmp_path, **named)
    assert tired.training
    assert tired.weight.requires_grad
    kept = read_run(tmp_path)
    assert len(kept.attacks["noise"]) > 0
    tired.left = 10000
    assert same(run, toy_run(tmp_path, **named))
