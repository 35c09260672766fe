"""Files of a run folder: written whole or not at all, read back or refused in one sentence."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

TEMPORARY = ".part"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256 digest."""
    return hashlib.sha256(content).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old content or the new one, never a mixture.

    A device or a pipe is written into, and the target of a link replaced: neither becomes a file of its own.

    Raises:
        InputError: the disk is full, the folder cannot be written, or a folder stands in the place of the file.
        BrokenPipeError: the reader of a pipe has gone.
    """
    try:
        if is_special(path):
            path.write_bytes(content)
        else:
            _replace(path.resolve() if path.is_symlink() else path, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(path, len(content), error) from error


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


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _keep_name(path.parent)
    except OSError:
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
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); the run folder is incomplete: evaluate again"
        ) from error


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


def read_table(path: Path, kinds: Mapping[str, type[np.generic]]) -> dict[str, NDArray[Any]]:
    """Read the named columns of a Parquet file, each in its own type.

    Raises:
        InputError: the file is missing, damaged or lacks a column.
    """
    import pyarrow as pa  # noqa: PLC0415 (a heavy import, only for those who read)
    from pyarrow import parquet  # noqa: PLC0415 (the same)

    content = read_bytes(path)
    try:
        table = parquet.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "Parquet", len(content)) from error
    missing = [name for name in kinds if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path} has no column {missing[0]!r} (it has {', '.join(table.column_names)}); "
            "it is not a file epsball wrote: restore it, or evaluate again into another folder"
        )
    try:
        return {name: _column(table.column(name), kind) for name, kind in kinds.items()}
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise damaged(path, "epsball", len(content)) from error


def _column(column: Any, kind: type[np.generic]) -> NDArray[Any]:
    if column.null_count:
        raise ValueError("a missing value")
    if kind is np.str_:
        return np.asarray(column.to_pylist(), dtype=np.str_)
    return np.array(column.to_numpy(), dtype=kind)


def damaged(path: Path, kind: str, size: int) -> InputError:
    """The sentence for a file that cannot be decoded."""
    return InputError(
        f"{path} is no readable {kind} file ({size:,} bytes); it is truncated or was altered: "
        "restore it, or evaluate again into another folder"
    )


def array_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as a safetensors file."""
    from safetensors.numpy import save  # noqa: PLC0415 (only for those who write)

    content: bytes = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return content


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Read the named arrays of a safetensors file.

    Raises:
        InputError: the file is missing, damaged or lacks an array.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 (only for those who read)
    from safetensors.numpy import load  # noqa: PLC0415 (the same)

    content = read_bytes(path)
    try:
        arrays: dict[str, NDArray[Any]] = load(content)
        return {name: arrays[name] for name in names}
    except (SafetensorError, KeyError, ValueError) as error:
        raise damaged(path, "safetensors", len(content)) from error
