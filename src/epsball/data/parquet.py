"""Parquet: a column `image` or `img` of encoded pictures (bytes, or a struct {bytes, path}) and a column `label`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epsball.data.pictures import pictured
from epsball.data.source import Encoded, Rows, Source, checked_labels
from epsball.errors import InputError


def read_parquet(files: list[Path], *, classes: int | None = None, colour: bool = False) -> Source:
    """A labelled set from one or several Parquet files, in the order given; only the pictures that are read are decoded.

    Args:
        files: at least one.
        classes: K, where it is known.
        colour: three channels even where all pictures are grey.

    Raises:
        InputError: no Parquet file, a truncated one, columns that are missing or of another type.
    """
    tables = [_Table.open(path) for path in files]
    labels = np.concatenate([table.labels() for table in tables])
    starts = np.cumsum([0, *(table.rows for table in tables)])

    def pictures(rows: Rows) -> Iterator[tuple[str, bytes]]:
        found: dict[int, tuple[str, bytes]] = {}
        for table, start, end in zip(tables, starts, starts[1:], strict=False):
            inside = np.sort(rows[(rows >= start) & (rows < end)]) - start
            found |= {int(start + row): picture for row, picture in table.pictures(inside)}
        return (found[int(row)] for row in rows)

    return pictured(
        checked_labels(labels, str(files[0] if len(files) == 1 else files[0].parent), classes),
        Encoded(pictures, colour),
        class_names=tables[0].class_names(),
    )


@dataclass(frozen=True)
class _Table:
    """One Parquet file, open; `file` is a `pyarrow.parquet.ParquetFile`."""

    path: Path
    file: Any
    image: str

    @classmethod
    def open(cls, path: Path) -> "_Table":
        import pyarrow as pa  # noqa: PLC0415 a file format is imported where it is used
        import pyarrow.parquet as pq  # noqa: PLC0415 the same

        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} is truncated or no Parquet file ({error}); fetch or save it again") from error
        names = file.schema_arrow.names
        images = [name for name in ("image", "img") if name in names]
        if not images or "label" not in names:
            raise InputError(
                f"{path} has the columns {', '.join(names) or '(none)'}, expected 'image' or 'img' with encoded pictures "
                "and 'label'; rename them"
            )
        kind = file.schema_arrow.field(images[0]).type
        if pa.types.is_struct(kind):
            kind = next((field.type for field in kind if field.name == "bytes"), kind)
        if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            raise InputError(
                f"column {images[0]!r} of {path} is of type {kind}, expected encoded pictures: bytes, or a struct with bytes"
            )
        return cls(path, file, images[0])

    @property
    def rows(self) -> int:
        return int(self.file.metadata.num_rows)

    def labels(self) -> NDArray[np.generic]:
        column = self._read(["label"])["label"]
        if column.null_count:
            raise InputError(f"{self.path} has {column.null_count} rows without a label; remove them")
        return np.asarray(column.to_numpy())

    def class_names(self) -> tuple[str, ...] | None:
        """The names that Hugging Face's `datasets` writes beside the columns."""
        try:
            features = json.loads(self.file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
            return tuple(map(str, features["label"]["names"]))
        except (TypeError, KeyError, ValueError):
            return None

    def pictures(self, rows: Rows) -> Iterator[tuple[int, tuple[str, bytes]]]:
        """Sorted rows of this file -> (row, (name for messages, bytes)), reading only the row groups that hold them."""
        start = 0
        for group in range(self.file.num_row_groups):
            end = start + self.file.metadata.row_group(group).num_rows
            inside = rows[(rows >= start) & (rows < end)]
            if len(inside):
                column = self._read([self.image], group)[self.image].take(inside - start)
                for row, value in zip(inside.tolist(), column.to_pylist(), strict=True):
                    content = value["bytes"] if isinstance(value, dict) else value
                    if content is None:
                        raise InputError(f"row {row} of {self.path} has no picture; remove it")
                    yield row, (f"row {row} of {self.path}", content)
            start = end

    def _read(self, columns: list[str], group: int | None = None) -> Any:
        import pyarrow as pa  # noqa: PLC0415 a file format is imported where it is used

        try:
            return self.file.read(columns) if group is None else self.file.read_row_group(group, columns)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self.path} is truncated or damaged ({error}); fetch or save it again") from error
