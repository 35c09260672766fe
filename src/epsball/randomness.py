"""Counter-based randomness: a draw is a pure function of (seed, sample id, counter) and of nothing else.

Neither the size of the batch, nor the order of the samples, nor the device, nor a resume point changes a sample's numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_BITS = 23
"""Bits of a uniform number: (k + 1/2) / 2**23 is exact in single precision and never 0 or 1."""
_CACHED = 2**15
"""Words that are mixed together on a processor: as many as its cache holds while a dozen operations pass over them."""


def generator_seed(seed: int) -> int:
    """Return the seed for one of PyTorch's generators, which tell 2**64 apart: a negative one counts from the end."""
    return seed % 2**64


def _signed(value: int) -> int:
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def _shifted(z: Tensor, bits: int) -> Tensor:
    return (z >> bits).bitwise_and_(2 ** (64 - bits) - 1)


def _mixed(z: Tensor) -> Tensor:
    """SplitMix64's output function (Steele, Lea and Flood 2014) on every 64-bit word."""
    z = _shifted(z, 30).bitwise_xor_(z).mul_(_signed(_FIRST))
    z = _shifted(z, 27).bitwise_xor_(z).mul_(_signed(_SECOND))
    return _shifted(z, 31).bitwise_xor_(z)


def _mix(z: NDArray[np.uint64]) -> None:
    """The same on the processor, in place."""
    other = np.empty_like(z)
    for bits, factor in ((30, _FIRST), (27, _SECOND), (31, 1)):
        np.right_shift(z, np.uint64(bits), out=other)
        z ^= other
        z *= np.uint64(factor)


@dataclass(frozen=True)
class Stream:
    """One draw for a set of samples.

    Args:
        seed: the run's seed.
        ids: the samples' ids, `(N,)` int64.
        counter: the number of the draw within the run.
    """

    seed: int
    ids: Tensor
    counter: int

    def bits(self, n: int) -> Tensor:
        """Return `(N, n)` random 64-bit words: the SplitMix64 stream whose start is a hash of (seed, id, counter)."""
        return self._words(n, 1)

    def _words(self, n: int, draws: int) -> Tensor:
        start, place = self._counters(n, draws)
        return _mixed(start[:, None] + place)

    def _counters(self, n: int, draws: int) -> tuple[Tensor, Tensor]:
        """Where each row's streams start `(N draws,)`, and how far on their n words are."""
        seed = _mixed(torch.tensor(_signed(self.seed + _GOLDEN), device=self.ids.device))
        first, start = _signed((self.counter + 1) * _SECOND), _mixed(self.ids * _signed(_GOLDEN) ^ seed)
        if draws > 1:
            start = (start[:, None] + torch.arange(draws, device=start.device) * _signed(_SECOND)).flatten()
        return _mixed(start + first), torch.arange(1, n + 1, device=self.ids.device) * _signed(_GOLDEN)

    def uniform(self, n: int) -> Tensor:
        """Return `(N, n)` numbers of the open interval (0, 1), in steps of 2**-23, as float64."""
        return self.ahead(1, n).squeeze(1)

    def ahead(self, draws: int, n: int) -> Tensor:
        """Return `(N, draws, n)` numbers: what `uniform(n)` gives for this counter and for those after it."""
        if self.ids.device.type != "cpu":
            drawn = _shifted(self._words(n, draws), 64 - _BITS)
            return drawn.double().add_(0.5).div_(2.0**_BITS).reshape(len(self.ids), draws, n)
        start, place = (t.numpy().view(np.uint64) for t in self._counters(n, draws))
        numbers = np.empty((len(start), n))
        few = max(1, _CACHED // max(1, n))
        for first in range(0, len(start), few):
            words = start[first : first + few, None] + place
            _mix(words)
            words >>= np.uint64(64 - _BITS)
            part = numbers[first : first + few]
            np.add(words, 0.5, out=part)
            part /= 2.0**_BITS
        return torch.from_numpy(numbers).reshape(len(self.ids), draws, n)

    def normal(self, n: int) -> Tensor:
        """Return `(N, n)` standard normal numbers (Box and Muller 1958), as float64."""
        half = (n + 1) // 2
        u = self.uniform(2 * half)
        radius, angle = (-2 * u[:, :half].log()).sqrt(), 2 * math.pi * u[:, half:]
        return torch.cat((radius * angle.cos(), radius * angle.sin()), 1)[:, :n]
