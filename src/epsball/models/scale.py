"""Whether numbers are on the scale that a user named: a probability for a logit, or the reverse, gives figures that mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from epsball.errors import InputError
from epsball.models.forward import logits_of
from epsball.models.probe import probe_images

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.models.model import Model

_ROWS = 64
_ROUNDING = 1e-3


def check_scale(model: Model, x: Tensor) -> None:
    """Look at what the network returns for 64 of the inputs `x` `(N, …)` and 8 random ones, where it is "binary" or "probs".

    Raises:
        InputError: single logits that all lie in [0, 1], or probabilities that do not, or of which none is above 0.
        ModelError: the network failed.
    """
    if model.outputs not in {"binary", "probs"} or model.decided.get("scale"):
        return
    tried = torch.cat((x[:_ROWS].detach(), probe_images(x, x.min().item(), x.max().item())))
    logits = logits_of(model, tried, _ROWS)
    if model.outputs == "binary":
        _refuse_probabilities(logits[:, 1] - logits[:, 0])
    else:
        _refuse_logits(logits)
    model.decided["scale"] = True


def _refuse_probabilities(z: Tensor) -> None:
    if bool(((z >= 0) & (z <= 1)).all()):
        raise InputError(
            f"outputs was given as 'binary', one logit per sample, and all {len(z)} numbers tried lie in [0, 1], as probabilities do; "
            "use outputs='probs' for the probability of class 1, or return two logits where they are none"
        )


def _refuse_logits(logits: Tensor) -> None:
    if bool((logits > _ROUNDING).any()):
        raise InputError(
            f"outputs was given as 'probs' and the model returned a number of {logits.exp().max().item():.3g}; expected probabilities "
            "in [0, 1]: leave outputs out for logits, or use outputs='binary' for one logit per sample"
        )
    if bool((logits.exp() < _ROUNDING).all()):
        raise InputError(
            "outputs was given as 'probs' and the model returned no number above 0, as with logarithms of probabilities; "
            "expected probabilities in [0, 1]: leave outputs out, for logarithms of probabilities are logits"
        )
