"""`sklearn:path/to/file.skops`: a classifier of scikit-learn that skops has saved, whose files run nothing while they are read."""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, refuse_weights, require
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from epsball.models.model import Model

_PACKAGES = ("sklearn", "skops")
_OF_CLASSIFIERS = (
    "_loss",
    "calibration",
    "ensemble",
    "gaussian_process",
    "linear_model",
    "metrics._dist_metrics",
    "multiclass",
    "neighbors",
    "neural_network",
    "preprocessing",
    "svm",
    "tree",
    "utils._bunch",
)
"""Modules of scikit-learn whose classes fitted classifiers hold, and which neither read nor write files."""


@SCHEMES.register("sklearn")
def read(rest: str, options: Options) -> Model:
    """Return the classifier of a file on data units; see `models.adapters.scikit_learn` for what becomes of it.

    Args:
        rest: the file, as `skops.io.dump` wrote it.
        options: weights have no place in it.

    Raises:
        InputError: a package is missing, there is no such file, or it holds something that is no classifier of scikit-learn's own.
    """
    require(_PACKAGES, f"sklearn:{rest}", "sklearn")
    refuse_weights(f"sklearn:{rest}", options)
    if not Path(rest).is_file():
        raise InputError(f"there is no file {rest}; save a classifier with skops.io.dump(classifier, {rest!r})")
    from skops import io  # noqa: PLC0415 of the sklearn extra

    try:
        estimator = io.load(rest, trusted=[name for name in io.get_untrusted_types(file=rest) if _is_a_part(name)])
    except Exception as error:  # what stands in a file may make it raise anything
        said = textwrap.shorten(str(error), 200)
        raise InputError(
            f"{rest} cannot be read ({said}); expected a classifier of scikit-learn saved with skops.io.dump: return others from "
            "a factory, path/to/file.py:factory"
        ) from error
    return wrap(estimator)


def _is_a_part(name: str) -> bool:
    """Whether a type, of which skops knows nothing, is one of scikit-learn's own classes: no function, nothing that it imports."""
    module, _, kind = name.rpartition(".")
    if not any(f"{module}.".startswith(f"sklearn.{home}.") for home in _OF_CLASSIFIERS) or ".tests." in f"{module}.":
        return False
    found = getattr(importlib.import_module(module), kind, None)
    return isinstance(found, type) and found.__module__ == module
