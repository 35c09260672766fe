"""`zoo:NAME[@weights]`: a network of the catalogue, with its initial weights or with those of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.models.adapters.base import SCHEMES, Options, put_weights, split_weights
from epsball.models.networks.catalogue import build
from epsball.models.weights import read_weights
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from epsball.models.model import Model


@SCHEMES.register("zoo")
def read(rest: str, options: Options) -> Model:
    """Return a network of the catalogue; shape and classes are those given, else those the weights were saved with.

    Raises:
        InputError: an unknown name, images that the network cannot take, or weights that do not fit.
    """
    name, weights = split_weights(rest, options)
    metadata = read_weights(weights)[1] if weights else {}
    shape, classes = options.shape, options.classes
    if metadata.get("architecture") == f"zoo:{name}" and "shape" in metadata:
        channels, height, width = (int(side) for side in metadata["shape"].split(","))
        shape, classes = shape or (channels, height, width), classes or int(metadata["classes"])
    return put_weights(wrap(build(name, shape=shape, classes=classes, seed=options.seed)), weights, f"zoo:{name}")
