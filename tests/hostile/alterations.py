"""One alteration of a run folder by a seed, with digests that agree: of the list of contents, a table, or arrays."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from safetensors.numpy import load, save

from epsball.record.files import sha256
from forgery import contents, forge, place_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHERS: tuple[Any, ...] = (
    *(None, True, "", "x", "nan", "inf", "-inf", "load", "../../x", "a\x1b[31m\0b", "٣", "l7", "9" * 5000),
    *(-1, 0, 2**62, 10**30, -(10**400), 0.5, 1e308, -1e308, 1e-320, float("nan"), float("inf")),
    *([], {}, [[]], ["x"], [0.5, "x"], [[0.0, 1.0], [2.0]], {"x": 1}, {"": {"": None}}, [None] * 1000),
)


def alter(folder: Path, seed: int) -> str:
    """Alter one thing; what was altered."""
    random = np.random.default_rng(seed)
    kind = random.choice(["contents", "table", "arrays"], p=[0.6, 0.3, 0.1])
    return {"contents": contents_altered, "table": table_altered, "arrays": arrays_altered}[str(kind)](folder, random)


def contents_altered(folder: Path, random: np.random.Generator) -> str:
    """Take out, rename, double or replace one value of `run.json`; now and then the text itself."""
    run = contents(folder)
    paths = list(_paths(run))
    path = paths[random.integers(len(paths))]
    *before, last = path
    holder = place_of(run, before)
    how = str(
        random.choice(["replace", "take out", "rename", "nest", "copy", "swap"], p=[0.6, 0.1, 0.1, 0.05, 0.05, 0.1])
    )
    if how == "replace":
        other = OTHERS[random.integers(len(OTHERS))]
        how, holder[last] = f"replace by {str(other)[:20]!r}", other
    elif how == "take out":
        del holder[last]
    elif how == "nest":
        holder[last] = [holder[last]]
    elif how == "copy":
        holder[last] = copy.deepcopy(place_of(run, paths[random.integers(len(paths))]))
    elif how == "swap":
        value = holder[last]
        holder[last] = value * 2 if isinstance(value, int | float | str | list) and value is not None else value
    elif isinstance(holder, dict):
        holder[f"{last}_" if random.random() < 0.5 else str(last)[:-1]] = holder.pop(last)
    else:
        holder.insert(0, holder[-1])
    _seal(folder, run)
    return f"{path}: {how}"


def _seal(folder: Path, run: dict[str, Any]) -> None:
    """Write the list with its digest, also where it holds what JSON does not have."""

    def text(value: Any) -> bytes:
        return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()

    if isinstance(run.get("digest"), str):
        run["digest"] = sha256(text({name: value for name, value in run.items() if name != "digest"}))
    (folder / "run.json").write_bytes(text(run))


def table_altered(folder: Path, random: np.random.Generator) -> str:
    """Alter one column, the rows or the description of a table."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.parquet"))
    name = names[random.integers(len(names))]
    table = parquet.read_table(folder / name)
    change = TABLES[random.integers(len(TABLES))]
    column = table.column_names[random.integers(table.num_columns)]
    altered, options = change(table, column, random)
    sink = pa.BufferOutputStream()
    parquet.write_table(altered, sink, **options)
    forge(folder, name, bytes(sink.getvalue()))
    return f"{name}, {column}: {change.__name__}"


Changed = tuple[pa.Table, dict[str, Any]]


def _put(table: pa.Table, column: str, values: Any) -> Changed:
    return table.set_column(table.column_names.index(column), column, values), {}


def value_altered(table: pa.Table, column: str, random: np.random.Generator) -> Changed:
    values = table.column(column).to_pylist()
    if not values:
        return table, {}
    at, kind = int(random.integers(len(values))), table.column(column).type
    others: dict[str, Callable[[], list[Any]]] = {
        "double": lambda: [float("nan"), -1.0, 0.0, float("inf"), 1e308, 1e-320, values[at] * 0.99],
        "int64": lambda: [-1, 2**62, values[at] + 1],
        "bool": lambda: [not values[at]],
        "string": lambda: ["", "pgd", "fgsm", "a\x1b[31mb", "x" * 10**6],
    }
    choices = others[str(kind)]()
    values[at] = choices[random.integers(len(choices))]
    return _put(table, column, pa.array(values, kind))


def value_missing(table: pa.Table, column: str, random: np.random.Generator) -> Changed:
    values = table.column(column).to_pylist()
    values[int(random.integers(len(values))) : None] = [None] if values else []
    values += [None] * (len(table) - len(values))
    return _put(table, column, pa.array(values, table.column(column).type))


def type_altered(table: pa.Table, column: str, random: np.random.Generator) -> Changed:
    values = table.column(column).to_pylist()
    kinds: list[Callable[[], pa.Array]] = [
        lambda: pa.array([str(value) for value in values]),
        lambda: pa.array([[value] for value in values]),
        lambda: pa.array([{"x": value} for value in values]),
        lambda: pa.nulls(len(values)),
        lambda: pa.array([str(value).encode() for value in values]),
        lambda: pa.array([0.5] * len(values)),
        lambda: pa.array([1] * len(values), pa.int8()),
        lambda: pa.array([1] * len(values), pa.decimal128(5)),
        lambda: pa.array([1] * len(values), pa.timestamp("s")),
    ]
    return _put(table, column, kinds[random.integers(len(kinds))]())


def column_taken_out(table: pa.Table, column: str, _: np.random.Generator) -> Changed:
    return table.drop_columns([column]), {}


def column_renamed(table: pa.Table, column: str, _: np.random.Generator) -> Changed:
    return table.rename_columns([f"{name}\x1b[2J" if name == column else name for name in table.column_names]), {}


def column_twice(table: pa.Table, column: str, _: np.random.Generator) -> Changed:
    return table.append_column(column, table.column(column)), {}


def rows_altered(table: pa.Table, _: str, random: np.random.Generator) -> Changed:
    rows = np.arange(len(table))
    choices = [rows[:-1], rows[:0], rows[::-1], np.append(rows, rows[:1]), np.repeat(rows, 3), random.permutation(rows)]
    return table.take(pa.array(choices[random.integers(len(choices))], pa.int64())), {}


def rows_without_end(table: pa.Table, _: str, random: np.random.Generator) -> Changed:
    first = np.zeros(int(random.choice([10**5, 10**6])), np.int64)
    return table.take(pa.array(first[: len(first) * min(len(table), 1)])), {"compression": "zstd"}


def description_altered(table: pa.Table, _: str, random: np.random.Generator) -> Changed:
    others = [
        {b"pandas": b"{"},
        {b"ARROW:schema": b"x"},
        {b"": bytes(range(256))},
        {b"x": b"y" * 10**6},
        {b"\xff": b"\xfe"},
    ]
    return table.replace_schema_metadata(others[random.integers(len(others))]), {}


def otherwise_stored(table: pa.Table, _: str, random: np.random.Generator) -> Changed:
    others: list[dict[str, Any]] = [
        {"compression": "gzip"},
        {"row_group_size": 1},
        {"version": "1.0"},
        {"use_dictionary": False},
        {"data_page_version": "2.0"},
        {"store_schema": False},
    ]
    return table, others[random.integers(len(others))]


TABLES = (
    *(value_altered, value_altered, value_altered, value_missing, type_altered, type_altered, column_taken_out),
    *(
        column_renamed,
        column_twice,
        rows_altered,
        rows_altered,
        rows_without_end,
        description_altered,
        otherwise_stored,
    ),
)


def arrays_altered(folder: Path, random: np.random.Generator) -> str:
    """Alter an array, its name, type or shape, or the bytes of the file."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors"))
    name = names[random.integers(len(names))]
    arrays = load((folder / name).read_bytes())
    key = sorted(arrays)[random.integers(len(arrays))]
    array, how = arrays.pop(key), int(random.integers(8))
    changed = [
        {},
        {f"{key}_": array},
        {key: array.astype(np.float16)},
        {key: array.reshape(-1)},
        {key: array[:-1]},
        {key: array + 1},
        {key: array[None]},
        {key: np.zeros(0, np.int64)},
    ][how]
    content = save({other: np.ascontiguousarray(value) for other, value in (arrays | changed).items()})
    forge(folder, name, content)
    return f"{name}, {key}: {how}"


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Any:
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*before, key)
        yield from _paths(value[key], (*before, key))
