"""What the strings of shared options become: threats, models, data, devices."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import torch

from epsball.cli.output import note
from epsball.data.load import class_names, has_splits, load_data
from epsball.errors import InputError, brief
from epsball.models.adapters.estimate import estimator, split_estimate
from epsball.models.load import load_model
from epsball.oracle.batching import choose_batching
from epsball.oracle.tuning import tune as fastest
from epsball.threat import Threat
from epsball.units import parse_number

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model
    from epsball.oracle.batching import Batching


@dataclasses.dataclass(frozen=True)
class Source:
    """A model and its samples, on one device, and the split that they are of; "" where the data has none."""

    model: Model
    x: Tensor
    y: Tensor
    split: str


def numbers(text: str | None, option: str) -> float | list[float] | None:
    """None, one number, or several with commas between them.

    Raises:
        InputError: a part is no number.
    """
    if text is None:
        return None
    values = [parse_number(part, option) for part in text.split(",")]
    return values if len(values) > 1 else values[0]


def threat(norm: str, eps: str | None, levels: int | None = None) -> Threat:
    """The threat of ``--norm``, ``--eps`` and ``--levels``; without ``--eps`` the budget is infinite."""
    return Threat(norm, math.inf if eps is None else eps, levels=levels)


def source(
    model: str,
    data: str,
    *,
    split: str,
    n: int | None,
    device: str,
    mean: str | None = None,
    std: str | None = None,
    outputs: str = "logits",
    key: str = "",
    estimate: str | None = None,
) -> Source:
    """Load the data and the model that fits it.

    Raises:
        InputError: data, model or device cannot be used.
    """
    if estimate is not None:
        estimator(estimate)
        if mean is not None or std is not None or outputs != "logits" or key:
            raise InputError(
                f"--estimate {estimate} was given with --mean, --std, --outputs or --key, which belong behind it; give a model that "
                "has them inside, such as file.py:factory with return eb.wrap(net, mean, std)"
            )
        model = f"{estimate}:{model}"
    x, y = load_data(data, split, n)
    place = checked_device(device)
    settings = {"mean": numbers(mean, "--mean"), "std": numbers(std, "--std"), "outputs": outputs, "key": key}
    loaded = _model(model, x, y, place, **settings)
    return Source(loaded, x.to(place), y.to(place), split if has_splits(data, split) else "")


def named_classes(data: str, split: str) -> tuple[str, ...]:
    """The names of the classes of an image folder; a line on stderr where their order is not that of every library."""
    names = class_names(data, split)
    if list(names) != sorted(names):
        shown = brief(", ".join(names)).strip("'")
        note(
            f"Labels number the class folders of {data} by value: {shown}. Sorted as texts, as by torchvision, they differ."
        )
    return names


def model_for(spec: str, x: Tensor, *, classes: int | None = None, seed: int = 0, **settings: Any) -> Model:
    """The model of that name; a network of the zoo is made for images like `x` `(N, C, H, W)` and that many classes."""
    if split_estimate(spec)[1].startswith("zoo:") and x.ndim == 4:  # noqa: PLR2004 (N, C, H, W)
        channels, height, width = x.shape[1:]
        return load_model(spec, shape=(channels, height, width), classes=classes, seed=seed, **settings)
    return load_model(spec, seed=seed, **settings)


def _model(spec: str, x: Tensor, y: Tensor, place: Any, **settings: Any) -> Model:
    untrained = split_estimate(spec)[1].startswith("zoo:") and "@" not in spec
    loaded = model_for(spec, x, classes=int(y.max()) + 1 if untrained else None, **settings)
    if untrained:
        note(f"{spec} has its initial weights; name trained ones as {spec}@weights.safetensors.")
    if loaded.module is not None:
        loaded.module.to(place)
    return loaded


def batching(given: Source, *, tune: bool, bfloat16: bool) -> Batching | None:
    """The fastest batching on the first images if `tune`, a lower precision if `bfloat16`; None where the rule decides all."""
    if not (tune or bfloat16):
        return None
    return dataclasses.replace((fastest if tune else choose_batching)(given.model, given.x), bfloat16=bfloat16)


def checked_device(name: str) -> Any:
    """The device of that name; for "auto" a GPU where there is one, else the processor.

    Raises:
        InputError: there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        place = torch.device(name)
        torch.zeros(1, device=place).item()  # which the meta device, without values, cannot give
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"--device {name} cannot be used ({reason}); use cpu, or a device that PyTorch sees"
        ) from error
    return place
