"""Data by name or by path: float32 images (N, C, H, W) in [0, 1] and int64 labels (N,)."""

import os
from dataclasses import replace
from pathlib import Path

from epsball.data.arrays import read_arrays
from epsball.data.folder import read_folder
from epsball.data.labelled import Labelled
from epsball.data.opened import Opened
from epsball.data.parquet import read_parquet
from epsball.data.source import SOURCES, Rows, Source, choose
from epsball.errors import InputError

SPLITS = ("train", "test")


def load_data(
    name: str, split: str = "test", n: int | None = None, *, seed: int | None = None, size: int | None = None
) -> Labelled:
    """Images and labels of a named set, or of a file or folder.

    A named set is first looked for at `$EPSBALL_DATA/NAME/{train,test}.parquet`, then fetched from its public home into
    the user's cache and checked by sha256; `mnist-5k` and `digits` are embedded in installed packages. Rows come in the
    order of the source; a source sorted by class gives its first n rows by turns of the classes (`source.choose`). The
    order of MNIST, CIFAR-10 and the ImageNet sample is not by class, so their first n rows are a fair sample.

    Args:
        name: a key of `SOURCES`; a Parquet file, or a folder of them; a folder with one subfolder of pictures a class; an
            `.npz`. In a folder, `train` and `test` (files that begin so, or subfolders) are the splits.
        split: "train" or "test"; without effect where the source has no splits.
        n: rows to give; all by default. Only these are decoded.
        seed: shuffles the rows before the first n are taken; the global random state is not touched.
        size: cut pictures to size x size: the shorter side is resized to size · 8/7, then the middle is kept
            (`pictures.crop`). 224 for `imagenet-sample`.

    Returns:
        x: float32 (N, C, H, W) in [0, 1]; 8-bit pixels are divided by 255.
        y: int64 (N,).
        The pair's `class_names` are those of an image folder, or of a Parquet file that Hugging Face's `datasets` wrote.

    Raises:
        InputError: an unknown name, a missing or damaged file, columns or labels that cannot be used, n out of range.
    """
    return open_data(name, split, n, seed=seed, size=size).held()


def open_data(
    name: str, split: str = "test", n: int | None = None, *, seed: int | None = None, size: int | None = None
) -> Opened:
    """Return the same images and labels as `load_data`, read when they are asked for: a data set of PyTorch.

    `eb.evaluate` takes it, and goes through a set that is larger than memory part by part. Arguments and errors are those of
    `load_data`; a damaged image is met when it is read.
    """
    return Opened(*_chosen(name, split, n, seed, size))


def _chosen(name: str, split: str, n: int | None, seed: int | None, size: int | None) -> tuple[Source, Rows]:
    if split not in SPLITS:
        raise InputError(f"there is no split {split!r}; give 'train' or 'test'")
    if not isinstance(name, str | Path):
        raise InputError(
            f"the data was given as {type(name).__name__}; expected the name of a set, such as 'mnist', or the path of a file or folder"
        )
    source = _find(name, split, size)
    return source, choose(source.labels, n, seed, f"{name} ({split})" if name in SOURCES else name)


def has_splits(name: str, split: str = "test") -> bool:
    """Whether a set has a part of its own for a split; where not, that is all of its images."""
    return not _find(name, split, None).whole


def _find(name: str, split: str, size: int | None) -> Source:
    known = name in SOURCES
    entry = SOURCES[name] if known else None
    home = os.environ.get("EPSBALL_DATA", "")
    file = Path(home, name, f"{split}.parquet")
    if home and Path(name).name == name and file.is_file():
        own_size = entry.size if entry else None
        return read_parquet(
            [file], classes=entry.classes if entry else None, size=size or own_size, colour=bool(own_size)
        )
    return entry.read(split) if entry else _at(name, split, size)


def _at(name: str, split: str, size: int | None) -> Source:
    path = Path(name)
    if path.is_file() and path.suffix == ".npz":
        return read_arrays(path, split)
    if path.is_file() and path.suffix in (".parquet", ".pq"):
        return replace(read_parquet([path], size=size), whole=True)
    if path.is_file():
        raise InputError(f"{path} is of no known kind; give a .parquet or .npz file, or a folder")
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        own = [file for file in files if file.name.startswith(split)]
        if files:
            return replace(read_parquet(own or files, size=size), whole=not own)
        divided = (path / split).is_dir()
        return replace(read_folder(path / split if divided else path, size=size), whole=not divided)
    if path.name != name or path.suffix:
        raise InputError(f"there is no file or folder {name}; check the path")
    return SOURCES[name].read(split)  # there is none, and the registry says so
