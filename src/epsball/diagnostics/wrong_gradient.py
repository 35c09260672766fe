"""D05."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.errors import ModelError
from epsball.randomness import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

SEED = 20180201
ROWS = 8
DIRECTIONS = 8
NOISE = 1 / 8
"""How far from the samples the points of the test lie, as a fraction of the box: a plain background has ties and no derivative."""
STEPS = (2.0**-11, 2.0**-8, 2.0**-6, 2.0**-5, 2.0**-4)
"""Lengths of the differences, as fractions of the box: float32 rounds little at the first; bfloat16 and 4 bits need the last."""
WRONG = 0.12
"""Fraction of the change that may be left unexplained beyond its even part: 0.05 in honest networks, 0.2 where a third is detached."""
EVEN = 1.5
UNCONFIRMED = 0.6
"""What may be unexplained and even together at the best h; if it is more, no derivative is seen, as behind rounding to few levels."""
SILENT = 0.2
"""Part of the whole change that features may cause which never have a gradient; those that the model does not use cause none."""
STUCK, MATTERS = 0.5, 0.05
"""Part of the gradient along features at the limits that may vanish there, and what they must cause of the whole to be looked at."""
ROUNDING = 8
BLOCK = 4
IMAGE_DIMENSIONS = 4


@check(
    "D05",
    "FAIL",
    Preflight,
    remedy="attack a model whose gradient is its own: without the detach, quantiser or backward of its own, or with a differentiable "
    "stand-in there",
    unless=("D02", "D03", "D04"),
)
def wrong_gradient(given: Preflight) -> Iterator[Observation]:
    """The gradient must be the derivative, as central differences along random directions show it.

    L is the lead of the label over the next class at a point near a sample, d a vector of random signs. The odd change
    (L(x + h d) - L(x - h d)) / 2 must be proportional to <∇L, h d> over the directions of a sample. The even change
    (L(x + h d) + L(x - h d)) / 2 - L(x), which no derivative explains, is what bends, jumps and rounding leave at this h;
    1.5 times its square may be unexplained among the odd ones too, which is more than those leave there. The worst h counts; at the
    best one, both must be small.
    """
    try:
        points = _points(given)
    except (ModelError, RuntimeError):  # an attack that needs gradients will say so, others never meet this
        return
    found = {step: _unexplained(given, points, step) for step in STEPS}
    worst = max(STEPS, key=lambda step: found[step][0] - EVEN * found[step][1])
    best = min(STEPS, key=lambda step: sum(found[step]))
    wrong = found[worst][0] - EVEN * found[worst][1] > WRONG
    if wrong or sum(found[best]) > UNCONFIRMED:
        step = worst if wrong else best
        yield Observation(
            "The gradient is not the derivative of the model's answers, so attacks that follow it are misled",
            f"{found[step][0]:.0%} of what steps of {step:.1g} of the range change is not explained by it, "
            f"{DIRECTIONS} in random directions at each of {len(points.x) // DIRECTIONS} samples",
        )
        return
    silent = (points.gradient == 0).all(0)
    if bool(silent.any()) and not bool(silent.all()) and (change := _silent_change(given, points, silent)) > SILENT:
        yield Observation(
            "The model's answers depend on features whose gradient is 0 everywhere, so attacks that follow it leave them as they are",
            f"{int(silent.sum())} of {silent.numel()} features; moved alone, they cause {change:.0%} of the change",
        )
        return
    if (stuck := _stuck(given)) > STUCK:
        yield Observation(
            "At the limits of the box the gradient is 0 where the model's answers change, so attacks that follow it do not leave them",
            f"{stuck:.0%} of the gradient {STEPS[0]:.1g} of the range beside them is 0 there, at the first {ROWS} samples",
        )


class _Points(NamedTuple):
    """Points near samples, several for each in a row, `(n, …)`: label and rival there, their lead, its gradient, and directions."""

    x: Tensor
    label: Tensor
    rival: Tensor
    lead: Tensor
    gradient: Tensor
    direction: Tensor
    rounding: Tensor


def _points(given: Preflight) -> _Points:
    """A point of its own for every direction, so that what happens at one of them does not count several times."""
    x, label = given.probe
    right = torch.from_numpy(given.clean[: len(x)]).to(label.device) == label
    chosen = (right if bool(right.any()) else ~right).nonzero().squeeze(1)[:ROWS].repeat_interleave(DIRECTIONS)
    label, low, high = label[chosen], given.threat.low, given.threat.high
    draw = Stream(SEED, torch.arange(len(chosen), device=x.device), 0).uniform(2 * x[0].numel())
    noise, signs = ((2 * half - 1).reshape(len(chosen), *x.shape[1:]).to(x) for half in draw.chunk(2, dim=1))
    at = given.threat.clip(x[chosen] + NOISE * ((low + high) - 2 * x[chosen] + (high - low) * noise))
    with torch.enable_grad():
        leaf = at.clone().requires_grad_()
        logits = given.model(leaf)
        own = logits.gather(1, label[:, None])
        rounding = ROUNDING * torch.finfo(logits.dtype).eps * own.detach().abs()
        rival = _rival(logits.detach(), given.passes[0][chosen], label, rounding)
        lead = _lead(logits, label, rival)
        gradient = torch.autograd.grad(lead.sum(), leaf)[0].nan_to_num(0, 0, 0)
    return _Points(at, label, rival, lead.detach(), gradient.double(), _directions(signs.sign()), rounding.double())


def _rival(logits: Tensor, elsewhere: Tensor, label: Tensor, rounding: Tensor) -> Tensor:
    """The next class after the label, `(n,)`; a copy is none: what it leads by as much at other points `elsewhere`."""
    behind, before = (values - values.gather(1, label[:, None]) for values in (logits, elsewhere))
    copies = (behind.abs() <= rounding) | ((behind - before).abs() <= rounding)
    return logits.masked_fill(copies, -torch.inf).argmax(1)


def _directions(signs: Tensor) -> Tensor:
    """Random signs `(n, …)`; in every second image the same ones in blocks of 4 × 4 pixels, which convolutions answer more to."""
    if signs.ndim != IMAGE_DIMENSIONS:
        return signs
    height, width = signs.shape[2:]
    blocks = F.interpolate(signs[1::2, :, : -(-height // BLOCK), : -(-width // BLOCK)].float(), size=(height, width))
    return signs.index_copy(0, torch.arange(1, len(signs), 2, device=signs.device), blocks.to(signs))


def _unexplained(given: Preflight, at: _Points, step: float) -> tuple[float, float]:
    """The square of the odd change that the gradient leaves unexplained, and of the even one, as fractions of the odd one's."""
    span = (given.threat.high - given.threat.low) * step
    ahead, behind = given.threat.clip(at.x + span * at.direction), given.threat.clip(at.x - span * at.direction)
    with torch.no_grad():
        forth, back = (_lead(given.model(x), at.label, at.rival) for x in (ahead, behind))
    odd, even = (forth - back) / 2, ((forth + back) / 2 - at.lead).abs() + at.rounding.squeeze(1) / ROUNDING
    foretold = (at.gradient * (ahead.double() - behind.double()) / 2).flatten(1).sum(1)
    odd, even, foretold = (values.reshape(-1, DIRECTIONS) for values in (odd, even, foretold))
    tiny = torch.finfo(torch.float64).tiny
    change, norm = odd.square().sum(1).clamp_min(tiny), foretold.square().sum(1).clamp_min(tiny)
    explained = (odd * foretold).sum(1).clamp_min(0).square() / norm / change
    return float((1 - explained).mean()), float((even.square().sum(1) / change).clamp_max(1).mean())


def _silent_change(given: Preflight, at: _Points, silent: Tensor) -> float:
    """The root mean square of what the lead changes when the silent features move, relative to when all features do."""
    threat = given.threat
    moved = threat.clip(at.x + (threat.high - threat.low) * NOISE * at.direction)
    with torch.no_grad():
        alone, everything = (
            (_lead(given.model(x), at.label, at.rival) - at.lead).square().mean().sqrt()
            for x in (torch.where(silent, moved, at.x), moved)
        )
    return float(alone / everything.clamp_min(torch.finfo(torch.float64).tiny))


def _stuck(given: Preflight) -> float:
    """What part of the gradient just inside the box, along features at its limits, is exactly 0 at these; 0 where they hardly matter.

    About half of these features are moved first, as a random start moves them, so that their neighbours leave kinks of their own.
    """
    x, label = (each[:ROWS] for each in given.probe)
    low, high = given.threat.low, given.threat.high
    inwards = (x == low).to(x) - (x == high).to(x)
    draw = Stream(SEED, torch.arange(len(x), device=x.device), 1).uniform(x[0].numel()).reshape(x.shape)
    held = (inwards != 0) & (draw < 1 / 2)
    x = given.threat.clip(torch.where(held, x, x + NOISE * draw.to(x) * inwards * (high - low)))
    beside = given.threat.clip(torch.where(held, x + STEPS[0] * inwards * (high - low), x))
    here, there = (_slope(given, each, label).abs() for each in (x, beside))
    along = there[held].sum()
    return float(there[held & (here == 0)].sum() / along) if along > MATTERS * there.sum() else 0.0


def _slope(given: Preflight, x: Tensor, label: Tensor) -> Tensor:
    """The gradient of the label's lead over the next class."""
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        logits = given.model(leaf)
        lead = _lead(logits, label, logits.detach().scatter(1, label[:, None], -torch.inf).argmax(1))
        return torch.autograd.grad(lead.sum(), leaf)[0].nan_to_num(0, 0, 0)


def _lead(logits: Tensor, label: Tensor, rival: Tensor) -> Tensor:
    """By how much the label is ahead of the rival, `(n,)`, without rounding of its own."""
    chosen = logits.gather(1, torch.stack((label, rival), 1)).double()
    return chosen[:, 0] - chosen[:, 1]
