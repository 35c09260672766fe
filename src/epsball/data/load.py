"""Data by name, by path or as they are: float32 images (N, C, H, W) in [0, 1] and int64 labels (N,)."""

import os
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

from epsball.data.arrays import read_arrays
from epsball.data.cut import Cut, chosen_cut
from epsball.data.folder import read_folder
from epsball.data.hugging_face import is_saved, load_saved
from epsball.data.labelled import Labelled
from epsball.data.live import read_factory, read_live
from epsball.data.opened import Opened
from epsball.data.origin import Origin, rule
from epsball.data.parquet import read_parquet
from epsball.data.pictures import cut_alike
from epsball.data.source import SOURCES, Source, choose
from epsball.errors import InputError, brief
from epsball.models.adapters.python_file import names_factory
from epsball.suggestions import did_you_mean

SPLITS = ("train", "test")


def load_data(
    name: Any,
    split: str = "test",
    n: int | None = None,
    *,
    seed: int | None = None,
    size: int | None = None,
    crop: int | None = None,
) -> Labelled:
    """Images and labels of a named set, of a file or folder, or of data as they are.

    A named set is first looked for at `$EPSBALL_DATA/NAME/{train,test}.parquet`, then fetched from its public home into
    the user's cache and checked by sha256; `mnist-5k` and `digits` are embedded in installed packages. Rows come in the
    order of the source; a source sorted by class gives its first n rows by turns of the classes (`source.choose`). The
    order of MNIST, CIFAR-10 and the ImageNet sample is not by class, so their first n rows are a fair sample.

    Args:
        name: a key of `SOURCES`; a Parquet file, or a folder of them; a folder with one subfolder of pictures a class; an
            `.npz`; a folder that `save_to_disk` of Hugging Face's `datasets` wrote; path/to/file.py:factory, a function without
            arguments that gives data; or data as `evaluate` takes them. In a folder, `train` and `test` (files that begin so, or
            subfolders) are the splits.
        split: "train" or "test", or a key of a `DatasetDict`; without effect where the source has no splits.
        n: rows to give; all by default. Only these are decoded.
        seed: shuffles the rows before the first n are taken; the global random state is not touched.
        size: what the shorter side of pictures is resized to, bilinear with antialiasing, before the middle is kept: size × size
            pixels, or crop × crop.
        crop: side of the middle that is kept; without `size` the shorter side is resized to crop · 8/7, 256 for 224. 224 for
            `imagenet-sample`.

    Returns:
        x: float32 (N, C, H, W) in [0, 1]; 8-bit pixels are divided by 255.
        y: int64 (N,).
        The pair's `class_names` are those of an image folder, of a `ClassLabel`, or of a Parquet file that Hugging Face's `datasets`
        wrote.

    Raises:
        InputError: an unknown name, a missing or damaged file, columns or labels that cannot be used, pictures of different sizes
            without `size` or `crop`, n out of range.
    """
    return open_data(name, split, n, seed=seed, size=size, crop=crop).held()


def open_data(
    name: Any,
    split: str = "test",
    n: int | None = None,
    *,
    seed: int | None = None,
    size: int | None = None,
    crop: int | None = None,
) -> Opened:
    """Return the same images and labels as `load_data`, read when they are asked for: a data set of PyTorch.

    `eb.evaluate` takes it, and goes through a set that is larger than memory part by part. Arguments and errors are those of
    `load_data`; a damaged image is met when it is read.
    """
    if n is not None and (isinstance(n, bool) or not isinstance(n, Integral)):
        raise InputError(f"n was given as {brief(n)}; expected a whole number of rows, such as n=1000")
    cut, limit = chosen_cut(size, crop), n if seed is None else None
    if not isinstance(name, str | Path):
        origin = f"the {type(name).__name__}"
        source = read_live(name, split, limit, origin)
    else:
        name = str(name)
        origin = f"{name} ({split})" if name in SOURCES else name
        source = _find(name, split, limit)
    cut = cut or _own_cut(name, source)
    source = source if cut is None else cut_alike(source, cut, origin)
    named = Origin(name if isinstance(name, str) else "", "" if source.whole else split, rule(n, seed))
    return Opened(source, choose(source.labels, n, seed, origin), named)


def _own_cut(name: object, source: Source) -> Cut | None:
    """How the photographs of a named set are cut unless someone says otherwise."""
    own = SOURCES[name].crop if isinstance(name, str) and name in SOURCES and source.encoded else None
    return chosen_cut(None, own)


def _find(name: str, split: str, limit: int | None) -> Source:
    path = Path(name)
    if not name.strip():
        raise InputError(
            f"the data was given as {name!r}; expected the name of a set, {', '.join(SOURCES)}, or {SOURCES.also}"
        )
    if names_factory(name) and not path.exists():
        return read_factory(name, split, limit)
    if is_saved(path):
        return read_live(load_saved(path), split, limit, name)
    if split not in SPLITS:
        raise InputError(f"there is no split {split!r}; {did_you_mean(split, SPLITS)}give 'train' or 'test'")
    known = name in SOURCES
    entry = SOURCES[name] if known else None
    home = os.environ.get("EPSBALL_DATA", "")
    file = Path(home, name, f"{split}.parquet")
    if home and path.name == name and file.is_file():
        return read_parquet([file], classes=entry.classes if entry else None, colour=bool(entry and entry.crop))
    return entry.read(split) if entry else _at(name, split)


def _at(name: str, split: str) -> Source:
    path = Path(name)
    if path.is_file() and path.suffix == ".npz":
        return read_arrays(path, split)
    if path.is_file() and path.suffix in (".parquet", ".pq"):
        return replace(read_parquet([path]), whole=True)
    if path.is_file():
        raise InputError(f"{path} is of no known kind; give a .parquet or .npz file, or a folder")
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        own = [file for file in files if file.name.startswith(split)]
        if files:
            return replace(read_parquet(own or files), whole=not own)
        divided = (path / split).is_dir()
        return replace(read_folder(path / split if divided else path), whole=not divided)
    if path.name != name or path.suffix:
        raise InputError(f"there is no file or folder {name}; check the path")
    return SOURCES[name].read(split)  # there is none, and the registry says so
