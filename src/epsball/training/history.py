"""What a training leaves: its epochs, and the model after the last and after the best of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.record import Finding


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set.

    Args:
        number: from 1.
        loss: mean of the objective over its batches.
        accuracy: on the validation set afterwards; None where there is none.
        seconds: it took.
        robust: accuracy under ten steps of PGD on up to 512 samples of the validation set; None where there is none, or no threat.
        fgsm: accuracy under FGSM on the same samples; far above the robust one where training has collapsed.
        n: samples that the accuracy is of; 0 where that was not noted.
        attacked: samples that the accuracies under attack are of, likewise.
    """

    number: int
    loss: float
    accuracy: float | None
    seconds: float
    robust: float | None = None
    fgsm: float | None = None
    n: int = 0
    attacked: int = 0

    @property
    def merit(self) -> float:
        """What the best epoch has the highest figure of: robust accuracy where it was measured, else accuracy."""
        known = self.accuracy if self.robust is None else self.robust
        return -math.inf if known is None else known


@dataclass(frozen=True)
class Trained:
    """A trained copy of the model, in evaluation mode, and how it got there.

    Args:
        model: with the weights of the last epoch, which is what the recipe's schedule aims at.
        history: every epoch.
        peak: the model after the epoch of highest robust accuracy (of highest accuracy, where there is no threat) on the
            validation set, the first of equals; None where nothing was validated.
        findings: what the checks of a training found: that the network guesses (FAIL), that robustness collapsed (WARN).
    """

    model: Model
    history: tuple[Epoch, ...]
    peak: Model | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def best_epoch(self) -> int | None:
        """The number of the epoch after which the peak was reached; None where nothing was validated."""
        return None if self.peak is None else max(self.history, key=lambda epoch: epoch.merit).number

    @property
    def best(self) -> Model:
        """The peak, or the last model where nothing was validated.

        Adversarial training overfits: its robust accuracy falls again after a while (Rice, Wong, Kolter 2020, arXiv:2002.11569). A
        figure for the best model is biased upwards on the samples that chose it; quote one from other samples.
        """
        return self.model if self.peak is None else self.peak
