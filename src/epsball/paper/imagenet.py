"""The ImageNet networks of the comparison: where their weights come from, and what is missing where they are not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from epsball.data.load import load_data
from epsball.errors import InputError
from epsball.models.adapters.onnx import caffe_inputs
from epsball.models.load import load_model

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.paper.lab import Data

PHOTOGRAPHS = "imagenet-sample"


@dataclass(frozen=True)
class ImageNet:
    """A network for ImageNet.

    Args:
        name: in the table.
        spec: what `load_model` takes, given the folder of the weights.
        mean: of blue, green and red, for one of Caffe's networks; empty for a model that takes data units.
        images: attacked by DeepFool and FGSM.
        lbfgs: attacked by L-BFGS.
    """

    name: str
    spec: str
    mean: tuple[float, ...] = ()
    images: int = 100
    lbfgs: int = 8

    def model(self) -> Model:
        """The network with its weights.

        Raises:
            InputError: they are not there; the sentence says how to get them.
        """
        model = load_model(self.spec.format(home=_home()))
        return caffe_inputs(model, self.mean) if self.mean else model

    def data(self) -> Data:
        """The photographs it is tested on."""
        return load_data(PHOTOGRAPHS)

    def missing(self) -> str:
        """What is missing to measure it, in words that name no folder of this machine; empty where nothing is."""
        kind, _, place = self.spec.partition(":")
        if kind == "onnx" and not Path(place.format(home=_home())).exists():
            return f"put the public ONNX model zoo's network at {place.format(home='$EPSBALL_DATA')}"
        try:
            self.model()
        except InputError as error:
            unread = f'{self.name}.onnx cannot be read; pip install "epsball[onnx]", or fetch the file anew'
            return unread if kind == "onnx" else str(error)
        try:
            load_data(PHOTOGRAPHS, n=1)
        except InputError:
            return f"put photographs at $EPSBALL_DATA/{PHOTOGRAPHS}/test.parquet"
        return ""


def _home() -> Path:
    return Path(os.environ.get("EPSBALL_DATA") or Path.cwd())


COLUMNS = (
    ImageNet("efficientnet-lite0", "hub:efficientnet-lite0"),
    ImageNet("caffenet", "onnx:{home}/models/caffenet.onnx", (104.007, 116.669, 122.679)),
    ImageNet("googlenet", "onnx:{home}/models/googlenet.onnx", (104.0, 117.0, 123.0)),
)
