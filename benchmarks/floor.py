"""What the library adds to the network: PGD-40 without early stop, and an adversarial training step, against loops written out.

The bare loops take the same rows in the same memory order and batch size. An adversarial training step is PGD-7 on a batch in
evaluation mode and a step of Adam in training mode; epochs run one after the other and the first step is not counted.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

import epsball as eb
from epsball.losses import cross_entropy
from epsball.oracle.batching import choose_batching
from epsball.oracle.forward import arranged
from epsball.training.fit import fit
from epsball.training.objectives import adversarial
from epsball.training.recipe import Recipe
from epsball.training.step import memory_format
from harness import NETWORKS, Line, publish, race, race_of_seconds, read_options
from subjects import subject, vision_transformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from subjects import Subject

EPS = 0.1
RATE = 0.1
TRAINING_STEPS = 7
WANTED = "<= 1.05"


@dataclass(frozen=True)
class Size:
    """How long a network's runs are.

    Args:
        steps: of PGD.
        batch_size: rows of a training batch.
        epochs: passes over all rows.
    """

    steps: int = 40
    batch_size: int = 128
    epochs: int = 2


SIZES = {
    "mlp-512": Size(epochs=6),
    "lenet-mnist": Size(),
    "resnet-20": Size(batch_size=64),
    "vit-tiny": Size(4, 2, 1),
}


def main() -> None:
    """Time epsball beside bare gradients, and those with the signs and projections written out; then a step of training."""
    options = read_options(__doc__)
    lines: list[Line] = []
    details: dict[str, Any] = {}
    for name in (*options.networks, *(["vit-tiny"] if options.networks == NETWORKS else [])):
        case = vision_transformer() if name == "vit-tiny" else subject(name, options.rows)
        size = SIZES[name]
        threat, attack = eb.Threat(eb.linf, eps=EPS), eb.PGD(steps=size.steps, rate=RATE)
        contestants: dict[str, Callable[[], Tensor]] = {
            "epsball": partial(attack.maximise, case.model, case.x, case.y, threat, seed=0),
            "forward + gradient": partial(bare, case, size.steps, step=False),
            "forward + gradient + sign and projection": partial(bare, case, size.steps, step=True),
        }
        outcome = race(contestants, options.rounds)
        for floor in list(contestants)[1:]:
            note = f"{1e6 * outcome.median(floor) / size.steps / len(case.x):.0f} µs a row and step"
            lines.append(Line(name, floor, "time, epsball / bare loop", outcome.ratio("epsball", floor), WANTED, note))
        trained = race_of_seconds(
            {"epsball": partial(training, case, size), "bare": partial(bare_training, case, size)}, options.rounds
        )
        note = f"{1e3 * trained.median('bare'):.1f} ms a step of {size.batch_size} rows"
        lines.append(
            Line(
                name,
                "training step, PGD-7",
                "time, epsball / bare loop",
                trained.ratio("epsball", "bare"),
                WANTED,
                note,
            )
        )
        batching = choose_batching(case.model, case.x).record()
        details[name] = {
            "seconds": outcome.seconds,
            "training": trained.seconds,
            "subject": case.origin,
            "batching": batching,
        }
    publish("floor", options, lines, eps=EPS, sizes={name: vars(size) for name, size in SIZES.items()}, **details)


def bare(case: Subject, steps: int, *, step: bool) -> Tensor:
    """Input gradients of the frozen network, one micro-batch after the other; with `step`, PGD's arithmetic too."""
    batching = choose_batching(case.model, case.x)
    found = []
    with case.model.frozen(channels_last=batching.channels_last):
        for images, labels in zip(
            torch.split(case.x, batching.batch_size), torch.split(case.y, batching.batch_size), strict=True
        ):
            x0 = arranged(images, batching)
            low, high = (x0 - EPS).clamp_(min=0), (x0 + EPS).clamp_(max=1)
            x = (x0 + torch.empty_like(x0).uniform_(-EPS, EPS)).clamp_(0, 1) if step else x0
            for _ in range(steps):
                leaf = arranged(x, batching).requires_grad_()
                loss = F.cross_entropy(case.net(leaf), labels, reduction="sum")
                (gradient,) = torch.autograd.grad(loss, leaf)
                if step:
                    x = torch.minimum(torch.maximum(x + RATE * EPS * gradient.sign(), low), high)
            found.append(x)
    return torch.cat(found)


def training(case: Subject, size: Size) -> float:
    """Seconds of one step of `fit`."""
    ends: list[float] = []
    attack = eb.PGD(steps=TRAINING_STEPS, first=RATE, rate=RATE, loss=cross_entropy)
    fit(
        case.model,
        (case.x, case.y),
        Recipe(epochs=size.epochs, batch_size=size.batch_size, warm_up=0),
        objective=adversarial(attack, eb.Threat(eb.linf, eps=EPS)),
        progress=lambda *_: ends.append(time.perf_counter()),
    )
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def bare_training(case: Subject, size: Size) -> float:
    """Seconds of one step of the loop that a user would write."""
    net, order = copy.deepcopy(case.net), memory_format(case.model, case.x)
    net.to(memory_format=order)  # type: ignore[call-overload] # torch takes it and leaves it out of its stubs
    optimiser, ends = torch.optim.Adam(net.parameters(), lr=Recipe().rate), list[float]()
    for _ in range(size.epochs):
        for rows in torch.randperm(len(case.x)).split(size.batch_size):  # type: ignore[no-untyped-call] # PyTorch leaves it untyped
            x0, labels = case.x[rows].contiguous(memory_format=order), case.y[rows]
            net.eval()
            low, high = (x0 - EPS).clamp_(min=0), (x0 + EPS).clamp_(max=1)
            x = (x0 + torch.empty_like(x0).uniform_(-EPS, EPS)).clamp_(0, 1)
            for _ in range(TRAINING_STEPS):
                leaf = x.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(F.cross_entropy(net(leaf), labels), leaf)
                x = torch.minimum(torch.maximum(x + RATE * EPS * gradient.sign(), low), high)
            net.train()
            optimiser.zero_grad()
            loss = F.cross_entropy(net(x), labels)
            loss.backward()  # type: ignore[no-untyped-call] # PyTorch leaves it untyped
            loss.item()
            optimiser.step()
            ends.append(time.perf_counter())
    return (ends[-1] - ends[0]) / (len(ends) - 1)


if __name__ == "__main__":
    main()
