"""`keras:path/to/file.keras`: a classifier that Keras 3 has saved. Nothing from the file is run."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, refuse_weights, require
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.models.model import Model

_RUN_CODE = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
"""Classes of Keras whose settings hold code, or a file that holds some."""
_OWN = ("keras", "builtins", "")


@SCHEMES.register("keras")
def read(rest: str, options: Options) -> Model:
    """Return the classifier of a file on data units; see `models.adapters.keras_network` for what becomes of it.

    Keras is imported for this; where nothing has chosen its back end before, with PyTorch.

    Args:
        rest: the file, as `model.save("file.keras")` wrote it.
        options: weights have no place in it.

    Raises:
        InputError: the package is missing, there is no such file, or it holds no classifier built of Keras's own layers, or code.
    """
    require(["keras"], f"keras:{rest}", "keras")
    refuse_weights(f"keras:{rest}", options)
    if not Path(rest).is_file():
        raise InputError(f"there is no file {rest}; save a model with model.save({rest!r}), its name ending in .keras")
    _refuse_code(rest)
    keras = _keras(rest)
    try:
        model = keras.saving.load_model(rest, compile=False, safe_mode=True)
    except Exception as error:  # what stands in a file may make it raise anything
        raise _unreadable(rest, textwrap.shorten(str(error), 200)) from error
    return wrap(model)


def _keras(rest: str) -> Any:
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras  # noqa: PLC0415 of the keras extra
    except ImportError as error:
        back_end = os.environ["KERAS_BACKEND"]
        raise InputError(
            f"keras:{rest} cannot be read, for Keras does not start on KERAS_BACKEND={back_end} ({error}); set it to torch"
        ) from error
    return keras


def _refuse_code(rest: str) -> None:
    """Refuse a file that names anything but Keras's own classes, or one of them that runs code, before Keras sees it."""
    try:
        with zipfile.ZipFile(rest) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _unreadable(rest, str(error)) from error
    for part in _parts(config):
        kind, module = part["class_name"], str(part.get("module") or "")
        if kind in _RUN_CODE or module.partition(".")[0] not in _OWN:
            raise InputError(
                f"{rest} holds {kind!r}{f' of {module}' * bool(module)}, which would run code from the file or another package; "
                "expected layers of Keras's own without code: where you trust it, load it in a factory, path/to/file.py:factory"
            )


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Everything in the settings that names a class."""
    waiting = [config]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("class_name"), str):
                yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _unreadable(rest: str, said: str) -> InputError:
    return InputError(
        f"{rest} cannot be read ({said}); expected a model that Keras 3 saved with model.save, in a file that ends in .keras"
    )
