"""Files of a run folder: written whole or not at all, read back or refused in one sentence."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.errors import InputError
from epsball.record.footer import compressions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

TEMPORARY = ".part"
ARROW: dict[type[np.generic], str] = {
    np.int64: "int64",
    np.float64: "double",
    np.bool_: "bool",
    np.str_: "dictionary<values=string, indices=int32, ordered=0>",
}
"""How the columns of tables are stored."""
LONGEST_TEXT = 1000
_BLOCK = 2**20
_PLAIN = {0, 1}
"""Parquet's numbers for no compression and for Snappy, which hardly shrinks anything to less than a twentieth."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256 digest."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Hexadecimal SHA-256 digest of a file, however large.

    Raises:
        InputError: it is missing or unreadable.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, in one piece or in several, so that a kill at any moment leaves the old content or the new one, never a mixture.

    A device or a pipe is written into, and the target of a link replaced: neither becomes a file of its own.

    Raises:
        InputError: the disk is full, the folder cannot be written, or a folder stands in the place of the file.
        BrokenPipeError: the reader of a pipe has gone.
    """
    size = 0

    def pieces() -> Iterator[bytes]:
        nonlocal size
        for piece in [content] if isinstance(content, bytes) else content:
            size += len(piece)
            yield piece

    try:
        if is_special(path):
            with path.open("wb") as file:
                file.writelines(pieces())
        else:
            _replace(path.resolve() if path.is_symlink() else path, pieces())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(path, size, error) from error
    except RuntimeError as error:  # how pathlib before Python 3.13 tells of a link that leads to itself
        raise _unwritable(path, size, OSError(errno.ELOOP, os.strerror(errno.ELOOP))) from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there yet.

    Raises:
        InputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, 0, error) from error


def is_special(path: Path) -> bool:
    """Whether something stands there that is no regular file: a device, a pipe or a folder."""
    return path.exists() and not path.is_file()


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _keep_name(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _keep_name(folder: Path) -> None:
    """Make the renaming itself survive a power cut, where the system lets a folder be opened."""
    with contextlib.suppress(PermissionError, IsADirectoryError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: Path, size: int, error: OSError) -> InputError:
    if error.errno in FULL:
        return InputError(
            f"no room for {path} ({size:,} bytes): the disk is full; "
            "free space and run the same command again, the finished chunks are kept"
        )
    if error.errno == errno.EISDIR:
        return InputError(f"{path} cannot be written: it is a folder; name a file in it")
    return InputError(f"{path} cannot be written ({error.strerror or error}); choose a folder you may write to")


def read_bytes(path: Path) -> bytes:
    """Read a file of a run folder.

    Raises:
        InputError: it is missing or unreadable.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path} cannot be read ({error.strerror or error}); the run folder is incomplete: evaluate again"
    )


def table_bytes(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Columns as a Parquet file."""
    import pyarrow as pa  # noqa: PLC0415 (a heavy import, only for those who write)
    from pyarrow import parquet  # noqa: PLC0415 (the same)

    sink = pa.BufferOutputStream()
    table = pa.table({name: pa.array(_plain(column)) for name, column in columns.items()})
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def _plain(column: NDArray[Any]) -> Any:
    return column.tolist() if column.dtype.kind in "UO" else column


def read_table(path: Path, kinds: Mapping[str, type[np.generic]], most: int | None = None) -> dict[str, NDArray[Any]]:
    """Read the named columns of a Parquet file, each of its own type.

    Args:
        path: of the file.
        kinds: the type of each column.
        most: rows that it may have; a few bytes can stand for any number of equal ones.

    Raises:
        InputError: the file is missing, damaged, lacks a column, or holds more rows or other types than epsball writes.
    """
    import pyarrow as pa  # noqa: PLC0415 (a heavy import, only for those who read)
    from pyarrow import parquet  # noqa: PLC0415 (the same)

    content = read_bytes(path)
    try:
        _refuse_expansion(content)
        texts = [name for name, kind in kinds.items() if kind is np.str_]
        file = parquet.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
        columns = file.schema_arrow.names
    except Exception as error:  # a damaged file makes pyarrow raise errors of many kinds
        raise damaged(path, "Parquet", len(content)) from error
    missing = [name for name in kinds if name not in columns]
    if missing:
        raise InputError(
            f"{path} has no column {missing[0]!r} (it has {', '.join(map(repr, columns))}); "
            "it is not a file epsball wrote: restore it, or evaluate again into another folder"
        )
    try:
        if most is not None and file.metadata.num_rows > most:
            raise ValueError(f"{file.metadata.num_rows} rows, at most {most}")  # noqa: TRY301 (told as the others)
        table = file.read(columns=list(kinds))
        return {name: _column(table.column(name), kind) for name, kind in kinds.items()}
    except Exception as error:
        raise damaged(path, "epsball", len(content)) from error


def _refuse_expansion(content: bytes) -> None:
    """Refuse what could grow in memory: a compression stronger than our own."""
    if others := compressions(content) - _PLAIN:
        raise ValueError(f"compressed in other ways: {others}")


def _column(column: Any, kind: type[np.generic]) -> NDArray[Any]:
    if column.null_count or str(column.type) != ARROW[kind]:
        raise ValueError(f"{column.null_count} missing values, type {column.type}")
    return _texts(column) if kind is np.str_ else np.array(column.to_numpy(), dtype=kind)


def _texts(column: Any) -> NDArray[Any]:
    """The texts of a column, each different one read once, however often it stands there."""
    parts = [np.empty(0, np.str_)]
    for chunk in column.chunks:
        names = chunk.dictionary.to_pylist()
        if any(len(name) > LONGEST_TEXT for name in names):
            raise ValueError("a text that is too long for a name")
        parts.append(np.asarray(names, np.str_)[chunk.indices.to_numpy()] if names else parts[0])
    return np.concatenate(parts)


def damaged(path: Path, kind: str, size: int) -> InputError:
    """The sentence for a file that cannot be decoded."""
    return InputError(
        f"{path} is no readable {kind} file ({size:,} bytes); it is truncated or was altered: "
        "restore it, or evaluate again into another folder"
    )
