"""E6: Figure 4, DeepFool against FGSM and L-BFGS on six networks."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from epsball.attacks import LBFGS, DeepFool
from epsball.geometry import l2, linf
from epsball.goal import Goal
from epsball.paper import comparison_words as words
from epsball.paper.experiment import Experiment, Measured
from epsball.paper.figure import mean, share
from epsball.paper.imagenet import COLUMNS, ImageNet
from epsball.paper.networks import standard_network
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from epsball.paper.spaces import Space, View, centred, pixels, whitened
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from epsball.attacks.base import Found
    from epsball.models.wrap import Model
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
    for column in NETWORKS:
        model = standard_network(lab, column.network, column.data).model
        x, y = lab.data(column.data)
        train = lab.data(column.data, "train")[0]
        own = centred(train) if column.data == "mnist" else whitened(train)
        n, few = lab.pick((100, 30), (column.images, column.lbfgs))
        compare = partial(_compare, model, (x[:n], y[:n]), few, own)
        measured["networks"][column.network] = {
            "error": lab.step(NAME, f"{column.network} error", partial(_error, model, (x, y)), model),
            **lab.step(NAME, f"{column.network} {n} {few}", compare, model),
        }
    for imagenet in COLUMNS:
        missing = "not part of a quick run" if lab.quick else imagenet.missing()
        if missing:
            measured["missing"][imagenet.name] = missing
        else:
            measured["networks"][imagenet.name] = _photographs(lab, imagenet)
    used = dict.fromkeys(lab.name(column.data) for column in NETWORKS)
    measured["setting"] = (
        f"{' and '.join(used)}; "
        "ρ is the mean over samples that are classified correctly, each attack run in the space it is measured in; "
        "FGSM as in its paper, in float32 and without clipping; L-BFGS to a target: a wrong label drawn at random; "
        f"seconds a sample in one batch on {torch.get_num_threads()} thread(s)."
    )
    return measured


def _photographs(lab: Lab, column: ImageNet) -> dict[str, Any]:
    model, (x, y) = column.model(), column.data()
    n, few = column.images, column.lbfgs
    return {
        "error": lab.step(NAME, f"{column.name} error", partial(_error, model, (x, y)), model),
        **lab.step(NAME, f"{column.name} {n} {few}", partial(_compare, model, (x[:n], y[:n]), few, pixels(x)), model),
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
        fgsm: of all images, `(N, …)`.
        lbfgs: of the first few: any wrong label.
        targeted: of the same: a label drawn at random, as the yardstick's authors pose it.
        seconds: by attack.
    """

    view: View
    eps: float
    deepfool: Found
    fgsm: Tensor
    lbfgs: Found
    targeted: Found
    seconds: dict[str, float]

    @classmethod
    def of(cls, view: View, y: Tensor, targets: Tensor) -> Attacked:
        """Attack all images, and with L-BFGS as many as there are targets."""
        few = len(targets)
        started = time.perf_counter()
        deepfool = DeepFool()(view.model, view.x, y, view.threat(l2))
        fooled = time.perf_counter()
        eps = fgsm_budget(view.model, view.x, y)
        begun = time.perf_counter()
        fgsm = fgsm_examples(view.model, view.x, y, eps)
        signed = time.perf_counter()
        lbfgs = LBFGS()(view.model, view.x[:few], y[:few], view.threat(l2))
        ended = time.perf_counter()
        targeted = LBFGS()(view.model, view.x[:few], Goal.towards(targets, y[:few]), view.threat(l2))
        seconds = {
            "DeepFool": (fooled - started) / len(y),
            "FGSM": (signed - begun) / len(y),
            "L-BFGS": (ended - signed) / few,
        }
        return cls(view, eps, deepfool, fgsm, lbfgs, targeted, seconds)

    def figures(self, right: Tensor) -> dict[str, Any]:
        """ρ of every attack over the images that are classified correctly, those of L-BFGS and its rival over the same ones."""
        few = len(self.lbfgs.x)
        part = self.view[:few]
        both = right[:few] & self.lbfgs.success & self.targeted.success & self.deepfool.success[:few]
        deepfool, lbfgs = part.rho(self.deepfool.x[:few])[both], part.rho(self.lbfgs.x)[both]
        return {
            "eps": self.eps,
            "DeepFool": mean(self.view.rho(self.deepfool.x)[right & self.deepfool.success]),
            "FGSM": mean(self.view.rho(self.fgsm)[right]),
            "L-BFGS": mean(lbfgs),
            "L-BFGS to a target": mean(part.rho(self.targeted.x)[both]),
            "DeepFool, same images": mean(deepfool),
            "pairs": mean(deepfool / lbfgs),
        }


def _compare(model: Model, data: Data, few: int, own: Space) -> dict[str, Any]:
    """ρ of the attacks in l2, run in pixels and in the paper's space, DeepFool's and FGSM's in linf, and times."""
    x, y = data
    right = ~wrong(model, x, y)
    targets = _others(y[:few], model(x[:1]).shape[1])
    near, there = pixels(x).view(model, x), own.view(model, x)
    found = Attacked.of(near, y, targets)
    elsewhere = replace(found, view=there) if there.x is x else Attacked.of(there, y, targets)
    flat = DeepFool()(model, x, y, Threat(linf))
    return {
        "space": own.name,
        "success": {
            "DeepFool": share(found.deepfool.success[right]),
            "L-BFGS": share(found.lbfgs.success[right[:few]]),
        },
        "rho": {"pixels": found.figures(right), "own": elsewhere.figures(right)},
        "linf": {
            "DeepFool": mean(flat.relative[right & flat.success]),
            "FGSM": mean((linf(found.fgsm - x) / linf(x))[right]),
        },
        "seconds": found.seconds,
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
