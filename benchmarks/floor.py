"""PGD-40 without early stop against a bare loop on the same rows, in the same memory batching and batch size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

import epsball as eb
from epsball.oracle.batching import arranged, choose_batching
from harness import Line, publish, race, read_options
from subjects import subject

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torch import Tensor

    from subjects import Subject

EPS = 0.1
STEPS = 40
RATE = 0.1
WANTED = "<= 1.05"


def main() -> None:
    """Time epsball, 40 bare gradients, and 40 bare gradients with the signs and projections written out."""
    options = read_options(__doc__)
    lines: list[Line] = []
    details: dict[str, Any] = {}
    for name in options.networks:
        case = subject(name, options.rows)
        threat, attack = eb.Threat(eb.linf, eps=EPS), eb.PGD(steps=STEPS, rate=RATE)
        contestants: dict[str, Callable[[], Tensor]] = {
            "epsball": partial(attack.maximise, case.model, case.x, case.y, threat, seed=0),
            "forward + gradient": partial(bare, case, step=False),
            "forward + gradient + sign and projection": partial(bare, case, step=True),
        }
        outcome = race(contestants, options.rounds)
        for floor in list(contestants)[1:]:
            note = f"{1e6 * outcome.median(floor) / STEPS / len(case.x):.0f} µs a row and step"
            lines.append(Line(name, floor, "time, epsball / bare loop", outcome.ratio("epsball", floor), WANTED, note))
        batching = choose_batching(case.model, case.x).record()
        details[name] = {"seconds": outcome.seconds, "subject": case.origin, "batching": batching}
    publish("floor", options, lines, eps=EPS, steps=STEPS, **details)


def bare(case: Subject, *, step: bool) -> Tensor:
    """40 input gradients of the frozen network, one micro-batch after the other; with `step`, PGD's arithmetic too."""
    batching = choose_batching(case.model, case.x)
    found = []
    with case.model.frozen(channels_last=batching.channels_last):
        for images, labels in zip(
            torch.split(case.x, batching.batch_size), torch.split(case.y, batching.batch_size), strict=True
        ):
            x0 = arranged(images, batching)
            low, high = (x0 - EPS).clamp_(min=0), (x0 + EPS).clamp_(max=1)
            x = (x0 + torch.empty_like(x0).uniform_(-EPS, EPS)).clamp_(0, 1) if step else x0
            for _ in range(STEPS):
                leaf = arranged(x, batching).requires_grad_()
                loss = F.cross_entropy(case.net(leaf), labels, reduction="sum")
                (gradient,) = torch.autograd.grad(loss, leaf)
                if step:
                    x = torch.minimum(torch.maximum(x + RATE * EPS * gradient.sign(), low), high)
            found.append(x)
    return torch.cat(found)


if __name__ == "__main__":
    main()
