"""D05."""

from __future__ import annotations

from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight, lead
from epsball.diagnostics.stuck_gradient import ROWS, SEED, stuck
from epsball.errors import ModelError
from epsball.randomness import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

DIRECTIONS = 8
NOISE = 1 / 8
"""How far from the samples the points of the test lie, as a fraction of the box: a plain background has ties and no derivative."""
STEPS = (2.0**-11, 2.0**-8, 2.0**-6, 2.0**-5, 2.0**-4)
"""Lengths of the differences, as fractions of the box: float32 rounds little at the first; bfloat16 and 4 bits need the last."""
WRONG = 0.12
"""Fraction of the change that may be left unexplained beyond its even part: 0.05 in honest networks, 0.2 where a third is detached."""
EVEN = 1.5
UNCONFIRMED = 0.5
"""What may be unexplained and even together at the best h, 0.08 in honest networks of bfloat16; if it is more, no derivative is seen,
as behind rounding to few levels."""
FORETOLD = 0.35
"""Part of the change that an estimate of the gradient must explain at the best h: 0.48 to 0.9 where it serves, up to 0.33 where it is
that of the image mirrored or moved by a pixel."""
ALONE, NEXT = 0.25, 2
"""What may be unexplained of single logits, the label's and those of so many classes next to it."""
LINEAR, STRAIGHT = 0.01, 0.02
"""Where less than the first is even, the answers are seen to be straight, and at most the second may be unexplained: 0.0001 in honest
networks, 0.06 where half of the hidden features are detached."""
SILENT = 0.2
"""Part of the whole change that features may cause which never have a gradient; those that the model does not use cause none."""
ROUNDING = 8
BLOCK = 4
IMAGE_DIMENSIONS = 4


@check(
    "D05",
    "FAIL",
    Preflight,
    remedy="attack a model whose gradient is its own: without the detach, quantiser or backward of its own, or with a differentiable "
    "stand-in there, eb.bpda(model, layer), --estimate bpda:LAYER",
    unless=("D01", "D02", "D03", "D04"),
)
def wrong_gradient(given: Preflight) -> Iterator[Observation]:
    """The gradient must be the derivative, as central differences along random directions show it.

    L is the lead of the label over the next class at a point near a sample, d a vector of random signs. The odd change
    (L(x + h d) - L(x - h d)) / 2 must be proportional to <∇L, h d> over the directions of a sample. The even change
    (L(x + h d) + L(x - h d)) / 2 - L(x), which no derivative explains, is what bends, jumps and rounding leave at this h;
    1.5 times its square may be unexplained among the odd ones too, which is more than those leave there. The worst h counts, more
    strictly where hardly anything is even; at the best one, both must be small. The same holds, less strictly, of the label's logit
    and of each of the two next to it alone. Of a gradient that is said to be an estimate (`eb.bpda`, `eb.nes`, `eb.spsa`) less
    is asked: that it foretells a third of the change at some h.
    """
    try:
        points, slopes = _points(given)
    except (ModelError, RuntimeError):  # an attack that needs gradients will say so, others never meet this
        return
    if not any(bool(slope.any()) for slope in slopes):
        return
    found = [_compared(given, points, slopes, step) for step in STEPS]
    misled = _estimated(found, given.model.estimate) if given.model.estimate else _misled(found)
    yield from islice(chain(misled, _silent(given, points, slopes[0]), stuck(given)), 1)


def _misled(found: Sequence[_Compared]) -> Iterator[Observation]:
    """What differences say against the gradients of the lead and of single logits."""
    steps = range(len(STEPS))
    excess = [_excess(at) for at in found]
    worst = max(steps, key=lambda step: float(excess[step][0]))
    best = min(steps, key=lambda step: found[step].unexplained[0] + found[step].even[0])
    wrong = excess[worst][0] > 0
    if wrong or found[best].unexplained[0] + found[best].even[0] > UNCONFIRMED:
        at = worst if wrong else best
        yield Observation(
            "The gradient is not the derivative of the model's answers, so attacks that follow it are misled",
            f"{found[at].unexplained[0]:.0%} of what steps of {STEPS[at]:.1g} of the range change is not explained by it, "
            f"{DIRECTIONS} in random directions at each of {found[at].samples} samples",
        )
    at = max(steps, key=lambda step: float(excess[step][1:].max()))
    rank = int(excess[at][1:].argmax())
    if excess[at][1 + rank] > 0:
        which = f"class {rank} next to the label" if rank else "label"
        yield Observation(
            "The gradient of some classes' logits is not their derivative, so attacks that weigh them up are misled",
            f"{found[at].unexplained[1 + rank]:.0%} of what steps of {STEPS[at]:.1g} of the range change of the logit of the {which} "
            "is not explained by it",
        )


def _estimated(found: Sequence[_Compared], by: str) -> Iterator[Observation]:
    """What differences say of a gradient that is an estimate of the derivative, or stands in for one where there is none."""
    step, part = max(
        ((step, 1 - float(at.unexplained[0])) for step, at in zip(STEPS, found, strict=True)), key=itemgetter(1)
    )
    evidence = f"{part:.0%} of what steps of {step:.1g} of the range change is foretold by it"
    if part < FORETOLD:
        yield Observation(
            f"The estimate of the gradient, {by}, foretells next to nothing, so attacks that follow it are misled",
            evidence,
            "take a stand-in that is closer to the step that it stands for, or attack by scores: --suite blackbox, --thorough",
        )
    else:
        yield Observation(
            f"Attacks follow an estimate of the gradient, {by}", evidence, "nothing where that is meant", "INFO"
        )


def _excess(at: _Compared) -> Tensor:
    """What is unexplained of each value beyond what may be, `(2 + k,)`."""
    allowed = torch.full_like(at.even, ALONE)
    allowed[0] = WRONG
    allowed[at.even < LINEAR] = STRAIGHT
    return at.unexplained - EVEN * at.even - allowed


class _Points(NamedTuple):
    """Points near samples, several for each in a row, `(n, …)`: what is looked at there, its values and their rounding, and directions.

    The values `(n, 2 + k)` are the lead of the label over the rival, the label's logit, and those of the classes next to it.
    """

    x: Tensor
    label: Tensor
    rival: Tensor
    classes: Tensor
    values: Tensor
    rounding: Tensor
    direction: Tensor


class _Compared(NamedTuple):
    """For each value what part of the odd change its gradient leaves unexplained, and the even one, `(2 + k,)`; of how many samples."""

    unexplained: Tensor
    even: Tensor
    samples: int


def _points(given: Preflight) -> tuple[_Points, list[Tensor]]:
    """A point of its own for every direction, so that what happens at one of them does not count several times; and the gradients."""
    x, label = given.probe
    right = torch.from_numpy(given.clean[: len(x)]).to(label.device) == label
    chosen = (right if bool(right.any()) else ~right).nonzero().squeeze(1)[:ROWS].repeat_interleave(DIRECTIONS)
    label, low, high = label[chosen], given.threat.low, given.threat.high
    draw = Stream(SEED, torch.arange(len(chosen), device=x.device), 0).uniform(2 * x[0].numel())
    noise, signs = ((2 * half - 1).reshape(len(chosen), *x.shape[1:]).to(x) for half in draw.chunk(2, dim=1))
    at = given.threat.clip(x[chosen] + NOISE * ((low + high) - 2 * x[chosen] + (high - low) * noise))
    seen: list[_Points] = []

    def values(logits: Tensor) -> list[Tensor]:
        if not seen:
            seen.append(_looked_at(logits.detach(), given.passes[0][chosen], at, label, _directions(signs.sign())))
        classes = seen[0].classes
        ahead = lead(logits, label, seen[0].rival).sum()
        return [ahead, *(logits.gather(1, classes[:, k : k + 1]).sum() for k in range(classes.shape[1]))]

    slopes = given.slopes(at, values)
    return seen[0], [torch.zeros_like(at) if slope is None else slope for slope in slopes]


def _looked_at(logits: Tensor, elsewhere: Tensor, x: Tensor, label: Tensor, direction: Tensor) -> _Points:
    own = logits.gather(1, label[:, None])
    relative = torch.finfo(logits.dtype).eps
    rival = _rival(logits, elsewhere, label, ROUNDING * relative * own.abs())
    order = logits.scatter(1, label[:, None], torch.inf).argsort(dim=1, descending=True, stable=True)
    classes = order[:, : 1 + NEXT]
    values = _values(logits, label, rival, classes)
    sizes = torch.cat((own.double().abs(), torch.maximum(values[:, 1:].abs(), values[:, :1].abs())), 1)
    return _Points(x, label, rival, classes, values, relative * sizes, direction)


def _values(logits: Tensor, label: Tensor, rival: Tensor, classes: Tensor) -> Tensor:
    return torch.cat((lead(logits, label, rival)[:, None], logits.gather(1, classes).double()), 1)


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


def _compared(given: Preflight, at: _Points, slopes: Sequence[Tensor], step: float) -> _Compared:
    """Compare changes with what the gradients foretell: squares of those unexplained and of even ones, as fractions of odd ones'."""
    span = (given.threat.high - given.threat.low) * step
    ahead, behind = given.threat.clip(at.x + span * at.direction), given.threat.clip(at.x - span * at.direction)
    with torch.no_grad():
        forth, back = (_values(given.model(x), at.label, at.rival, at.classes) for x in (ahead, behind))
    odd, even = (forth - back) / 2, ((forth + back) / 2 - at.values).abs() + at.rounding
    apart = (ahead.double() - behind.double()).flatten(1) / 2
    foretold = torch.stack([(slope.double().flatten(1) * apart).sum(1) for slope in slopes], 1)
    odd, even, foretold = (values.reshape(-1, DIRECTIONS, *values.shape[1:]) for values in (odd, even, foretold))
    tiny = torch.finfo(torch.float64).tiny
    change, norm = odd.square().sum(1), foretold.square().sum(1)
    explained = (odd * foretold).sum(1).clamp_min(0).square() / norm.clamp_min(tiny) / change.clamp_min(tiny)
    unexplained = (1 - explained).where((change > 0) | (norm > 0), torch.zeros_like(change))
    bent = (even.square().sum(1) / change.clamp_min(tiny)).clamp_max(1)
    return _Compared(unexplained.mean(0), bent.mean(0), len(change))


def _silent(given: Preflight, at: _Points, slope: Tensor) -> Iterator[Observation]:
    """Features whose gradient is 0 everywhere, and which matter."""
    silent = (slope == 0).all(0)
    if bool(silent.any()) and not bool(silent.all()) and (change := _silent_change(given, at, silent)) > SILENT:
        yield Observation(
            "The model's answers depend on features whose gradient is 0 everywhere, so attacks that follow it leave them as they are",
            f"{int(silent.sum())} of {silent.numel()} features; moved alone, they cause {change:.0%} of the change",
        )


def _silent_change(given: Preflight, at: _Points, silent: Tensor) -> float:
    """The root mean square of what the lead changes when the silent features move, relative to when all features do."""
    threat = given.threat
    moved = threat.clip(at.x + (threat.high - threat.low) * NOISE * at.direction)
    with torch.no_grad():
        alone, everything = (
            (lead(given.model(x), at.label, at.rival) - at.values[:, 0]).square().mean().sqrt()
            for x in (torch.where(silent, moved, at.x), moved)
        )
    return float(alone / everything.clamp_min(torch.finfo(torch.float64).tiny))
