"""E6: Figure 4, DeepFool against FGSM and L-BFGS on six networks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from epsball.attacks import LBFGS, DeepFool
from epsball.geometry import l2, linf
from epsball.paper import comparison_words as words
from epsball.paper.experiment import Experiment, Measured
from epsball.paper.figure import mean, share
from epsball.paper.imagenet import COLUMNS, ImageNet
from epsball.paper.networks import standard_network
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from epsball.paper.spaces import Space, centred, pixels, whitened
from epsball.threat import Threat

if TYPE_CHECKING:
    from torch import Tensor

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
    stands_in = {column.data: lab.name(column.data) for column in NETWORKS}
    measured["setting"] = (
        f"{', '.join(f'{name} ({stands_in})' for name, stands_in in stands_in.items())}; "
        "ρ is the mean over samples that are classified correctly; FGSM as in its paper, in float32 and without clipping; "
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


def _compare(model: Model, data: Data, few: int, own: Space) -> dict[str, Any]:
    """ρ of the three attacks in l2, in pixels and in the paper's space, DeepFool's and FGSM's in linf, and times."""
    x, y = data
    right = ~wrong(model, x, y)
    started = time.perf_counter()
    deepfool = DeepFool()(model, x, y, Threat(l2))
    fooled = time.perf_counter()
    eps = fgsm_budget(model, x, y)
    begun = time.perf_counter()
    fgsm = fgsm_examples(model, x, y, eps)
    signed = time.perf_counter()
    lbfgs = LBFGS()(model, x[:few], y[:few], Threat(l2))
    ended = time.perf_counter()
    flat = DeepFool()(model, x, y, Threat(linf))
    both = right[:few] & lbfgs.success & deepfool.success[:few]
    near = pixels(x).rho
    return {
        "eps": eps,
        "space": own.name,
        "success": {"DeepFool": share(deepfool.success[right]), "L-BFGS": share(lbfgs.success[right[:few]])},
        "rho": {
            "DeepFool": _rhos(own, deepfool.x, x, right & deepfool.success),
            "FGSM": _rhos(own, fgsm, x, right),
            "L-BFGS": _rhos(own, lbfgs.x, x[:few], both),
            "DeepFool, same images": _rhos(own, deepfool.x[:few], x[:few], both),
        },
        "linf": {
            "DeepFool": mean(flat.relative[right & flat.success]),
            "FGSM": mean((linf(fgsm - x) / linf(x))[right]),
        },
        "pairs": mean((near(deepfool.x[:few], x[:few]) / near(lbfgs.x, x[:few]))[both]),
        "seconds": {
            "DeepFool": (fooled - started) / len(x),
            "FGSM": (signed - begun) / len(x),
            "L-BFGS": (ended - signed) / few,
        },
    }


def _rhos(own: Space, found: Tensor, x: Tensor, rows: Tensor) -> dict[str, Any]:
    return {"pixels": mean(pixels(x).rho(found, x)[rows]), "own": mean(own.rho(found, x)[rows])}


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
