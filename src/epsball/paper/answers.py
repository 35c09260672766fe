"""What a model says of many images, and where its loss rises fastest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from epsball.attacks import FGSM
from epsball.models.forward import logits_of
from epsball.oracle.batching import choose_batching
from epsball.oracle.forward import arranged
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.geometry import Norm
    from epsball.models.model import Model
    from epsball.paper.lab import Data


def logits(model: Model, x: Tensor) -> Tensor:
    """Return the logits `(N, K)` of images `(N, …)`."""
    batching = choose_batching(model, x)
    with model.frozen(channels_last=batching.channels_last):
        return logits_of(model, x, batching.batch_size, arrange=partial(arranged, batching=batching))


def labels(model: Model, x: Tensor) -> Tensor:
    """Return the label predicted on each image, `(N,)`."""
    return logits(model, x).argmax(1)


def steepest(model: Model, data: Data, norm: Norm) -> Tensor:
    """Return the direction of length 1 along which the loss rises fastest, sign ∇J in linf and ∇J/|∇J| in l2, `(N, …)`."""
    x, y = data
    return FGSM().maximise(model, x, y, Threat(norm, 1.0, low=-2.0, high=3.0)) - x
