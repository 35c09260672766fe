"""Numbers and tables as notebooks show them."""

from __future__ import annotations

import pytest

from epsball.display.text import LONGEST, budget, line, table


@pytest.mark.parametrize(
    ("eps", "shown"),
    [
        (8 / 255, "8/255"),
        (0.1, "0.1"),
        (0.2, "0.2"),
        (0.3, "0.3"),
        (1 / 255, "1/255"),
        (0.0, "0"),
        (1.0, "1"),
        (2.0, "2"),
        (0.015, "0.015"),
        (float("inf"), "inf"),
        (16 / 255 + 1e-5, "0.0627551"),
    ],
)
def test_a_budget_is_written_as_people_write_it(eps: float, shown: str) -> None:
    assert budget(eps) == shown


def test_a_long_line_keeps_both_its_ends() -> None:
    text = "a" * 300 + "b" * 300
    assert line(text[:LONGEST]) == text[:LONGEST]
    assert len(line(text)) < LONGEST
    assert line(text)[0] + line(text)[-1] == "ab"


def test_a_table_escapes_what_it_is_given() -> None:
    page = table("<p>", {"<q>": "<r>", "n": 3})
    assert "&lt;p&gt;" in page
    assert "&lt;q&gt;" in page
    assert "&lt;r&gt;" in page
    assert ">3<" in page
