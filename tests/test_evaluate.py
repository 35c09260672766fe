"""An evaluation: who is asked, what counts, what is kept, what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball import metrics
from epsball.attacks.suites import suite
from epsball.evaluate import evaluate
from epsball.record import Evaluation, read_examples, read_run
from epsball.selection import chosen
from epsball.verify import verify
from toy import CLASSES, EPS, SUITE, Affine, Interrupted, Jittery, closed_form, exact_radius, same, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.attacks import Found
    from epsball.oracle import Oracle


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def run() -> Evaluation:
    return toy_run()


def test_the_result_is_that_of_the_closed_form(run: Evaluation) -> None:
    x, y = samples()
    exact = closed_form(x, y)
    right = exact > 0
    assert run.clean_accuracy == right.mean() == 0.9
    assert (run.upper[right] >= exact[right] * (1 - 1e-6)).all()
    assert (run.upper[right] <= np.maximum(exact[right] * 1.05, EPS)).mean() > 0.9
    assert run.robust_accuracy() == pytest.approx((exact > EPS).mean(), abs=0.02)
    assert 0.2 < run.robust_accuracy() < 0.8
    low, high = run.interval()
    assert low < run.robust_accuracy() < high
    assert run.trusted


def test_a_wrong_sample_has_distance_0_and_costs_nothing(run: Evaluation) -> None:
    wrong = run.clean != run.label
    assert wrong.sum() == 6
    assert (run.upper[wrong] == 0).all()
    assert (run.by[wrong] == "clean").all()
    assert (run.queries[wrong] == 0).all()
    assert not any(np.isin(rows.id, run.ids[wrong]).any() for rows in run.attacks.values())


def test_attacks_in_a_ball_are_asked_about_what_stands_and_minimum_norm_ones_about_all(run: Evaluation) -> None:
    standing = set(run.ids[run.clean == run.label].tolist())
    everyone = set(standing)
    for name, rows in run.attacks.items():
        assert set(rows.id.tolist()) == (everyone if name == "deepfool" else standing)
        standing -= set(rows.id[rows.within(EPS)].tolist())
    assert len(standing) < len(everyone)
    assert standing == set(run.ids[run.upper > EPS].tolist())


def test_every_sample_lets_every_attack_be_asked_about_all() -> None:
    full = toy_run(every_sample=True)
    assert {len(rows) for rows in full.attacks.values()} == {54}
    assert np.array_equal(full.upper > EPS, toy_run().upper > EPS)


def test_columns_add_up(run: Evaluation) -> None:
    for column in ("queries", "gradients"):
        total = np.zeros(len(run), np.int64)
        for rows in run.attacks.values():
            np.add.at(total, rows.id, getattr(rows, column))
        assert np.array_equal(getattr(run, column), total)
    for rows in run.attacks.values():
        assert (rows.before == run.label[rows.id]).all()
        assert ((rows.after != rows.before) == rows.success).all()
        assert np.isinf(rows.distance[~rows.success]).all()
        assert (rows.confidence_after[~rows.success] == rows.confidence_before[~rows.success]).all()
    assert (run.lower <= run.upper).all()
    assert run.seconds > 0


def test_rows_say_what_the_examples_show(tmp_path: Path) -> None:
    run = toy_run(tmp_path)
    x, y = samples()
    for name, rows in run.attacks.items():
        ids, examples = read_examples(tmp_path, name)
        hits = rows.success
        assert np.array_equal(ids, rows.id[hits])
        shift = (torch.from_numpy(examples).double() - x[ids].double()).flatten(1).abs().amax(1).numpy()
        assert rows.distance[hits] == pytest.approx(shift, rel=1e-12)
        assert rows.relative[hits] == pytest.approx(shift / x[ids].flatten(1).amax(1).numpy(), rel=1e-12)
        with torch.no_grad():
            said = Affine()(torch.from_numpy(examples)).softmax(1)
        assert np.array_equal(said.argmax(1).numpy(), rows.after[hits])
        assert (rows.after[hits] != y[ids].numpy()).all()
        assert rows.confidence_after[hits] == pytest.approx(said.amax(1).numpy(), abs=1e-6)


def test_in_memory_on_disk_and_read_again_are_the_same(run: Evaluation, tmp_path: Path) -> None:
    kept = toy_run(tmp_path)
    assert same(run, kept)
    assert same(kept, read_run(tmp_path))
    assert same(kept, toy_run(tmp_path))


def test_a_samples_result_does_not_depend_on_its_part(run: Evaluation) -> None:
    small = toy_run(part=7)
    assert small.upper == pytest.approx(run.upper, rel=1e-4)
    assert np.array_equal(small.queries, run.queries)
    assert np.array_equal(small.by, run.by)
    few, y = samples()
    some = torch.tensor([50, 20, 30])
    part = evaluate(Affine(), (few[some], y[some]), eb.Threat("linf", EPS), SUITE, ids=some)
    assert part.upper == pytest.approx(run.upper[some], rel=1e-4)
    assert np.array_equal(part.queries, run.queries[some])


def test_a_run_that_was_interrupted_anywhere_goes_on_to_the_same_result(tmp_path: Path) -> None:
    run, finished = toy_run(part=27), []
    for moment in range(1, 40):
        path = tmp_path / str(moment)
        try:
            toy_run(path, part=27, progress=Interrupted(moment))
            break
        except KeyboardInterrupt:
            parts = list(path.rglob("attacks/*/*.parquet"))
            finished.append(len(parts))
            times = {file: file.stat().st_mtime_ns for file in parts}
        assert same(run, toy_run(path, part=27))
        assert times == {file: file.stat().st_mtime_ns for file in parts}
    assert finished[0] == 0
    assert finished == sorted(finished)
    assert len(set(finished)) == finished[-1] + 1 > 5


def test_progress_is_reported_stage_by_stage() -> None:
    told: list[tuple[str, int, int]] = []
    toy_run(progress=lambda *step: told.append(step))
    assert [step for step in told if step[0] == "noise"] == [("noise", done, 54) for done in (0, 16, 32, 48, 54)]
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["checks", *SUITE]


@dataclasses.dataclass(frozen=True)
class Liar(eb.Attack):
    """Finds what DeepFool finds and then says something else."""

    lie: Callable[[Found, Tensor], Found]
    minimum_norm = True

    def run(self, ask: Oracle, x0: Tensor, threat: eb.Threat) -> Tensor:
        return eb.DeepFool().run(ask, x0, threat)

    def __call__(self, *arguments: Any, **settings: Any) -> Found:
        return self.lie(super().__call__(*arguments, **settings), arguments[1])


def liar(lie: Callable[[Found, Tensor], Found]) -> Evaluation:
    return toy_run(suite={"liar": Liar(lie)})


@pytest.mark.parametrize(
    ("lie", "finding"),
    [
        (lambda found, x: dataclasses.replace(found, x=x.clone(), distance=0 * found.distance), "D29"),
        (lambda found, _: dataclasses.replace(found, distance=found.distance * 0.99), "D14"),
        (lambda found, _: dataclasses.replace(found, x=found.x + 0.9, distance=found.distance + 0.9), "D14"),
        (lambda found, x: dataclasses.replace(found, x=x * torch.nan), "D14"),
    ],
)
def test_a_false_claim_does_not_count(lie: Callable[[Found, Tensor], Found], finding: str) -> None:
    run = liar(lie)
    assert np.isinf(run.upper[6:]).all()
    assert not run.attacks["liar"].success.any()
    assert finding in {found.id for found in run.findings}
    assert run.trusted == (finding == "D29")


def test_one_false_claim_leaves_the_others() -> None:
    def lie(found: Found, _: Tensor) -> Found:
        distance = found.distance.clone()
        distance[0] /= 2
        return dataclasses.replace(found, distance=distance)

    honest, run = liar(lambda found, _: found), liar(lie)
    assert np.isfinite(honest.upper).all()
    assert honest.trusted
    assert np.isinf(run.upper).sum() == 4
    assert any("4 hits, sample 6 among them" in finding.evidence for finding in run.findings)


def test_a_hit_outside_the_ball_does_not_count() -> None:
    class Bold(Liar):
        minimum_norm = False

        def __call__(self, *arguments: Any, **settings: Any) -> Found:
            model, x, y, threat = arguments
            return super().__call__(model, x, y, eb.Threat(threat.norm, 0.3), **settings)

    run = toy_run(suite={"bold": Bold(lambda found, _: found)})
    rows = run.attacks["bold"]
    assert not (rows.distance[rows.success] > EPS).any()
    assert any(finding.id == "D14" for finding in run.findings)


def test_certificates_bound_from_below(tmp_path: Path) -> None:
    run = toy_run(tmp_path, certifiers=[exact_radius(0.9), exact_radius(0.5)])
    exact = closed_form(*samples())
    assert run.lower == pytest.approx(exact * 0.9)
    assert (run.lower <= run.upper).all()
    assert run.certified_accuracy() == (exact * 0.9 >= EPS).mean()
    assert run.certified_accuracy() <= run.robust_accuracy()
    assert same(run, toy_run(tmp_path, certifiers=[exact_radius(0.9), exact_radius(0.5)]))


def test_a_certificate_that_an_attack_refutes_ends_the_run() -> None:
    with pytest.raises(
        eb.UntrustworthyError, match=r"found an error of sample \d+ at distance .* a certificate excludes"
    ):
        toy_run(certifiers=[exact_radius(1.2)])


@pytest.mark.parametrize("radius", [torch.ones(3), -torch.ones(16), torch.full((16,), torch.nan)])
def test_a_certificate_is_one_radius_a_sample(radius: Tensor) -> None:
    with pytest.raises(eb.InputError, match="expected one radius >= 0 per sample"):
        toy_run(certifiers=[lambda *_: radius])


def test_an_attack_is_also_found_by_the_order_of_a_list() -> None:
    run = toy_run(suite=[eb.PGD(steps=2), eb.FGSM(), eb.PGD(steps=4)])
    assert list(run.attacks) == ["pgd", "fgsm", "pgd-2"]
    assert list(toy_run(suite=eb.FGSM()).attacks) == ["fgsm"]
    assert list(toy_run(suite="quick").attacks) == list(suite("quick"))


def test_a_suite_keeps_what_fits_the_threat() -> None:
    assert list(chosen("quick", eb.Threat("l2"))) == ["deepfool"]
    assert "deepfool" not in chosen("quick", eb.Threat("l0", 3))
    assert list(chosen("quick", eb.Threat("l2", 1))) == list(suite("quick"))


def test_the_question_how_close_needs_no_budget() -> None:
    x, y = samples()
    run = evaluate(Affine(), (x, y), eb.Threat("linf"), "quick")
    assert run.spec["threat"]["eps"] == "inf"
    assert run.robust_accuracy() == np.isinf(run.upper).mean() < 0.1
    assert np.median(run.upper[6:] / closed_form(x, y)[6:]) < 1.05


def test_the_record_is_plain_json_and_says_it_all(run: Evaluation) -> None:
    spec = json.loads(json.dumps(run.spec, allow_nan=False))
    assert spec == run.spec
    assert spec["attacks"]["pgd"] == {
        "class": "PGD",
        "position": 2,
        "minimum_norm": False,
        "access": "GRADIENT",
        "first": 1.0,
        "steps": 4,
        "rate": 0.5,
        "random_start": True,
        "loss": "sharpened_cross_entropy",
        "rule": "plain",
    }
    assert spec["threat"] == {"norm": "linf", "eps": EPS, "low": 0.0, "high": 1.0}
    assert spec["data"]["shape"] == [1, 4, 4]
    assert spec["data"]["classes"] == CLASSES
    assert len(spec["model"]["fingerprint"]) == len(spec["data"]["fingerprint"]) == 64
    assert spec["model"]["class"] == "toy:Affine"
    assert spec["suite"] == "custom"
    assert spec["layout"]["part"] == 16
    assert {"python", "torch", "numpy", "epsball"} == spec["versions"].keys()


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 1}, "seed"),
        ({"suite": {**SUITE, "pgd": eb.PGD(steps=5, rate=0.5)}}, "attacks.pgd.steps"),
        ({"suite": dict(reversed(SUITE.items()))}, "attacks.deepfool.position"),
        ({"model": Affine(seed=5), "data": samples(wrong=5)}, "data.fingerprint"),
        ({"eps": 0.02}, "threat.eps"),
        ({"part": 8}, "layout.part"),
        ({"every_sample": True}, "every_sample"),
        ({"certifiers": [exact_radius(0.1)]}, "certifiers"),
    ],
)
def test_a_folder_of_another_configuration_is_refused(change: dict[str, Any], key: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, progress=Interrupted(4))
    with pytest.raises(eb.InputError, match=rf"this one has {key} = .*choose another folder with out="):
        toy_run(tmp_path, **change)


def test_other_ids_are_another_run(tmp_path: Path) -> None:
    toy_run(tmp_path)
    (tmp_path / "run.json").write_text((tmp_path / "run.json").read_text().replace('"complete"', '"running"'))
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
        ({"suite": ["pgd"]}, "expected an attack such as"),
        ({"part": 0}, "at least 1 sample"),
        ({"ids": [0] * 60}, "1 different values for 60 inputs"),
        ({"certifiers": ["crown"]}, "a certifier was given as str"),
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
        (lambda x: {"logits": x}, "returned a dictionary"),
    ],
)
def test_a_model_that_answers_nonsense_is_one_sentence(model: Callable[[Tensor], Any], sentence: str) -> None:
    with pytest.raises((eb.InputError, eb.ModelError), match=sentence):
        toy_run(model=model)


def test_a_model_that_fails_half_way_loses_nothing(run: Evaluation, tmp_path: Path) -> None:
    class Tired(Affine):
        def __init__(self) -> None:
            super().__init__()
            self.left = 40

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


def test_the_caller_finds_everything_as_it_was() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(1), Affine()).train()
    x, _ = samples()
    with torch.no_grad():
        y = nn.Sequential(*net).eval()(x).argmax(1)
    net.train()
    x, before = x.requires_grad_(), torch.get_rng_state()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    evaluate(net, (x, y), eb.Threat("linf", EPS), SUITE)
    assert all(part.training for part in net.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert torch.equal(before, torch.get_rng_state())
    assert x.grad is None


def test_hits_on_a_random_model_must_hold_in_half_of_its_passes(tmp_path: Path) -> None:
    torch.manual_seed(3)
    run = toy_run(tmp_path, model=Jittery())
    found = {finding.id: finding for finding in run.findings}
    assert not run.trusted
    assert found["D02"].severity == "FAIL"
    assert "of 20 passes" in found["D22"].evidence
    parts = json.loads((tmp_path / "run.json").read_text())["parts"].values()
    held = np.array([share for part in parts for share in part.get("remarks", {}).get("held", [])])
    assert held.min() >= 0.5
    assert held.min() < 1


def test_a_random_model_goes_on_from_what_it_said_first(tmp_path: Path) -> None:
    torch.manual_seed(3)
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, model=Jittery(), progress=Interrupted(4))
    first = read_run(tmp_path)
    assert [finding.id for finding in first.findings] == ["D02"]
    torch.manual_seed(4)
    assert np.array_equal(toy_run(tmp_path, model=Jittery()).clean, first.clean)


def test_a_budget_of_0_leaves_what_is_classified_correctly() -> None:
    run = toy_run(eps=0.0)
    assert run.robust_accuracy() == run.clean_accuracy == 0.9
    assert run.trusted


def test_a_model_that_is_always_wrong_is_attacked_no_further(tmp_path: Path) -> None:
    run = toy_run(tmp_path, data=samples(wrong=60))
    assert run.clean_accuracy == run.robust_accuracy() == 0
    assert not run.queries.any()
    assert [len(rows) for rows in run.attacks.values()] == [0] * len(SUITE)
    assert [len(metrics.confusion(rows)) for rows in run.attacks.values()] == [0] * len(SUITE)
    assert len(metrics.standings(run)) == len(SUITE)
    assert not run.trusted
    assert same(run, read_run(tmp_path))
    assert verify(tmp_path, Affine()).hits == 0


def test_one_sample_is_an_evaluation_too() -> None:
    run = toy_run(data=samples(1, wrong=0), threat=eb.Threat("linf", torch.tensor(EPS)))
    assert len(run) == 1
    assert run.spec["threat"]["eps"] == pytest.approx(EPS)


def test_double_precision_stays_double(tmp_path: Path) -> None:
    x, y = samples()
    run = toy_run(tmp_path, model=Affine().double(), data=(x.double(), y))
    assert run.spec["data"]["dtype"] == "float64"
    assert cast("Any", read_examples(tmp_path, "deepfool")[1]).dtype == np.float64
    assert run.robust_accuracy() == toy_run().robust_accuracy()
