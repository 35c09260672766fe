"""What a network returned, as logits; and what is said where it returned none."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from epsball.errors import ModelError
from epsball.models.entries import only

OUTPUTS = ("logits", "probs", "binary", "reject")
_TABLE = 2
_FEWEST_CLASSES = 2
_IMAGES, _CHANNELS = 4, (1, 3)
"""Axes of images, and the channels that images have."""
_LONGEST = 500
_SINGLE = "more than 1 value per channel"
"""What PyTorch's batch normalisation says of a single sample in training mode."""
_OF_ARRAYS = ("numpy", "ndarray", "valid JAX type")
"""What a function of other arrays says of a tensor."""
_IN_NUMPY = '; a function of NumPy arrays needs eb.wrap(function, arrays="numpy")'
_OF_GRADIENTS = ("grad", "derivative", "backward")


def to_logits(answer: object, n: int, outputs: str) -> Tensor:
    """Return what a network returned for `n` inputs as logits `(N, K)`, K >= 2.

    Args:
        answer: of the network.
        n: number of inputs.
        outputs: what the answer is, one of `OUTPUTS`; probabilities become their logarithms, one logit z becomes (-z/2, z/2), one
            probability p of class 1 becomes (log(1 - p), log p); of "reject" all K + 1 logits are returned, the last for rejection.

    Raises:
        ModelError: anything but a floating-point table with one row an input.
    """
    answer = only(answer)
    if isinstance(answer, np.ndarray):
        raise ModelError(
            "the model returned a NumPy array; expected a tensor (N, K): return torch.as_tensor(scores), or, where the function takes "
            'NumPy arrays, use eb.wrap(function, arrays="numpy")'
        )
    if isinstance(answer, Mapping | tuple | list) and answer:
        keys = f" with {', '.join(map(str, answer))}" if isinstance(answer, Mapping) else ""
        kind, how, key = ("dictionary", "name", "KEY") if keys else (type(answer).__name__, "number", "0")
        raise ModelError(
            f"the model returned a {kind}{keys}; expected a tensor (N, K): "
            f"call net.eval(), or {how} the entry with --key {key} or eb.wrap(net, key={key})"
        )
    if not isinstance(answer, Tensor):
        kind = (
            f"an empty {type(answer).__name__}"
            if isinstance(answer, Mapping | tuple | list)
            else f"a {type(answer).__name__}"
        )
        raise ModelError(
            f"the model returned {'None' if answer is None else kind}; expected a tensor (N, K): "
            "end its forward with return logits"
        )
    if not answer.is_floating_point():
        raise ModelError(
            f"the model returned numbers of type {str(answer.dtype)[6:]}; expected floating-point logits (N, K): "
            "return the scores as they are before argmax, rounding or anything complex, or, of labels, give the number of classes, "
            'eb.wrap(net, outputs="labels:10")'
        )
    answer = _dense(answer)
    if outputs == "binary" and answer.numel() != n:
        raise ModelError(
            f"the model returned shape {tuple(answer.shape)} for {n} inputs; expected (N,) or (N, 1), one logit a sample, as "
            'outputs="binary" says: leave it out for one logit a class'
        )
    if outputs == "binary":
        half = answer.reshape(n) / 2
        return torch.stack((-half, half), 1)
    if outputs == "probs" and answer.numel() == n:
        p = answer.reshape(n)
        answer = torch.stack((1 - p, p), 1)
    if answer.ndim != _TABLE or len(answer) != n or answer.shape[1] < _FEWEST_CLASSES + (outputs == "reject"):
        remedy = (
            'one logit per sample needs eb.wrap(net, outputs="binary"), one probability eb.wrap(net, outputs="probs")'
            if answer.numel() == n
            else "return one row of logits per sample" + ", and one logit more for rejection" * (outputs == "reject")
        )
        raise ModelError(
            f"the model returned shape {tuple(answer.shape)} for {n} inputs; expected (N, K) with K >= 2: {remedy}"
        )
    if outputs == "probs":
        return answer.clamp_min(torch.finfo(answer.dtype).tiny).log()
    return answer


def ends_early(net: object) -> bool:
    """Return whether a network was loaded without the softmax or sigmoid at its end, so that it returns no probabilities."""
    return isinstance(net, nn.Module) and any(getattr(part, "ends_early", False) for part in net.modules())


def _dense(answer: Tensor) -> Tensor:
    """The same numbers in rows and columns, where a network returned them sparse or in a format of its own."""
    if answer.is_nested:
        rows = answer.unbind()
        if len({row.shape for row in rows}) > 1:
            raise ModelError("the model returned rows of different lengths; expected (N, K), one score for each class")
        return torch.stack(rows)
    return answer if answer.layout == torch.strided else answer.to_dense()


def failure(error: BaseException, x: Tensor, module: nn.Module | None) -> ModelError:
    """Return the error to raise where a network raised `error` on inputs `x` `(N, …)`: one sentence with a remedy."""
    kind, said = str(x.dtype)[6:], _reason(error)
    given = f"the model raised {type(error).__name__} on an input of shape {tuple(x.shape)} and type {kind}: {said}"
    if elsewhere := _of_other_weights(x, module):
        return ModelError(f"{given}; {elsewhere}")
    if x.requires_grad and any(word in said.lower() for word in _OF_GRADIENTS):
        return ModelError(
            f"{given}; it must be differentiable and run with gradients enabled: keep to PyTorch's operations, "
            "or use an attack that asks for labels only, such as eb.AdditiveNoise()"
            f"{_IN_NUMPY * ('numpy' in said)}"
        )
    if any(word in said for word in _OF_ARRAYS):
        return ModelError(f'{given}{_IN_NUMPY}, one of JAX arrays eb.wrap(function, arrays="jax")')
    if _SINGLE in said:
        return ModelError(
            f"{given}; batch normalisation needs two samples at least while it trains: take a larger batch_size, or call net.eval()"
        )
    if remedy := channels_last(x.shape):
        return ModelError(f"{given}; {remedy}")
    alone = ", ".join(map(str, x.shape)) + ", requires_grad=True" * x.requires_grad
    return ModelError(
        f"{given}; expected logits (N, K): try the network on such an input alone, net(torch.rand({alone}))"
    )


def channels_last(shape: Sequence[int], channels: int = 1) -> str:
    """What to do where the shape of inputs looks as (N, H, W, C) does; empty where it does not."""
    likely = len(shape) == _IMAGES and shape[3] in (*_CHANNELS, channels) and shape[1] not in (*_CHANNELS, channels)
    advice = "give x.permute(0, 3, 1, 2) of a tensor, x.transpose(0, 3, 1, 2) of an array"
    return f"the channels seem to be last, expected (N, C, H, W): {advice}" if likely else ""


def _of_other_weights(x: Tensor, module: nn.Module | None) -> str:
    """What to do where the weights are of another type than the inputs, or elsewhere; empty where they are not."""
    weights = next((p for p in module.parameters() if p.is_floating_point()), None) if module is not None else None
    if weights is not None and weights.dtype != x.dtype:
        return f"its weights are {str(weights.dtype)[6:]}: convert the inputs with x.to({weights.dtype})"
    if weights is not None and weights.is_meta:
        return "its weights are on the meta device, without values: build it on one that has memory"
    if weights is not None and weights.device != x.device:
        return f"its weights are on {weights.device}: move the inputs there with x.to({str(weights.device)!r})"
    return ""


_REMEDIES = {
    "inplace operation": "write operations that make a new tensor, x = x * 2 for x *= 2, and ReLU() for ReLU(inplace=True)",
    "use_reentrant": "call torch.utils.checkpoint.checkpoint(…, use_reentrant=False)",
    "view size": "write x.reshape(…) for x.view(…)",
    "not implemented": "use operations that PyTorch differentiates, twice where the network takes a gradient itself",
    "differentiate": "use operations that PyTorch differentiates, twice where the network takes a gradient itself",
}
"""What to do, by what PyTorch says where a backward pass fails."""


def gradient_failure(error: BaseException) -> ModelError:
    """Return the error to raise where the backward pass of a network raised `error`: one sentence with a remedy."""
    said = _reason(error)
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in said), "repair its backward pass")
    return ModelError(
        f"the model cannot be differentiated, its backward pass raised {type(error).__name__}: {said}; {remedy}, "
        "or use an attack that asks for no gradients, such as eb.AdditiveNoise()"
    )


def _reason(error: BaseException) -> str:
    """What an error says, on one line: some frameworks print their inputs, number by number."""
    return textwrap.shorten(str(error), _LONGEST, placeholder=" …").rstrip(".") or "no reason given"
