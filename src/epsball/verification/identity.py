"""Is it the model, and are they the inputs, that the run was about?"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from msgspec.structs import asdict

from epsball.errors import InputError, UntrustworthyError
from epsball.models import code
from epsball.models.adapters.estimate import split_estimate
from epsball.models.adapters.python_file import factory_file
from epsball.models.forward import numpy_of
from epsball.models.identify import identify
from epsball.models.identity import ModelIdentity, differences
from epsball.models.load import load_model
from epsball.models.networks.catalogue import NETWORKS
from epsball.models.wrap import wrap
from epsball.record.blocks import blocks
from epsball.record.plan import data_fingerprint
from epsball.terminal import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from epsball.models.inputs import Inputs
    from epsball.models.model import Model
    from epsball.record import Plan
    from epsball.record.arrays import StoredArray


def model_of(plan: Plan, model: Callable[[Tensor], Any] | Model | None, *, trust_source: bool = False) -> Model:
    """The model handed in, or the one that the run names; with the run's normalisation if it has none of its own.

    Raises:
        InputError: none was handed in, and the run was made with a live object, names code that nobody said to trust, or names
            a model that cannot be loaded.
        UntrustworthyError: code that the run names is not as it was when the run was made.
    """
    given = _recorded(plan, trusted=trust_source) if model is None else wrap(model)
    recorded = plan.model
    if (
        given.mean is not None
        or given.std is not None
        or given.outputs not in {"logits", recorded.outputs}
        or given.key
    ):
        return given
    mean, std = (None if numbers is None else torch.tensor(numbers) for numbers in (recorded.mean, recorded.std))
    return replace(given, mean=mean, std=std, outputs=recorded.outputs, key=recorded.key)


def load_for(plan: Plan, source: str) -> Model:
    """The model of that name; a network of the zoo is made for the run's images and classes."""
    shape = plan.data.shape
    if split_estimate(source)[1].startswith("zoo:") and len(shape) == 3:  # noqa: PLR2004 (C, H, W)
        return load_model(source, shape=shape, classes=plan.data.classes)
    return load_model(source)


def named_source(plan: Plan) -> str:
    """The name of the model that the run records, with path and SHA-256 of each file in it."""
    source = split_estimate(plan.model.source)[1]
    before, _, weights = source.partition("@")
    places = (factory_file(source) or Path(before.partition(":")[2] or before), Path(weights))
    shown = [f"{place.resolve()}, SHA-256 {_digest(place)}" for place in places if place.is_file()]
    return f"{source!r} ({'; '.join(shown) or 'no file of that name is here'})"


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _recorded(plan: Plan, *, trusted: bool) -> Model:
    """The model that the run names. What a stranger's folder names is not run: a name is no proof of what lies behind it."""
    source = plan.model.source
    if not source:
        raise InputError(
            "the run was made with a live model, which a folder cannot hold; give the model: model=net in "
            "Python, or on the command line what makes it: --model path/to/file.py:factory@weights.safetensors"
        )
    if trusted:
        _refuse_changed_code(plan)
    elif not runs_nothing(source):
        raise InputError(
            f"the run names its model as {named_source(plan)}, and nothing that a folder names is run or imported; name the model "
            f"yourself, --model {quoted(source)}, or give --trust-source if this name is your own choice"
        )
    return load_for(plan, source)


def runs_nothing(source: str) -> bool:
    """Whether it is a network of this library, behind an estimator or not, whose weights are read as numbers."""
    _, source = split_estimate(source)
    return source.startswith("zoo:") and NETWORKS.is_own(source.removeprefix("zoo:").partition("@")[0])


def _refuse_changed_code(plan: Plan) -> None:
    file = factory_file(plan.model.source)
    if file is None or not file.is_file():
        return
    there = {name: digest for name, digest in plan.model.code.items() if name.endswith(".py")}
    here = code.of_files(file)
    changed = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    if changed:
        raise UntrustworthyError(
            f"{changed[0]} beside {file} is not as it was when the run was made, so it was not run; "
            "name the model yourself with --model if you know what changed"
        )


def device_of(plan: Plan, model: Model) -> torch.device:
    """Where the model's weights are; for a model without weights, where the run was made, as far as that is here."""
    for weight in model.module.parameters() if model.module is not None else ():
        return weight.device
    recorded = plan.environment.machine.device.partition(" ")[0]
    there = re.fullmatch(r"cuda(:\d+)?", recorded) and torch.cuda.is_available()
    return torch.device(recorded if there else "cpu")


@dataclass(frozen=True)
class OnDevice:
    """The stored inputs as the model takes them."""

    stored: StoredArray
    dtype: torch.dtype
    device: torch.device

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all rows."""
        return self.stored.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.stored.ndim

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, rows: slice | Tensor) -> Tensor:
        at = rows if isinstance(rows, slice) else rows.cpu().numpy()
        return torch.tensor(self.stored[at], dtype=self.dtype, device=self.device)


def other_model(plan: Plan, model: Model, x: Inputs) -> Iterator[str]:
    """A sentence for every way in which the model is not the one of the run; x (n, …) are the run's inputs.

    Its code is left out: a file may have been moved, and what the code does is seen from the answers, all of which are replayed.
    """
    low, high = (torch.tensor(bound, dtype=torch.float64).to(x[:1]) for bound in (plan.threat.low, plan.threat.high))
    given = identify(model, x[:1], low=low, high=high)
    recorded = replace(ModelIdentity(**asdict(plan.model)), code=given.code)
    yield from (f"it is another model than that of the run: {reason}" for reason in differences(recorded, given))


def _equal(given: NDArray[Any], stored: StoredArray) -> bool:
    size, start = stored.shape, 0
    if given.shape != size:
        return False
    for block in blocks(stored):
        if not np.array_equal(given[start : start + len(block)], block):
            return False
        start += len(block)
    return True


@dataclass(frozen=True)
class AttackSource:
    """An attack that the verifier named: its class as records name it, its source's digests, and its traits by name."""

    kind: str
    code: Mapping[str, str]
    traits: Mapping[str, object]


def other_attacks(plan: Plan, attacks: Mapping[str, AttackSource]) -> Iterator[str]:
    """A sentence for every way in which an attack is not the one that the run records under its name.

    Raises:
        InputError: the run has no attack of that name.
    """
    for name, given in attacks.items():
        if name not in plan.attacks:
            raise InputError(f"the run has no attack {name!r}; it has {', '.join(plan.attacks) or 'none'}")
        recorded = asdict(plan.attacks[name])
        if given.kind != recorded["kind"]:
            yield f"the attack {name} is {recorded['kind']}, not {given.kind}"
        for place in sorted(given.code):
            if given.code[place] != recorded["code"].get(place):
                yield f"the attack {name} was made with another source of {place}"
        for trait, value in given.traits.items():
            if recorded[trait] != value:
                yield f"the attack {name} is recorded with {trait} = {recorded[trait]}, its class has {value}"


def other_data(
    plan: Plan,
    x: StoredArray,
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
    if data is not None and not (_equal(numpy_of(data[0]), x) and np.array_equal(numpy_of(data[1]), y)):
        yield "inputs.safetensors does not hold the inputs and labels handed in"
