"""What a model of the zoo is, and how a broken one is registered beside the checks of which one must find it.

Which check is a model's own was written down before any was run, from what is done to it: a gradient that is zero or underflows
is D04's, one that is not the derivative is D05's (which is silent where D04 speaks), random answers are D02's, those that depend on
the batch D03's, probabilities D01's, an optimisation inside the forward pass D21's, a threshold fitted anew D27's, and what gradients
miss and search finds D07's. Answers that jump are shattered too, and are seen by D05 or, along longer ways, by D49. A model whose
answer has no gradient at all, or that returns probabilities, may be refused instead, with a sentence that says so. Logits that are only
large are asked for a WARN: the plain cross entropy has no gradient there, the loss that is followed here has one, and the figures
stand. D49 and this WARN were added after the first run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from lying_models import Net
    from zoo_networks import Stock

Build: TypeAlias = "Callable[[Stock], tuple[Net, Net]]"

REFUSED = "refused"
NO_GRADIENT = ("D04", "D05")
NONE_AT_ALL = ("D04", "D05", "D54", REFUSED)  # D54 since suites have a stand-in without gradients


@dataclass(frozen=True)
class Specimen:
    """A model of the zoo.

    Args:
        name: of it alone.
        family: what is wrong with it, or "honest".
        data: "digits" of 8 × 8, "mnist" of 28 × 28, "parity" of the former, or "triples" of them.
        own: the checks of which one must find it, by a FAIL if no severity stands there; none of an honest one.
        build: (stock) -> the model, and the twin by whose gradient it is attacked from outside.
        outputs: what it returns.
    """

    name: str
    family: str
    data: str
    own: tuple[str, ...]
    build: Build
    outputs: str = "logits"


END = 6
"""The place behind the last layer of either standard network."""

BROKEN: list[Specimen] = []


def broken(
    name: str, family: str, data: str, own: tuple[str, ...], outputs: str = "logits"
) -> Callable[[Build], Build]:
    """Register what builds a broken model."""

    def add(build: Build) -> Build:
        BROKEN.append(Specimen(name, family, data, own, build, outputs))
        return build

    return add


def placed(
    name: str, family: str, own: tuple[str, ...], layer: Net, *, at: int, large: bool = False, outputs: str = "logits"
) -> None:
    """Register a standard network with something between two of its layers; the network without it is the twin."""

    def build(stock: Stock) -> tuple[Net, Net]:
        net = stock.cnn if large else stock.mlp
        return lambda x: net[at:](layer(net[:at](x))), net

    BROKEN.append(Specimen(name, family, "mnist" if large else "digits", own, build, outputs))


def some(like: Tensor, part: float, seed: int = 0) -> Tensor:
    """Which entries of a row (1, …) are chosen: the same ones for every row."""
    draw = torch.rand(like[:1].shape, generator=torch.Generator().manual_seed(seed))
    return draw < part
