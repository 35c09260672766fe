"""What a model says of many images, and where its loss rises fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.attacks import FGSM
from epsball.oracle.batching import arranged, choose_batching
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.geometry import Norm
    from epsball.models.wrap import Model
    from epsball.paper.lab import Data


def logits(model: Model, x: Tensor) -> Tensor:
    """Return the logits `(N, K)` of images `(N, …)`."""
    layout = choose_batching(model, x)
    with model.frozen(channels_last=layout.channels_last), torch.no_grad():
        return torch.cat([model(arranged(part, layout)) for part in torch.split(x, layout.batch_size)])


def labels(model: Model, x: Tensor) -> Tensor:
    """Return the label predicted on each image, `(N,)`."""
    return logits(model, x).argmax(1)


def steepest(model: Model, data: Data, norm: Norm) -> Tensor:
    """Return the direction of length 1 along which the loss rises fastest, sign ∇J in linf and ∇J/|∇J| in l2, `(N, …)`."""
    x, y = data
    return FGSM().maximise(model, x, y, Threat(norm, 1.0, low=-2.0, high=3.0)) - x
