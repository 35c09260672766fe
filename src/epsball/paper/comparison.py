"""E6: Figure 4, DeepFool against FGSM and L-BFGS on seven networks."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from epsball.attacks import LBFGS, DeepFool
from epsball.geometry import l2, linf
from epsball.goal import Goal
from epsball.paper import comparison_words as words
from epsball.paper.experiment import Experiment, Measured
from epsball.paper.figure import Figure, if_any, mean, share
from epsball.paper.imagenet import COLUMNS, ImageNet
from epsball.paper.networks import shortened, standard_network
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from epsball.paper.spaces import Space, View, centred, pixels, whitened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from epsball.attacks.base import Found
    from epsball.models.model import Model
    from epsball.paper.lab import Data, Lab


@dataclass(frozen=True)
class Column:
    """A network of the table: what it is trained on, and on how many test images each attack is run."""

    network: str
    data: str
    images: int
    lbfgs: int


NAME = "comparison"
NETWORKS = (
    Column("lenet-mnist", "mnist", 2000, 200),
    Column("fc-500-150", "mnist", 2000, 500),
    Column("nin", "cifar10", 500, 50),
    Column("lenet-cifar", "cifar10", 1000, 200),
)


def measure(lab: Lab) -> Measured:
    """Attack every network with DeepFool, FGSM at the ε that fools 90 %, and L-BFGS, each in one batch."""
    measured: Measured = {"networks": {}, "missing": {}}
    asked = {}
    for column in NETWORKS:
        model = standard_network(lab, column.network, column.data).model
        train = lab.data(column.data, "train")[0]
        own = centred(train) if column.data == "mnist" else whitened(train)
        counts = asked[column.network] = lab.pick((100, 12), (column.images, column.lbfgs))
        measured["networks"][column.network] = _network(lab, column.network, model, lab.data(column.data), counts, own)
    for imagenet in COLUMNS:
        missing = "not part of a quick run" if lab.quick else imagenet.missing()
        if missing:
            measured["missing"][imagenet.name] = missing
        else:
            asked[imagenet.name] = imagenet.images, imagenet.lbfgs
            measured["networks"][imagenet.name] = _photographs(lab, imagenet)
    used = dict.fromkeys(lab.name(column.data) for column in NETWORKS)
    sizes = ", ".join(f"{name} {n:,} and {few:,}" for name, (n, few) in asked.items())
    measured["setting"] = (
        f"{' and '.join(used)}; the first test images, for DeepFool and FGSM and for L-BFGS: {sizes}. ρ is the mean over those "
        "that are classified correctly and found; all rows of L-BFGS, and DeepFool's beside them, over those that each of the three "
        "found. Each attack is run in the space it is measured in: in the paper's own nothing is clipped, pixels stay in [0, 1]. FGSM "
        "as in its paper, in float32; L-BFGS to a target: a wrong label drawn at random. Seconds a sample in pixels, in one batch on "
        f"{torch.get_num_threads()} thread(s).{shortened(lab, [(column.network, column.data) for column in NETWORKS])}"
    )
    return measured


def _photographs(lab: Lab, column: ImageNet) -> dict[str, Any]:
    data = column.data()
    return _network(lab, column.name, column.model(), data, (column.images, column.lbfgs), pixels(data[0]))


def _network(lab: Lab, name: str, model: Model, test: Data, counts: tuple[int, int], own: Space) -> dict[str, Any]:
    n, few = counts
    x, y = test[0][:n], test[1][:n]
    compare = partial(_compare, model, (x, y), few, own)
    return {
        "error": lab.step(NAME, f"{name} error", partial(_error, model, test), model, *test),
        **lab.step(NAME, f"{name} {n} {few}", compare, model, x, y, own(x[:1]), own.name),
    }


def _error(model: Model, data: Data) -> Any:
    return share(wrong(model, *data))


@dataclass(frozen=True, eq=False)
class Attacked:
    """What the attacks found in one space, and the seconds a sample that they took.

    Args:
        view: the classifier and the images.
        eps: FGSM's.
        deepfool: of all images.
        flat: the same in linf.
        fgsm: of all images, `(N, …)`.
        lbfgs: of the first few: any wrong label.
        targeted: of the same: a label drawn at random, as the yardstick's authors pose it.
        seconds: by attack.
    """

    view: View
    eps: float
    deepfool: Found
    flat: Found
    fgsm: Tensor
    lbfgs: Found
    targeted: Found
    seconds: dict[str, float]

    @classmethod
    def of(cls, view: View, y: Tensor, targets: Tensor) -> Attacked:
        """Attack all images, and with L-BFGS as many as there are targets."""
        few, seconds = view[: len(targets)], dict[str, float]()
        labels, goal = y[: len(targets)], Goal.towards(targets, y[: len(targets)])
        with _timed(seconds, "DeepFool", len(y)):
            deepfool = DeepFool()(view.model, view.x, y, view.threat(l2))
        eps = fgsm_budget(view, y)
        with _timed(seconds, "FGSM", len(y)):
            fgsm = fgsm_examples(view, y, eps)
        with _timed(seconds, "L-BFGS", len(targets)):
            lbfgs = LBFGS()(few.model, few.x, labels, few.threat(l2))
        with _timed(seconds, "L-BFGS to a target", len(targets)):
            targeted = LBFGS()(few.model, few.x, goal, few.threat(l2))
        flat = DeepFool()(view.model, view.x, y, view.threat(linf))
        return cls(view, eps, deepfool, flat, fgsm, lbfgs, targeted, seconds)

    def success(self, right: Tensor) -> dict[str, Figure | None]:
        """The share of the correctly classified images asked on which each attack found an error."""
        few = right[: len(self.lbfgs.x)]
        found = {
            "DeepFool": self.deepfool.success[right],
            "DeepFool, same images": self.deepfool.success[: len(few)][few],
            "L-BFGS": self.lbfgs.success[few],
            "L-BFGS to a target": self.targeted.success[few],
        }
        return {attack: if_any(share, rows) for attack, rows in found.items()}

    def figures(self, right: Tensor) -> dict[str, Any]:
        """ρ of every attack over the images that are classified correctly, those of L-BFGS and its rival over the same ones."""
        few = len(self.lbfgs.x)
        part = self.view[:few]
        both = right[:few] & self.lbfgs.success & self.targeted.success & self.deepfool.success[:few]
        deepfool, lbfgs = part.rho(self.deepfool.x[:few])[both], part.rho(self.lbfgs.x)[both]
        rhos = {
            "DeepFool": self.view.rho(self.deepfool.x)[right & self.deepfool.success],
            "FGSM": self.view.rho(self.fgsm)[right],
            "DeepFool, same images": deepfool,
            "L-BFGS": lbfgs,
            "L-BFGS to a target": part.rho(self.targeted.x)[both],
            "pairs": deepfool / lbfgs,
        }
        return {"eps": self.eps, **{attack: if_any(mean, values) for attack, values in rhos.items()}}

    def linf(self, right: Tensor) -> dict[str, Figure | None]:
        """ρ in linf over the images that are classified correctly, FGSM's of the same examples."""
        deepfool = self.view.rho(self.flat.x, linf)[right & self.flat.success]
        return {"DeepFool": if_any(mean, deepfool), "FGSM": if_any(mean, self.view.rho(self.fgsm, linf)[right])}


@contextmanager
def _timed(seconds: dict[str, float], attack: str, images: int) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[attack] = (time.perf_counter() - started) / images


def _compare(model: Model, data: Data, few: int, own: Space) -> dict[str, Any]:
    """ρ of the attacks in l2 and linf, run in pixels and in the paper's space, shares found and times."""
    x, y = data
    right, near = ~wrong(model, x, y), pixels(x)
    targets = _others(y[:few], model(x[:1]).shape[1])
    attacked = {"pixels": Attacked.of(near.view(model, x), y, targets)}
    attacked["own"] = (
        attacked["pixels"] if own.name == near.name else Attacked.of(own.view(model, x), y, targets)
    )  # where the paper's networks took pixels, the two are one
    return {
        "space": own.name,
        "success": attacked["own"].success(right),
        "rho": {space: found.figures(right) for space, found in attacked.items()},
        "linf": {space: found.linf(right) for space, found in attacked.items()},
        "seconds": attacked["pixels"].seconds,
    }


def _others(labels: Tensor, classes: int) -> Tensor:
    """For every label another one, each equally likely, `(N,)`."""
    draw = torch.Generator().manual_seed(0)
    return (labels + torch.randint(1, classes, labels.shape, generator=draw)) % classes


EXPERIMENT = Experiment(
    id="E6",
    name=NAME,
    claim="DeepFool's perturbations are about four times smaller than FGSM's and no larger than those of L-BFGS, at a fraction of "
    "its time (Figure 4).",
    test="Four networks on MNIST and CIFAR-10 and three on ImageNet: test error, ρ and seconds a sample of DeepFool, of FGSM at the "
    "smallest ε that fools 90 %, and of L-BFGS.",
    measure=measure,
    judge=words.judge,
    tables=words.tables,
    pictures=words.pictures,
)
