"""Samples to train on and others to measure with: none is both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from epsball.cli.loading import data_name
from epsball.data.load import open_data
from epsball.errors import InputError
from epsball.report.text import count
from epsball.terminal import command

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class HeldOut:
    """What a network is trained on, and what it is measured on after every epoch.

    Args:
        data: the name of the set.
        training: images (N, C, H, W) and labels (N,).
        validation: those of the test split that are not among them; None where there are none.
        known: how many images of the test split are training images.
        divided: whether the set has splits.
        total: how many images of the test split were read.
        limited: whether that is a limited number.
        size: what the shorter side of pictures was resized to, where that was asked for.
        crop: side of the middle that was kept, likewise.
    """

    data: str
    training: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor] | None
    known: int
    divided: bool
    total: int
    limited: bool = False
    size: int | None = None
    crop: int | None = None

    @property
    def classes(self) -> int:
        """How many there are, at least 2."""
        labels = [y for _, y in filter(None, (self.training, self.validation))]
        return max(2, *(int(y.max()) + 1 for y in labels))

    @property
    def sentence(self) -> str:
        """What is measured after every epoch; empty where that is plainly the test split."""
        if not self.known:
            return ""
        known = (
            f"{count(self.known)} images of its test split are trained on" if self.divided else "it has no test split"
        )
        if self.validation is None:
            return (
                f"{self.data}: {known}, and no image is held out, so no accuracy is measured; train on a part with --n."
            )
        return (
            f"{self.data}: {known}; accuracy is measured on the {count(len(self.validation[1]))} images that are not."
        )

    def to(self, device: torch.device) -> HeldOut:
        """The same samples on a device."""
        moved = [
            None if pair is None else (pair[0].to(device), pair[1].to(device))
            for pair in (self.training, self.validation)
        ]
        return replace(self, training=moved[0] or self.training, validation=moved[1])

    def proposal(self, model: str, norm: str, eps: str, mean: str | None = None, std: str | None = None) -> str:
        """The command that evaluates the network."""
        n = str(self.total) if self.limited else None
        size, crop = (None if side is None else str(side) for side in (self.size, self.crop))
        return command(
            "evaluate", model, data=self.data, n=n, size=size, crop=crop, norm=norm, eps=eps, mean=mean, std=std
        )

    @property
    def caution(self) -> str:
        """What that command measures; empty where that is plainly the test split."""
        if not self.known:
            return ""
        return f"which measures {count(self.total)} images; {count(self.known)} of them were trained on"


def loaded(data: str, n: int | None, *, size: int | None = None, crop: int | None = None) -> HeldOut:
    """The first n images to train on, all by default, and n of the test split that are not among them.

    Args:
        data: the name of the set.
        n: how many.
        size: what the shorter side of pictures is resized to.
        crop: side of the middle that is kept.

    Raises:
        InputError: data that cannot be used.
    """
    data = data_name(data)
    opened = open_data(data, "train", n, size=size, crop=crop)
    divided = not opened.whole
    training, (x, y) = opened.held(), _test(data, n if divided else None, size, crop)
    seen = set(_digests(training[0]))
    new = [row for row, digest in enumerate(_digests(x)) if digest not in seen][:n]
    known = sum(digest in seen for digest in _digests(x))
    validation = (x[new], y[new]) if new else None
    return HeldOut(
        data, training, validation, known, divided, len(y), limited=divided and len(y) == n, size=size, crop=crop
    )


def _test(data: str, n: int | None, size: int | None, crop: int | None) -> tuple[Tensor, Tensor]:
    """The first n images of the test split, all where it has fewer."""
    try:
        return open_data(data, "test", n, size=size, crop=crop).held()
    except InputError:
        return open_data(data, "test", size=size, crop=crop).held()


def _digests(x: Tensor) -> list[bytes]:
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in x.numpy()]
