"""An evaluation: who is asked, what counts, what is kept."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from torch import nn

import epsball as eb
from epsball.attacks.suites import suite
from epsball.evaluation.evaluate import evaluate
from epsball.evaluation.selection import chosen
from epsball.record import Evaluation, metrics, read_examples, read_run
from epsball.verification.verify import verify
from toy import EPS, SUITE, Affine, Interrupted, Jittery, closed_form, same, samples, toy_run

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


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


def test_attacks_in_a_ball_are_run_on_what_is_robust_so_far_and_minimum_norm_ones_on_all(run: Evaluation) -> None:
    robust = set(run.ids[run.clean == run.label].tolist())
    everyone = set(robust)
    for name, rows in run.attacks.items():
        assert set(rows.id.tolist()) == (everyone if name == "deepfool" else robust)
        robust -= set(rows.id[rows.within(EPS)].tolist())
    assert len(robust) < len(everyone)
    assert robust == set(run.ids[run.upper > EPS].tolist())


def test_every_sample_lets_every_attack_run_on_all() -> None:
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
        success = rows.success
        assert np.array_equal(ids, rows.id[success])
        shift = (torch.from_numpy(examples).double() - x[ids].double()).flatten(1).abs().amax(1).numpy()
        assert rows.distance[success] == pytest.approx(shift, rel=1e-12)
        assert rows.relative[success] == pytest.approx(shift / x[ids].flatten(1).amax(1).numpy(), rel=1e-12)
        with torch.no_grad():
            said = Affine()(torch.from_numpy(examples)).softmax(1)
        assert np.array_equal(said.argmax(1).numpy(), rows.after[success])
        assert (rows.after[success] != y[ids].numpy()).all()
        assert rows.confidence_after[success] == pytest.approx(said.amax(1).numpy(), abs=1e-6)


def test_in_memory_on_disk_and_read_again_are_the_same(run: Evaluation, tmp_path: Path) -> None:
    kept = toy_run(tmp_path)
    assert same(run, kept)
    assert same(kept, read_run(tmp_path))
    again = toy_run(tmp_path)
    assert same(kept, again)
    assert (kept.reused, again.reused) == (False, True)


def test_a_finished_run_of_another_version_is_read_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = toy_run(tmp_path)
    monkeypatch.setattr(torch, "__version__", "9.9")
    again = toy_run(tmp_path)
    assert same(dataclasses.replace(first, findings=[]), dataclasses.replace(again, findings=[]))
    assert again.findings[:-1] == first.findings
    assert (again.findings[-1].id, again.findings[-1].severity) == ("environment", "INFO")
    assert "torch 9.9" in again.findings[-1].evidence
    assert f"torch {first.plan.environment.versions['torch']}; this is" in again.findings[-1].evidence
    assert read_run(tmp_path).findings == first.findings


def test_a_samples_result_does_not_depend_on_its_chunk(run: Evaluation) -> None:
    small = toy_run(chunk_size=7)
    assert small.upper == pytest.approx(run.upper, rel=1e-4)
    assert np.array_equal(small.queries, run.queries)
    assert np.array_equal(small.by, run.by)
    few, y = samples()
    some = torch.tensor([50, 20, 30])
    part = evaluate(Affine(), (few[some], y[some]), eb.Threat("linf", EPS), SUITE, ids=some)
    assert part.upper == pytest.approx(run.upper[some], rel=1e-4)
    assert np.array_equal(part.queries, run.queries[some])


def test_a_run_that_was_interrupted_anywhere_goes_on_to_the_same_result(tmp_path: Path) -> None:
    moments: list[int] = []
    run, finished = toy_run(chunk_size=27, progress=lambda *_: moments.append(1)), []
    for moment in np.linspace(1, len(moments) - 1, 12, dtype=int).tolist():
        path = tmp_path / str(moment)
        with pytest.raises(KeyboardInterrupt):
            toy_run(path, chunk_size=27, progress=Interrupted(moment))
        parts = list(path.rglob("attacks/*/*.parquet"))
        finished.append(len(parts))
        times = {file: file.stat().st_mtime_ns for file in parts}
        assert same(run, toy_run(path, chunk_size=27))
        assert times == {file: file.stat().st_mtime_ns for file in parts}
    assert finished[0] == 0
    assert finished == sorted(finished)
    assert len(set(finished)) > 5


def test_progress_is_reported_stage_by_stage() -> None:
    steps: list[tuple[str, int, int]] = []
    toy_run(progress=lambda *step: steps.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in steps)) == ["clean pass", "checks", *SUITE]
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)


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
    assert run.plan.threat.eps == np.inf
    assert run.robust_accuracy() == np.isinf(run.upper).mean() < 0.1
    assert np.median(run.upper[6:] / closed_form(x, y)[6:]) < 1.05


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


def test_successes_on_a_random_model_must_be_shown_by_half_of_its_passes(tmp_path: Path) -> None:
    torch.manual_seed(3)
    run = toy_run(tmp_path, model=Jittery())
    found = {finding.id: finding for finding in run.findings}
    assert not run.trusted
    assert found["D02"].severity == "FAIL"
    assert "of 20 passes" in found["D22"].evidence
    files = json.loads((tmp_path / "run.json").read_text())["files"].values()
    rates = np.array([rate for file in files for rate in file["notes"].get("success_rate", [])])
    assert 0.5 <= rates.min() < 0.7
    for rows in run.attacks.values():
        assert ((rows.after != run.label[rows.id]) == rows.success).all()


def test_a_random_model_goes_on_from_what_it_said_first(tmp_path: Path) -> None:
    torch.manual_seed(3)
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, model=Jittery(), progress=Interrupted(4))
    first = read_run(tmp_path)
    assert [finding.id for finding in first.findings] == ["unfinished", "D02"]
    torch.manual_seed(4)
    assert np.array_equal(toy_run(tmp_path, model=Jittery()).clean, first.clean)


def test_a_budget_of_0_leaves_what_is_classified_correctly() -> None:
    run = toy_run(eps=0.0)
    assert run.robust_accuracy() == run.clean_accuracy == 0.9
    assert run.trusted


def test_a_model_that_is_always_wrong_is_attacked_no_further(tmp_path: Path) -> None:
    run = toy_run(tmp_path, data=samples(wrong=60), anyway=True)
    assert run.clean_accuracy == run.robust_accuracy() == 0
    assert not run.queries.any()
    assert [len(rows) for rows in run.attacks.values()] == [0] * len(SUITE)
    assert [len(metrics.confusion(rows)) for rows in run.attacks.values()] == [0] * len(SUITE)
    assert len(metrics.attack_summaries(run)) == len(SUITE)
    assert not run.trusted
    assert same(run, read_run(tmp_path))
    assert verify(tmp_path, Affine()).successes == 0


def test_one_sample_is_an_evaluation_too() -> None:
    run = toy_run(data=samples(1, wrong=0), threat=eb.Threat("linf", torch.tensor(EPS)))
    assert len(run) == 1
    assert run.plan.threat.eps == pytest.approx(EPS)


def test_double_precision_stays_double(tmp_path: Path) -> None:
    x, y = samples()
    run = toy_run(tmp_path, model=Affine().double(), data=(x.double(), y))
    assert run.plan.data.dtype == "float64"
    assert cast("Any", read_examples(tmp_path, "deepfool")[1]).dtype == np.float64
    assert run.robust_accuracy() == toy_run().robust_accuracy()


def test_a_suite_leaves_out_attacks_on_images_where_the_inputs_are_none() -> None:
    x, y = samples(4)
    names = {
        shape: list(eb.evaluate(Affine(), (data, y), eb.Threat("linf", EPS), suite="autoattack", anyway=True).attacks)
        for shape, data in (("flat", x.flatten(1)), ("images", x))
    }
    assert names == {"flat": ["apgd-ce", "apgd-t", "fab-t"], "images": ["apgd-ce", "apgd-t", "fab-t", "square"]}


def test_another_course_on_a_share_of_the_samples_was_run_on_those_that_were_drawn() -> None:
    run = toy_run(suite={"again": eb.attacks.Sampled(eb.FGSM(), share=0.3)})
    (line,) = metrics.attack_summaries(run)
    asked = run.attacks["again"].queries > 0
    assert 0 < line.attacked == asked.sum() < len(asked)
    assert line.queries == run.attacks["again"].queries[asked].mean()
