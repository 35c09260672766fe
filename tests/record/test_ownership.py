"""One writer a folder, whatever happens to its lock."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from epsball.errors import FolderLostError, InputError
from epsball.record.ownership import LOCK, Ownership

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not delete a file that is locked")


def test_a_lock_that_was_deleted_is_taken_again(tmp_path: Path) -> None:
    first = Ownership(tmp_path)
    (tmp_path / LOCK).unlink()
    first.check()
    with pytest.raises(InputError, match="another run is being written"):
        Ownership(tmp_path)
    first.release()
    Ownership(tmp_path).release()


def test_one_of_two_writers_ends_with_a_sentence(tmp_path: Path) -> None:
    first = Ownership(tmp_path)
    (tmp_path / LOCK).unlink()
    second = Ownership(tmp_path)
    with pytest.raises(
        FolderLostError, match=r"\.lock was deleted while a run was written .* another run writes there"
    ):
        first.check()
    second.check()
    first.release()
    second.release()
