"""`timm:NAME@weights`, `timm:NAME@pretrained`: a network of timm with the normalisation of its own data configuration."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, imported, origin_of, split_weights
from epsball.models.weight_names import matched
from epsball.models.weights import fill, read_weights
from epsball.models.wrap import wrap
from epsball.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from epsball.models.model import Model

_PRETRAINED = "pretrained"
_RGB = 3


@SCHEMES.register("timm")
def read(rest: str, options: Options) -> Model:
    """Return the network on data units, in evaluation mode; the global random state is left as it was.

    Classes and channels are those of the weights, where their names tell. A network of three channels has the mean, the standard
    deviation and the size of its data configuration; another has none.

    Args:
        rest: NAME@file, with safetensors or a torch state dict, or NAME@pretrained, which timm fetches where it has them not yet.
        options: weights, and the number of classes.

    Raises:
        InputError: the package is missing, an unknown name, no weights, or weights that do not fit.
    """
    name, weights = split_weights(rest, options)
    if not weights:
        raise InputError(
            f"timm:{rest} names no weights; give timm:{name}@file.safetensors, or timm:{name}@pretrained to fetch its own"
        )
    timm: Any = imported("timm", f"timm:{rest}", "timm")
    state, metadata = ({}, {}) if weights == _PRETRAINED else read_weights(weights)
    settings = _settings(timm, name, state)
    if options.classes is not None:
        settings["num_classes"] = options.classes
    try:
        with torch.random.fork_rng(devices=[]):
            net: nn.Module = timm.create_model(name, pretrained=weights == _PRETRAINED, **settings)
    except Exception as error:  # an unknown name, a failed download, settings that a network does not take
        hint = "" if timm.is_model(name) else did_you_mean(name.partition(".")[0], timm.list_models())
        said = textwrap.shorten(str(error), 200)
        raise InputError(
            f"timm:{rest} cannot be built ({said}); {hint}expected a name of timm.list_models(pretrained=True)"
        ) from error
    if state:
        fill(net, _in_its_names(net, state), origin_of(weights, metadata))
    own = timm.data.resolve_model_data_config(net)
    colours = len(own["mean"]) == own["input_size"][0] == settings.get("in_chans", _RGB)
    model = wrap(net.eval(), *((own["mean"], own["std"]) if colours else ()))
    return replace(model, input_size=tuple(own["input_size"][1:]))


def _settings(timm: Any, name: str, state: Mapping[str, Tensor]) -> dict[str, int]:
    """The numbers of classes and of channels that weights were made for, by the layers that the configuration names."""
    about = timm.models.get_pretrained_cfg(name) if timm.is_model(name) else None
    found = {}
    for setting, layer, axis in (("num_classes", "classifier", 0), ("in_chans", "first_conv", 1)):
        layers = getattr(about, layer, None)
        layers = (layers,) if isinstance(layers, str) else layers or ()
        ends = tuple(f"{each}.weight" for each in layers)
        sizes = [value.shape[axis] for key, value in state.items() if value.ndim > axis and key.endswith(ends)]
        if sizes:
            found[setting] = int(sizes[0])
    return found


def _in_its_names(net: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights that fit as they are, else what timm makes of those that others have published for this network."""
    adapt = getattr(sys.modules[type(net).__module__], "checkpoint_filter_fn", None)
    fits = len(matched(net.state_dict(), state)[0]) == len(net.state_dict())
    return state if fits or adapt is None else adapt(state, net)
