"""Everything that decides the result of an evaluation, as a typed value: `Plan`, and how it is written and compared."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from epsball.record.blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from epsball.record.blocks import Rows

SHOWN = 100
"""Characters of a value that a sentence shows."""

Count = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=1)]
Threads = Annotated[int, Meta(ge=1, le=1024)]  # more of them than there are processors cost memory


class Real(float):
    """A number that may be infinite. JSON has no infinity, so it is written as the text "inf"."""

    __slots__ = ()


class ModelPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which model: the fields of `epsball.models.identity.ModelIdentity`, which says what each means."""

    source: str
    class_name: str
    weights: str
    structure: str
    code: dict[str, str]
    mean: list[Any] | None
    std: list[Any] | None
    outputs: Literal["logits", "probs", "binary", "reject"]
    probe: tuple[tuple[float, ...], ...] | None
    frequencies: tuple[tuple[float, ...], ...] | None
    device: str
    dtype: str
    key: str = ""

    def __post_init__(self) -> None:
        """Refuse a normalisation or answers that are no arrays of numbers."""
        _finite_numbers(mean=self.mean, std=self.std, probe=self.probe, frequencies=self.frequencies)


class CutPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How pictures were brought to one size: the shorter side resized to `size`, the middle `crop` × `crop` pixels kept."""

    size: Size
    crop: Size


class DataPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which samples: where they come from, how many, and the digest of inputs and labels.

    `rule` says which samples of the source they are, as `epsball.data.origin.rule` writes it; empty where that is not known.

    `left_out` counts those that were given beside them and have the target of all attacks as their label; `names` are those of the
    classes in the order of the labels, where they are known; `code` holds the SHA-256 of the files of a factory that made them.
    """

    source: str
    split: str
    n: Size
    fingerprint: str
    shape: tuple[Size, ...]
    classes: Size
    dtype: Literal["float16", "bfloat16", "float32", "float64"]
    left_out: Count
    names: tuple[str, ...]
    cut: CutPlan | None = None
    code: dict[str, str] = {}
    rule: Annotated[str, Meta(pattern=r"^(all|first|seed \d+)?\Z")] = ""


class ThreatPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Norm, budget ε and box, in data units; a box with limits of their own per feature is nested lists of numbers.

    `levels` is how many evenly spaced values a feature may have; None where it may have any.
    """

    norm: Literal["linf", "l2", "l1", "l0"]
    eps: Real
    low: float | list[Any]
    high: float | list[Any]
    levels: Annotated[int, Meta(ge=2)] | None = None

    def __post_init__(self) -> None:
        """Refuse a budget below 0, and a box that is no array of numbers."""
        if not self.eps >= 0:
            raise ValueError(f"Expected `eps` >= 0, got {self.eps}")
        _finite_numbers(low=self.low, high=self.high)


class AttackPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attack: its class, its place in the order of the run, what it sees and all of its settings.

    `kind` is the name of a class of this library, or `module:Class`. `single_step` says that it takes one step, `noise_only` that
    it only draws at random; `reach` is how far its steps lead together and `longest_step` the longest of them, in units of ε.
    `code` holds the SHA-256 of the source of what is not the library's own, by file or by name; `only_towards` are the classes that
    alone count as a success, none where any error does.
    """

    kind: str
    position: Count
    access: str
    minimum_norm: bool
    single_step: bool
    noise_only: bool
    reach: Real | None
    longest_step: Real | None
    settings: dict[str, Any]
    code: dict[str, str]
    only_towards: tuple[int, ...]

    @property
    def sampled(self) -> bool:
        """Whether it is another course on a random share of the samples, which asks nothing about the others."""
        return self.kind == "Sampled"


class BatchingPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many samples go through an attack, through its own tensors and through the model at a time."""

    chunk_size: Size
    batch_size: Size
    block_size: Size
    channels_last: bool
    bfloat16: bool
    tiles: bool


class Machine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a run was made; `capability` is the set of the processor's instructions that PyTorch uses, such as "AVX2"."""

    processor: str
    cores: int | None
    threads: Threads
    system: str
    device: str
    capability: str = ""


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The versions, the machine and the moment a run was started."""

    versions: dict[str, str]
    machine: Machine
    started: str


class BudgetPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a run in rounds went: that many whole rounds of the samples given, which are in an order drawn by (seed, id).

    `seconds` is the time that was allowed; None where the number of rounds was given, or all samples were wanted.
    """

    seconds: Annotated[float, Meta(gt=0)] | None
    rounds: Size
    samples: Size


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that decides the result of an evaluation, and the environment it ran in.

    `budget` is there only where the samples were gone through in rounds, as many as a time allowed; `data` are those of its rounds.
    """

    model: ModelPlan
    data: DataPlan
    threat: ThreatPlan
    suite: str
    suite_version: int
    attacks: dict[str, AttackPlan]
    certifiers: tuple[str, ...]
    every_sample: bool
    seed: int
    batching: BatchingPlan
    environment: Environment
    budget: BudgetPlan | None = None

    def __post_init__(self) -> None:
        """Refuse a box of another shape than the samples."""
        for bound in (self.threat.low, self.threat.high):
            np.broadcast_shapes(np.shape(bound), self.data.shape)

    @property
    def minimum_norm(self) -> bool:
        """Whether an attack of the run looks for the nearest error, so that distances beyond ε mean something."""
        return any(attack.minimum_norm for attack in self.attacks.values())

    @property
    def targets(self) -> tuple[int, ...]:
        """The classes that alone count as a success of the run's attacks; none where one of them looks for any error."""
        only = [attack.only_towards for attack in self.attacks.values()]
        return tuple(sorted({target for targets in only for target in targets})) if all(only) else ()


def _finite_numbers(**given: float | list[Any] | tuple[tuple[float, ...], ...] | None) -> None:
    for name, value in given.items():
        if value is not None and not np.isfinite(np.asarray(value, np.float64)).all():
            raise ValueError(f"Expected finite `{name}`, got {str(value)[:SHOWN]}")


INCIDENTAL = (
    "model.",
    "environment.",
    "data.names",
    "data.code",
    "data.cut",
    "data.rule",
    "batching.batch_size",
    "batching.block_size",
    "batching.channels_last",
    "batching.tiles",
)
"""What `differences` leaves out: the environment and the batching decide nothing, models are compared on their own, data by digest."""


def differences(recorded: Plan, now: Plan) -> Iterator[str]:
    """Name each field that decides the result and is not the same, with both values; the model is left to its own comparison."""
    there, here = dict(_leaves(portable(recorded))), dict(_leaves(portable(now)))
    for key in sorted(
        there.keys() | here.keys(), key=lambda key: (key.endswith("fingerprint"), key)
    ):  # a count says more
        old, new = (leaves.get(key, "absent") for leaves in (there, here))
        if not key.startswith(INCIDENTAL) and old != new:
            yield f"{key} = {old}, this one has {key} = {new}"


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name in value:
            yield from _leaves(value[name], f"{key}.{name}" if key else str(name))
    else:
        yield key, value


class DataDigest:
    """The fingerprint of data that come part by part: SHA-256 over the bytes of the inputs and of the int64 labels."""

    def __init__(self) -> None:
        """Nothing is counted in yet."""
        self._digest = hashlib.sha256()

    def add(self, x: NDArray[Any]) -> None:
        """Count in the next inputs (k, …)."""
        self._digest.update(np.ascontiguousarray(x).data)

    def fingerprint(self, y: NDArray[Any]) -> str:
        """Of the inputs so far with these labels (n,)."""
        whole = self._digest.copy()
        whole.update(np.ascontiguousarray(y, dtype=np.int64).data)
        return whole.hexdigest()


def data_fingerprint(x: Rows, y: NDArray[Any]) -> str:
    """SHA-256 over the bytes of the inputs and of the int64 labels."""
    digest = DataDigest()
    for block in blocks(x):
        digest.add(block)
    return digest.fingerprint(y)


def portable(value: Any) -> Any:
    """A structure of this module in JSON's own types, numbers that are not finite as text."""
    return _finite(msgspec.to_builtins(value, enc_hook=float))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def real(kind: type, value: object) -> Real:
    """Read a `Real` as `portable` wrote it.

    Raises:
        ValueError: it is no number.
    """
    if kind is Real and (value == "inf" or (isinstance(value, int | float) and not isinstance(value, bool))):
        return Real(value)
    raise ValueError(f"Expected a number or 'inf', got {repr(value)[:SHOWN]}")
