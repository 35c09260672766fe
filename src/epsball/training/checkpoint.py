"""A training run on disk: everything that the next epoch depends on, in one file that is replaced whole."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch

from epsball.errors import InputError, OtherConfigurationError
from epsball.record.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn, optim

    from epsball.models.wrap import Model
    from epsball.training.objectives import Objective
    from epsball.training.recipe import Recipe


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept and which run it is.

    Args:
        path: of the file.
        spec: all that decides the weights, by name.
    """

    path: Path
    spec: dict[str, str]

    def save(self, net: nn.Module, optimiser: optim.Optimizer, history: list[dict[str, Any]]) -> None:
        """Write the state after the last epoch of `history`.

        Raises:
            InputError: the place cannot be written.
        """
        stream = io.BytesIO()
        state = {"net": net.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save({"spec": json.dumps(self.spec), "history": json.dumps(history), **state}, stream)
        write_whole(self.path, stream.getvalue())

    def restore(self, net: nn.Module, optimiser: optim.Optimizer) -> list[dict[str, Any]]:
        """Set network and optimiser as they were, where the file exists, and return the history; else an empty one.

        Raises:
            InputError: a damaged file, or one of another run.
        """
        if not self.path.exists():
            return []
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            spec, history = json.loads(state["spec"]), json.loads(state["history"])
        except Exception as error:  # torch raises what its unpickler and its archive reader raise
            raise InputError(
                f"{self.path} is no checkpoint, or a damaged one; name another file, or delete it"
            ) from error
        for name in self.spec:
            if spec.get(name) != self.spec[name]:
                raise OtherConfigurationError(
                    f"{self.path} belongs to another run: its {name} is {spec.get(name)}, now {self.spec[name]}; "
                    "name another file, or delete it"
                )
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        return list(history)


def describe(model: Model, x: Tensor, y: Tensor, objective: Objective, recipe: Recipe, seed: int) -> dict[str, str]:
    """Name all that decides the weights of a run."""
    data = hashlib.sha256()
    for part in (x, y):
        data.update(part.cpu().contiguous().numpy().data)
    settings = {field.name: _name(getattr(recipe, field.name)) for field in fields(recipe)}
    return {
        "model": model.fingerprint(),
        "data": data.hexdigest(),
        "objective": _name(objective),
        "seed": str(seed),
        **settings,
    }


def _name(value: object) -> str:
    return re.sub(" at 0x[0-9a-f]+", "", str(getattr(value, "__qualname__", None) or repr(value)))
