"""Budgets in a wrong unit, errors that die in 8 bits, and runs in which only noise was tried."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import epsball as eb
from toy import Affine, samples, toy_run


def failed(run: eb.Evaluation) -> list[str]:
    return [finding.id for finding in run.findings if finding.severity == "FAIL"]


@pytest.mark.parametrize(("norm", "eps"), [("l2", 128.0), ("l2", 4.0), ("l1", 16.0), ("l0", 16.0)])
def test_a_budget_beyond_the_box_is_a_wrong_unit(norm: str, eps: float) -> None:
    run = toy_run(threat=eb.Threat(norm, eps), suite=[eb.PGD(steps=2)])
    assert failed(run) == ["D15"]
    assert run.findings[0].evidence.startswith(f"ε = {eps:g} in {norm}; no image of the box is farther than ")


@pytest.mark.parametrize(("norm", "eps"), [("l2", 1.5), ("l1", 5.0), ("l0", 8.0), ("linf", 0.5), ("l2", float("inf"))])
def test_a_budget_within_the_box_is_none(norm: str, eps: float) -> None:
    suite = [eb.DeepFool()] if eps == float("inf") else [eb.PGD(steps=2)]
    assert failed(toy_run(threat=eb.Threat(norm, eps), suite=suite)) == []


@pytest.mark.parametrize("eps", ["8/255", 0.999, torch.tensor([3.0, 0.5])])
def test_less_than_one_feature_is_refused(eps: float | str | Tensor) -> None:
    with pytest.raises(eb.InputError, match="l0, which counts the features that may change; expected 0, or 1 or more"):
        eb.Threat("l0", eps)
    assert eb.Threat("l0", 0).eps == 0
    assert eb.Threat("l0", 1).eps == 1


def test_errors_that_die_in_eight_bits_are_named() -> None:
    x, _ = samples()
    x = (x * 255).round() / 255
    y = Affine()(x).argmax(1)
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf"), suite={"deepfool": eb.DeepFool()})
    said = next(finding for finding in run.findings if finding.id == "D26")
    points = eb.DeepFool()(Affine(), x, y, eb.Threat("linf")).x
    survive = int((Affine()((points * 255).round() / 255).argmax(1) != y).sum())
    assert (said.severity, said.evidence) == ("WARN", f"for {survive} of 60 an attack found one that survives")
    assert survive < 57
    assert run.trusted


def test_errors_that_live_in_eight_bits_are_not() -> None:
    x, _ = samples()
    x = (x * 255).round() / 255
    y = Affine()(x).argmax(1)
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf", 0.2), suite=[eb.FGSM()])
    assert run.robust_accuracy() < 0.2
    assert "D26" not in [finding.id for finding in run.findings]


def test_another_attack_s_error_that_lives_in_eight_bits_counts() -> None:
    x, _ = samples()
    x = (x * 255).round() / 255
    y = Affine()(x).argmax(1)
    suite = {"fgsm": eb.FGSM(), "deepfool": eb.DeepFool()}
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf", 0.2), suite=suite)
    assert run.attacks["deepfool"].success.sum() > 57
    assert "D26" not in [finding.id for finding in run.findings]


def test_the_accuracy_in_eight_bits_is_said() -> None:
    x, _ = samples()
    x = (x * 255).round() / 255
    y = Affine()(x).argmax(1)
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf", 0.2), suite={"deepfool": eb.DeepFool()})
    said = next(finding for finding in run.findings if finding.id == "D26")
    points = eb.DeepFool()(Affine(), x, y, eb.Threat("linf", 0.2)).x
    survive = Affine()((points * 255).round() / 255).argmax(1) != y
    survive &= torch.from_numpy(run.upper <= 0.2)
    standing = f"robust accuracy in 8 bits {1 - survive.double().mean():.1%} ("
    assert standing in said.evidence
    assert f", without {run.robust_accuracy():.1%} (" in said.evidence


def test_inputs_between_the_levels_are_no_pictures() -> None:
    run = toy_run(threat=eb.Threat("linf"), suite=[eb.DeepFool()])
    assert "D26" not in [finding.id for finding in run.findings]


@pytest.mark.parametrize(
    "suite", [[eb.AdditiveNoise()], [eb.Restarts(eb.AdditiveNoise(), 2), eb.AdditiveNoise(draws=3)]]
)
def test_noise_alone_is_not_trusted(suite: list[eb.Attack]) -> None:
    run = toy_run(suite=suite)
    assert failed(run) == ["D33"]
    assert toy_run(suite=[*suite, eb.FGSM()]).trusted
