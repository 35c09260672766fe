"""Where a number comes from: everything that went into an evaluation, as plain JSON values."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import math
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from epsball.geometry import Norm

if TYPE_CHECKING:
    from epsball.attacks.base import Attack
    from epsball.models.wrap import Model
    from epsball.oracle.batching import Batching
    from epsball.threat import Threat


def plain(value: Any) -> Any:
    """The value in JSON's own types: infinity as "inf", functions and classes by their names, tensors as lists."""
    if isinstance(value, Norm | enum.Enum):
        return value.name
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return plain(value.tolist())
    return _compound(value)


def _compound(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"class": _name(type(value)), **_fields(value)}
    return _kind(value)


def _kind(value: Any) -> str:
    return _name(value if hasattr(value, "__qualname__") else type(value))


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _name(thing: Any) -> str:
    """`PGD` for what the library brings along, `module:Class` for what a user wrote."""
    home, name = str(thing.__module__), str(thing.__qualname__)
    return name if home.partition(".")[0] == "epsball" else f"{home}:{name}"


def describe_attack(attack: Attack, position: int) -> dict[str, Any]:
    """An attack's class, its place in the order of asking, what it asks and all of its settings."""
    facts = {"position": position, "minimum_norm": attack.minimum_norm, "access": attack.access.name}
    return {"class": _name(type(attack)), **facts, **_fields(attack)}


def describe_model(model: Model) -> dict[str, Any]:
    """Where the model comes from and the digest of its weights."""
    return {
        "source": model.source,
        "fingerprint": model.fingerprint(),
        "class": _kind(model.net),
        "mean": plain(model.mean),
        "std": plain(model.std),
        "outputs": model.outputs,
    }


def describe_threat(threat: Threat) -> dict[str, Any]:
    """Norm, budget and box."""
    return {name: plain(getattr(threat, name)) for name in ("norm", "eps", "low", "high")}


def data_fingerprint(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> str:
    """SHA-256 over the bytes of the inputs and of the int64 labels."""
    digest = hashlib.sha256(np.ascontiguousarray(x).data)
    digest.update(np.ascontiguousarray(y, dtype=np.int64).data)
    return digest.hexdigest()


def version() -> str:
    """The installed version of this library; empty where it runs from a source folder that was never installed."""
    try:
        return metadata.version("epsball")
    except metadata.PackageNotFoundError:
        return ""


def specification(
    *,
    model: Model,
    data: Mapping[str, Any],
    threat: Threat,
    suite: str,
    suite_version: int,
    attacks: Mapping[str, Attack],
    certifiers: Sequence[str],
    seed: int,
    batching: Batching,
    chunk_size: int,
    every_sample: bool,
    device: torch.device,
) -> dict[str, Any]:
    """Everything an evaluation depends on, and the circumstances it ran in (`versions`, `machine`, `started`)."""
    return {
        "epsball": version(),
        "model": describe_model(model),
        "data": plain(data),
        "threat": describe_threat(threat),
        "suite": suite,
        "suite_version": suite_version,
        "every_sample": every_sample,
        "attacks": {name: describe_attack(attack, place) for place, (name, attack) in enumerate(attacks.items())},
        "certifiers": list(certifiers),
        "seed": seed,
        "batching": {"chunk_size": chunk_size, **batching.record()},
        **circumstances(device),
    }


def circumstances(device: torch.device) -> dict[str, Any]:
    """The versions, the machine and the moment something ran."""
    return {
        "versions": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "epsball": version(),
        },
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "system": platform.system(),
            "device": _device(device),
        },
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _device(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
