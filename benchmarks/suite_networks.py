"""Networks on which suites are compared: trained once, on the real data sets, and taken from the cache afterwards.

EPSBALL_DATA=FOLDER python benchmarks/suite_networks.py trains them all and prints their clean accuracies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb
from epsball.models.networks.catalogue import build
from epsball.training.objectives import adversarial, standard
from epsball.training.recipe import Recipe
from subjects import trained

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.models.model import Model
    from epsball.threat import Threat
    from epsball.training.objectives import Objective


class Rated(NamedTuple):
    """A network, the test images that it is asked about, wrong ones among them, and the threat."""

    name: str
    model: Model
    x: Tensor
    y: Tensor
    threat: Threat


class Winners(nn.Module):
    """Only the k largest numbers of every image pass.  Xiao, Zhong, Zheng 2019, arXiv:1905.10510."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, …) -> the same with all but the largest of each row at 0."""
        flat = x.flatten(1)
        least = flat.topk(max(1, int(self.share * flat.shape[1])), 1).values[:, -1:]
        return torch.where(flat >= least, flat, 0.0).reshape(x.shape)


def winners_only(share: float = 0.2) -> nn.Sequential:
    """Two convolutions and two linear layers in which only the winners of each layer pass."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1), Winners(share), nn.Conv2d(16, 32, 4, 2, 1), Winners(share),
            nn.Flatten(), nn.Linear(32 * 49, 100), Winners(share), nn.Linear(100, 10),
        )  # fmt: skip


@dataclass(frozen=True)
class Trades:
    """CE(f(x), y) + β KL(f(x) ‖ f(x')), x' the ascent of that divergence.  Zhang et al. 2019, arXiv:1901.08573, algorithm 1."""

    threat: Threat
    steps: int = 7
    beta: float = 3.0

    def __call__(self, model: Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
        """The loss of a batch."""
        del ids
        clean = F.log_softmax(model.as_it_is(x), 1)
        eps, length = float(self.threat.eps), 2.5 * float(self.threat.eps) / self.steps
        point = x + 0.001 * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
        for _ in range(self.steps):
            point = point.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._divergence(model, point, clean.detach()), point)
            point = (point + length * slope.sign()).clamp(x - eps, x + eps).clamp(0, 1)
        return F.nll_loss(clean, y) + self.beta * self._divergence(model, point.detach(), clean) / len(x)

    def _divergence(self, model: Model, point: Tensor, clean: Tensor) -> Tensor:
        other = F.log_softmax(model.as_it_is(point), 1)
        return F.kl_div(other, clean, reduction="sum", log_target=True)

    def within(self, fraction: float) -> Trades:
        """The same for a fraction of ε."""
        return Trades(eb.Threat(self.threat.norm.name, fraction * float(self.threat.eps)), self.steps, self.beta)


@dataclass(frozen=True)
class Noisy:
    """Cross entropy of images with Gaussian noise, different ones in each epoch."""

    deviation: float

    def __call__(self, model: Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
        """The loss of a batch."""
        generator = torch.Generator().manual_seed((seed + int(ids[0])) % 2**63)
        noise = self.deviation * torch.randn(x.shape, generator=generator)
        return F.cross_entropy(model.as_it_is((x + noise).clamp(0, 1)), y)


def _pgd(norm: str, eps: float, steps: int = 7) -> Objective:
    length = 2.5 / steps
    return adversarial(eb.PGD(steps=steps, first=length, rate=length), eb.Threat(norm, eps))


def _fgsm(eps: float) -> Objective:
    """One step of 1.25 ε from a random start, which does not collapse.  Wong, Rice, Kolter 2020, arXiv:2001.03994."""
    return adversarial(eb.PGD(steps=1, first=1.25, rate=1.25), eb.Threat("linf", eps))


@dataclass(frozen=True)
class Course:
    """How a network is trained: its layers, the data set, how much of it how often, and what a batch costs."""

    make: Callable[[], nn.Module]
    data: str
    rows: int
    epochs: int
    objective: Objective
    warm_up: float = 0.5

    def learn(self, name: str) -> Model:
        """The trained network; from the cache where it was trained before."""
        data = eb.load_data(self.data, split="train", n=self.rows)
        recipe = Recipe(epochs=self.epochs, warm_up=self.warm_up)
        return trained(name, eb.wrap(self.make()), data, recipe, self.objective)


def _cnn() -> nn.Module:
    return build("cnn-mnist")


COURSES = {
    "mnist-standard": Course(lambda: build("mlp-512"), "mnist", 60_000, 4, standard),
    "mnist-pgd": Course(_cnn, "mnist", 20_000, 12, _pgd("linf", 0.3)),
    "mnist-fgsm": Course(_cnn, "mnist", 20_000, 16, _fgsm(0.2), warm_up=0.9),
    "mnist-trades": Course(_cnn, "mnist", 20_000, 10, Trades(eb.Threat("linf", 0.3))),
    "mnist-noise": Course(_cnn, "mnist", 20_000, 15, Noisy(0.3)),
    "mnist-l2": Course(_cnn, "mnist", 20_000, 10, _pgd("l2", 2.0)),
    "mnist-winners": Course(winners_only, "mnist", 20_000, 4, standard),
    "mnist-lenet": Course(lambda: build("lenet-mnist"), "mnist", 6_000, 6, _pgd("linf", 0.1, 5)),
    "cifar-pgd": Course(lambda: build("lenet-cifar"), "cifar10", 12_000, 10, _pgd("linf", 8 / 255, 5)),
    "cifar-l2": Course(lambda: build("cnn-mnist", shape=(3, 32, 32)), "cifar10", 20_000, 12, _pgd("l2", 0.5)),
}

RATED = (
    ("mnist-standard", "linf", 0.05),
    ("mnist-pgd", "linf", 0.3),
    ("mnist-fgsm", "linf", 0.2),
    ("mnist-trades", "linf", 0.3),
    ("mnist-noise", "linf", 0.1),
    ("mnist-lenet", "linf", 0.1),
    ("mnist-winners", "linf", 0.1),
    ("mnist-l2", "l2", 2.0),
    ("mnist-pgd", "l2", 2.0),
    ("cifar-pgd", "linf", 8 / 255),
    ("cifar-l2", "l2", 0.5),
)
"""Every comparison: a network, and the threat under which it is attacked."""


def rated(n: int, only: tuple[str, ...] = ()) -> list[Rated]:
    """The networks with the first `n` test images each; of those named, `NETWORK-in-NORM`, where some are."""
    found = []
    for course, norm, eps in RATED:
        name = f"{course}-in-{norm}"
        if only and name not in only:
            continue
        x, y = eb.load_data(COURSES[course].data, split="test", n=n)
        found.append(Rated(name, COURSES[course].learn(course), x, y, eb.Threat(norm, eps)))
    return found


if __name__ == "__main__":
    for name, course in COURSES.items():
        network = course.learn(name)
        x, y = eb.load_data(course.data, split="test", n=1000)
        print(f"{name}: {(network(x).argmax(1) == y).double().mean().item():.3f}", flush=True)
