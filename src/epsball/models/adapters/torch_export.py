"""`export:file.pt2`, or the file alone: a graph that `torch.export.save` has written."""

from __future__ import annotations

import io
import json
import re
import textwrap
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, refuse_weights
from epsball.models.adapters.torch_archive import kind_of
from epsball.models.weights import no_network
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.models.model import Model

_IMAGES = 4
_OBJECTS = ("custom_obj", "opaque_obj")
_TRAINING = {"dropout": 2, "batch_norm": 5, "native_dropout": 2, "_native_batch_norm_legit": 5}
"""At which place an operation says that it trains."""
_EVALUATED = {"expr_str", "guards_code", "hint_expr"}
"""Texts of a graph that PyTorch evaluates."""
_NAMES = {"name", "target"}
"""Texts that PyTorch writes into the code that it makes of a graph."""
_ARITHMETIC = re.compile(
    r"(Symbol\('[su]\d+'(, \w+=(True|False))*\)|L\['\w+'\]|\.(size|stride)\(\)|\[\d+\]|and|or|not|s|u|Max|Min|Mod|FloorDiv|CeilDiv|"
    r"Eq|Ne|Le|Lt|Ge|Gt|[\d\s+*/%(),<>=-])*",
    re.ASCII,
)
_NAME = re.compile(r"[\w.:<>]*", re.ASCII)


@SCHEMES.register("export")
def read(rest: str, options: Options) -> Model:
    """Return the network on data units. A graph for batches of one size is asked in groups of it.

    Args:
        rest: the file, as `torch.export.save` wrote it.
        options: weights have no place in it.

    Raises:
        InputError: there is no such file, it holds something else, something that would have to be run, or a network exported
            while it was training.
    """
    path = Path(rest)
    refuse_weights(rest, options)
    if kind_of(path) != "export":
        raise no_network(path)
    content = path.read_bytes()
    if reason := _would_run(content):
        raise InputError(f"{rest} holds {reason}, which would have to be run; export a network of tensors alone")
    try:
        program = torch.export.load(io.BytesIO(content))
    except Exception as error:  # a damaged archive may make it raise anything
        said = textwrap.shorten(str(error), 200)
        raise InputError(
            f"{rest} cannot be read ({said}); export the network again with this PyTorch, {torch.__version__}"
        ) from error
    for node in program.graph.nodes:
        operation = getattr(node.target, "_opname", "")
        place = _TRAINING.get(operation, len(node.args))
        if node.op == "call_function" and place < len(node.args) and node.args[place] is True:
            raise InputError(
                f"{rest} was exported while it was training: its {operation} depends on the batch or on chance; export the network "
                "after net.eval()"
            )
    return replace(wrap(program), input_size=_size(program))


def _size(program: Any) -> tuple[int, int] | None:
    """Height and width of the images, where the graph fixes them."""
    inputs = set(program.graph_signature.user_inputs)
    shapes = [
        tuple(node.meta["val"].shape)
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in inputs
    ]
    sides = shapes[0][2:] if len(shapes) == 1 and len(shapes[0]) == _IMAGES else ()
    return (sides[0], sides[1]) if len(sides) == 2 and all(type(side) is int for side in sides) else None  # noqa: PLR2004 (H, W)


def _would_run(content: bytes) -> str:
    """What of an archive PyTorch would run while it reads it: pickled objects, and texts that are no arithmetic or names."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if len(set(names)) < len(names):
            return "two parts of one name"
        reasons = (_part_would_run(name, archive.read(name)) for name in names if not _is_plain(name))
        return next(filter(None, reasons), "")


def _is_plain(name: str) -> bool:
    """Whether a part is numbers that are read as such."""
    return not name.endswith((".json", ".pt")) and not name.rpartition("/")[2].startswith(_OBJECTS)


def _part_would_run(name: str, part: bytes) -> str:
    if name.endswith(".json"):
        try:
            document = json.loads(part)
        except ValueError:
            return f"{name}, no JSON"
        if any(key == "use_pickle" and value for key, value in _entries(document)):
            return f"pickled weights, by {name},"
        return f"code in {name}" if _code_in(document) else ""
    try:
        if part:
            torch.load(io.BytesIO(part), weights_only=True, map_location="cpu")
    except Exception:  # noqa: BLE001 whatever it is that weights may not hold
        return f"Python objects in {name}"
    return f"{name}, no tensor" if name.rpartition("/")[2].startswith(_OBJECTS) else ""


def _code_in(document: Any) -> bool:
    for key, value in _entries(document):
        for text in value if isinstance(value, list) else [value]:
            if key in _EVALUATED and isinstance(text, str) and not _ARITHMETIC.fullmatch(text):
                return True
            if key in _NAMES and isinstance(text, str) and not _NAME.fullmatch(text):
                return True
    return False


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a document with its value, at any depth."""
    if isinstance(value, dict):
        yield from value.items()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _entries(inner)
