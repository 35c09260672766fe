"""All weights of a network as bytes: dense, sparse, quantised, packed, scripted, and whatever else its state holds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from epsball.errors import InputError
from epsball.models.contents import unwrapped

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator

    from epsball.models.contents import Contents


def weights_by_name(found: Contents) -> dict[str, object]:
    """Return the state of all networks and the tensors beside them: parameters, buffers, also those that are not saved, extras."""
    weights: dict[str, object] = {}
    for path, root in found.modules.items():
        network, prefix = unwrapped(root), f"{path}." if path else ""
        state = dict(network.named_buffers()) | network.state_dict()
        if isinstance(network, torch.jit.ScriptModule):
            state |= dict(_archived(network))
        weights |= {
            f"{prefix}{name}": value for name, value in state.items() if not (isinstance(value, dict) and not value)
        }
    return weights | found.tensors


def update_digest(digest: hashlib._Hash, name: str, value: object) -> None:
    """Add one named value of a state to a digest, the same for equal values in every process.

    Raises:
        InputError: a tensor on the meta device, which has a shape and no values.
    """
    for label, tensor in _parts(name, value):
        if isinstance(tensor, Tensor):
            digest.update(f"{label}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(_bytes(tensor))
        else:
            digest.update(f"{label}={tensor}".encode())


def _parts(name: str, value: Any) -> Iterator[tuple[str, Tensor | str]]:
    """A value of a state as dense tensors and texts."""
    if isinstance(value, Tensor):
        yield from _dense(name, value)
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield name, f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _parts(f"{name}.{key}", value[key])
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _parts(f"{name}.{place}", item)
    elif isinstance(value, torch.ScriptObject) and hasattr(value, "__getstate__"):
        yield from _parts(name, value.__getstate__())
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes | torch.dtype):
        yield name, repr(value)
    else:
        yield name, type(value).__qualname__


def _dense(name: str, value: Tensor) -> Iterator[tuple[str, Tensor | str]]:
    """A tensor of any layout as dense ones."""
    if is_lazy(value):
        yield name, "uninitialised"
        return
    value = value.detach()
    if value.is_meta:
        raise InputError(
            f"the weight {name} is on the meta device, with a shape and no values; expected a loaded network: "
            "use net.to_empty(device='cpu') and net.load_state_dict(state)"
        )
    elif hasattr(value, "__tensor_flatten__"):
        inner, context = value.__tensor_flatten__()
        yield name, f"{type(value).__qualname__}{context}"
        for each in inner:
            yield from _dense(f"{name}.{each}", getattr(value, each))
    elif value.is_quantized:
        yield from _quantised(name, value)
    elif value.is_nested:
        yield from _parts(name, list(value.unbind()))
    elif value.layout == torch.strided or value.is_mkldnn:
        yield name, value.to_dense() if value.is_mkldnn else value
    else:
        yield name, f"{value.layout}{tuple(value.shape)}"
        coordinates = value.to_sparse_coo().coalesce()  # type: ignore[no-untyped-call] # PyTorch does not annotate it
        yield f"{name}.indices", coordinates.indices()
        yield f"{name}.values", coordinates.values()


def _quantised(name: str, value: Tensor) -> Iterator[tuple[str, Tensor | str]]:
    """The whole numbers, and what makes reals of them."""
    yield name, value.int_repr()
    if value.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}:
        yield f"{name}.scale", f"{value.q_scale()!r} {value.q_zero_point()}"
    else:
        yield f"{name}.axis", str(value.q_per_channel_axis())
        yield f"{name}.scales", value.q_per_channel_scales()
        yield f"{name}.zero_points", value.q_per_channel_zero_points()


def _archived(network: torch.jit.ScriptModule) -> Iterator[tuple[str, object]]:
    """The tensors of a scripted network as they would be saved: constants and packed weights are in no state dict."""
    buffer = io.BytesIO()
    torch.jit.save(network, buffer)
    with zipfile.ZipFile(buffer) as archive:
        for name in archive.namelist():
            _, folder, *rest = name.split("/")
            if folder in {"data", "constants"} and rest and rest[-1].isdigit():
                yield f"{folder}.{rest[-1]}", archive.read(name)


def _bytes(tensor: Tensor) -> bytes:
    flat = tensor.cpu().resolve_conj().resolve_neg().contiguous().flatten()
    raw: bytes = flat.view(torch.uint8).numpy().tobytes()
    return raw
