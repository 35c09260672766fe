"""Measurements as rows: a number, its 95 % interval, and what it is a number of."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True)
class Row:
    """One measured number.

    Args:
        value: the number, NaN where there was nothing to measure.
        low: lower end of its 95 % interval; the number itself where it has none.
        high: upper end.
        n: from how many samples, 0 where there was nothing to measure.
        quantity: what was measured.
        experiment: by which experiment.
        network: of which network, or of which training of it.
        data: on or with which images, where an experiment has several sets.
        attack: under which attack.
        norm: the norm of the attack and of ε.
        space: in which coordinates.
        eps: size of the perturbation, in data units.
        x: place on the axis of a curve: a scale, an epoch, a number of steps.
        seed: of the weights and batches.
        note: why there is no number.
    """

    value: float
    low: float
    high: float
    n: int
    quantity: str = ""
    experiment: str = ""
    network: str = ""
    data: str = ""
    attack: str = ""
    norm: str = ""
    space: str = ""
    eps: float = 0.0
    x: float = 0.0
    seed: int = 0
    note: str = ""

    def of(self, quantity: str = "", **keys: Any) -> Row:
        """Return the number with other keys; the quantity stays where none is given."""
        return replace(self, quantity=quantity or self.quantity, **keys)


COLUMNS = tuple(field.name for field in fields(Row))
NUMBER = COLUMNS[:4]
KEYS = COLUMNS[4:]
FRACTION = (int, float)
_TYPES: dict[str, Any] = {
    each.name: {"str": str, "int": int, "float": FRACTION}[str(each.type)] for each in fields(Row)
}


@dataclass(frozen=True)
class Rows:
    """Rows in the order in which they were measured."""

    rows: tuple[Row, ...] = ()

    @classmethod
    def gathered(cls, parts: Iterable[Row | Rows]) -> Rows:
        """Return single rows and groups of rows as one."""
        return cls(tuple(row for part in parts for row in ((part,) if isinstance(part, Row) else part)))

    def __iter__(self) -> Iterator[Row]:
        """One after the other."""
        return iter(self.rows)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def of(self, quantity: str = "", **keys: Any) -> Rows:
        """Return the same numbers with other keys."""
        return Rows(tuple(row.of(quantity, **keys) for row in self))

    def where(self, **keys: Any) -> Rows:
        """Return the rows with these keys; a key that is a collection allows each of its members."""
        rows = self.rows
        for column, key in keys.items():
            allowed = key if isinstance(key, Collection) and not isinstance(key, str) else (key,)
            rows = tuple(row for row in rows if getattr(row, column) in allowed)
        return Rows(rows)

    def one(self, **keys: Any) -> Row:
        """Return the only row with these keys.

        Raises:
            LookupError: there is none, or several.
        """
        found = self.where(**keys).rows
        if len(found) != 1:
            raise LookupError(f"{len(found)} rows have {keys}, expected one")
        return found[0]

    def by(self, *columns: str) -> dict[Any, Rows]:
        """Return the rows of every value of a column, or of every combination of several, in the order of their first rows."""
        groups: dict[Any, list[Row]] = {}
        for row in self:
            groups.setdefault(attrgetter(*columns)(row), []).append(row)
        return {key: Rows(tuple(rows)) for key, rows in groups.items()}

    def each(self, column: str, **keys: Any) -> dict[Any, Row]:
        """Return the only row with these keys for every value of a column."""
        return {key: rows.one() for key, rows in self.where(**keys).by(column).items()}

    def values(self, column: str = "value", **keys: Any) -> list[Any]:
        """Return a column of the rows with these keys."""
        return [getattr(row, column) for row in self.where(**keys)]

    def document(self, facts: dict[str, Any]) -> str:
        """Return facts and rows as JSON: keys that all rows share once, and a line a row in the columns that tell rows apart."""
        shared = {name: getattr(self.rows[0], name) for name in KEYS if len(self.by(name)) == 1}
        columns = [name for name in COLUMNS if name not in shared]
        lines = (json.dumps([_written(row, name) for name in columns], ensure_ascii=False) for row in self)
        head = {**facts, "shared": {name: key for name, key in shared.items() if key}, "columns": columns}
        text = json.dumps(head, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
        return text + ',\n "rows": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"

    @classmethod
    def read(cls, document: dict[str, Any]) -> Rows:
        """Return the rows of a document.

        Raises:
            LookupError: it has no rows.
            ValueError: a row has too many or too few entries.
            TypeError: a column that rows do not have or that is missing, or an entry of another type.
        """
        shared, columns = document["shared"], document["columns"]
        lines = ({**shared, **dict(zip(columns, line, strict=True))} for line in document["rows"])
        return cls(tuple(Row(**_read(line)) for line in lines))


def _written(row: Row, name: str) -> Any:
    """An entry of a line; null where there is no number, or no interval beside it."""
    entry = getattr(row, name)
    alone = name in {"low", "high"} and entry == row.value
    return None if alone or (isinstance(entry, float) and math.isnan(entry)) else entry


def _read(line: dict[str, Any]) -> dict[str, Any]:
    """The entries of a row; a whole number stands for a fraction too."""
    value = math.nan if line["value"] is None else line["value"]
    entries = {name: value if entry is None and name in NUMBER else entry for name, entry in line.items()}
    wrong = {name: entry for name, entry in entries.items() if not isinstance(entry, _TYPES.get(name, ()))}
    if wrong:
        raise TypeError(f"a row has {wrong}, expected texts and numbers in the columns {', '.join(COLUMNS)}")
    return {name: float(entry) if _TYPES[name] is FRACTION else entry for name, entry in entries.items()}


def where(**keys: Any) -> Callable[[Rows], Rows]:
    """Return what chooses the rows with these keys, among any rows."""
    return lambda rows: rows.where(**keys)


def split(column: str, **keys: Any) -> Callable[[Rows], dict[Any, Rows]]:
    """Return what chooses the rows with these keys, apart for every value of a column."""
    return lambda rows: rows.where(**keys).by(column)
