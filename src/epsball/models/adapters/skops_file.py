"""`sklearn:path/to/file.skops`: a classifier of scikit-learn that skops has saved, whose files run nothing while they are read."""

from __future__ import annotations

import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from epsball.models.model import Model

_PACKAGES = ("sklearn", "skops")


@SCHEMES.register("sklearn")
def read(rest: str, options: Options) -> Model:
    """Return the classifier of a file on data units; see `models.adapters.scikit_learn` for what becomes of it.

    Args:
        rest: the file, as `skops.io.dump` wrote it.
        options: weights have no place in it.

    Raises:
        InputError: a package is missing, there is no such file, or it holds something that is no classifier of scikit-learn's own.
    """
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise InputError(f'sklearn:{rest} needs {" and ".join(missing)}, not here; pip install "epsball[sklearn]"')
    if options.weights is not None:
        raise InputError(f"sklearn:{rest} holds its own weights; leave out weights={options.weights}")
    if not Path(rest).is_file():
        raise InputError(f"there is no file {rest}; save a classifier with skops.io.dump(classifier, {rest!r})")
    from skops import io  # noqa: PLC0415 of the sklearn extra

    try:
        estimator = io.load(rest)  # trusts nothing but scikit-learn's and NumPy's own types
    except Exception as error:  # what stands in a file may make it raise anything
        said = textwrap.shorten(str(error), 200)
        raise InputError(
            f"{rest} cannot be read ({said}); expected a classifier of scikit-learn saved with skops.io.dump: return others from "
            "a factory, path/to/file.py:factory"
        ) from error
    return wrap(estimator)
