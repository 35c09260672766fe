"""Who may write into a folder: one process at a time, and only while it is the folder that was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.errors import FolderLostError, InputError
from epsball.record.files import make_folder

if TYPE_CHECKING:
    from pathlib import Path

LOCK = ".lock"
"""Empty file in the run folder whose lock the writer holds; the system releases it when the process ends, however it ends."""


class Ownership:
    """The exclusive right to write into a folder, from its making until `release`.

    Args:
        folder: made if it is not there.

    Raises:
        InputError: another process or another run of this one writes there, or the folder cannot be made or locked.
    """

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock, Timeout  # noqa: PLC0415 (only for those who write)

        make_folder(folder)
        self._folder = folder
        self._lock = FileLock(folder / LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"another run is being written into {folder}; wait until it has ended, or choose another folder with out="
            ) from error
        except (OSError, NotImplementedError) as error:
            raise InputError(
                f"{folder} cannot be written by one run alone ({error}); choose a folder you may write to, on a disk with file locks"
            ) from error
        self._identity = _identity(folder)
        self._locked = _identity(folder / LOCK)

    def check(self) -> None:
        """Pass if the folder is still the one that was opened, and the lock in it the one that is held.

        A lock that was deleted is taken again: whoever came meanwhile finds no lock and would write, too.

        Raises:
            FolderLostError: the folder was moved or deleted, or another run took the lock after it was deleted.
        """
        if self._identity is None or _identity(self._folder) != self._identity:
            raise FolderLostError(
                f"{self._folder} was moved or deleted while a run was written into it, so the rest has no place; "
                "put it back and run the same command again, or start afresh in another folder"
            )

        if _identity(self._folder / LOCK) != self._locked:
            self._take_again()

    def _take_again(self) -> None:
        from filelock import Timeout  # noqa: PLC0415 (only for those who write)

        self._lock.release()
        try:
            self._lock.acquire(timeout=0)
        except (Timeout, OSError) as error:
            raise FolderLostError(
                f"{self._folder / LOCK} was deleted while a run was written into {self._folder}, and another run writes there now; "
                "wait until that one has ended, then run the same command again"
            ) from error
        self._locked = _identity(self._folder / LOCK)

    def release(self) -> None:
        """Let others write."""
        self._lock.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file or folder from another of the same name; None where there is none."""
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino
