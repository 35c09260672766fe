"""The checks of a finished training: a network that guesses, and robustness that collapsed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.diagnostics import TrainingHistory, after_training
from epsball.diagnostics.chance import guess
from epsball.training.fit import fit
from epsball.training.objectives import adversarial

LABEL = np.arange(200) % 10
HONEST = TrainingHistory(
    label=LABEL,
    predicted=np.where(np.arange(200) < 150, LABEL, (LABEL + 1) % 10),
    classes=10,
    held_out=True,
    robust=np.array([0.1, 0.5, 0.6]),
    fgsm=np.array([0.2, 0.6, 0.7]),
    steps=50,
)


def found(**changed: object) -> list[tuple[str, str]]:
    return [(one.id, one.severity) for one in after_training(replace(HONEST, **changed))]  # type: ignore[arg-type] # by name


def test_an_honest_training_is_left_alone() -> None:
    assert found() == []
    assert found(robust=np.empty(0), fgsm=np.empty(0)) == []


def test_a_network_that_guesses_has_learnt_nothing() -> None:
    assert found(predicted=(LABEL * 7 + 3) % 10) == [("D45", "FAIL")]
    assert found(predicted=np.full(200, 3)) == [("D45", "FAIL")]
    assert "its own training samples" in after_training(replace(HONEST, predicted=LABEL * 0, held_out=False))[0].message


def test_after_a_few_steps_a_network_that_guesses_has_hardly_begun() -> None:
    assert found(predicted=np.full(200, 3), steps=49) == [("D48", "WARN")]
    assert found(steps=1) == []


def test_one_label_for_all_is_a_guess_also_where_that_label_is_frequent() -> None:
    often = np.where(np.arange(200) < 160, 1, LABEL)
    assert "label 1" in guess(often, np.ones(200, np.int64), 10)
    assert guess(often, often, 10) == ""
    assert guess(np.ones(200, np.int64), np.ones(200, np.int64), 10) == ""
    assert guess(np.array([1, 1, 1, 0]), np.ones(4, np.int64), 10) == "", "too few samples to tell"


def test_fgsm_that_fools_nobody_and_pgd_everybody_is_a_collapse() -> None:
    assert found(robust=np.array([0.0, 0.0]), fgsm=np.array([0.5, 0.9])) == [("D28", "WARN")]
    assert found(robust=np.array([0.0, 0.6]), fgsm=np.array([0.9, 0.8])) == []


def test_robustness_that_was_better_before_is_said_with_its_epoch() -> None:
    said = after_training(replace(HONEST, robust=np.array([0.3, 0.6, 0.45]), fgsm=np.array([0.4, 0.7, 0.6])))
    assert [(one.id, one.evidence) for one in said] == [("D28", "60.0% after epoch 2, 45.0% after the last one")]
    assert found(robust=np.array([0.3, 0.6, 0.55]), fgsm=np.array([0.4, 0.7, 0.6])) == []


@pytest.mark.parametrize("validated", [True, False])
def test_a_training_that_cannot_succeed_says_so(validated: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    draws = torch.Generator().manual_seed(0)
    x, y = torch.rand(300, 1, 4, 4, generator=draws), torch.randint(10, (300,), generator=draws)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
    trained = fit(net, (x, y), eb.Recipe(epochs=1, batch_size=6, rate=1e-9), validation=(x, y) if validated else None)
    assert [one.id for one in trained.findings] == ["D45"]


class Band(nn.Module):
    """Class 1 only in a narrow band beside the inputs, which one long step leaps over."""

    def __init__(self) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.tensor(10.0))

    def forward(self, x: Tensor) -> Tensor:
        inside = self.height * (0.05 - (x.flatten(1) - 0.65).abs())
        return torch.cat([torch.zeros_like(inside), inside], 1)


def test_a_training_whose_network_resists_one_step_only_is_alarmed() -> None:
    x, y = torch.full((20, 1, 1, 1), 0.5), torch.zeros(20, dtype=torch.int64)
    objective = adversarial(eb.FGSM(), eb.Threat(eb.linf, 0.3))
    both = torch.cat((x, torch.full((1, 1, 1, 1), 0.65))), torch.cat((y, torch.ones(1, dtype=torch.int64)))
    trained = fit(Band(), both, eb.Recipe(epochs=2, rate=1e-9), objective=objective, validation=(x, y))
    assert [(epoch.accuracy, epoch.fgsm, epoch.robust) for epoch in trained.history] == [(1, 1, 0)] * 2
    assert [one.id for one in trained.findings] == ["D28"]
    assert trained.best_epoch == 1


def test_an_evaluation_finds_that_it_resists_one_step_only() -> None:
    x, y = torch.full((30, 1, 1, 1), 0.5), torch.zeros(30, dtype=torch.int64)
    run = eb.evaluate(Band(), (x, y), eb.Threat("linf", 0.3), suite=[eb.FGSM(), eb.PGD()])
    assert "D47" in {one.id for one in run.findings}
