"""A model that guesses is not attacked, unless that is wanted anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.record import read_run
from toy import SUITE, Affine, samples, toy_run

if TYPE_CHECKING:
    from pathlib import Path


def shuffled() -> tuple[Tensor, Tensor]:
    """Labels that have nothing to do with the inputs."""
    x, y = samples()
    return x, torch.from_numpy(np.random.default_rng(0).permutation(y.numpy()))


def test_a_guess_ends_the_run_after_the_clean_pass() -> None:
    stages: list[str] = []
    run = toy_run(data=shuffled(), progress=lambda stage, _done, _total: stages.append(stage))
    assert [finding.id for finding in run.findings if finding.severity == "FAIL"] == ["D16"]
    assert not run.trusted
    assert run.attacks == {}
    assert set(stages) == {"clean pass", "checks"}


def test_anyway_attacks_it_all_the_same_and_goes_on_from_there(tmp_path: Path) -> None:
    stopped = toy_run(tmp_path, data=shuffled())
    assert not any(len(rows) for rows in read_run(tmp_path).attacks.values())
    run = toy_run(tmp_path, data=shuffled(), anyway=True)
    assert list(run.attacks) == list(SUITE)
    assert not run.trusted
    assert np.array_equal(run.clean, stopped.clean)
    assert toy_run(tmp_path, data=shuffled()).reused, "what is finished is read"


@pytest.mark.parametrize("anyway", [False, True])
def test_an_honest_model_is_attacked_either_way(anyway: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    assert list(toy_run(anyway=anyway).attacks) == list(SUITE)


def test_one_label_for_all_is_a_guess() -> None:
    class Constant(Affine):
        def forward(self, x: Tensor) -> Tensor:
            return 0 * super().forward(x) + torch.tensor([0.0, 5.0, 0.0, 0.0])

    x, _ = samples()
    y = torch.where(torch.arange(len(x)) < 50, 1, 2)
    run = eb.evaluate(Constant(), (x, y), eb.Threat("linf", 0.1), suite=SUITE)
    assert "D16" in {finding.id for finding in run.findings}
    assert run.attacks == {}
