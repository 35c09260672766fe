"""A baseline of the affine classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.gate import read_baseline
from gated import QUICK, THREAT
from toy import Affine, samples

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from epsball.gate import Baseline


@pytest.fixture(scope="session")
def data() -> tuple[Tensor, Tensor]:
    return samples(400, wrong=0)


@pytest.fixture(scope="session")
def file(data: tuple[Tensor, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The baseline as it is written."""
    path = tmp_path_factory.mktemp("baseline") / "robust.json"
    eb.check(Affine(), data, THREAT, write_to=path, suite=QUICK)
    return path


@pytest.fixture
def baseline(file: Path) -> Baseline:
    return read_baseline(file)
