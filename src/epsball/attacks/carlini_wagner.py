"""Carlini and Wagner's attack in l2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from epsball.attacks.base import Attack
from epsball.attacks.parts.constants import Constants
from epsball.attacks.parts.tanh_space import TanhSpace, minimise
from epsball.geometry.base import wide
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle
    from epsball.settings import Number


@dataclass(frozen=True)
class CarliniWagner(Attack):
    """Minimise |x - x0|² + c max(z_y - max_{k != y} z_k, 0) over w, x = (tanh w + 1) / 2, by Adam, with a search over c per sample.

    Carlini and Wagner 2016, arXiv:1608.04644, section VI-A, with their f_6 and a confidence of 0; c grows tenfold until it is
    enough and is bisected then, as in their code. A minimisation ends early where its loss no longer falls within a tenth of the
    steps; each sample by its own loss. Deviations: distances are in widths of the box; the loss counts until the label has changed
    beyond rounding; fewer steps than the 10,000 of their code, hence a start a hundredth of the way from the input to the middle of
    the box, where tanh has more of a slope than at their millionth.

    Args:
        steps: most gradients for each c.
        searches: values of c.
        rate: Adam's.
        constant: the first c.
    """

    name = "carlini-wagner"
    minimum_norm = True
    may_fail = True
    measures = "l2"
    norms: ClassVar[tuple[str, ...]] = ("l2",)

    steps: int = positive(1000)
    searches: int = positive(9)
    rate: Number = positive(0.01)
    constant: Number = positive(1e-3)

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps * self.searches

    def run(self, ask: Oracle) -> Tensor:
        w, c, x = TanhSpace.of(ask).enter(ask.x0), Constants.of(self.constant, wide(ask.x0)), ask.x0
        for _ in ask.steps(self.searches):
            x, _, met = minimise(ask, c.value, w, self.steps, self.rate)
            c = c.after(met)
        ask.retire(ask.live)  # every point has been queried
        return x
