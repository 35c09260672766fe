"""`torchscript:file.pt`, or the file alone: a network that TorchScript has saved. Its own code is run, which is no Python."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, refuse_weights
from epsball.models.adapters.torch_archive import kind_of
from epsball.models.weights import no_network
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from epsball.models.model import Model

_TRAINING = {"aten::dropout": 2, "aten::batch_norm": 5}
"""At which place an operation says that it trains."""


@SCHEMES.register("torchscript")
def read(rest: str, options: Options) -> Model:
    """Return the network on data units, in evaluation mode.

    Args:
        rest: the file, as `torch.jit.save` wrote it.
        options: weights have no place in it.

    Raises:
        InputError: there is no such file, it holds something else, or a network traced while it was training.
    """
    refuse_weights(rest, options)
    if kind_of(Path(rest)) != "torchscript":
        raise no_network(Path(rest))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that PyTorch no longer develops the format
            net = torch.jit.load(rest, map_location="cpu").eval()  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    except Exception as error:  # a damaged archive may make it raise anything
        said = textwrap.shorten(str(error), 200)
        raise InputError(f"{rest} cannot be read ({said}); save the network again with torch.jit.save") from error
    if operation := _in_training(net):
        raise InputError(
            f"{rest} was traced while it was training: its {operation} depends on the batch or on chance; trace the network after "
            "net.eval()"
        )
    return wrap(net)


def _in_training(net: Any) -> str:
    """The operation that a trace has written down in training mode; empty where there is none."""
    graph = net.inlined_graph  # its nodes last as long as it does
    for operation, place in _TRAINING.items():
        for node in graph.findAllNodes(operation):
            if list(node.inputs())[place].toIValue() is True:
                return operation.partition("::")[2]
    return ""
