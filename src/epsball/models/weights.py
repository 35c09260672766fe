"""Weights on disk: safetensors, or a torch state dict that holds tensors and nothing else. No file of weights is ever run."""

import pickle
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from epsball.errors import InputError, LeftOutWarning, brief
from epsball.models.adapters.torch_archive import kind_of
from epsball.models.model import Model
from epsball.models.networks.network import Network
from epsball.models.weight_names import COUNTERS, STATISTICS, beside, matched
from epsball.record.files import write_whole

State = dict[str, Tensor]
_STATES = ("state_dict", "model_state_dict", "model", "net", "weights")
_DEPTH, _SHOWN_KEYS = 8, 4
_WRITERS = {"torchscript": "TorchScript", "export": "torch.export"}
_OF_THE_ZOO = "name the architecture, image shape and number of classes these weights were trained with"
_OF_A_FILE = "build the network that they were saved from, or save those alone that are its own, torch.save(net.state_dict(), path)"
_NUMBER: Any = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [Namespace, np.dtype, _NUMBER, *(type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd")]
"""What training scripts save beside the weights, the command line's options and accuracies: attributes and numbers, no code."""
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


class Saved(NamedTuple):
    """A file of weights that was read: its path, all that a training saved in it, and its metadata (empty for a torch file)."""

    path: Path
    content: Any
    metadata: dict[str, str]

    def state(self) -> State:
        """Return its tensors by name.

        Raises:
            InputError: it holds no state dict.
        """
        return _state_in(self.content, self.path)


def read_weights(path: str | Path) -> tuple[State, dict[str, str]]:
    """The tensors of a file of weights by name, and its metadata (empty for a torch file).

    Raises:
        InputError: missing, truncated, a web page, something that would have to be run, or no state dict.
    """
    saved = read_saved(path)
    return saved.state(), saved.metadata


def read_saved(path: str | Path) -> Saved:
    """Return all that a file of weights holds, without running any of it.

    Raises:
        InputError: missing, truncated, a web page, or something that would have to be run.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file of weights at {path}; check the path behind '@'")
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        raise InputError(f"{path} is empty; download or save the weights again")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise InputError(f"{path} is an HTML page, not weights: a download went wrong; fetch the file itself")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} is a Git LFS pointer, not weights; run 'git lfs pull' where it came from")
    if head[8:9] == b"{" or path.suffix == ".safetensors":
        return Saved(path, *_read_safetensors(path))
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return Saved(path, _read_torch(path), {})
    raise InputError(f"{path} is neither safetensors nor a torch state dict; {_REMEDY}")


def no_network(path: Path) -> InputError:
    """Return the error for a file without a network: weights alone, or a pickled module, which nothing here unpickles."""
    read_weights(path)
    return InputError(
        f"{path} holds weights and no network; name the network that they belong to, path/to/file.py:factory@{path}, "
        f"zoo:NAME@{path} or timm:NAME@{path}"
    )


def _read_safetensors(path: Path) -> tuple[State, dict[str, str]]:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 a file format is imported where it is used

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 no mapping
    except (SafetensorError, OSError, KeyError, ValueError, AttributeError, TypeError, RuntimeError) as error:
        raise InputError(f"{path} is truncated or no safetensors file ({error}); fetch or save it again") from error


def _read_torch(path: Path) -> Any:
    try:
        if zipfile.is_zipfile(path):
            _refuse_network(path)
            _refuse_expansion(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual pickle protocols; what matters is the outcome
            with torch.serialization.safe_globals(_HARMLESS):
                return torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds Python objects that would have to be run, not only tensors; where you trust it, {_REMEDY}"
        ) from error
    except Exception as error:  # torch raises RuntimeError, EOFError, ValueError … on a damaged archive
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path} is truncated or damaged ({reason}); fetch or save it again") from error


def _state_in(content: Any, path: Path) -> State:
    state = _innermost(content)
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} holds a {_named(state)}, expected tensors by name; {_REMEDY}")
    for name, value in state.items():
        if kind := _no_dense_values(value):
            raise InputError(f"{path} holds {name} {kind}; expected dense tensors with values; {_REMEDY}")
    return {str(name): value for name, value in state.items()}


def _no_dense_values(value: Tensor) -> str:
    """Why a tensor is no array of numbers; empty where it is one."""
    if value.is_meta:
        return "on the meta device, without values"
    if value.is_quantized:
        return f"quantised, as {value.dtype}"
    if value.is_nested or value.layout != torch.strided:
        return "as a nested tensor" if value.is_nested else f"stored as {value.layout}"
    return ""


def _refuse_network(path: Path) -> None:
    """Refuse an archive that holds a network with its weights."""
    if kind := kind_of(path):
        raise InputError(
            f"{path} is a network that {_WRITERS[kind]} saved, with its weights in it, and no file of weights alone; "
            f"give it as the model itself, {kind}:{path}"
        )


def _refuse_expansion(path: Path) -> None:
    """Refuse an archive that would grow in memory: PyTorch stores tensors as they are.

    Raises:
        InputError: parts of it are compressed.
    """
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            if part.compress_type != zipfile.ZIP_STORED:
                raise InputError(
                    f"{path} holds the compressed part {part.filename!r}, which torch.save does not write; {_REMEDY}"
                )


def _innermost(content: Any) -> Any:
    """The state in a checkpoint: behind a usual key, or the only dictionary of tensors among what was saved with it."""
    for _ in range(_DEPTH):  # a dictionary may hold itself
        if not isinstance(content, Mapping) or any(isinstance(value, Tensor) for value in content.values()):
            break
        inner = {key: value for key, value in content.items() if isinstance(value, Mapping) and value}
        states = [key for key, value in inner.items() if all(isinstance(each, Tensor) for each in value.values())]
        usual = [key for key in _STATES if key in inner] or (states if len(states) == 1 else [])
        if not usual and len(inner) != 1:
            break
        content = inner[usual[0]] if usual else next(iter(inner.values()))
    return content


def _named(content: Any) -> str:
    """What a file holds: its type, and the first keys of a dictionary."""
    keys = ", ".join(map(str, islice(content, _SHOWN_KEYS))) if isinstance(content, Mapping) else ""
    return f"{type(content).__name__}{f' with {brief(keys)}' if keys else ''}"


def check_fit(net: nn.Module, state: State, origin: str) -> State:
    """Return `state` under the names of the network's own, see `epsball.models.weight_names`.

    What was saved beside the network, as losses and counts of a training are, is left out with a `LeftOutWarning`; batch
    normalisation's counts of batches may be missing.

    Args:
        net: whose parameters and buffers are to be set; on the meta device it costs no memory.
        state: tensors by name.
        origin: where they come from, for the message.

    Raises:
        InputError: names or shapes that do not fit, the first few of each.
    """
    own = net.state_dict()
    if any(is_lazy(value) for value in own.values()):
        raise InputError(
            f"{origin} fits no {type(net).__name__} that has not seen an input yet; call it once where it is made, net(torch.zeros(…))"
        )
    if not any(name.endswith(STATISTICS) for name in state):
        own = {name: value for name, value in own.items() if not name.endswith(STATISTICS)}
    names, prefix = matched(own, state)
    others = [name for name in state if name not in names and name not in COUNTERS]
    left_out = others if len(names) == len(own) and beside(own, others, prefix) else []
    others = [] if left_out else others
    state = {names[name]: value for name, value in state.items() if name in names}
    faults = {
        "missing": [name for name in own if name not in state],
        "unexpected": others,
        "of another shape": [
            f"{name} {tuple(state[name].shape)} where {tuple(own[name].shape)} is expected"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ],
        "complex where reals are expected": [
            name for name in own if name in state and state[name].is_complex() > own[name].is_complex()
        ],
        "of whole numbers where fractions are expected": [
            name
            for name in own
            if name in state
            and own[name].is_floating_point()
            and not (state[name].is_floating_point() or state[name].is_complex())
        ],
    }
    found = [f"{len(names)} {fault} ({_listed(names)})" for fault, names in faults.items() if names]
    if found:
        behind = f" behind the prefix {prefix!r}" if prefix else ""
        remedy = _OF_THE_ZOO if isinstance(net, Network) else _OF_A_FILE
        raise InputError(f"{origin} does not fit {type(net).__name__}{behind}: {'; '.join(found)}; {remedy}")
    if left_out:
        warnings.warn(
            f"{origin}: left out, as {type(net).__name__} has no such tensors: {_listed(left_out)}", LeftOutWarning, 2
        )
    return state | {
        name: torch.zeros((), dtype=torch.int64, device="cpu") for name in net.state_dict() if name not in own
    }


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{', …' if names[3:] else ''}"


def fill(net: nn.Module, state: State, origin: str) -> None:
    """Put tensors into a network, all or none; arguments and errors are those of `check_fit`."""
    net.load_state_dict(check_fit(net, state, origin))
