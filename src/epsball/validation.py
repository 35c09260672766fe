"""Every check of what a user hands in, in one place; past this line the code trusts its arguments."""

from __future__ import annotations

import dataclasses
import math
import numbers
import operator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from epsball.errors import InputError, ModelError, brief
from epsball.geometry.base import between
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.goal import Goal

_LEAST, _INFINITE, _WHOLE, _BELOW = "may be 0", "may be infinite", "is whole", "is below"
_ROUNDING = 1e-6
_PROBABILITY = 1e-5
_ROWS_OF_FEATURES = 2
_WHITE = 255
_BRIGHT = 16


def checked_inputs(x: Tensor, threat: Threat) -> Tensor:
    """Return `x` `(N, …)` if it is a batch of finite features inside the threat's box.

    Raises:
        InputError: no tensor, an empty batch, integers, NaN or infinite values, values outside the box.
    """
    if not isinstance(x, Tensor):
        raise InputError(
            f"the inputs were given as {type(x).__name__}; expected a tensor (N, …), such as torch.as_tensor(x)"
        )
    if not x.is_floating_point():
        raise InputError(
            f"the inputs have type {str(x.dtype)[6:]}; expected floating-point numbers in the threat's box: "
            f"use x.float() / 255 for 8-bit images"
        )
    if x.ndim < _ROWS_OF_FEATURES or x.numel() == 0:
        raise InputError(f"the inputs have shape {tuple(x.shape)}; expected at least one sample, (N, …) with N >= 1")
    if threat.lattice is None and between(x, threat.low, threat.high):
        return _own(x)
    if not bool(x.isfinite().all()):
        bad = (~x.isfinite()).flatten(1).any(1)
        raise InputError(
            f"{int(bad.sum())} of {len(x)} inputs hold NaN or infinite values, the first at row {int(bad.nonzero()[0])}; "
            "expected finite numbers: remove or repair them"
        )
    x = _inside_box(x, threat.continuous)
    return x if threat.lattice is None else threat.lattice.snapped(x)


def _own(x: Tensor) -> Tensor:
    return torch.zeros_like(x).copy_(x) if x.is_inference() else x.detach()


def _inside_box(x: Tensor, threat: Threat) -> Tensor:
    x = _own(x)
    clipped = threat.clip(x)
    if torch.equal(clipped, x):
        return x
    span = torch.as_tensor(threat.high - threat.low).abs().to(x)
    if bool(((x - clipped).abs() > _ROUNDING * span).any()):
        box = f"[{brief(threat.low)}, {brief(threat.high)}]"
        low, high = x.min().item(), x.max().item()
        raise InputError(
            f"the inputs lie in [{low:g}, {high:g}], outside the threat's box {box}; {_likely(threat, low, high)}"
        )
    return clipped


def _likely(threat: Threat, low: float, high: float) -> str:
    """Why inputs lie outside the box, most likely, and what to do."""
    numbers = not isinstance(threat.low, Tensor) and not isinstance(threat.high, Tensor)
    if not numbers and low >= 0 and high <= 1:
        return "where limits are equal, as in a mask, the inputs must have just this value"
    if numbers and (threat.low, threat.high) == (0, 1) and low >= 0 and _BRIGHT < high <= _WHITE:
        return "the likely cause is pixels from 0 to 255: divide them by 255, x / 255"
    return "the likely cause is normalised data: hand in data units and normalise inside the model with eb.wrap(net, mean=, std=)"


def positive(default: Any, *, infinite: bool = False) -> Any:
    """Return the field of a setting that must be above 0, and finite unless it may be `infinite`.

    An attack writes `steps: int = positive(40)` in its class.
    """
    return dataclasses.field(default=default, metadata={_LEAST: False, _INFINITE: infinite})


def nonnegative(default: Any, *, infinite: bool = False, below: float = math.inf) -> Any:
    """Return the field of a setting that may be 0 and not negative, is less than `below`, and is finite unless it may be `infinite`.

    An attack writes `decay: float = nonnegative(1.0)` in its class.
    """
    return dataclasses.field(default=default, metadata={_LEAST: True, _INFINITE: infinite, _BELOW: below})


def whole() -> Any:
    """Return the field of a whole number of at least 0 that has no default."""
    return dataclasses.field(metadata={_LEAST: True, _WHOLE: True})


def checked_settings(settings: Any) -> None:
    """Check the numbers among the fields of a dataclass, such as an attack, by the bounds that stand on them.

    What has a number for its default must be one, a whole one where the default is. A field without a bound may be 0 and not
    negative; a whole number whose default is above 0 is a count, which may not be 0.

    Raises:
        InputError: something that is no such number, one that is negative or NaN, or 0 where that means nothing.
    """
    for field in dataclasses.fields(settings):
        value, default = getattr(settings, field.name), field.default
        kind = int if field.metadata.get(_WHOLE) else type(default)
        given = f"{type(settings).__name__} was given {field.name}={value!r}"
        if kind is bool and not isinstance(value, bool):
            raise InputError(f"{given}; expected True or False")
        if kind not in {int, float} and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
            continue
        fits = not isinstance(value, bool) and isinstance(value, numbers.Integral if kind is int else numbers.Real)
        if not fits:
            raise InputError(f"{given}; expected a {'whole ' * (kind is int)}number")
        may_be_0 = field.metadata.get(_LEAST, not (kind is int and default is not dataclasses.MISSING and default > 0))
        if math.isinf(value) and not field.metadata.get(_INFINITE, True):
            raise InputError(f"{given}; expected a finite number")
        if math.isfinite(value) and not value < field.metadata.get(_BELOW, math.inf):
            raise InputError(f"{given}; expected a number below {field.metadata[_BELOW]:g}")
        if not (value > 0 or (value == 0 and may_be_0)):
            raise InputError(f"{given}; expected {'0 or more' if may_be_0 else 'a number above 0'}")


def checked_goal(goal: Goal, n: int, device: torch.device) -> Goal:
    """Return the goal with int64 labels, one per sample.

    Raises:
        InputError: labels that are no integers, of another number, negative, or elsewhere than the inputs.
    """
    labels = goal.labels
    if (
        not isinstance(labels, Tensor)
        or labels.is_floating_point()
        or labels.dtype == torch.bool
        or labels.is_complex()
    ):
        kind = str(labels.dtype)[6:] if isinstance(labels, Tensor) else type(labels).__name__
        raise InputError(f"the labels have type {kind}; expected integer classes, a tensor (N,) such as y.long()")
    if labels.shape != (n,):
        raise InputError(
            f"the labels have shape {tuple(labels.shape)} for {n} inputs; expected one class per input, ({n},)"
        )
    if labels.device != device:
        raise InputError(
            f"the labels are on {labels.device} and the inputs on {device}; move the labels with y.to({str(device)!r})"
        )
    if int(labels.min()) < 0:
        raise InputError(f"the labels go down to {int(labels.min())}; expected classes counted from 0")
    labels = labels.clone() if labels.is_inference() else labels
    return type(goal)(labels.long(), goal.targeted)


def checked_ids(ids: Any, n: int, device: torch.device) -> Tensor:
    """Return the samples' ids as int64 `(n,)`: row numbers for None, else one whole number per sample, in a tensor or in a row.

    Raises:
        InputError: something else, or another number of them.
    """
    if ids is None:
        return torch.arange(n, device=device)
    try:
        numbers = torch.as_tensor(ids, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the ids were given as {brief(ids)}; expected one whole number per input") from error
    if numbers.shape != (n,) or numbers.is_floating_point() or numbers.is_complex():
        raise InputError(
            f"the ids have shape {tuple(numbers.shape)} and type {str(numbers.dtype)[6:]} for {n} inputs; "
            "expected one whole number per input"
        )
    return numbers.to(torch.int64)


def checked_seed(seed: Any) -> int:
    """Return the seed as a whole number.

    Raises:
        InputError: it is none.
    """
    try:
        return operator.index(seed)
    except TypeError as error:
        raise InputError(f"the seed was given as {brief(seed)}; expected a whole number, such as 0") from error


def checked_count(value: Any, name: str) -> int:
    """Return a number of things as a whole number of at least 1.

    Raises:
        InputError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise InputError(f"{name} was given as {brief(value)}; expected a whole number of at least 1")
    return int(value)


def checked_start(start: Any, x: Tensor) -> Tensor | None:
    """Return starting points `(N, …)` for inputs `x`; None where there are none.

    Raises:
        InputError: no tensor, another shape, NaN or infinite values.
    """
    if start is None:
        return None
    if not isinstance(start, Tensor) or start.shape != x.shape:
        given = f"shape {tuple(start.shape)}" if isinstance(start, Tensor) else type(start).__name__
        raise InputError(
            f"the starting points have {given}; expected points of the shape of the inputs, {tuple(x.shape)}"
        )
    if not bool(start.isfinite().all()):
        raise InputError("the starting points hold NaN or infinite values; expected finite points in data units")
    return start.detach().to(x)


def given_threat(threat: object) -> Threat:
    """Return the threat, if it is one.

    Raises:
        InputError: it is something else.
    """
    if isinstance(threat, Threat):
        return threat
    raise InputError(
        f'the threat was given as {type(threat).__name__}; expected eb.Threat, such as eb.Threat("linf", "8/255")'
    )


def checked_threat(threat: Threat, n: int, *, need_budget: bool, attack: str) -> None:
    """Check that the budget fits the samples and the attack.

    Raises:
        InputError: one budget per sample of another number; no budget for an attack that needs one.
    """
    if isinstance(threat.eps, Tensor) and threat.eps.ndim and threat.eps.shape != (n,):
        raise InputError(
            f"ε was given with shape {tuple(threat.eps.shape)} for {n} inputs; expected one number, or one per input"
        )
    if need_budget and not threat.bounded:
        raise InputError(
            f"{attack} works inside a ball and got ε = inf; give a finite ε, or ask DeepFool or LBFGS for the smallest perturbation"
        )


def checked_logits(logits: Tensor, goal: Goal) -> None:
    """Check the first answer of a model.

    Raises:
        InputError: probabilities instead of logits, or labels beyond the model's classes.
    """
    classes = logits.shape[1]
    if int(goal.labels.max()) >= classes:
        raise InputError(
            f"the labels go up to {int(goal.labels.max())} and the model has {classes} classes; "
            f"expected labels from 0 to {classes - 1}"
        )
    between = bool(((logits > -_PROBABILITY) & (logits < 1 + _PROBABILITY)).all())
    if between and bool(((logits.sum(1) - 1).abs() < _PROBABILITY).all()):
        raise InputError(
            "the model returned probabilities (every row lies in [0, 1] and sums to 1) where logits are expected; "
            'remove the softmax, or say so with eb.wrap(net, outputs="probs")'
        )


def finite_logits(logits: Tensor, ids: Tensor, rows: Tensor | slice = slice(None), x: Tensor | None = None) -> None:
    """Check that an answer `(n, K)` is a number everywhere.

    Args:
        logits: the answer.
        ids: of the samples.
        rows: which of the samples were asked about, `(n,)`.
        x: the points that an attack asked about, `(n, …)`.

    Raises:
        InputError: the attack asked about points that hold NaN or infinite values.
        ModelError: NaN or infinite logits.
    """
    if math.isfinite(logits.sum().item()) or bool(logits.isfinite().all()):
        return
    bad = (~logits.isfinite()).any(1)
    if x is not None and not bool(x[bad].isfinite().all()):
        raise InputError(
            f"the attack asked about points with NaN or infinite values, of sample {int(ids[rows][bad][0])} for one; "
            "expected points in the box: check the attack's arithmetic"
        )
    raise ModelError(
        f"the model returned NaN or infinite logits for {int(bad.sum())} of {len(logits)} inputs, "
        f"sample {int(ids[rows][bad][0])} among them; expected finite logits: check the weights and the model's arithmetic there"
    )
