"""D49."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from epsball.diagnostics.base import Observation, check
from epsball.diagnostics.probe import Preflight
from epsball.errors import ModelError
from epsball.models.labels import classes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from epsball.record.evaluation import Severity

PATHS = 8
PARTS = 4
"""How many parts a path is cut into, and each of them again."""
DEPTH = 6
"""How often: to 1/4,096 of a path, finer than the steepest sigmoid that leaves most of its gradients alive."""
JUMP = 0.12
"""Part of the usual lead that may be left at the change of a decision: 0.05 behind 4-bit images or k winners, 0.2 and more where the
next class is replaced."""
TIMES = 30
"""Up to 6 where a model is smooth or its stairs have a gradient of their own, a thousand where they hardly rise."""


@check(
    "D49",
    "FAIL",
    Preflight,
    remedy="attack the scores as they are before any class is masked, replaced or rounded, or a stand-in of "
    "that step, eb.bpda(model, layer), --estimate bpda:LAYER",
    unless=("D01", "D02", "D03", "D04", "D05"),
)
def jumps(given: Preflight) -> Iterator[Observation]:
    """Between two samples the answers must not jump where the decision changes, nor where the gradient foretells next to nothing.

    Where a decision changes from one class to another, the two must be about equally likely on both sides. A class that is masked
    until it wins gives no attack a hint of where it is near. On the way from a sample to one of another class, the part in which
    the first class's lead over the other changes most, and the most of that part again, must somewhere change less than 30 times
    as much as the gradient in its middle foretells; stairs never do.
    """
    if classes_of(given.model.outputs):  # only labels are known, and only attacks by labels are run
        return
    # behind an estimate the user knows of the step, and looks across it
    severity: Severity | None = "WARN" if given.model.estimate else None
    try:
        paths = _paths(given)
        if paths is None:
            return
        usual, left = _left_over(given, paths)
        if float(left.median()) > JUMP * usual:
            yield Observation(
                "Where the decision changes the answers jump, so attacks cannot see which class is near",
                f"the two classes are {float(left.median()):.3g} apart there, samples lead by {usual:.3g}; {len(left)} paths",
                severity=severity,
            )
            return
        times = _least_times(given, paths)
        if times is None:  # an attack that needs gradients will say so
            return
    except (ModelError, RuntimeError):  # an attack will say so, or memory suffices for fewer inputs
        return
    if float(times.median()) > TIMES:
        yield Observation(
            "The answers change in steps of which the gradient foretells next to nothing, so attacks that follow it are misled",
            f"where they change most, {float(times.median()):.3g} times as much or more at any scale; {len(times)} paths",
            severity=severity,
        )


@dataclass(frozen=True)
class _Paths:
    """Segments `(p, …)` from `start` to `end`, the classes there, and where on each to look, from `low` to `high` `(p,)`."""

    start: Tensor
    end: Tensor
    here: Tensor
    there: Tensor
    low: Tensor
    high: Tensor

    def at(self, part: Tensor) -> Tensor:
        """Points `(p m, …)` at m places of each, `(p, m)`."""
        spread = part.reshape(*part.shape, *[1] * (self.start.ndim - 1)).to(self.start)
        points: Tensor = (self.start[:, None] + spread * (self.end - self.start)[:, None]).flatten(0, 1)
        return points

    def cuts(self) -> Tensor:
        """The limits of the parts, `(p, PARTS + 1)`."""
        fraction = torch.linspace(0, 1, PARTS + 1, dtype=torch.float64, device=self.low.device)
        return self.low[:, None] + (self.high - self.low)[:, None] * fraction

    def part(self, chosen: Tensor) -> _Paths:
        """The part of that number `(p,)` of each."""
        cuts = self.cuts()
        return replace(self, low=cuts.gather(1, chosen[:, None])[:, 0], high=cuts.gather(1, chosen[:, None] + 1)[:, 0])


def _paths(given: Preflight) -> _Paths | None:
    """From the first samples of the probe to the first ones of another class; None where all are of one."""
    clean = torch.from_numpy(given.clean).to(given.x.device)
    other = clean[None] != clean[: min(PATHS, len(given.probe[0])), None]
    first = other.any(1).nonzero()[:, 0]
    if not len(first):
        return None
    partner = other[first].int().argmax(1)
    start, end = given.x[first].detach(), given.x[partner].detach()
    with torch.no_grad():
        here, there = (given.model(x).argmax(1) for x in (start, end))
    low = torch.zeros(len(first), dtype=torch.float64, device=start.device)
    return _Paths(start, end, here, there, low, low + 1)


def _logits(given: Preflight, paths: _Paths, part: Tensor) -> Tensor:
    """Logits `(p, m, K)` at m places of each path."""
    with torch.no_grad():
        logits = given.model(given.threat.clip(paths.at(part))).double()
    return logits.reshape(*part.shape, -1)


def _left_over(given: Preflight, paths: _Paths) -> tuple[float, Tensor]:
    """By how much samples lead, and how far the two classes are apart, both sides together, where the decision first changes."""
    usual = _lead(_logits(given, paths, paths.cuts()[:, [0, -1]]), paths).abs().median()
    for _ in range(DEPTH):
        same = _logits(given, paths, paths.cuts()[:, 1:-1]).argmax(2) == paths.here[:, None]
        paths = paths.part(same.int().cumprod(1).sum(1))
    before, behind = _logits(given, paths, torch.stack((paths.low, paths.high), 1)).unbind(1)
    here, there = paths.here[:, None], behind.argmax(1)[:, None]
    left = (before.gather(1, here) - before.gather(1, there)) + (behind.gather(1, there) - behind.gather(1, here))
    return float(usual), left[:, 0]


def _least_times(given: Preflight, paths: _Paths) -> Tensor | None:
    """How many times what is foretold changes where most does, at the scale at which that is least, `(p,)`; None without gradients."""
    least = torch.full_like(paths.low, torch.inf)
    for _ in range(DEPTH):
        cuts = paths.cuts()
        lead = _lead(_logits(given, paths, cuts), paths)
        changes = (lead[:, 1:] - lead[:, :-1]).abs()
        paths = paths.part(changes.argmax(1))
        middle = given.threat.clip(paths.at((paths.low + paths.high)[:, None] / 2))
        slope = given.slopes(middle, partial(_summed_lead, paths=paths))[0]
        if slope is None:
            return None
        along = (slope.double() * (paths.end - paths.start).double()).flatten(1).sum(1) * (paths.high - paths.low)
        tiny = torch.finfo(torch.float64).tiny
        least = torch.minimum(least, changes.amax(1) / along.abs().clamp_min(tiny))
        if float(least.median()) <= TIMES:
            break
    return least


def _lead(logits: Tensor, paths: _Paths) -> Tensor:
    """Of the class where a path starts over that where it ends, `(p, m)`."""
    here, there = (which[:, None, None].expand(-1, logits.shape[1], 1) for which in (paths.here, paths.there))
    return (logits.gather(2, here) - logits.gather(2, there)).double()[:, :, 0]


def _summed_lead(logits: Tensor, paths: _Paths) -> list[Tensor]:
    return [_lead(logits[:, None], paths).sum()]
