"""Is it the model, and are they the inputs, that the run was about?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from epsball.errors import InputError
from epsball.evaluation.plan import data_fingerprint
from epsball.evaluation.samples import numpy_of
from epsball.models.load import load_model
from epsball.models.wrap import Model, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray
    from torch import Tensor


def model_of(spec: Mapping[str, Any], model: Callable[[Tensor], Any] | Model | None) -> Model:
    """The model handed in, or the one that the run names; with the run's normalisation if it has none of its own.

    Raises:
        InputError: the run was made with a live object and none was handed in, or the recorded one cannot be loaded.
    """
    given = _loaded(spec) if model is None else wrap(model)
    if given.mean is not None or given.std is not None or given.outputs != "logits":
        return given
    about = spec["model"]
    mean, std = (None if about[name] is None else torch.tensor(about[name]) for name in ("mean", "std"))
    return replace(given, mean=mean, std=std, outputs=about["outputs"])


def _loaded(spec: Mapping[str, Any]) -> Model:
    source, shape = spec["model"]["source"], tuple(spec["data"]["shape"])
    if not source:
        raise InputError(
            "the run was made with a live model, which a folder cannot hold; expected the model: verify(run_folder, model=net)"
        )
    if source.startswith("zoo:") and len(shape) == 3:  # noqa: PLR2004 (C, H, W)
        return load_model(source, shape=shape, classes=spec["data"]["classes"])
    return load_model(source)


def device_of(spec: Mapping[str, Any], model: Model) -> torch.device:
    """Where the model's weights are; for a model without weights, where the run was made, as far as that is here."""
    for weight in model.module.parameters() if model.module is not None else ():
        return weight.device
    recorded = str(spec["machine"]["device"]).partition(" ")[0]
    return torch.device(recorded if recorded.startswith("cuda") and torch.cuda.is_available() else "cpu")


def other_model(spec: Mapping[str, Any], model: Model) -> Iterator[str]:
    """A sentence if the weights are not those of the run."""
    recorded, given = spec["model"]["fingerprint"], model.fingerprint()
    if recorded != given:
        yield f"the model's fingerprint is {given[:12] or 'empty'}…, the run's is {recorded[:12] or 'empty'}…: it is another model"


def other_data(
    spec: Mapping[str, Any],
    x: NDArray[Any],
    y: NDArray[np.int64],
    ids: NDArray[np.int64],
    data: tuple[Tensor, Tensor] | None,
) -> Iterator[str]:
    """A sentence for every way in which the stored inputs are not those of the run, or not the ones handed in."""
    about = spec["data"]
    if len(x) != about["n"] or len(y) != about["n"] or len(np.unique(ids)) != about["n"]:
        yield f"inputs.safetensors holds {len(x)} inputs, {len(y)} labels and {len(np.unique(ids))} ids, the run is about {about['n']}"
    elif data_fingerprint(x, y) != about["fingerprint"]:
        yield "inputs.safetensors does not hold the inputs and labels of the run: their fingerprint differs"
    if data is not None and not (np.array_equal(numpy_of(data[0]), x) and np.array_equal(numpy_of(data[1]), y)):
        yield "inputs.safetensors does not hold the inputs and labels handed in"
