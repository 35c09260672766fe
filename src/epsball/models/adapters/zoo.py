"""`zoo:NAME[@weights]`: a network of the catalogue, with its initial weights or with those of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, origin_of, split_weights
from epsball.models.networks.catalogue import NETWORKS, build
from epsball.models.weights import check_fit, read_weights
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epsball.models.model import Model
    from epsball.models.networks.network import Shape


_MOST, _WIDEST = 2**60, 2**12
"""Weights between an image and the widest of layers or the classes that a file may claim; beyond it their number overflows."""
_SHOWN = 40


@SCHEMES.register("zoo")
def read(rest: str, options: Options) -> Model:
    """Return a network of the catalogue; shape and classes are those given, else those the weights were saved with.

    Raises:
        InputError: an unknown name, images that the network cannot take, or weights that do not fit.
    """
    name, weights = split_weights(rest, options)
    name = NETWORKS.spelled(name)
    if not weights:
        return wrap(build(name, shape=options.shape, classes=options.classes, seed=options.seed))
    state, metadata = read_weights(weights)
    shape, classes = _saved_for(metadata, weights) if metadata.get("architecture") == f"zoo:{name}" else (None, None)
    shape, classes = options.shape or shape, options.classes or classes
    with torch.device("meta"):  # a shape that the weights contradict is refused before it costs memory
        state = check_fit(build(name, shape=shape, classes=classes), state, origin_of(weights, metadata))
    net = build(name, shape=shape, classes=classes, seed=options.seed)
    net.load_state_dict(state)
    return wrap(net)


def _saved_for(metadata: Mapping[str, str], weights: str) -> tuple[Shape | None, int | None]:
    if "shape" not in metadata:
        return None, None
    try:
        channels, height, width = (int(side) for side in metadata["shape"].split(","))
        classes = int(metadata["classes"])
    except (ValueError, KeyError) as error:
        raise _nonsense(metadata, weights) from error
    sides = (channels, height, width, classes)
    if min(sides) < 1 or channels * height * width * max(classes, _WIDEST) > _MOST:
        raise _nonsense(metadata, weights)
    return (channels, height, width), classes


def _nonsense(metadata: Mapping[str, str], weights: str) -> InputError:
    classes = metadata.get("classes")
    given = f"shape {metadata['shape'][:_SHOWN]!r} and classes {classes and classes[:_SHOWN]!r}"
    return InputError(f"{weights} was saved with {given}; expected 'C,H,W' and a number: save it again")
