"""Projected gradient descent, and the presets that differ in one setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.attacks.parts.step_rules import StepRule, momentum, steepest
from epsball.losses import Loss, cross_entropy, sharpened_cross_entropy
from epsball.validation import positive

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.oracle.oracle import Oracle


@dataclass(frozen=True)
class PGD(Attack):
    """x <- project(x + α argmax over |d| <= 1 of <∇J(x, y), d>), from a random start; in linf x <- Π(x + α sign ∇J).

    Madry et al. 2017, arXiv:1706.06083, eq. 3. Deviations: all norms, by the linear maximisation of the ball within the pixel box; α
    falls geometrically from `first` to `rate` times ε, which fools more samples and most of them sooner than a constant step
    (docs/decisions/pgd-steps.md); first = rate is the paper's constant step. J is sharpened near the boundary; loss =
    losses.cross_entropy is the paper's.

    Args:
        steps: number of gradients.
        first: length of the first step as a fraction of ε.
        rate: length of the last step as a fraction of ε.
        random_start: whether to begin at a random point of the ball instead of the clean input.
        loss: what is ascended.
        rule: what is done with a gradient before the step; see `epsball.attacks.parts.step_rules`.
    """

    accepts_start = True

    steps: int = positive(40)
    first: float = positive(1.0)
    rate: float = positive(0.03)
    random_start: bool = True
    loss: Loss = sharpened_cross_entropy
    rule: StepRule = steepest

    @property
    def single_step(self) -> bool:  # type: ignore[override] # with one step it is FGSM from another start
        return self.steps == 1

    @property
    def reach(self) -> float:
        return sum(self._length(step) for step in range(self.steps))

    @property
    def longest_step(self) -> float:
        return max(self.first, self.rate)

    def _length(self, step: int) -> float:
        """Length of a step as a fraction of ε."""
        return float(self.first * (self.rate / self.first) ** (step / max(self.steps - 1, 1)))

    @property
    def expected_passes(self) -> float:
        return 2 * self.steps

    def run(self, ask: Oracle) -> Tensor:
        s = ask.keep(x=ask.start(random=self.random_start), memory=None)
        for step in ask.steps(self.steps):
            _, g = ask.gradient(s.x, self.loss)
            g, s.memory = self.rule(g, s.memory)
            s.x = ask.threat.ascend(s.x, g, self._length(step) * ask.threat.eps, ask.x0)
        return s.x


def BIM(steps: int = 10, rate: float = 0.1, loss: Loss = cross_entropy) -> PGD:  # noqa: N802 - named as the attack it makes
    """Return the basic iterative method: PGD from the clean input.

    Kurakin et al. 2016, arXiv:1607.02533, eq. 2. Deviations: all norms. Arguments are those of PGD.
    """
    return PGD(steps=steps, first=rate, rate=rate, random_start=False, loss=loss)


def MomentumPGD(steps: int = 10, rate: float = 0.1, decay: float = 1.0, loss: Loss = cross_entropy) -> PGD:  # noqa: N802 - as above
    """Return the momentum iterative method: g <- decay g + ∇J / |∇J|_1 from the clean input, stepped as in PGD.

    Dong et al. 2017, arXiv:1710.06081, algorithm 1. Deviations: all norms. `decay` is the paper's μ.
    """
    return PGD(steps=steps, first=rate, rate=rate, random_start=False, loss=loss, rule=momentum(decay))
