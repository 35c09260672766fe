from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epsball.paper.rows import COLUMNS, Row, Rows, split, where
from paper.controls import NOTHING, number

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(max_size=5)
ROWS = st.builds(
    Row, FINITE, FINITE, FINITE, st.integers(1, 9), NAMES, NAMES, NAMES, eps=FINITE, x=FINITE, seed=st.integers(0, 3)
)
SOME = Rows(
    (
        number(0.1).of("error", network="one", eps=0.1),
        number(0.2).of("error", network="two", eps=0.1),
        number(0.3).of("error", network="one", eps=0.2),
        number(4.0).of("steps", network="one"),
    )
)


@given(st.lists(ROWS, max_size=5).map(lambda rows: Rows(tuple(rows))))
def test_rows_read_back_are_the_same(rows: Rows) -> None:
    document = json.loads(rows.document({"a fact": [1]}))
    assert document["a fact"] == [1]
    assert Rows.read(document) == rows


def test_what_was_not_measured_is_null_and_reads_back_as_no_number() -> None:
    text = Rows((NOTHING.of("ρ", note="no weights"),)).document({})
    assert "NaN" not in text
    (row,) = Rows.read(json.loads(text))
    assert math.isnan(row.value)
    assert (row.n, row.note) == (0, "no weights")


def test_keys_that_tell_no_rows_apart_are_written_once_or_not_at_all() -> None:
    written = json.loads(SOME.of(experiment="one").document({}))
    assert written["columns"] == ["value", "low", "high", "n", "quantity", "network", "eps"]
    assert written["shared"] == {"experiment": "one"}
    assert SOME.document({}).count("\n  [") == len(SOME)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"columns": [], "rows": []},
        {"shared": {}, "columns": list(COLUMNS), "rows": [[1.0]]},
        {"shared": {}, "columns": ["value", "low", "high"], "rows": [[1.0, 1.0, 1.0]]},
        {"shared": {}, "columns": ["value", "low", "high", "n", "colour"], "rows": [[1.0, 1.0, 1.0, 1, "red"]]},
        {"shared": {}, "columns": ["value", "low", "high", "n", "network"], "rows": [[1.0, 1.0, 1.0, 1, 5]]},
        {"shared": {}, "columns": ["value", "low", "high", "n"], "rows": [["1", 1.0, 1.0, 1]]},
    ],
)
def test_what_is_no_table_of_rows_is_refused(document: dict[str, object]) -> None:
    with pytest.raises((LookupError, ValueError, TypeError)):
        Rows.read(document)


def test_rows_are_chosen_by_their_keys() -> None:
    assert where(network="one", quantity="error")(SOME).values() == [0.1, 0.3]
    assert SOME.where(eps=(0.1, 0.2), network={"two"}).one().value == 0.2
    assert SOME.where(network="one").where(eps=0.3).rows == ()
    assert SOME.each("network", eps=0.1) == {"one": SOME.rows[0], "two": SOME.rows[1]}
    assert SOME.values("eps", quantity="error") == [0.1, 0.1, 0.2]
    with pytest.raises(AttributeError, match="colour"):
        SOME.where(colour="red")
    for found in ({"network": "one"}, {"network": "three"}):
        with pytest.raises(LookupError, match=r"rows have .*, expected one"):
            SOME.one(**found)


def test_groups_come_in_the_order_of_their_first_rows() -> None:
    assert {key: rows.values() for key, rows in SOME.by("network").items()} == {"one": [0.1, 0.3, 4.0], "two": [0.2]}
    assert list(SOME.by("network", "eps")) == [("one", 0.1), ("two", 0.1), ("one", 0.2), ("one", 0.0)]
    assert list(split("eps", quantity="error")(SOME)) == [0.1, 0.2]


def test_other_keys_leave_the_number() -> None:
    (row, *_) = SOME.of(network="three", seed=2)
    assert row == number(0.1).of("error", network="three", eps=0.1, seed=2)
    assert Rows.gathered([SOME, SOME.rows[0]]).rows == (*SOME.rows, SOME.rows[0])
    with pytest.raises(TypeError, match="colour"):
        SOME.of(colour="red")
