"""Downloads, from a server of the test's own."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from epsball.data import cifar10, mnist
from epsball.data.fetch import Remote, cache_folder, fetch
from epsball.data.load import load_data
from epsball.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, keeps count, and breaks off in the middle of files that are named so."""

    requested: list[str]

    def do_GET(self) -> None:
        self.requested.append(self.path)
        if "broken" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            return
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Home:
    """A public home on this machine."""

    def __init__(self, folder: Path, url: str, requested: list[str]) -> None:
        self.folder, self.url, self.requested = folder, url, requested

    def publish(self, name: str, content: bytes) -> Remote:
        (self.folder / name).write_bytes(content)
        return Remote(f"{self.url}/{name}", hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    folder = tmp_path / "home"
    folder.mkdir()
    requested: list[str] = []
    handler = type("Handler", (Quiet,), {"requested": requested})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield Home(folder, f"http://127.0.0.1:{server.server_address[1]}", requested)
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_once(home: Home) -> None:
    remote = home.publish("a.bin", bytes(range(256)) * 9000)
    path = fetch("some", remote)
    assert path == cache_folder() / "some" / "a.bin"
    assert path.read_bytes() == bytes(range(256)) * 9000
    assert fetch("some", remote) == path
    assert home.requested == ["/a.bin"]
    assert [entry.name for entry in path.parent.iterdir()] == ["a.bin"]


def test_a_damaged_copy_is_fetched_again(home: Home) -> None:
    remote = home.publish("a.bin", b"right")
    fetch("some", remote).write_bytes(b"wrong")
    assert fetch("some", remote).read_bytes() == b"right"


def test_other_content_is_refused_and_not_kept(home: Home) -> None:
    remote = home.publish("a.bin", b"right")
    (home.folder / "a.bin").write_bytes(b"<html>sign in</html>")
    with pytest.raises(InputError, match=r"gave 20 bytes with sha256 .* expected 5 bytes"):
        fetch("some", remote)
    assert list((cache_folder() / "some").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("broken.bin", "gave 4 bytes .* expected 1000 bytes .*; try again"),
        ("missing.bin", r"\(File not found\); set EPSBALL_DATA .*some/test.parquet, or get online"),
    ],
)
def test_a_download_that_fails_is_said_and_leaves_nothing(home: Home, name: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fetch("some", Remote(f"{home.url}/{name}", "0" * 64, 1000))
    assert list((cache_folder() / "some").iterdir()) == []


def test_nobody_there_names_both_ways() -> None:
    with pytest.raises(InputError, match=r"cannot be reached \(.*refused.*\); set EPSBALL_DATA \(now not set\)"):
        fetch("some", Remote("http://127.0.0.1:9/a.bin", "0" * 64, 1))


def test_only_the_web_is_reached() -> None:
    with pytest.raises(InputError, match="https"):
        fetch("some", Remote("file:///etc/hostname", "0" * 64, 1))


def test_a_cache_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Home) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot be written .* XDG_CACHE_HOME"):
        fetch("some", home.publish("a.bin", b"x"))


def test_a_relative_cache_home_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "epsball"


def idx(array: np.ndarray[Any, Any]) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def test_mnist_comes_from_its_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 28, 28))
    files = home.publish("images.gz", idx(pixels)), home.publish("labels.gz", idx(np.arange(7)))
    monkeypatch.setitem(mnist.MNIST, "test", files)
    x, y = load_data("mnist", n=5)
    assert y.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal((x.numpy()[:, 0] * 255).round(), pixels[:5])


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar_comes_from_its_home(home: Home, monkeypatch: pytest.MonkeyPatch, split: str) -> None:
    draws = np.random.default_rng(0)
    stream = io.BytesIO()
    records = {}
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ["test_batch", *(f"data_batch_{number}" for number in (3, 1, 2, 5, 4))]:
            records[name] = draws.integers(0, 256, (2, 3073), dtype=np.uint8)
            records[name][:, 0] %= 10
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            member.size = records[name].size
            archive.addfile(member, io.BytesIO(records[name].tobytes()))
        archive.addfile(tarfile.TarInfo("cifar-10-batches-bin/readme.html"))
    monkeypatch.setattr(cifar10, "CIFAR10", home.publish("cifar.tar.gz", stream.getvalue()))
    x, y = load_data("cifar10", split)
    names = ["test_batch"] if split == "test" else [f"data_batch_{number}" for number in range(1, 6)]
    expected = np.concatenate([records[name] for name in names])
    assert y.tolist() == expected[:, 0].tolist()
    assert np.array_equal((x.numpy().reshape(len(x), -1) * 255).round(), expected[:, 1:])


def test_the_public_homes_are_pinned() -> None:
    remotes = [*mnist.MNIST["train"], *mnist.MNIST["test"], cifar10.CIFAR10]
    assert all(remote.url.startswith("https://") and len(remote.sha256) == 64 for remote in remotes)
    assert len({remote.sha256 for remote in remotes}) == 5
