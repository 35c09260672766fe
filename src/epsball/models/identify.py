"""Finding out which model it is: its weights, structure, code, preprocessing and answers on a fixed probe."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epsball.models import code, probe
from epsball.models.adapters.python_file import factory_file
from epsball.models.contents import contents, name_of, unwrapped
from epsball.models.identity import ModelIdentity
from epsball.models.state import update_digest, weights_by_name
from epsball.models.structure import as_text, class_name, structure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from epsball.models.contents import Contents
    from epsball.models.model import Model


def identify(model: Model, x: Tensor, *, low: float | Tensor = 0.0, high: float | Tensor = 1.0) -> ModelIdentity:
    """Return the identity of `model`, probed with images of the shape, type and device of `x` `(N, …)` in the box [low, high].

    The values of `x` do not matter. The network and PyTorch's global random state are given back as they were. What the network
    notes down while it is queried, such as a counter or the shape of the last batch, is no part of it.

    Raises:
        ModelError: the model failed on the probe.
        InputError: weights without values, on the meta device.
    """
    images = probe.probe_images(x, low, high)
    with model.frozen():
        first, again = probe.answers(model, images), probe.answers(model, images)
        found = contents(model.net, thorough=True)
        lines, weights = structure(found), _digests(found)
        probe.answers(model, images[:1])
        after = contents(model.net, thorough=True)
        lines = _in_both(lines, structure(after))
        weights = _in_both(weights, weights | _digests(after, parameters=False))
        random = probe.is_random(first, again)
        frequencies = probe.frequencies(model, images) if random else None
    file = factory_file(model.source)
    files = {} if file is None else code.of_files(file)
    return ModelIdentity(
        source=model.source,
        class_name=_kind(model),
        weights=_together(weights),
        structure=as_text(lines),
        code=files | code.of_objects(thing for thing in found.code if not _in_a_file(thing, file, files)),
        mean=_numbers(model.mean),
        std=_numbers(model.std),
        outputs=model.outputs,
        key=model.key,
        probe=None if random else probe.as_numbers(first),
        frequencies=None if frequencies is None else probe.as_numbers(frequencies),
        device=first.device.type,
        dtype=str(first.dtype).removeprefix("torch."),
    )


def held(model: Model) -> dict[str, Any]:
    """Return what tells a model that an attack holds from another one, as plain values: identity without a probe."""
    return {
        "class": _kind(model),
        "source": model.source,
        **held_by(model.net),
        "mean": _numbers(model.mean),
        "std": _numbers(model.std),
        "outputs": model.outputs,
        "key": model.key,
    }


def held_by(thing: object) -> dict[str, Any]:
    """Return what a network or a function holds, as digests: its tensors, its structure and numbers, and code by name."""
    found = contents(thing, thorough=True)
    return {
        "weights": _together(_digests(found)),
        "structure": hashlib.sha256(as_text(structure(found)).encode()).hexdigest(),
        "code": code.of_objects(found.code),
    }


def _kind(model: Model) -> str:
    if model.module is not None:
        return class_name(type(unwrapped(model.module)))
    return name_of(model.net if hasattr(model.net, "__qualname__") else type(model.net))


def _digests(found: Contents, *, parameters: bool = True) -> dict[str, str]:
    """The SHA-256 of every weight by its name; those that training changes only on request."""
    weights = weights_by_name(found)
    if not parameters:
        for path, network in found.modules.items():
            for name, _ in unwrapped(network).named_parameters(remove_duplicate=False):
                weights.pop(f"{path}.{name}" if path else name, None)
    digests = {}
    for name, value in weights.items():
        digest = hashlib.sha256()
        update_digest(digest, name, value)
        digests[name] = digest.hexdigest()
    return digests


def _together(digests: Mapping[str, str]) -> str:
    if not digests:
        return ""
    return hashlib.sha256("".join(digests[name] for name in sorted(digests)).encode()).hexdigest()


def _in_both(one: Mapping[str, str], two: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in one.items() if two.get(name) == value}


def _in_a_file(thing: Any, file: Path | None, digests: Mapping[str, str]) -> bool:
    """Whether a function or class stands in one of the files beside the factory, whose digest covers it."""
    place = getattr(sys.modules.get(thing.__module__), "__file__", None)
    return (
        file is not None and place is not None and any(Path(place) == file.parent.resolve() / name for name in digests)
    )


def _numbers(value: Tensor | None) -> list[Any] | None:
    if value is None:
        return None
    numbers: list[Any] = (value if value.ndim > 1 else value.reshape(-1)).tolist()
    return numbers
