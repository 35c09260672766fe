"""What the strings of shared options become: threats, models, data, devices."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from epsball.cli.output import note
from epsball.data import SOURCES
from epsball.data.batches import gathered
from epsball.data.load import open_data
from epsball.data.streamed import Streamed
from epsball.errors import InputError, brief
from epsball.models.adapters.estimate import estimator, split_estimate
from epsball.models.inputs import part_size
from epsball.models.load import load_model
from epsball.oracle.batching import choose_batching
from epsball.oracle.tuning import tune as fastest
from epsball.threat import Threat
from epsball.units import parse_fraction, parse_number

if TYPE_CHECKING:
    from epsball.data.batches import Gathered
    from epsball.models.inputs import Inputs
    from epsball.models.model import Model
    from epsball.oracle.batching import Batching


@dataclasses.dataclass(frozen=True)
class Source:
    """A model and its samples, on one device, and the split that they are of, "" where the data has none."""

    model: Model
    data: Gathered
    split: str

    @property
    def x(self) -> Inputs:
        """The inputs (N, …)."""
        inputs: Inputs = self.data.x
        return inputs


def numbers(text: str | None, option: str) -> float | list[float] | None:
    """None, one number, or several with commas between them.

    Raises:
        InputError: a part is no number.
    """
    if text is None:
        return None
    try:
        values = [parse_number(part, option) for part in text.split(",")]
    except InputError as error:
        raise InputError(
            f"{option} was given as {text!r}; expected a number, or one a channel with commas between: 0.5, or 0.49,0.48,0.45"
        ) from error
    return values if len(values) > 1 else values[0]


def share(text: str | None, option: str) -> float | None:
    """None, or a share of the samples.

    Raises:
        InputError: it is none.
    """
    return None if text is None else parse_fraction(text, option)


def mean_of(text: str | None) -> float | list[float] | None:
    """The numbers of ``--mean``, in the units of the images.

    Raises:
        InputError: one is above 1, as where pixels count from 0 to 255.
    """
    values = numbers(text, "--mean")
    largest = max(values) if isinstance(values, list) else values
    if largest is not None and largest > 1:
        raise InputError(
            f"--mean {text} is above 1, and images here are in [0, 1]; divide --mean and --std by 255 if they count 8-bit steps"
        )
    return values


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
    size: int | None = None,
    crop: int | None = None,
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
    data = data_name(data)
    opened = open_data(data, split, n, size=size, crop=crop)
    place = checked_device(device)
    settings: dict[str, Any] = {"mean": mean_of(mean), "std": numbers(std, "--std"), "outputs": outputs, "key": key}
    if _is_of_the_zoo(model):  # it is made for the images
        given = gathered(opened)
        loaded = _model(model, given.x, given.y, **settings)
    else:
        loaded = load_model(model, **settings)
        given = gathered(opened, size=loaded.input_size)
    if loaded.module is not None:
        loaded.module.to(place)
    if given.mean is not None and loaded.mean is None and loaded.std is None:
        loaded = dataclasses.replace(loaded, mean=given.mean, std=given.std)
    _note_order(data, given.class_names or ())
    if given.cut != opened.cut and given.cut is not None:
        note(
            f"The pictures of {data} are cut to {given.cut.crop} x {given.cut.crop} pixels, for which {model} was made, after "
            f"their shorter side was resized to {given.cut.size}; --size and --crop choose other ones."
        )
    x = dataclasses.replace(given.x, device=place) if isinstance(given.x, Streamed) else given.x.to(place)
    return Source(loaded, given._replace(x=x, y=given.y.to(place)), "" if opened.whole else split)


def data_name(text: str) -> str:
    """The name of the set that is meant, which may be typed in any case; a file or folder of that name goes first."""
    return text if Path(text).exists() else SOURCES.spelled(text)


def _note_order(data: str, names: tuple[str, ...]) -> None:
    """A line on stderr where the order of numbered class folders is not that of every library."""
    if all(name.isdecimal() for name in names) and list(names) != sorted(names) and Path(data).is_dir():
        shown = brief(", ".join(names)).strip("'")
        note(
            f"Labels number the class folders of {data} by value: {shown}. Sorted as texts, as by torchvision, they differ."
        )


def _is_of_the_zoo(spec: str) -> bool:
    return split_estimate(spec)[1].startswith("zoo:")


def model_for(spec: str, x: Tensor, *, classes: int | None = None, seed: int = 0, **settings: Any) -> Model:
    """The model of that name; a network of the zoo is made for images like `x` `(N, C, H, W)` and that many classes."""
    if _is_of_the_zoo(spec) and x.ndim == 4:  # noqa: PLR2004 (N, C, H, W)
        channels, height, width = x.shape[1:]
        return load_model(spec, shape=(channels, height, width), classes=classes, seed=seed, **settings)
    return load_model(spec, seed=seed, **settings)


def _model(spec: str, x: Tensor, y: Tensor, **settings: Any) -> Model:
    untrained = "@" not in spec
    loaded = model_for(spec, x, classes=int(y.max()) + 1 if untrained else None, **settings)
    if untrained:
        note(f"{spec} has its initial weights; name trained ones as {spec}@weights.safetensors.")
    return loaded


def batching(given: Source, *, tune: bool, bfloat16: bool) -> Batching | None:
    """The fastest batching on the first images if `tune`, a lower precision if `bfloat16`; None where the rule decides all."""
    if not (tune or bfloat16):
        return None
    x = given.x if isinstance(given.x, Tensor) else given.x[: part_size(given.x.shape)]
    return dataclasses.replace((fastest if tune else choose_batching)(given.model, x), bfloat16=bfloat16)


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
