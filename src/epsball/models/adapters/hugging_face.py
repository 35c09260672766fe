"""`hf:folder-or-id`: an image classifier of Transformers, with the normalisation of its own image processor."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, imported, refuse_weights
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from epsball.models.model import Model

_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_WHITE = 255


@SCHEMES.register("hf")
def read(rest: str, options: Options) -> Model:
    """Return the classifier on data units, RGB in [0, 1], in evaluation mode; the global random state is left as it was.

    Weights are read from safetensors only, and no code that lies beside them is run. Inputs must have the size that the network takes.

    Args:
        rest: a folder that `save_pretrained` wrote, or the id of a model to fetch.
        options: weights have no place in it.

    Raises:
        InputError: the package is missing, there is no such model, or it is no image classifier with weights as safetensors.
    """
    refuse_weights(f"hf:{rest}", options)
    here = Path(rest).is_dir()
    if not here and _ID.fullmatch(rest) is None:
        raise InputError(
            f"there is no folder {rest}, and it is no id such as owner/name; give what save_pretrained wrote"
        )
    processing: Any = imported("transformers.image_processing_base", f"hf:{rest}", "hf")
    transformers: Any = imported("transformers", f"hf:{rest}", "hf")

    try:
        with torch.random.fork_rng(devices=[]):
            net = transformers.AutoModelForImageClassification.from_pretrained(
                rest, local_files_only=here, use_safetensors=True, trust_remote_code=False
            )
    except Exception as error:  # what stands in a folder may make it raise anything
        raise InputError(
            f"hf:{rest} cannot be loaded ({textwrap.shorten(str(error), 200)}); expected an image classifier with config.json and "
            "model.safetensors"
        ) from error
    try:
        processor, _ = processing.ImageProcessingMixin.get_image_processor_dict(rest, local_files_only=here)
    except OSError:  # it has none: the network takes images as they are
        processor = {}
    size = processor.get("crop_size") if processor.get("do_center_crop") else processor.get("size")
    return replace(wrap(net.eval(), *_normalisation(processor)), input_size=_sides(size, net.config))


def _sides(size: Any, config: Any) -> tuple[int, int] | None:
    """Height and width that a processor makes; where it names none, those that the network was built for."""
    if isinstance(size, dict) and {"height", "width"} <= size.keys():
        return int(size["height"]), int(size["width"])
    side = size if isinstance(size, int) else getattr(config, "image_size", None)
    return (side, side) if isinstance(side, int) else None


def _normalisation(processor: dict[str, Any]) -> tuple[list[float] | None, list[float] | None]:
    """Mean and standard deviation for pixels in [0, 1]; a processor multiplies those of 0 … 255 by a factor first, usually 1/255."""
    rescaled = processor.get("do_rescale", True)
    white = _WHITE * (processor.get("rescale_factor", 1 / _WHITE) if rescaled else 1.0)
    mean = processor.get("image_mean") if processor.get("do_normalize", True) else None
    std = processor.get("image_std") if processor.get("do_normalize", True) else None
    if mean is None and std is None:
        return None, None if white == 1 else [1 / white]
    mean, std = mean or [0.0], std or [1.0]
    return [value / white for value in mean], [value / white for value in std]
