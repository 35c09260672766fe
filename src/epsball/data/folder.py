"""A folder of pictures: one subfolder a class."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from epsball.data.pictures import pictured
from epsball.data.source import MOST_CLASSES, Encoded, Rows, Source, checked_labels
from epsball.errors import InputError

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".tif", ".tiff"}

PARTS = {"train", "training", "val", "valid", "validation", "test", "testing", "dev"}
"""What parts of a set are called."""


def read_folder(folder: Path) -> Source:
    """A labelled set from `folder/CLASS/PICTURE`; hidden files and whatever is no picture are passed over.

    Where all the names are whole numbers, they are the labels; else label k is the k-th subfolder in the order of the names, those
    without anything in them included. Rows run through the classes in that order, and through each by file name, subfolders of a
    class included.

    Args:
        folder: of the classes.

    Raises:
        InputError: no pictures, a subfolder that holds other things alone, names that are no labels (-1), subfolders that are parts
            of a set and no classes, or a link to nowhere.
    """
    numbered = _class_folders(folder)
    names = list(numbered)
    _refuse_parts(folder, names)
    if not names:
        raise InputError(f"{folder} has no subfolders; expected one subfolder a class, each with PNG or JPEG files")
    files = []
    for name in names:  # to the first without any: a folder that is no set may hold a whole disk
        files.append([path for path in sorted((folder / name).rglob("*")) if _is_picture(path)])
        if not files[-1] and not _is_empty(folder / name):
            raise _without_pictures(folder, name)
    paths = [path for inside in files for path in inside]
    if not paths:
        raise _without_pictures(folder, names[0])
    _refuse_lost(paths)
    labels = np.repeat(list(numbered.values()), [len(inside) for inside in files])

    def pictures(rows: Rows) -> Iterator[tuple[str, bytes]]:
        return ((str(paths[row]), paths[row].read_bytes()) for row in rows)

    return pictured(checked_labels(labels, str(folder)), Encoded(pictures), class_names=_in_order(numbered))


def _class_folders(folder: Path) -> dict[str, int]:
    """Return the label of every class by its name, in the order of the labels, see `read_folder`."""
    names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    if not all(name.removeprefix("-").isdecimal() for name in names):
        return {name: label for label, name in enumerate(sorted(names))}
    found: dict[int, str] = {}
    for name in sorted(names, key=int):
        if name.startswith("-") or int(name) >= MOST_CLASSES:
            raise InputError(
                f"{folder} has the subfolder {name}, and folders that are called by whole numbers are the labels; expected 0 to "
                f"{MOST_CLASSES - 1:,}: rename it, or give all of them names with a letter"
            )
        if int(name) in found:
            raise InputError(
                f"{folder} has the subfolders {found[int(name)]} and {name}, which are the same label; put them together"
            )
        found[int(name)] = name
    return {name: label for label, name in found.items()}


def _in_order(numbered: dict[str, int]) -> tuple[str, ...]:
    """The name of every label from 0 on; those that no folder has are called as the others are, 1 or 01."""
    named, digits = {label: name for name, label in numbered.items()}, min(map(len, numbered))
    return tuple(named.get(label, f"{label:0{digits}}") for label in range(max(named) + 1))


def _is_empty(folder: Path) -> bool:
    """Whether there is nothing in it but what is hidden: a class of which there are no pictures."""
    return all(entry.name.startswith(".") for entry in folder.iterdir())


def _without_pictures(folder: Path, name: str) -> InputError:
    return InputError(
        f"{folder} has no pictures in {name}; expected one subfolder a class, each with PNG or JPEG files"
    )


def _refuse_lost(paths: list[Path]) -> None:
    """Refuse what is called a picture and is no file: without it the set would silently be a smaller one."""
    lost = next((path for path in paths if not path.is_file()), None)
    if lost is None:
        return
    if lost.is_symlink() and not lost.exists():
        raise InputError(
            f"{lost} is a link to a file that is not there; fetch what it leads to, or remove it: without it, these are other images"
        )
    raise InputError(f"{lost} is a pipe, a socket or a device; expected a file: remove it, or give it another name")


def _is_picture(path: Path) -> bool:
    """A file of such a name, or what has such a name and cannot be read as one: a link to nowhere, a pipe, a socket."""
    named = path.suffix.lower() in PICTURES and not path.name.startswith(".")
    return named and not path.is_dir()


def _refuse_parts(folder: Path, names: list[str]) -> None:
    """Refuse `folder/PART/CLASS/PICTURE`, where the parts would be taken for the classes."""
    parts = bool(names) and {name.lower() for name in names} <= PARTS
    if parts and not any(_is_picture(path) for name in names for path in (folder / name).iterdir()):
        raise InputError(
            f"{folder} has the subfolders {', '.join(names)}, parts of a set rather than classes; "
            f"give one of them, {folder / names[-1]}"
        )
