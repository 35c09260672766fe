"""Projected gradient descent, and the presets that differ in one setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epsball.attacks.base import Attack
from epsball.attacks.parts.schedules import geometric
from epsball.attacks.parts.slopes import Slope, ahead, here, resized, scaled
from epsball.attacks.parts.starts import diversified, scattered
from epsball.attacks.parts.step_rules import StepRule, momentum, smoothed, steepest
from epsball.losses import Loss, cross_entropy, sharpened_cross_entropy
from epsball.settings import Named, Number, preset
from epsball.validation import nonnegative, positive

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
        slope: where the gradient is taken; see `epsball.attacks.parts.slopes`.
        diversify: gradients spent on a start that is diverse in the outputs; see `epsball.attacks.parts.starts`.
        scatter: share of the features that a start moves by much, whatever `random_start` says; 0 for no such start.
    """

    steps: int = positive(40)
    first: Number = positive(1.0)
    rate: Number = positive(0.03)
    random_start: bool = True
    loss: Named[Loss] = Named(sharpened_cross_entropy)
    rule: Named[StepRule] = Named(steepest)
    slope: Named[Slope] = Named(here)
    diversify: int = nonnegative(0)
    scatter: Number = nonnegative(0.0)

    @property
    def images_only(self) -> bool:  # type: ignore[override] # where its rule or slope needs them
        return any(getattr(part, "images_only", False) for part in (self.rule, self.slope))

    @property
    def may_fail(self) -> bool:  # type: ignore[override] # where its gradients are those of another image
        return bool(getattr(self.slope, "elsewhere", False))

    @property
    def accepts_start(self) -> bool:  # type: ignore[override] # as above: a starting point is not asked about itself
        return not self.may_fail and not self.scatter

    @property
    def single_step(self) -> bool:  # type: ignore[override] # with one step it is FGSM from another start
        return self.steps == 1 and not self.diversify

    @property
    def reach(self) -> float:
        return sum(self._length(step) for step in range(self.steps))

    @property
    def longest_step(self) -> float:
        return max(self.first, self.rate)

    def _length(self, step: int) -> float:
        """Length of a step as a fraction of ε."""
        return geometric(self.first, self.rate, step, self.steps)

    @property
    def expected_passes(self) -> float:
        return 2 * (self.steps + self.diversify)

    def run(self, ask: Oracle) -> Tensor:
        start = scattered(ask, self.scatter) if self.scatter else ask.start(random=self.random_start)
        start = diversified(ask, start, self.diversify)
        s = ask.keep(x=start, memory=None)
        for step in ask.steps(self.steps):
            g = self.slope(ask, s.x, self.loss, s.memory, self._length(step) * ask.threat.eps)
            g, s.memory = self.rule(g, s.memory)
            s.x = ask.threat.ascend(s.x, g, self._length(step) * ask.threat.eps, ask.x0)
        return s.x


@preset
def ODIPGD(steps: int = 20, diversify: int = 2) -> PGD:  # noqa: N802 - named as the attack it makes
    """Return PGD from a start that is diverse in the outputs: `diversify` steps of ε along a random direction of the logits.

    Tashiro, Song, Ermon 2020, arXiv:2003.06878, section 4.1. Deviations: PGD's falling steps. Arguments are those of PGD.
    """
    return PGD(steps=steps, diversify=diversify)


@preset
def BIM(steps: int = 10, rate: float = 0.1, loss: Loss | str = cross_entropy) -> PGD:  # noqa: N802 - named as the attack it makes
    """Return the basic iterative method: PGD from the clean input.

    Kurakin et al. 2016, arXiv:1607.02533, eq. 2. Deviations: all norms. Arguments are those of PGD.
    """
    return PGD(steps=steps, first=rate, rate=rate, random_start=False, loss=loss)


@preset
def MomentumPGD(steps: int = 10, rate: float = 0.1, decay: float = 1.0, loss: Loss | str = cross_entropy) -> PGD:  # noqa: N802 - as above
    """Return the momentum iterative method: g <- decay g + ∇J / |∇J|_1 from the clean input, stepped as in PGD.

    Dong et al. 2017, arXiv:1710.06081, algorithm 1. Deviations: all norms. `decay` is the paper's μ.

    Args:
        steps: number of gradients.
        rate: length of every step as a fraction of ε.
        decay: the paper's μ, the share of the memory that a step keeps.
        loss: what is ascended.
    """
    return PGD(steps=steps, first=rate, rate=rate, random_start=False, loss=loss, rule=momentum(decay))


@preset
def NIFGSM(steps: int = 10, rate: float = 0.1, decay: float = 1.0) -> PGD:  # noqa: N802 - as above
    """Return the momentum method with gradients where the momentum leads to, ∇J(x + α μ m).

    Lin et al. 2020, arXiv:1908.06281, algorithm 1 without scale copies. Deviations: those of `slopes.ahead`.

    Args:
        steps: number of gradients.
        rate: length of every step as a fraction of ε.
        decay: the paper's μ, the share of the memory that a step keeps.
    """
    return _iterative(steps, rate, momentum(decay), ahead(decay))


@preset
def SIFGSM(steps: int = 10, rate: float = 0.1, decay: float = 1.0, copies: int = 5) -> PGD:  # noqa: N802 - as above
    """Return the momentum method with the mean gradient over copies of the image, ∇_x J(x / 2^i), i < `copies`.

    Lin et al. 2020, arXiv:1908.06281, algorithm 1 without look-ahead. Deviations: all norms.

    Args:
        steps: number of gradients.
        rate: length of every step as a fraction of ε.
        decay: the paper's μ, the share of the memory that a step keeps.
        copies: how many scales of the image.
    """
    return _iterative(steps, rate, momentum(decay), scaled(copies))


@preset
def DIFGSM(  # noqa: N802 - as above
    steps: int = 10, rate: float = 0.1, decay: float = 1.0, probability: float = 0.5, smallest: float = 0.9
) -> PGD:
    """Return the momentum method with gradients through a random resizing and padding of the image.

    Xie et al. 2019, arXiv:1803.06978, M-DI²-FGSM. Deviations: those of `slopes.resized`; all norms.

    Args:
        steps: number of gradients.
        rate: length of every step as a fraction of ε.
        decay: the paper's μ, the share of the memory that a step keeps.
        probability: how often an image is resized.
        smallest: the smallest side as a fraction of the image's.
    """
    return _iterative(steps, rate, momentum(decay), resized(probability, smallest))


@preset
def TIFGSM(steps: int = 10, rate: float = 0.1, decay: float = 1.0, length: int = 15) -> PGD:  # noqa: N802 - as above
    """Return the momentum method with gradients smoothed by a Gaussian kernel of `length` pixels, m <- μ m + W * ∇J / |W * ∇J|_1.

    Dong et al. 2019, arXiv:1904.02884, TI-MI-FGSM. Deviations: all norms.

    Args:
        steps: number of gradients.
        rate: length of every step as a fraction of ε.
        decay: the paper's μ, the share of the memory that a step keeps.
        length: side of the kernel in pixels.
    """
    return _iterative(steps, rate, smoothed(length, momentum(decay)), here)


def _iterative(steps: int, rate: float, rule: StepRule, slope: Slope) -> PGD:
    return PGD(steps=steps, first=rate, rate=rate, random_start=False, loss=cross_entropy, rule=rule, slope=slope)
