"""The threat: where the attacker may move, as verbs on points."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from epsball.display.text import budget, table
from epsball.errors import InputError, brief
from epsball.geometry.base import broadcasts, clip, is_half, largest, rounded_towards, wide
from epsball.geometry.box import checked_box
from epsball.geometry.lattice import Lattice, tolerance
from epsball.geometry.names import norm_named
from epsball.geometry.sides import LastSides, sides
from epsball.units import parse_budget, parse_number

if TYPE_CHECKING:
    from epsball.geometry import Norm
    from epsball.geometry.base import Draw


@dataclass(frozen=True)
class Threat:
    """The points x with |x - x0| <= eps and low <= x <= high, around every input x0 `(N, ...)`.

    Every point that a verb returns lies in the set exactly, also when the distance is computed in float64: budgets are shortened
    by what rounding x0 + d in the type of x0 can add.

    Args:
        norm: linf, l2, l1, l0, their names, or their orders such as 2 and "inf".
        eps: the budget in data units; a number, a fraction such as "8/255", or one number per sample `(N,)`. Infinity asks "how
            close is the nearest error?".
        low: lowest valid value of a feature, a number, a fraction, a tensor that broadcasts to an input `(…)`, or one for each sample
            `(N, …)`. Features whose limits are equal are frozen: with low = high = x outside a region, only the region may change.
        high: highest valid value.
        levels: how many values of a feature there are, evenly spaced from low to high: 256 for pictures of 8 bits, so that every
            point that a verb returns can be saved as one; None for all values. The inputs must be such pictures themselves.

    Raises:
        InputError: an unknown norm, a negative or NaN budget, a box that is empty or a single point, a number of levels that is none,
            or a wrong unit: a linf budget above half the range, an l0 budget of less than one feature, one of less than a level.

    Example:
        >>> Threat("linf", "8/255").eps
        0.03137254901960784
    """

    norm: Norm
    eps: float | Tensor = math.inf
    low: float | Tensor = 0.0
    high: float | Tensor = 1.0
    levels: int | None = None
    _axes: int = field(default=0, init=False, repr=False, compare=False)
    """Number of axes of the inputs (N, …), once they are known: a limit with as many has a row for each of them."""
    _last: LastSides | None = field(default=None, init=False, repr=False, compare=False)
    """The sides around the inputs, once they are known; None for a threat in the user's hands, which keeps nothing alive."""

    def __init__(
        self,
        norm: Norm | str | float,
        eps: float | str | Tensor = math.inf,
        low: float | str | Tensor = 0.0,
        high: float | str | Tensor = 1.0,
        levels: int | None = None,
    ) -> None:
        eps = eps if isinstance(eps, Tensor) else parse_budget(eps)
        low, high = (parse_number(b, name) if isinstance(b, str) else b for name, b in (("low", low), ("high", high)))
        for name, value in {"norm": norm_named(norm), "eps": eps, "low": low, "high": high, "levels": levels}.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        span = checked_box(self.low, self.high)
        eps = torch.as_tensor(self.eps, dtype=torch.float64)
        if not bool((eps >= 0).all()):
            raise InputError(f"ε was given as {brief(self.eps)}; expected a number that is not negative, in data units")
        if self.norm.name == "l0" and bool(((eps > 0) & (eps < 1)).any()):
            raise InputError(
                f"ε was given as {brief(self.eps)} in l0, which counts the features that may change; expected 0, or 1 or more"
            )
        least = self.smallest_budget * (1 - tolerance(self.eps if isinstance(self.eps, Tensor) else eps))
        if self.lattice is not None and bool(((eps > 0) & (eps < least)).any()):
            raise InputError(
                f"ε was given as {brief(self.eps)}, and two levels are {self.lattice.spacing:g} apart; give a larger ε"
            )
        finite = eps[eps.isfinite()]
        if self.norm.name == "linf" and finite.numel() and finite.max().item() > span.max().item() / 2 * (1 + 1e-9):
            most = finite.max().item()
            raise InputError(
                f"ε = {most:g} in linf is more than half the data range [{brief(self.low)}, {brief(self.high)}], "
                f"so that a grey image would always do; ε is given in data units: use ε = {most:g}/255 for 8-bit steps"
            )

    def __repr__(self) -> str:
        return f"Threat({', '.join(f'{name}={value}' for name, value in self._facts().items())})"

    def _repr_html_(self) -> str:
        return table("Threat", self._facts())

    def _facts(self) -> dict[str, object]:
        eps = brief(self.eps) if isinstance(self.eps, Tensor) else budget(self.eps)
        levels = {} if self.levels is None else {"levels": self.levels}
        return {"norm": self.norm.name, "eps": eps, "low": brief(self.low), "high": brief(self.high), **levels}

    def on(self, x: Tensor) -> Threat:
        """Return the threat for inputs `x` `(N, …)`, of which each may have limits of its own.

        Raises:
            InputError: limits that fit neither an input nor all of them.
        """
        for name, bound in (("low", self.low), ("high", self.high)):
            if isinstance(bound, Tensor) and not broadcasts(bound, x):
                raise InputError(
                    f"{name} was given with shape {tuple(bound.shape)} for inputs of shape {tuple(x.shape)}; "
                    "expected a number, limits of one input, or limits of each"
                )
        return self._with(_axes=x.ndim, _last=LastSides())

    def __getitem__(self, index: Tensor | slice) -> Threat:
        """Return the threat of some of the rows."""
        eps, low, high = self.eps, self.low, self.high
        if isinstance(eps, Tensor) and eps.ndim:
            eps = eps[index]
        low, high = (bound[index] if self._is_of_rows(bound) else bound for bound in (low, high))  # type: ignore[index] # a tensor
        unchanged = eps is self.eps and low is self.low and high is self.high
        return self if unchanged else self._with(eps=eps, low=low, high=high)

    def _is_of_rows(self, bound: float | Tensor) -> bool:
        return isinstance(bound, Tensor) and 0 < self._axes == bound.ndim and len(bound) != 1

    @property
    def per_sample(self) -> bool:
        """Whether samples have limits of their own; known once the inputs are."""
        return self._is_of_rows(self.low) or self._is_of_rows(self.high)

    def movable(self, x: Tensor) -> Tensor | None:
        """Return which features of inputs `x` `(N, …)` may change, `(N, …)`; None where all of them may."""
        if not isinstance(self.low, Tensor) and not isinstance(self.high, Tensor):
            return None
        free = torch.as_tensor(self.high, device=x.device) > torch.as_tensor(self.low, device=x.device)
        return None if bool(free.all()) else free.expand_as(x)

    def to(self, device: torch.device) -> Threat:
        """Return the threat with its tensors on a device."""
        names = (name for name in ("eps", "low", "high") if isinstance(getattr(self, name), Tensor))
        return self._with(**{name: getattr(self, name).to(device) for name in names})

    def _with(self, **changes: Any) -> Threat:
        """The same threat with other values of fields, which are right already."""
        changed = copy.copy(self)
        if self._last is not None:
            changes["_last"] = LastSides()
        for name, value in changes.items():
            object.__setattr__(changed, name, value)
        return changed

    @property
    def lattice(self) -> Lattice | None:
        """The levels that features may have; None where they may have any value."""
        return None if self.levels is None else Lattice(self.low, self.high, self.levels)

    @property
    def continuous(self) -> Threat:
        """The same threat where features may have any value."""
        return self._with(levels=None)

    @property
    def smallest_budget(self) -> float:
        """The smallest budget with which anything can move."""
        return self.norm.smallest_step or (0.0 if self.lattice is None else self.lattice.spacing)

    @property
    def bounded(self) -> bool:
        """Whether every budget is finite."""
        return bool(self.eps.isfinite().all()) if isinstance(self.eps, Tensor) else math.isfinite(self.eps)

    def budget(self, x0: Tensor, eps: float | Tensor | None = None) -> float | Tensor:
        """Return `eps` less the distance that rounding a point in the type of `x0` can add; a number or `(N,)`.

        16 bits would leave little of it: there points are rounded towards `x0`, which adds none; as they are to levels.
        """
        eps = self.eps if eps is None else eps
        if self.lattice is not None:
            return eps
        scale = max(largest(self.low), largest(self.high))
        rounding = self.norm.rounding(x0[0].numel()) if len(x0) else 0.0
        loss = 0.0 if is_half(x0) else torch.finfo(x0.dtype).eps * scale * rounding
        wide = torch.float64 if x0.dtype == torch.float64 else torch.float32
        summed = rounding > 0 and not self.norm.separable
        relative = 16 * torch.finfo(wide).eps if summed else 0.0
        if isinstance(eps, Tensor):
            return (eps.to(x0.device, torch.float64) * (1 - relative) - loss).clamp_min(0).to(wide)
        return max(eps * (1 - relative) - loss, 0.0)

    def project(self, x: Tensor, x0: Tensor, eps: float | Tensor | None = None) -> Tensor:
        """Return the nearest point of the set, `(N, ...)`; `eps` replaces the budget."""
        return self._around(x, x0, eps)

    def furthest(self, g: Tensor, x0: Tensor) -> Tensor:
        """Return the point of the set that is best for the linear function g: argmax <g, x>, `(N, ...)`."""
        if self.lattice is not None:
            return self.ascend(x0, g, self.budget(x0), x0)
        g, x = wide(g), wide(x0)
        return self._point(x + self.norm.lmo(g, self.budget(x0), self.low - x, self.high - x), x0)

    def ascend(self, x: Tensor, g: Tensor, length: float | Tensor, x0: Tensor) -> Tensor:
        """Return x moved by the best step of at most `length` along g within the box, then projected; `(N, ...)`."""
        x, g = wide(x), wide(g)
        box = () if self.norm.separable else (self.low - x, self.high - x)
        if self.smallest_budget:
            length = torch.as_tensor(length).clamp_min(self.smallest_budget)
        if self.lattice is not None:
            x = self.lattice.along(x, self.norm.lmo(g, length, self.low - x, self.high - x), self.norm, length)
            return self.project(x, x0)
        return self._around(self.norm.moved(x, g, length, *box), x0)

    def cross(self, x: Tensor, w: Tensor, b: Tensor, *, boxed: bool | None = None) -> Tensor:
        """Return x moved the shortest way onto the hyperplane <w, r> + b = 0, `(N, …)`.

        Args:
            x: points of the box.
            w: normals, `(N, …)`.
            b: offsets, `(N,)`.
            boxed: whether the move keeps to the box; otherwise it is the closed step of the norm, clipped afterwards. None keeps to
                the box in l1 and l0 only: their closed step moves a single feature, which is soon at its limit.
        """
        kind, x, w, b = x.dtype, wide(x), wide(w), wide(b)
        if self.lattice is not None:
            return self.lattice.across(x, self._crossing(x, w, b, boxed), w, b)
        return self.clip(x + self._crossing(x, w, b, boxed)).to(kind)

    def _crossing(self, x: Tensor, w: Tensor, b: Tensor, boxed: bool | None) -> Tensor:  # noqa: FBT001 as it was given
        if boxed or (boxed is None and self.norm.name in {"l1", "l0"}):
            return self.norm.onto_hyperplane(w, b, self.low - x, self.high - x)
        return self.norm.to_hyperplane(w, b)

    def sample(self, x0: Tensor, draw: Draw) -> Tensor:
        """Return a random point of the set, `(N, ...)`."""
        x, budget = wide(x0), self.budget(x0)
        return self._point(x + self.norm.sample(x, budget, draw, self.low - x, self.high - x), x0, budget)

    def clip(self, x: Tensor) -> Tensor:
        """Return the nearest point of the box, `(N, ...)`."""
        return clip(x, self.low, self.high) if self.lattice is None else self.lattice.nearest(x)

    def distance(self, x: Tensor, x0: Tensor) -> Tensor:
        """Return |x - x0| computed in float64, `(N,)`."""
        return self.norm(x.double() - x0.double())

    def contains(self, x: Tensor, x0: Tensor, distance: Tensor | None = None) -> Tensor:
        """Whether x lies in the set, computed in float64, `(N,)`; `distance` `(N,)` is |x - x0| where it is known."""
        distance = self.distance(x, x0) if distance is None else distance
        near = distance <= torch.as_tensor(self.eps, dtype=torch.float64, device=x.device)
        if self.lattice is not None:
            near = near & self.lattice.holds(x)
        return near & ((x >= self.low) & (x <= self.high)).flatten(1).all(1)

    def width(self, x0: Tensor) -> Tensor:
        """Return the width of the box along its widest feature, `(N,)`: the unit of a step that a paper states for [0, 1]."""
        low, high = (torch.as_tensor(bound, dtype=x0.dtype, device=x0.device) for bound in (self.low, self.high))
        return (high - low).expand_as(x0).flatten(1).amax(1)

    def reach(self, x0: Tensor) -> Tensor:
        """Return the largest distance within the box, `(N,)`."""
        return self.norm(torch.maximum(x0 - self.low, self.high - x0))

    def largest_budget(self, x0: Tensor) -> Tensor:
        """Return the largest ε that makes sense, `(N,)` in float64: the largest distance within the box, in linf half its width."""
        reach = self.reach(x0.double())
        return reach.minimum(self.width(x0.double()) / 2) if self.norm.name == "linf" else reach

    def _around(self, x: Tensor, x0: Tensor, eps: float | Tensor | None = None) -> Tensor:
        if self.norm.separable and self.lattice is None:
            find = partial(self._sides, x0, eps)
            low, high = find() if self._last is None else self._last(x0, eps, find)
            return self._point(wide(x).clamp(low, high), x0)
        radius = self.budget(x0, eps)
        return self._point(self.norm.around(wide(x), wide(x0), radius, self.low, self.high), x0, radius)

    def _sides(self, x0: Tensor, eps: float | Tensor | None) -> tuple[Tensor, Tensor]:
        return sides(wide(x0), self.budget(x0, eps), self.low, self.high)

    def _point(self, x: Tensor, x0: Tensor, radius: float | Tensor = math.inf) -> Tensor:
        """Return to the type of x0; a sum such as x0 + (high - x0) may round to more than high and is clipped."""
        if self.lattice is not None:
            return self.lattice.within(x, x0, self.norm, radius)
        x = x if self.norm.separable and x.dtype == x0.dtype else self.clip(x)
        return rounded_towards(x0, x) if is_half(x0) else x.to(x0.dtype)


def replace_eps(threat: Threat, eps: float | Tensor) -> Threat:
    """Return the same threat with another budget."""
    state = {"_axes": threat._axes, "_last": threat._last and LastSides()}  # noqa: SLF001 of the class beside it
    return Threat(threat.norm, eps, threat.low, threat.high, threat.levels)._with(**state)  # noqa: SLF001 as above
