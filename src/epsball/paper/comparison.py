"""E6: Figure 4, DeepFool against FGSM and L-BFGS on seven networks."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from epsball import attacks
from epsball.attacks import DeepFool
from epsball.geometry import l2, linf
from epsball.goal import Goal
from epsball.paper import comparison_text as text
from epsball.paper.answers import labels
from epsball.paper.comparison_text import (
    DEEPFOOL,
    ERROR,
    FGSM,
    FOUND,
    LBFGS,
    RATIO,
    RHO,
    RHO_OF_LABELS,
    SAME_IMAGES,
    SECONDS,
    TARGETED,
)
from epsball.paper.estimates import NOTHING, exactly, fraction, if_any, mean
from epsball.paper.experiment import Experiment
from epsball.paper.imagenet import COLUMNS, ImageNet
from epsball.paper.networks import shortened, standard_network
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from epsball.paper.rows import Row, Rows
from epsball.paper.spaces import Space, View, centred, pixels, whitened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from epsball.attacks.found import Found
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


def measure(lab: Lab) -> Rows:
    """Attack every network with DeepFool, FGSM at the ε that fools 90 %, and L-BFGS, each in one batch."""
    rows = list[Row | Rows]()
    for column in NETWORKS:
        model = standard_network(lab, column.network, column.data).model
        train = lab.data(column.data, "train")[0]
        space = centred(train) if column.data == "mnist" else whitened(train)
        rows.append(_network(lab, column.network, model, lab.data(column.data), _counts(lab)[column.network], space))
    for imagenet in COLUMNS:
        missing = _missing(lab, imagenet)
        nothing = NOTHING.of(RHO, network=imagenet.name, note=missing)
        rows.append(nothing if missing else of_photographs(lab, imagenet))
    return Rows.gathered(rows)


def _counts(lab: Lab) -> dict[str, tuple[int, int]]:
    """Images of each network, for DeepFool and FGSM and for L-BFGS."""
    counts = {column.network: lab.pick((100, 12), (column.images, column.lbfgs)) for column in NETWORKS}
    return counts | {each.name: (each.images, each.lbfgs) for each in COLUMNS if not _missing(lab, each)}


def _missing(lab: Lab, imagenet: ImageNet) -> str:
    return "not part of a quick run" if lab.quick else imagenet.missing()


def _setting(lab: Lab) -> str:
    used = dict.fromkeys(lab.name(column.data) for column in NETWORKS)
    sizes = ", ".join(f"{name} {n:,} and {few:,}" for name, (n, few) in _counts(lab).items())
    return (
        f"{' and '.join(used)}; the first test images, for DeepFool and FGSM and for L-BFGS: {sizes}. ρ is the mean over those "
        "that are classified correctly and found; all rows of L-BFGS, and DeepFool's beside them, over those that each of the three "
        "found. ρ in the paper's own sense is the mean over all images on which an attack changed the predicted label, the wrong among "
        "them. Each attack is run in the space it is measured in: in the network's input space nothing is clipped, pixels stay in "
        "[0, 1]. FGSM as in its paper, in float32; L-BFGS to a target: a wrong label drawn at random. Seconds a sample in pixels, in "
        f"one batch on {torch.get_num_threads()} thread(s).{shortened(lab, [(each.network, each.data) for each in NETWORKS])}"
    )


def of_photographs(lab: Lab, column: ImageNet) -> Rows:
    """A network for ImageNet, whose input space is that of pixels."""
    data = column.data()
    return _network(lab, column.name, column.model(), data, (column.images, column.lbfgs), pixels(data[0]))


def _network(lab: Lab, name: str, model: Model, test: Data, counts: tuple[int, int], space: Space) -> Rows:
    n, few = counts
    x, y = test[0][:n], test[1][:n]
    error = lab.step(NAME, f"{name} error", _error, model, test)
    return Rows((*error, *lab.step(NAME, f"{name} {n} {few} labels", compare, model, (x, y), few, space))).of(
        network=name
    )


def _error(model: Model, data: Data) -> Rows:
    return Rows((fraction(wrong(model, *data)).of(ERROR),))


@dataclass(frozen=True, eq=False)
class Attacked:
    """What the attacks found in one space.

    Args:
        view: the classifier and the images.
        right: which images are classified correctly, `(N,)`.
        eps: FGSM's.
        found: DeepFool of all images; L-BFGS of the first few, to any wrong label and to one drawn at random, as the authors of the
            comparison pose it; DeepFool in linf of all.
        fgsm: of all images, `(N, …)`.
        seconds: a sample, by attack.
    """

    view: View
    right: Tensor
    eps: float
    found: tuple[Found, Found, Found, Found]
    fgsm: Tensor
    seconds: dict[str, float]

    @classmethod
    def of(cls, view: View, y: Tensor, targets: Tensor, right: Tensor) -> Attacked:
        """Attack all images, and with L-BFGS as many as there are targets."""
        few, seconds = view[: len(targets)], dict[str, float]()
        labels, goal = y[: len(targets)], Goal.towards(targets, y[: len(targets)])
        with _timed(seconds, DEEPFOOL, len(y)):
            deepfool = DeepFool()(view.model, view.x, y, view.threat(l2))
        eps = fgsm_budget(view, y)
        with _timed(seconds, FGSM, len(y)):
            fgsm = fgsm_examples(view, y, eps)
        with _timed(seconds, LBFGS, len(targets)):
            lbfgs = attacks.LBFGS()(few.model, few.x, labels, few.threat(l2))
        with _timed(seconds, TARGETED, len(targets)):
            targeted = attacks.LBFGS()(few.model, few.x, goal, few.threat(l2))
        flat = DeepFool()(view.model, view.x, y, view.threat(linf))
        return cls(view, right, eps, (deepfool, lbfgs, targeted, flat), fgsm, seconds)

    def success(self) -> Rows:
        """The fraction of the correctly classified images attacked on which each attack found an error."""
        deepfool, lbfgs, targeted, _ = (found.success for found in self.found)
        few = self.right[: len(lbfgs)]
        found = {
            DEEPFOOL: deepfool[self.right],
            SAME_IMAGES: deepfool[: len(few)][few],
            LBFGS: lbfgs[few],
            TARGETED: targeted[few],
        }
        return Rows.gathered(if_any(fraction, rows).of(FOUND, attack=attack) for attack, rows in found.items())

    def rhos(self) -> Rows:
        """ρ of every attack over the images that are classified correctly, those of L-BFGS and its rival over the same ones."""
        (deepfool, lbfgs, targeted, flat), view, right = self.found, self.view, self.right
        few = len(lbfgs.x)
        both, part = right[:few] & lbfgs.success & targeted.success & deepfool.success[:few], view[:few]
        same, other, third = (part.rho(x)[both] for x in (deepfool.x[:few], lbfgs.x, targeted.x))
        values = (
            (l2, DEEPFOOL, view.rho(deepfool.x)[right & deepfool.success]),
            (l2, FGSM, view.rho(self.fgsm)[right]),
            (l2, SAME_IMAGES, same),
            (l2, LBFGS, other),
            (l2, TARGETED, third),
            (linf, DEEPFOOL, view.rho(flat.x, linf)[right & flat.success]),
            (linf, FGSM, view.rho(self.fgsm, linf)[right]),
        )
        rows = (
            if_any(mean, rho).of(RHO, attack=attack, norm=norm.name, eps=self.eps if attack == FGSM else 0.0)
            for norm, attack, rho in values
        )
        return Rows((*rows, if_any(mean, same / other).of(RATIO, attack=SAME_IMAGES, norm=l2.name)))

    def changed_labels(self, predicted: Tensor, targets: Tensor) -> Rows:
        """ρ in the paper's own sense: of every image on which an attack changed the label predicted, right or wrong.

        Args:
            predicted: the labels predicted `(N,)`.
            targets: of L-BFGS for the first few images, none of them the label predicted.
        """
        (deepfool, lbfgs, targeted, _), few = self.found, len(targets)
        rest = (~self.right).nonzero().squeeze(1)
        view, given, kept = self.view[rest], predicted[rest], rest[rest < few]
        part, goal = self.view[kept], Goal.towards(targets[kept], predicted[kept])
        own = _moved(DeepFool(), view, given)
        values = {
            DEEPFOOL: (deepfool.x, rest, own),
            FGSM: (self.fgsm, rest, fgsm_examples(view, given, self.eps) if len(rest) else view.x),
            SAME_IMAGES: (deepfool.x[:few], kept, own[rest < few]),
            LBFGS: (lbfgs.x, kept, _moved(attacks.LBFGS(), part, predicted[kept])),
            TARGETED: (targeted.x, kept, _moved(attacks.LBFGS(), part, goal)),
        }
        rows = list[Row]()
        for attack, (points, at, others) in values.items():
            rho = self.view[: len(points)].rho(points.index_copy(0, at, others))
            rows.append(if_any(mean, rho[rho > 0]).of(RHO_OF_LABELS, attack=attack, norm=l2.name))
        return Rows(tuple(rows))


def _moved(attack: attacks.Attack, view: View, y: Tensor | Goal) -> Tensor:
    """The images of a view as an attack in l2 moves them; none where there are none."""
    return attack(view.model, view.x, y, view.threat(l2)).x if len(view.x) else view.x


@contextmanager
def _timed(seconds: dict[str, float], attack: str, images: int) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[attack] = (time.perf_counter() - started) / images


def compare(model: Model, data: Data, few: int, space: Space) -> Rows:
    """ρ of the attacks in l2 and linf, run in pixels and in the network's input space, fractions found and times."""
    x, y = data
    right, near = ~wrong(model, x, y), pixels(x)
    predicted, classes = labels(model, x), model(x[:1]).shape[1]
    targets = _others(y[:few], classes)
    spaces = [near] if space.name == near.name else [near, space]
    attacked = {each.name: Attacked.of(each.view(model, x), y, targets, right) for each in spaces}
    spent = attacked[near.name].seconds
    return Rows.gathered(
        [
            *(found.rhos().of(space=name) for name, found in attacked.items()),
            *(
                found.changed_labels(predicted, _others(predicted[:few], classes)).of(space=name)
                for name, found in attacked.items()
            ),
            attacked[space.name].success().of(space=space.name),
            *(exactly(value).of(SECONDS, attack=attack, space=near.name) for attack, value in spent.items()),
        ]
    )


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
    setting=_setting,
    checks=(
        *(check for each in NETWORKS for check in text.checks_of(each.network)),
        *(check for each in COLUMNS for check in text.checks_of(each.name)),
        text.IN_ORDER,
        *(text.is_measured(each.name) for each in COLUMNS),
    ),
    tables=text.TABLES,
    figures=text.FIGURES,
)
