"""Files are written whole or not at all, and what is no file stays what it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from epsball.errors import InputError
from epsball.record.files import write_whole


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="only Linux has a device that is always full")
def test_a_device_is_written_into_and_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(*_: object) -> None:
        pytest.fail("the machine's device would have been replaced")

    monkeypatch.setattr(Path, "replace", kept)
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with pytest.raises(InputError, match="the disk is full"):
        write_whole(link, b"content")
    assert link.is_symlink()
    assert link.is_char_device()


def test_a_pipe_and_the_target_of_a_link_are_written_and_stay(tmp_path: Path) -> None:
    pipe, file, link = tmp_path / "pipe", tmp_path / "file", tmp_path / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"content")
    assert os.read(reader, 100) == b"content"
    os.close(reader)
    assert pipe.is_fifo()
    file.write_bytes(b"old")
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder; name a file in it"):
        write_whole(tmp_path, b"content")


def test_a_link_that_leads_to_itself_is_one_sentence(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(
        InputError, match=r"link cannot be written \(.*symbolic links.*\); choose a folder you may write"
    ):
        write_whole(link, b"content")
    assert link.is_symlink()
