"""Is it the model, and are they the inputs, that the run was about?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from msgspec.structs import asdict

from epsball.errors import InputError
from epsball.models.forward import numpy_of
from epsball.models.identify import identify
from epsball.models.identity import ModelIdentity, differences
from epsball.models.load import load_model
from epsball.models.wrap import wrap
from epsball.record.plan import data_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.record import Plan


def model_of(plan: Plan, model: Callable[[Tensor], Any] | Model | None) -> Model:
    """The model handed in, or the one that the run names; with the run's normalisation if it has none of its own.

    Raises:
        InputError: the run was made with a live object and none was handed in, or the recorded one cannot be loaded.
    """
    given = _loaded(plan) if model is None else wrap(model)
    if given.mean is not None or given.std is not None or given.outputs != "logits":
        return given
    recorded = plan.model
    mean, std = (None if numbers is None else torch.tensor(numbers) for numbers in (recorded.mean, recorded.std))
    return replace(given, mean=mean, std=std, outputs=recorded.outputs)


def _loaded(plan: Plan) -> Model:
    source, shape = plan.model.source, plan.data.shape
    if not source:
        raise InputError(
            "the run was made with a live model, which a folder cannot hold; expected the model: verify(run_folder, model=net)"
        )
    if source.startswith("zoo:") and len(shape) == 3:  # noqa: PLR2004 (C, H, W)
        return load_model(source, shape=shape, classes=plan.data.classes)
    return load_model(source)


def device_of(plan: Plan, model: Model) -> torch.device:
    """Where the model's weights are; for a model without weights, where the run was made, as far as that is here."""
    for weight in model.module.parameters() if model.module is not None else ():
        return weight.device
    recorded = plan.environment.machine.device.partition(" ")[0]
    there = re.fullmatch(r"cuda(:\d+)?", recorded) and torch.cuda.is_available()
    return torch.device(recorded if there else "cpu")


def other_model(plan: Plan, model: Model, x: Tensor) -> Iterator[str]:
    """A sentence for every way in which the model is not the one of the run; x (n, …) are the run's inputs.

    Its code is left out: a file may have been moved, and what the code does is seen from the answers, all of which are replayed.
    """
    low, high = (torch.tensor(bound, dtype=torch.float64).to(x) for bound in (plan.threat.low, plan.threat.high))
    given = identify(model, x, low=low, high=high)
    recorded = replace(ModelIdentity(**asdict(plan.model)), code=given.code)
    yield from (f"it is another model than that of the run: {reason}" for reason in differences(recorded, given))


def other_data(
    plan: Plan,
    x: NDArray[Any],
    y: NDArray[np.int64],
    ids: NDArray[np.int64],
    data: tuple[Tensor, Tensor] | None,
) -> Iterator[str]:
    """A sentence for every way in which the stored inputs are not those of the run, or not the ones handed in."""
    about = plan.data
    if len(x) != about.n or len(y) != about.n or len(np.unique(ids)) != about.n:
        yield f"inputs.safetensors holds {len(x)} inputs, {len(y)} labels and {len(np.unique(ids))} ids, the run is about {about.n}"
    elif data_fingerprint(x, y) != about.fingerprint:
        yield "inputs.safetensors does not hold the inputs and labels of the run: their fingerprint differs"
    if data is not None and not (np.array_equal(numpy_of(data[0]), x) and np.array_equal(numpy_of(data[1]), y)):
        yield "inputs.safetensors does not hold the inputs and labels handed in"
