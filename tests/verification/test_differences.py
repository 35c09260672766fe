"""Sentences about recorded and expected values, and the samples' columns derived from rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from epsball.record import AttackRows
from epsball.verification.differences import differences
from epsball.verification.sample_rows import ExpectedColumns

IDS = np.array([7, 8, 9, 10])


def said(recorded: list[Any], expected: list[Any], **tolerances: float) -> list[str]:
    return list(differences("rows", "distance", IDS, np.array(recorded), np.array(expected), **tolerances))


def test_a_difference_names_the_sample_and_both_values() -> None:
    assert said([1.0, 2.0, np.inf, 0.5], [1.0, 2.5, np.inf, 0.5]) == ["rows, sample 8: distance is 2.0, expected 2.5"]
    assert said([1, 2, 3, 4], [1, 2, 3, 5]) == ["rows, sample 10: distance is 4, expected 5"]
    assert len(said([1, 2, 3, 4], [2, 3, 4, 5])) == 3
    assert said([np.inf, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, np.inf])[1].endswith(
        "sample 10: distance is 1.0, expected inf"
    )


def test_tolerances_are_relative_or_absolute_and_exact_when_left_out() -> None:
    assert len(said([1 + 1e-12, 1, 1, 1], [1.0, 1, 1, 1])) == 1
    assert said([100.9, 1, 1, 1], [100.0, 1, 1, 1], relative=0.01) == []
    assert len(said([101.1, 1.1, 1, 1], [100.0, 1, 1, 1], relative=0.01)) == 2
    assert said([100.09, 0.09, 1, 1], [100.0, 0, 1, 1], absolute=0.1) == []
    assert len(said([100.2, 0.2, 1, 1], [100.0, 0, 1, 1], absolute=0.1)) == 2


def rows(ids: list[int], distance: list[float]) -> AttackRows:
    n = len(ids)
    columns = {name: np.zeros(n) for name in AttackRows.__annotations__}
    columns |= {"id": np.array(ids), "distance": np.array(distance), "success": np.isfinite(distance)}
    return AttackRows.of(columns | {"queries": np.full(n, 3), "gradients": np.full(n, 2)})


def expected() -> ExpectedColumns:
    return ExpectedColumns(IDS, np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))


def test_attacks_are_run_on_what_is_robust_so_far() -> None:
    columns_of_rows = expected()
    assert columns_of_rows.attacked(0.5, everyone=False).tolist() == [0, 1, 2]
    assert list(columns_of_rows.add_attack("one", rows([7, 8, 9], [0.5, 0.6, np.inf]))) == []
    assert columns_of_rows.attacked(0.5, everyone=False).tolist() == [1, 2]
    assert columns_of_rows.attacked(0.5, everyone=True).tolist() == [0, 1, 2]


def test_the_samples_columns_are_what_the_rows_say() -> None:
    columns_of_rows = expected()
    columns_of_rows.add_certificate(np.array([7, 8]), np.array([0.2, 0.3]))
    columns_of_rows.add_certificate(np.array([7, 10]), np.array([0.1, 0.4]))
    list(columns_of_rows.add_attack("one", rows([7, 8, 9], [0.5, 0.6, np.inf])))
    list(columns_of_rows.add_attack("two", rows([8, 7], [0.4, 0.5])))
    columns: dict[str, Any] = {
        "id": IDS,
        "label": np.array([0, 0, 1, 1]),
        "clean": np.array([0, 0, 1, 0]),
        "lower": np.array([0.2, 0.3, 0.0, 0.0]),
        "upper": np.array([0.5, 0.4, np.inf, 0.0]),
        "by": np.array(["one", "two", "", "clean"]),
        "queries": np.array([6, 6, 3, 0]),
        "gradients": np.array([4, 4, 2, 0]),
    }
    assert list(columns_of_rows.compare("samples", columns)) == []
    for column in columns:
        other = columns | {column: columns[column][:3]}
        assert list(columns_of_rows.compare("samples", other)) == ["samples has 3 rows, expected 4"]


@pytest.mark.parametrize(("distance", "problem"), [(0.3, False), (0.3 * (1 - 0.9e-6), False), (0.3 * (1 - 2e-6), True)])
def test_an_error_within_a_certificate_is_a_problem(distance: float, problem: bool) -> None:  # noqa: FBT001 - parametrised
    columns_of_rows = expected()
    columns_of_rows.add_certificate(np.array([8]), np.array([0.3]))
    sentences = list(columns_of_rows.add_attack("one", rows([7, 8], [0.1, distance])))
    assert len(sentences) == problem
    if problem:
        assert sentences[0].startswith("sample 8: one found an error at 0.2999")
        assert sentences[0].endswith("a certificate excludes errors up to 0.3")
