"""Options that several commands share, and what their strings become."""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epsball.errors import InputError
from epsball.units import parse_number

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.wrap import Model
    from epsball.oracle.batching import Batching
    from epsball.threat import Threat

ModelSpec = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="zoo:NAME@weights.safetensors; path/to/file.py:factory, @weights where it needs them; onnx:file.onnx; hub:NAME.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="DATA",
        help="mnist-5k, digits (embedded), mnist, cifar10, imagenet-sample, a Parquet file or folder, an image folder, an .npz",
    ),
]
Split = Annotated[str, typer.Option(help="Part of the data: train or test.")]
Count = Annotated[int | None, typer.Option("--n", min=1, help="Use the first N samples; all by default.")]
Norm = Annotated[str, typer.Option(help="linf, l2, l1 or l0.")]
Eps = Annotated[
    str | None,
    typer.Option(
        metavar="EPS",
        help="Budget in data units: 0.1, 8/255. Without it attacks are asked how close the nearest error is.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps.")]
Tune = Annotated[
    bool,
    typer.Option("--tune", help="Time memory layouts on the first images and use the fastest; a fixed rule otherwise."),
]
Bfloat16 = Annotated[
    bool,
    typer.Option("--bfloat16", help="Search in bfloat16; what it claims is asked again in the model's own precision."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Mean = Annotated[
    str | None,
    typer.Option(help="What the model's training subtracted, one number or one per channel: 0.49,0.48,0.45."),
]
Std = Annotated[str | None, typer.Option(help="What it divided by, likewise.")]
Outputs = Annotated[str, typer.Option(help="What the model returns: logits, probs or binary (one logit).")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Run folder: results are kept there as they come; the same command resumes."),
]


@dataclasses.dataclass(frozen=True)
class Source:
    """A model and the samples it is asked about, on one device."""

    model: "Model"
    x: "Tensor"
    y: "Tensor"


def numbers(text: str | None, option: str) -> float | list[float] | None:
    """None, one number, or several with commas between them.

    Raises:
        InputError: a part is no number.
    """
    if text is None:
        return None
    values = [parse_number(part, option) for part in text.split(",")]
    return values if len(values) > 1 else values[0]


def threat(norm: str, eps: str | None) -> "Threat":
    """The threat of ``--norm`` and ``--eps``; without ``--eps`` the budget is infinite."""
    from epsball.threat import Threat  # noqa: PLC0415 (torch is only loaded by commands that compute)

    return Threat(norm, math.inf if eps is None else eps)


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
) -> Source:
    """Load the data and the model that fits it.

    Raises:
        InputError: data, model or device cannot be used.
    """
    from epsball.data.load import load_data  # noqa: PLC0415 (torch is only loaded by commands that compute)

    x, y = load_data(data, split, n)
    place = checked_device(device)
    return Source(_model(model, x, y, place, mean, std, outputs), x.to(place), y.to(place))


def _model(spec: str, x: "Tensor", y: "Tensor", place: Any, mean: str | None, std: str | None, outputs: str) -> "Model":
    from epsball.models.load import load_model  # noqa: PLC0415 (torch is only loaded by commands that compute)
    from epsball.models.wrap import wrap  # noqa: PLC0415 (the same)

    if spec.startswith("zoo:") and x.ndim == 4:  # noqa: PLR2004 (N, C, H, W)
        channels, height, width = x.shape[1:]
        classes = None if "@" in spec else int(y.max()) + 1
        loaded = load_model(spec, shape=(channels, height, width), classes=classes)
        if "@" not in spec:
            typer.echo(f"{spec} has its initial weights; name trained ones as {spec}@weights.safetensors.", err=True)
    else:
        loaded = load_model(spec)
    if loaded.module is not None:
        loaded.module.to(place)
    if mean is None and std is None and outputs == loaded.outputs:
        return loaded
    own = loaded.mean is not None or loaded.std is not None or loaded.outputs != "logits"
    again = wrap(loaded if own else loaded.net, numbers(mean, "--mean"), numbers(std, "--std"), outputs)
    return dataclasses.replace(again, source=loaded.source)


def batching(given: Source, *, tune: bool, bfloat16: bool) -> "Batching | None":
    """The fastest batching on the first images if `tune`, a lower precision if `bfloat16`; None where the rule decides all."""
    from epsball.oracle.batching import choose_batching  # noqa: PLC0415 (torch is only loaded by commands that compute)
    from epsball.oracle.batching import tune as fastest  # noqa: PLC0415 (the same)

    if not (tune or bfloat16):
        return None
    return dataclasses.replace((fastest if tune else choose_batching)(given.model, given.x), bfloat16=bfloat16)


def checked_device(name: str) -> Any:
    """The device of that name.

    Raises:
        InputError: there is none.
    """
    import torch  # noqa: PLC0415 (torch is only loaded by commands that compute)

    try:
        place = torch.device(name)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"--device {name} cannot be used ({reason}); use cpu, or a device that PyTorch sees"
        ) from error
    return place
