"""A network behind another normalisation than that of its training, and a clean accuracy that is not the expected one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.diagnostics.forgotten_normalisation import corrected, forgotten_normalisation
from epsball.diagnostics.probe import Preflight
from epsball.diagnostics.unexpected_accuracy import unexpected_accuracy

if TYPE_CHECKING:
    from pathlib import Path

FIVE = {"MNIST's": (0.1307, 0.3081), "-1 to 1": (0.5, 0.5), "0 to 255": (0.0, 1 / 255), "Fashion": (0.286, 0.353)}
THREAT = eb.Threat("linf", 0.1)


@cache
def trained(mean: float, std: float) -> nn.Module:
    """A network that has learnt digits behind this normalisation, and sees what is far enough from the mean."""
    x, y = eb.load_data("digits", "train")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Softshrink(0.1 / std), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(net.parameters(), 3e-3 if std > 0.01 else 1e-3)
    for step in range(300):
        rows = torch.arange(step * 128, step * 128 + 128) % len(x)
        loss = nn.functional.cross_entropy(net((x[rows] - mean) / std), y[rows])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return net.eval()


def context(model: eb.Model, n: int = 200, expected: float | None = None) -> Preflight:
    x, y = eb.load_data("digits", n=n)
    with torch.no_grad():
        clean = model(x).argmax(1).numpy()
    return Preflight(model, x, y, clean, 10, expected=expected)


@pytest.mark.parametrize("name", FIVE)
def test_a_network_with_its_own_normalisation_has_no_finding(name: str) -> None:
    assert forgotten_normalisation(context(eb.wrap(trained(*FIVE[name]), *FIVE[name]))) == []


def test_a_forgotten_one_is_named_with_both_accuracies_and_ends_the_run() -> None:
    x, y = eb.load_data("digits", n=200)
    run = eb.evaluate(trained(0.0, 1 / 255), (x, y), THREAT, suite=[eb.FGSM()])
    (finding,) = (each for each in run.findings if each.id == "D52")
    assert "from 0 to 255" in finding.evidence
    right = eb.evaluate(eb.wrap(trained(0.0, 1 / 255), 0, 1 / 255), (x, y), THREAT, suite=[eb.FGSM()])
    assert f"is {run.clean_accuracy:.1%} (" in finding.evidence
    assert f"would be {right.clean_accuracy:.1%} (" in finding.evidence
    assert "--mean 0 --std 0.003922" in finding.remedy
    assert not run.attacks
    assert not run.trusted
    assert "D52" not in {each.id for each in right.findings}


class Inside(nn.Module):
    """Normalises by itself."""

    def __init__(self, net: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.net, self.mean, self.std = net, mean, std

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.net((x - self.mean) / self.std)
        return answer


def test_a_second_normalisation_is_found_too() -> None:
    inside = Inside(trained(0.0, 1 / 255), 0.0, 1 / 255)
    (finding,) = forgotten_normalisation(context(eb.wrap(inside, 0.0, 20.0)))
    assert "with none, so that it probably normalises by itself" in finding.evidence
    assert finding.remedy.startswith("leave out --mean and --std")
    assert forgotten_normalisation(context(eb.wrap(inside))) == []


def test_contrast_that_helps_against_a_blur_is_a_warning_and_the_run_goes_on() -> None:
    net = eb.wrap(nn.Sequential(nn.AvgPool2d(3, 1, 1), trained(*FIVE["-1 to 1"])), 0.3, 0.7)
    run = eb.evaluate(net, eb.load_data("digits", n=200), THREAT, suite=[eb.FGSM()])
    assert [each.severity for each in run.findings if each.id == "D52"] == ["WARN"]
    assert run.attacks


def test_one_label_for_all_is_no_better_normalisation() -> None:
    def constant(x: Tensor) -> Tensor:
        """Class 1 for small numbers, class 0 for large ones."""
        big = (x.abs().mean((1, 2, 3)) > 10).to(x)
        return torch.stack((big, 1 - big), 1) * 5

    x, y = torch.rand(200, 1, 4, 4), torch.zeros(200, dtype=torch.int64)
    assert forgotten_normalisation(Preflight(eb.wrap(constant), x, y, np.ones(200, np.int64), 2)) == []


@pytest.mark.parametrize(
    ("source", "named"), [("cifar10-5k", "CIFAR-10's"), ("cifar100", "CIFAR-100's"), ("", "ImageNet's")]
)
def test_of_equally_good_ones_that_of_the_data_is_named(source: str, named: str) -> None:
    def centred(x: Tensor) -> Tensor:
        """Right wherever numbers were centred."""
        logits = x[:, 0].flatten(1)
        return torch.where(x.amin((1, 2, 3))[:, None] < 0, logits, logits.roll(1, 1))

    x = torch.rand(200, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    y = x[:, 0].flatten(1).argmax(1)
    given = Preflight(eb.wrap(centred), x, y, ((y + 1) % 16).numpy(), 16, source=source)
    (finding,) = forgotten_normalisation(given)
    assert f"200 of 200) with {named} mean" in finding.evidence
    assert corrected(finding) is not None


def test_a_network_that_refuses_other_numbers_is_left_alone() -> None:
    net = trained(0.0, 1 / 255)

    def strict(x: Tensor) -> Tensor:
        if bool((x < 0).any() | (x > 1).any()):
            raise ValueError("only numbers in [0, 1]")
        answer: Tensor = net(x)
        return answer

    assert forgotten_normalisation(context(eb.wrap(strict))) == []


@pytest.mark.parametrize(("expected", "said"), [(0.94, False), (0.9, True), (1.0, True), (0.93, False), (0.5, True)])
def test_an_expected_accuracy_may_be_off_by_interval_and_rounding(expected: float, said: bool) -> None:  # noqa: FBT001 (a table)
    y = torch.zeros(10_000, dtype=torch.int64)
    clean = np.r_[np.zeros(9_350, np.int64), np.ones(650, np.int64)]
    given = Preflight(eb.wrap(lambda x: x), torch.zeros(10_000, 1), y, clean, 2, expected=expected)
    findings = unexpected_accuracy(given)
    assert [each.message for each in findings] == [
        f"Clean accuracy is 93.5 % and {100 * expected:g} % was expected"
    ] * said


def test_a_run_with_another_accuracy_ends_after_the_clean_pass_and_a_finished_one_says_so(tmp_path: Path) -> None:
    data, net = eb.load_data("digits", n=60), eb.wrap(trained(0.5, 0.5), 0.5, 0.5)
    stopped = eb.evaluate(net, data, THREAT, suite=[eb.FGSM()], out=tmp_path, expect_clean="50%")
    assert [each.id for each in stopped.findings] == ["D53"]
    assert (stopped.attacks, stopped.trusted) == ({}, False)
    done = eb.evaluate(net, data, THREAT, suite=[eb.FGSM()], out=tmp_path, expect_clean=stopped.clean_accuracy)
    assert done.attacks
    assert "D53" not in {each.id for each in done.findings}
    again = eb.evaluate(net, data, THREAT, suite=[eb.FGSM()], out=tmp_path, expect_clean=0.5)
    assert (again.reused, again.findings[-1].id) == (True, "D53")
    with pytest.raises(eb.InputError, match=r"expect_clean was given as 56; expected 0\.02, .* write 56pt"):
        eb.evaluate(net, data, THREAT, expect_clean=56)
