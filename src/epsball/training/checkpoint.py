"""A training run on disk: everything that the next epoch depends on, in one file that is replaced whole."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import torch

from epsball.errors import InputError, OtherConfigurationError
from epsball.models.identify import held, held_by
from epsball.record.files import sha256, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn, optim

    from epsball.models.model import Model
    from epsball.threat import Threat
    from epsball.training.objectives import Objective
    from epsball.training.recipe import Recipe


@dataclass
class State:
    """What the next epoch depends on.

    Args:
        net: with its weights.
        optimiser: with its moments.
        history: the finished epochs, by the names of their figures.
        best: the weights after the best of them; None where nothing was validated.
    """

    net: nn.Module
    optimiser: optim.Optimizer
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of a run is stored and which run it is.

    Args:
        path: of the file.
        spec: all that decides the weights, by name.
    """

    path: Path
    spec: dict[str, str]

    def save(self, state: State) -> None:
        """Write the state after an epoch.

        Raises:
            InputError: the place cannot be written.
        """
        stream = io.BytesIO()
        weights = {"net": state.net.state_dict(), "optimiser": state.optimiser.state_dict(), "best": state.best}
        torch.save({"spec": json.dumps(self.spec), "history": json.dumps(state.history), **weights}, stream)
        content = stream.getvalue()
        write_whole(self.path, content + b"\n" + sha256(content).encode())

    def restore(self, state: State) -> None:
        """Set the state as it was, where the file exists.

        Raises:
            InputError: a damaged file, or one of another run.
        """
        if not self.path.exists():
            return
        try:
            stored = torch.load(io.BytesIO(_unaltered(self.path)), map_location="cpu", weights_only=True)
            spec, history = json.loads(stored["spec"]), json.loads(stored["history"])
            net, optimiser, best = stored["net"], stored["optimiser"], stored.get("best")
        except Exception as error:  # torch raises what its unpickler and its archive reader raise
            raise InputError(
                f"{self.path} is no checkpoint, or a damaged one; name another file, or delete it"
            ) from error
        for name in self.spec:
            if name not in spec:
                raise OtherConfigurationError(
                    f"{self.path} is of an earlier form, which did not record the {name} of its run; name another file, or delete it"
                )
            if spec[name] != self.spec[name]:
                raise OtherConfigurationError(
                    f"{self.path} belongs to another run: its {name} is {spec[name]}, now {self.spec[name]}; "
                    "name another file, or delete it"
                )
        try:
            state.net.load_state_dict(net)
            state.optimiser.load_state_dict(optimiser)
        except Exception as error:  # torch raises what it meets in a state of another form
            raise InputError(
                f"{self.path} does not hold the state of this run; name another file, or delete it"
            ) from error
        state.history, state.best = list(history), best


def whole(path: Path) -> bool:
    """Whether a file is there and is as it was written: no other content, no older form."""
    try:
        return bool(_unaltered(path))
    except (OSError, ValueError):
        return False


def _unaltered(path: Path) -> bytes:
    """The content before its digest, which is the last line: PyTorch alone does not notice an altered bit in a weight.

    Raises:
        ValueError: the digest is another one.
    """
    content, _, digest = path.read_bytes().rpartition(b"\n")
    if sha256(content).encode() != digest:
        raise ValueError("its digest differs")
    return content


def describe(
    model: Model,
    x: Tensor,
    y: Tensor,
    objective: Objective,
    recipe: Recipe,
    seed: int,
    validation: tuple[Tensor, Tensor] | None = None,
) -> dict[str, str]:
    """Name all that decides the weights of a run; the validation set decides which of them are the best."""
    settings = {setting.name: _name(getattr(recipe, setting.name)) for setting in fields(recipe)}
    return {
        "model": model.fingerprint(),
        "data": _digest(x, y),
        "objective": _name(objective),
        "seed": str(seed),
        **settings,
        **({"validation": _digest(*validation)} if validation else {}),
    }


def details(model: Model, objective: Objective, recipe: Recipe, measured: Threat | None) -> dict[str, str]:
    """Name what weights and names do not tell: what the network computes between its weights, and what functions hold and do.

    The threat of the robust accuracy is named, for it decides which weights are the best.
    """
    network = {name: value for name, value in held(model).items() if name not in {"source", "weights"}}
    functions = [getattr(recipe, setting.name) for setting in fields(recipe)]
    return {
        "structure": _told(network),
        "objective's values or code": _told(held_by([objective, *_limits(getattr(objective, "threat", None))])),
        "recipe's values or code": _told(held_by(functions)),
        "robust accuracy": f"{measured}, {_told(held_by(_limits(measured)))}",
    }


def _limits(threat: Threat | None) -> list[object]:
    return [getattr(threat, name, None) for name in ("eps", "low", "high")]


def _told(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode())


def _digest(*arrays: Tensor) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _name(value: object) -> str:
    return re.sub(" at 0x[0-9a-f]+", "", str(getattr(value, "__qualname__", None) or repr(value)))
