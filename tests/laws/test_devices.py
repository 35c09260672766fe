"""Numbers made on the way lie where their rows lie; the meta device stands for a card."""

from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.geometry import Norm, l0, l1, linf, rows
from epsball.geometry.base import clip, per_row, room
from epsball.oracle.best import Best

META = torch.device("meta")
X0 = torch.zeros(3, 2, 2, device=META)


@pytest.mark.parametrize("value", [0.5, torch.ones(())])
def test_a_number_is_shaped_on_the_device_of_its_rows(value: float | torch.Tensor) -> None:
    assert rows(value, X0).device == META
    assert per_row(value, X0).device == META
    assert per_row(value, X0).shape == (3,)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_a_number_takes_the_type_of_its_rows(dtype: torch.dtype) -> None:
    like = torch.zeros(3, 2, dtype=dtype)
    assert rows(0.5, like).dtype == per_row(0.5, like).dtype == room(like, -1, 1).dtype == dtype
    assert rows(torch.ones(3, dtype=torch.float32), like).dtype == dtype


def test_bounds_from_elsewhere_are_brought_to_the_rows() -> None:
    low, high = -torch.ones(2, 2), torch.ones(2, 2)
    assert room(X0, low, high).device == META
    assert clip(X0, low, high).device == META
    assert clip(X0, -1.0, high).device == META


@pytest.mark.parametrize("norm", [linf, l1, l0])
def test_budgets_from_elsewhere_limit_a_step(norm: Norm) -> None:
    assert norm.lmo(X0, torch.ones(3), -1.0, 1.0).device == META


def test_budgets_of_samples_are_compared_where_the_samples_are() -> None:
    threat = eb.Threat(linf, torch.full((3,), 0.5))
    assert threat.contains(X0, X0).device == META
    assert torch.as_tensor(threat.budget(X0)).device == META


def test_the_best_so_far_lies_beside_the_inputs() -> None:
    best = Best(X0, eb.Threat(linf, 0.5), minimise=False)
    assert {t.device for t in (best.x, best.distance, best.success, best.alive)} == {META}
    assert best.distance.dtype == torch.float64
