"""Public files, fetched once: checked by their sha256, stored in the user's cache."""

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, NamedTuple

from epsball.errors import InputError
from epsball.progress import shown

_CHUNK = 1 << 20
"""One mebibyte, the unit of the progress too."""
_TIMEOUT = 30.0


class Remote(NamedTuple):
    """A public file: its address, what it must hash to, how many bytes it has."""

    url: str
    sha256: str
    size: int


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/epsball`, by default `~/.cache/epsball`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "epsball"


def fetch(name: str, remote: Remote) -> Path:
    """The local copy of a public file, fetched if it is not there or no longer hashes to what it should.

    Args:
        name: of the data set, for messages and as the folder in the cache.
        remote: the file.

    Raises:
        InputError: no network and no copy, or other content than expected.
    """
    path = cache_folder() / name / remote.url.rpartition("/")[2]
    if path.is_file() and _sha256(path) == remote.sha256:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            temporary = Path(stream.name)
            try:
                _download(name, remote, stream)
                os.fsync(stream.fileno())
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise InputError(
            f"{name} is not here and {remote.url} cannot be reached ({getattr(error, 'reason', error)}); "
            f"set EPSBALL_DATA (now {os.environ.get('EPSBALL_DATA') or 'not set'}) to a folder with {name}/train.parquet "
            f"and {name}/test.parquet, or get online"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); make room, or set XDG_CACHE_HOME to another folder"
        ) from error
    return path


def _download(name: str, remote: Remote, stream: IO[bytes]) -> None:
    if not remote.url.startswith(("https://", "http://")):
        raise InputError(f"{name} cannot be fetched from {remote.url}; give an http or https address")
    digest, received = hashlib.sha256(), 0
    with urllib.request.urlopen(remote.url, timeout=_TIMEOUT) as response, shown(None) as moved:  # noqa: S310 the scheme is checked above
        while chunk := response.read(_CHUNK):
            stream.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            moved(f"fetching {name} (MiB)", received // _CHUNK, -(-remote.size // _CHUNK))
    stream.flush()
    if digest.hexdigest() != remote.sha256:
        raise InputError(
            f"{remote.url} gave {received} bytes with sha256 {digest.hexdigest()[:12]}…, expected {remote.size} bytes with "
            f"{remote.sha256[:12]}…; try again, or set EPSBALL_DATA to a folder with {name}/test.parquet"
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
