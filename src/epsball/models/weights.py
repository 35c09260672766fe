"""Weights on disk: safetensors, or a torch state dict that holds tensors and nothing else. No file of weights is ever run."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from epsball.errors import InputError
from epsball.models.adapters.zoo import Network
from epsball.models.wrap import Model
from epsball.record.files import write_whole

State = dict[str, Tensor]
_REMEDY = "save the weights with epsball.save_weights(model, path) or torch.save(net.state_dict(), path)"


def save_weights(model: Model | nn.Module, path: str | Path) -> None:
    """Write the parameters and buffers of a model as safetensors, whole or not at all.

    Args:
        model: a wrapped or bare `nn.Module`. A zoo network's name, image shape and classes are written as metadata.
        path: of the file; an existing one is replaced only once the new one is complete.

    Raises:
        InputError: a model without parameters, or a place that cannot be written.
    """
    from safetensors.torch import save  # noqa: PLC0415 a file format is imported where it is used

    net = model.module if isinstance(model, Model) else model
    if net is None:
        raise InputError(f"{type(model).__name__} holds no nn.Module, so it has no weights to save; wrap one")
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    metadata = {"format": "pt", "architecture": type(net).__name__}
    if isinstance(net, Network):
        shape = ",".join(str(side) for side in net.shape)
        metadata |= {"architecture": f"zoo:{net.name}", "shape": shape, "classes": str(net.classes)}
    write_whole(Path(path), save(tensors, metadata))


def read_weights(path: str | Path) -> tuple[State, dict[str, str]]:
    """The tensors of a file of weights by name, and its metadata (empty for a torch file).

    Raises:
        InputError: missing, truncated, a web page, something that would have to be run, or no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file of weights at {path}; check the path after '@' or --weights")
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        raise InputError(f"{path} is empty; download or save the weights again")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise InputError(f"{path} is an HTML page, not weights: a download went wrong; fetch the file itself")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} is a Git LFS pointer, not weights; run 'git lfs pull' where it came from")
    if head[8:9] == b"{" or path.suffix == ".safetensors":
        return _read_safetensors(path)
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _read_torch(path), {}
    raise InputError(f"{path} is neither safetensors nor a torch state dict; {_REMEDY}")


def _read_safetensors(path: Path) -> tuple[State, dict[str, str]]:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 a file format is imported where it is used

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 no mapping
    except SafetensorError as error:
        raise InputError(f"{path} is truncated or no safetensors file ({error}); fetch or save it again") from error


def _read_torch(path: Path) -> State:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual pickle protocols; what matters is the outcome
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds Python objects that would have to be run, not only tensors; where you trust it, {_REMEDY}"
        ) from error
    except Exception as error:  # torch raises RuntimeError, EOFError, ValueError … on a damaged archive
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path} is truncated or damaged ({reason}); fetch or save it again") from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise InputError(f"{path} holds a {type(content).__name__}, expected tensors by name; {_REMEDY}")
    return dict(content)


def fill(net: nn.Module, state: State, origin: str) -> None:
    """Put tensors into a network, all or none; a common prefix `module.` of parallel training is dropped.

    Args:
        net: whose parameters and buffers are set.
        state: tensors by name.
        origin: where they come from, for the message.

    Raises:
        InputError: names or shapes that do not fit, the first few of each.
    """
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    own = net.state_dict()
    faults = {
        "missing": [name for name in own if name not in state],
        "unexpected": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} where {tuple(own[name].shape)} is expected"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ],
    }
    told = [
        f"{len(names)} {fault} ({', '.join(names[:3])}{', …' if names[3:] else ''})"
        for fault, names in faults.items()
        if names
    ]
    if told:
        raise InputError(
            f"{origin} does not fit {type(net).__name__}: {'; '.join(told)}; "
            "name the architecture, image shape and number of classes these weights were trained with"
        )
    net.load_state_dict(state)
