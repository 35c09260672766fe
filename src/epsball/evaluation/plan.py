"""From live objects to a `Plan`: everything that goes into an evaluation, as plain values."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import inspect
import math
import os
import platform
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
import numpy as np
import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.geometry import Norm
from epsball.models import code, identity
from epsball.models.adapters.python_file import factory_file
from epsball.models.identify import held, identify
from epsball.models.model import Model
from epsball.models.state import update_digest
from epsball.record import plan as schema
from epsball.record.plan import (
    AttackPlan,
    BatchingPlan,
    CutPlan,
    DataPlan,
    Environment,
    Machine,
    ModelPlan,
    Plan,
    Real,
    ThreatPlan,
)
from epsball.registry import USER_MODULE
from epsball.verification.identity import AttackSource

if TYPE_CHECKING:
    from epsball.attacks.base import Attack
    from epsball.data.cut import Cut
    from epsball.evaluation.samples import Samples
    from epsball.threat import Threat


_MOST_NUMBERS = 32
"""Numbers of a setting that a plan holds one by one."""


def json_value(value: Any) -> Any:
    """The value in JSON's own types: infinity as "inf", functions and classes by name, tensors as lists, large ones by digest."""
    if isinstance(value, Norm | enum.Enum):
        return value.name
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Tensor) and value.numel() > _MOST_NUMBERS:
        digest = hashlib.sha256()
        update_digest(digest, "", value)
        return {"shape": list(value.shape), "sha256": digest.hexdigest()}
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return json_value(value.tolist())
    return _compound(value)


def _compound(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): json_value(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [json_value(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Model):
        return held(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"class": _name(type(value)), **_fields(value)}
    return _name(value if hasattr(value, "__qualname__") else type(value))


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: json_value(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _name(thing: Any) -> str:
    """`PGD` for what the library brings along, `module:Class` for what a user wrote."""
    home, name = str(thing.__module__), str(thing.__qualname__)
    return name if home.partition(".")[0] == "epsball" else f"{home}:{name}"


def attack_plan(attack: Attack, position: int) -> AttackPlan:
    """An attack's class, its place in the order of the run, its traits and all of its settings."""
    return AttackPlan(
        kind=_name(type(attack)),
        position=position,
        access=attack.access.name,
        minimum_norm=bool(attack.minimum_norm),
        single_step=bool(attack.single_step),
        noise_only=bool(attack.noise_only),
        reach=_rounded(attack.reach),
        longest_step=_rounded(attack.longest_step),
        settings=_fields(attack),
        only_towards=tuple(attack.only_towards),
        code=_code(_own(attack)),
    )


def attack_source(kind: type[Attack]) -> AttackSource:
    """What a class of attacks is called in plans, its source's digests, and those of its traits that no setting decides."""
    traits = {name: getattr(kind, name) for name in ("minimum_norm", "single_step", "noise_only")}
    return AttackSource(
        kind=_name(kind),
        code=_code(each for each in kind.__mro__ if _is_foreign(each)),
        traits={name: value for name, value in traits.items() if isinstance(value, bool)},
    )


def _code(things: Iterable[Any]) -> dict[str, str]:
    """SHA-256 of the source of classes and functions, by file or by name."""
    own = list(things)
    files = {Path(inspect.getfile(each)) for each in own if each.__module__.startswith(USER_MODULE)}
    digests = [code.of_files(file) for file in sorted(files)]
    return dict(
        ChainMap(code.of_objects(each for each in own if not each.__module__.startswith(USER_MODULE)), *digests)
    )


def _own(value: Any) -> Iterator[Any]:
    """The classes and functions of an attack, its members, losses and rules, as far as they are not the library's own."""
    if isinstance(value, tuple | list):
        for each in value:
            yield from _own(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (kind for kind in type(value).__mro__ if _is_foreign(kind))
        for field in dataclasses.fields(value):
            yield from _own(getattr(value, field.name))
    elif inspect.isfunction(value) and _is_foreign(value):
        yield value


def _is_foreign(thing: Any) -> bool:
    return str(thing.__module__).partition(".")[0] not in {"epsball", "torch", "numpy", "builtins", "abc"}


def _rounded(value: float | None) -> Real | None:
    """A computed figure to six decimals, so that it is the same on another machine."""
    return None if value is None else Real(round(value, 6))


def threat_plan(threat: Threat) -> ThreatPlan:
    """Norm, budget, box and levels."""
    return ThreatPlan(
        norm=cast("Literal['linf', 'l2', 'l1', 'l0']", threat.norm.name),
        eps=Real(threat.eps),
        low=_bound(threat.low),
        high=_bound(threat.high),
        levels=threat.levels,
    )


def _bound(bound: float | Tensor) -> Any:
    """A limit of the box; whole numbers as the reader of the record takes them, for whom all limits are real ones."""
    return bound.double().tolist() if isinstance(bound, Tensor) else json_value(float(bound))


def version() -> str:
    """The installed version of this library; empty where it runs from a source folder that was never installed."""
    try:
        return metadata.version("epsball")
    except metadata.PackageNotFoundError:
        return ""


def make_plan(
    samples: Samples,
    threat: Threat,
    *,
    source: str,
    split: str,
    rule: str,
    class_names: Sequence[str] | None,
    names_of_data: Sequence[str] | None,
    cut: Cut | None,
    suite: str,
    suite_version: int,
    attacks: Mapping[str, Attack],
    certifiers: Sequence[str],
    seed: int,
    chunk_size: int,
    every_sample: bool,
) -> Plan:
    """Everything the evaluation depends on, and the environment it runs in."""
    x, names = samples.x, class_names or names_of_data or ()
    if class_names is None and len(names) < samples.classes and len(names) <= samples.label.max():
        names = ()  # not those of the labels; where they are, but of some of the classes, D41 says so
    if class_names and len(names) < samples.classes:
        raise InputError(
            f"{len(names)} class names were given and the model has {samples.classes} classes; "
            "expected a name for each, in the order of the labels"
        )
    model = identify(samples.model, x[:1], low=threat.low, high=threat.high)
    data = DataPlan(
        source=source,
        split=split,
        rule=rule,
        n=len(samples),
        fingerprint=samples.fingerprint,
        shape=tuple(x.shape[1:]),
        classes=samples.classes,
        names=tuple(names),
        dtype=cast("Any", str(x.dtype).removeprefix("torch.")),
        left_out=samples.left_out,
        cut=None if cut is None else CutPlan(size=cut.size, crop=cut.crop),
        code=_code_of_factory(source),
    )
    return Plan(
        model=ModelPlan(**dataclasses.asdict(model)),
        data=data,
        threat=threat_plan(threat),
        suite=suite,
        suite_version=suite_version,
        attacks={name: attack_plan(attack, place) for place, (name, attack) in enumerate(attacks.items())},
        certifiers=tuple(certifiers),
        every_sample=every_sample,
        seed=seed,
        batching=BatchingPlan(chunk_size=chunk_size, **dataclasses.asdict(samples.batching)),
        environment=environment(x.device),
    )


def _code_of_factory(source: str) -> dict[str, str]:
    """SHA-256 of the files of path/to/file.py:factory; none for data of another kind."""
    file = factory_file(source)
    return code.of_files(file) if file is not None and file.is_file() else {}


def differences(recorded: Plan, now: Plan) -> Iterator[str]:
    """Name what makes one plan another: the fields that decide, and then the model."""
    yield from schema.differences(recorded, now)
    there, here = (identity.ModelIdentity(**msgspec.structs.asdict(plan.model)) for plan in (recorded, now))
    yield from (f"another model: {reason}" for reason in identity.differences(there, here))


def environment(device: torch.device) -> Environment:
    """The versions, the machine and this moment."""
    return Environment(
        versions={
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "epsball": version(),
        },
        machine=Machine(
            processor=_processor(),
            cores=os.cpu_count(),
            threads=torch.get_num_threads(),
            system=platform.system(),
            device=f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device),
            capability=torch.backends.cpu.get_cpu_capability(),
        ),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
