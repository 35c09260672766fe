"""Whether a network takes images pixel by pixel: many are written for one order in memory, so it is tried on a row or two."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from epsball.models.memory import is_out_of_memory
from epsball.models.probe import tolerated

if TYPE_CHECKING:
    from torch import Tensor, nn

    from epsball.models.model import Model

_ROWS = 2
_FEW_NUMBERS = 2**18
"""Two rows are tried where they hold no more numbers than this, so that the first axis counts for something; else one."""


def takes_channels_last(model: Model, x: Tensor, *, training: bool = False) -> bool:
    """Return whether a network answers images `x` `(N, C, H, W)` in channels-last order, and as it answers them in plain order.

    A `view` raises where strides do not allow it, in the forward or in the backward pass; code that reads memory as it lies answers
    something else. Two passes and a gradient on the first rows, remembered by the model: it is decided once for a shape and type.

    Args:
        model: the classifier, which contains a module.
        x: images, of which the first one or two are tried.
        training: whether the network is tried in training mode, with gradients to its parameters.
    """
    key = (tuple(x.shape[1:]), x.dtype, x.device, training)
    if key not in model.decided:
        model.decided[key] = _tried(model, x, training=training)
    return model.decided[key]


def channels_last(x: Tensor) -> Tensor:
    """Return a detached `x` `(N, C, H, W)` in channels-last order.

    PyTorch takes one channel for contiguous whichever way its strides are written, and then runs the first convolution in the
    other order and converts after it; the strides say outright what is meant.
    """
    x = x.detach()
    if x.shape[1] == 1:
        height, width = x.shape[2:]
        return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1))
    return x.contiguous(memory_format=torch.channels_last)


def _tried(model: Model, x: Tensor, *, training: bool) -> bool:
    x = x[: _ROWS if x[:_ROWS].numel() <= _FEW_NUMBERS else 1].detach()
    with torch.inference_mode(mode=False), torch.enable_grad():
        try:
            with model.frozen(channels_last=True):
                pixelwise = _answers(model, channels_last(x), training=training, differentiate=True)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 whatever the user's network raises: in plain order it may not
            return is_out_of_memory(error)
        try:
            with model.frozen():
                plain = _answers(model, x.contiguous(), training=training)
                if _same(plain, pixelwise):
                    return True
                again = _answers(model, x.contiguous(), training=training)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 it fails only in plain order
            return True
    return not _same(plain, again)  # random answers say nothing about memory


def _answers(model: Model, x: Tensor, *, training: bool, differentiate: bool = False) -> Tensor:
    """Return the logits; a gradient is taken where there is one, as an attack or a step of training takes it."""
    ends: list[Tensor] = [x.requires_grad_(differentiate)]
    if training:
        module = cast("nn.Module", model.module)
        ends = [weight.requires_grad_() for weight in module.train().parameters() if weight.is_floating_point()]
    logits = model.as_it_is(x)
    if differentiate and logits.requires_grad:
        torch.autograd.grad(logits.logsumexp(1).sum(), ends, allow_unused=True)
    return logits.detach()


def _same(one: Tensor, two: Tensor) -> bool:
    """Return whether two tables of logits agree up to rounding, as `models.probe` has it."""
    if one.shape != two.shape:
        return False
    allowed = tolerated(one, accelerator=one.device.type != "cpu")
    return bool(torch.allclose(one.double(), two.double(), rtol=0, atol=allowed, equal_nan=True))
