"""What is attacked: networks trained once with epsball, and test images that they classify correctly."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb
from epsball.models.networks.catalogue import build
from epsball.training.checkpoint import describe
from epsball.training.fit import fit
from epsball.training.objectives import standard
from epsball.training.recipe import Recipe
from plain_networks import ViT

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.model import Model
    from epsball.training.objectives import Objective

SHARE = {"resnet-20": 4}
"""By how much fewer rows a network gets whose pass takes twenty times as long."""

CACHE = Path(__file__).parent.parent / ".cache" / "bench"

Images = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Subject:
    """One network with its rows.

    Args:
        name: of the network.
        net: the plain module in evaluation mode, as the peers get it.
        model: the same module as epsball gets it.
        x: correctly classified test images (N, C, H, W).
        y: their labels (N,).
        origin: what it was trained on, how, and how well it does.
    """

    name: str
    net: nn.Module
    model: Model
    x: Tensor
    y: Tensor
    origin: dict[str, Any]

    def first(self, n: int) -> Subject:
        """The same network on the first n rows."""
        return replace(self, x=self.x[:n], y=self.y[:n])


@dataclass(frozen=True)
class Course:
    """Where a network's images come from and how long it learns from them."""

    data: str
    rows: int
    epochs: int
    prepare: Callable[[Tensor], Tensor] = torch.Tensor.contiguous

    def load(self, split: str, n: int | None) -> Images:
        """Images and labels as the network takes them; all when n is None."""
        x, y = eb.load_data(self.data, split=split, n=n)
        return self.prepare(x), y


def colour(x: Tensor) -> Tensor:
    """Digits as photographs: (N, 1, 28, 28) -> (N, 3, 32, 32), zeros around, three equal channels."""
    return F.pad(x, (2, 2, 2, 2)).expand(-1, 3, -1, -1).contiguous()


def course(name: str) -> Course:
    """The images of a network: the full set where `EPSBALL_DATA` has it, the 5,000 embedded digits elsewhere."""
    folder = Path(os.environ.get("EPSBALL_DATA", "/nowhere"))
    if name == "resnet-20":
        full = (folder / "cifar10" / "train.parquet").exists()
        return Course("cifar10", 20_000, 2) if full else Course("mnist-5k", 4_000, 2, colour)
    full = (folder / "mnist" / "train.parquet").exists()
    return Course("mnist", 60_000, 4) if full else Course("mnist-5k", 4_000, 12)


def subject(name: str, rows: int) -> Subject:
    """Train, or take from the cache, and pick the first `rows` test images, fewer by `SHARE`, that are classified correctly.

    Raises:
        SystemExit: the test set has too few of them.
    """
    plan, rows = course(name), max(1, rows // SHARE.get(name, 1))
    images, labels = plan.load("train", plan.rows)
    untrained = eb.wrap(build(name, shape=(images.shape[1], images.shape[2], images.shape[3]), seed=0))
    model = trained(name, untrained, (images, labels), Recipe(epochs=plan.epochs))
    if model.module is None:
        raise TypeError(f"{name} is no module")
    x, y = plan.load("test", None)
    right = correct(model.module, x, y)
    if int(right.sum()) < rows:
        raise SystemExit(
            f"{plan.data} has {int(right.sum())} test images that {name} gets right; ask for no more --rows than that"
        )
    origin = {
        "data": plan.data,
        "training rows": len(images),
        "epochs": plan.epochs,
        "test accuracy": round(right.double().mean().item(), 4),
        "rows": rows,
        "weights": model.fingerprint(),
    }
    return Subject(name, model.module, model, x[right][:rows], y[right][:rows], origin)


def vision_transformer() -> Subject:
    """A ViT-tiny with random weights on four random images of 224 x 224, for times alone."""
    torch.manual_seed(0)
    net = ViT(side=224, patch=16).eval()
    x, y = torch.rand(4, 3, 224, 224), torch.arange(4)
    return Subject("vit-tiny", net, eb.wrap(net), x, y, {"data": "random numbers", "rows": len(x)})


def trained(name: str, model: Model, data: Images, recipe: Recipe, objective: Objective = standard) -> Model:
    """The model trained on images and labels; from the cache where the same one was trained before."""
    settings = describe(model, *data, objective, recipe, 0)
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    return fit(model, data, recipe, objective=objective, seed=0, checkpoint=CACHE / f"{name}-{key}.pt").model


def correct(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Which images the network classifies correctly, `(N,)`."""
    with torch.no_grad():
        return torch.cat([net(part).argmax(1) for part in torch.split(x, 500)]) == y
