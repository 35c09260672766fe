"""`jax:path/to/file.py:factory`: a function of JAX arrays that a factory returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.models.adapters import python_file
from epsball.models.adapters.base import SCHEMES, Options
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from epsball.models.model import Model


@SCHEMES.register("jax")
def read(rest: str, options: Options) -> Model:
    """Return the function as a classifier on data units; see `models.adapters.jax_function`.

    Args:
        rest: path/to/file.py:factory. The factory takes no arguments and returns a function (N, C, H, W) -> (N, K) that `jax.jit` can
            trace, such as a closure over its parameters; docs/jax.md shows it for Equinox and Flax. Or what `wrap` made of one.
        options: seed; the function holds its own weights.

    Raises:
        InputError: the package is missing, there is no such file or function, it raised, or it returned no function.
    """
    if not python_file.names_factory(rest):
        raise InputError(f"jax:{rest} names no factory; expected jax:path/to/file.py:factory")
    if "@" in rest or options.weights is not None:
        raise InputError(f"jax:{rest} holds its own weights; leave out the file of weights and read it in the factory")
    function = python_file.made(rest, options.seed)
    if not callable(function):
        raise InputError(f"jax:{rest} gave a {type(function).__name__}; expected a function of a batch of images")
    return wrap(function, arrays="jax")
