"""What attacks cost on a card beside bare loops, and PGD and the suites on a ResNet-18."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb
from gpu_bench import LeftOut, ratio
from places import batching
from plain_networks import (
    CLASSES,
    DIGIT,
    PHOTOGRAPH,
    ViT,
    calibrated,
    drawn,
    images,
    lenet,
    mlp,
    resnet18,
    resnet20,
    tiny_resnet,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_bench import Bench
    from plain_networks import Shape

EPS = 0.1
RATE = 0.1
HALF = 0.5
LARGE: Shape = (3, 224, 224)


@dataclass(frozen=True)
class Loop:
    """PGD written out, on the network as it is.

    Args:
        net: in evaluation mode, without parameter gradients.
        x: images (N, C, H, W).
        y: labels (N,).
        steps: gradients.
        rows: images in one pass.
        order: how images lie in memory.
    """

    net: nn.Module
    x: Tensor
    y: Tensor
    steps: int
    rows: int
    order: torch.memory_format

    def __call__(self) -> Tensor:
        """Return the last iterates."""
        found = []
        for images_, labels in zip(torch.split(self.x, self.rows), torch.split(self.y, self.rows), strict=True):
            x0 = images_.contiguous(memory_format=self.order)
            low, high = (x0 - EPS).clamp_(min=0), (x0 + EPS).clamp_(max=1)
            x = (x0 + torch.empty_like(x0).uniform_(-EPS, EPS)).clamp_(0, 1)
            for _ in range(self.steps):
                leaf = x.detach().requires_grad_()
                loss = F.cross_entropy(self.net(leaf), labels, reduction="sum")
                (gradient,) = torch.autograd.grad(loss, leaf)
                x = torch.minimum(torch.maximum(x + RATE * EPS * gradient.sign(), low), high)
            found.append(x)
        return torch.cat(found)


def floor(bench: Bench) -> None:
    """PGD-40 without early stop against bare loops: with the library's micro-batch, and with all images at once."""
    networks: dict[str, tuple[Callable[[], nn.Module], Shape, int]] = {
        "LeNet": (lenet, DIGIT, 2048),
        "784-512-10": (mlp, DIGIT, 4096),
        "ResNet-20": (resnet20, PHOTOGRAPH, 512),
        "ViT-tiny": (partial(ViT, depth=2) if bench.small else ViT, PHOTOGRAPH, 512),
    }
    for name, (make, shape, rows) in networks.items():
        if bench.in_time(name):
            with bench.case(name):
                n = 8 if bench.small else rows
                bench.figures[name] = beside_loops(bench, drawn(make), shape, n, 4 if bench.small else 40)


def beside_loops(bench: Bench, net: nn.Module, shape: Shape, n: int, steps: int) -> dict[str, Any]:
    """Ratios of one network; the bare loops take the faster memory order."""
    net = net.to(bench.device).requires_grad_(False)  # noqa: FBT003 (PyTorch takes it by position)
    x, y = (t.to(bench.device) for t in images(n, shape))
    attack, threat = eb.PGD(steps=steps, rate=RATE), eb.Threat(eb.linf, EPS)
    model = eb.wrap(net)
    try:
        rows, _ = batching(model, x)
    except LookupError:
        rows = 256
    orders = (torch.contiguous_format, torch.channels_last)
    trials = {order: Loop(net, x, y, 2, rows, order) for order in orders}
    warm = [bench.clock(trial) for trial in trials.values()]
    order = min(orders, key=lambda order: bench.clock(trials[order]))
    contestants: dict[str, Callable[[], Tensor]] = {
        "epsball": partial(attack.maximise, model, x, y, threat),
        "same micro-batch": Loop(net, x, y, steps, rows, order),
        "all at once": Loop(net, x, y, steps, n, order),
    }
    seconds = bench.race(contestants, 2 if bench.small else 7)
    return {
        "n": n,
        "steps": steps,
        "micro-batch": rows,
        "memory order of the loops": str(order),
        "time, epsball / same micro-batch": ratio(seconds, "epsball", "same micro-batch"),
        "time, epsball / all at once": ratio(seconds, "epsball", "all at once"),
        "seconds": seconds,
        "first pass": warm,
        "peak bytes": {title: bench.peak(run) for title, run in contestants.items()},
    }


def suites(bench: Bench) -> None:
    """PGD at 224 pixels, quick and standard at 32, on a ResNet-18 with random weights."""
    with bench.case("PGD at 224 pixels"):
        n = 2 if bench.small else 128
        net = drawn(partial(resnet18, large=True)).to(bench.device)
        net = calibrated(net, images(n, LARGE)[0].to(bench.device))
        bench.figures["PGD at 224 pixels"] = beside_loops(bench, net, LARGE, n, 1 if bench.small else 10)
    n = 8 if bench.small else 128
    x = images(n, PHOTOGRAPH)[0].to(bench.device)
    net = calibrated(drawn(tiny_resnet if bench.small else resnet18).to(bench.device), x)
    with torch.no_grad():
        y = net(x).argmax(1)
    bench.figures["classes predicted"] = f"{len(y.unique())} of {CLASSES}"
    near = eb.DeepFool()(net, x, y, eb.Threat(eb.linf))
    eps = near.distance.median().item()
    for suite in ("quick", "standard"):
        if bench.in_time(suite):
            with bench.case(suite):
                bench.figures[suite] = evaluated(bench, net, x, y, eps, suite)


def evaluated(bench: Bench, net: nn.Module, x: Tensor, y: Tensor, eps: float, suite: str) -> dict[str, Any]:
    """One suite at the median distance, with the seconds of every stage; it breaks off when time is up."""
    stages: dict[str, float] = {}

    def watch(stage: str, *_: Any) -> None:
        bench.synchronise()
        stages.setdefault(stage, bench.elapsed)
        if bench.late and suite == "standard":
            raise LeftOut(f"no time was left at {stage}; stages began at {stages}")

    results: list[eb.Evaluation] = []
    started = bench.elapsed
    peak = bench.peak(lambda: results.append(eb.evaluate(net, (x, y), eb.Threat(eb.linf, eps), suite, progress=watch)))
    run, ended = results[0], bench.elapsed
    robust = {name: 1 - float(rows.within(eps).mean()) for name, rows in run.attacks.items() if len(rows)}
    bench.check(f"{suite}: the clean accuracy is 1", run.clean_accuracy == 1)
    left = run.robust_accuracy()
    bench.check(f"{suite}: at most half are robust at the median distance", left <= HALF, f"{left}")
    return {
        "n": len(x),
        "eps": eps,
        "robust accuracy": left,
        "share robust to each attack asked": robust,
        "seconds": round(ended - started, 3),
        "stages begin at": {name: round(when - started, 3) for name, when in stages.items()},
        "findings": [f"{finding.severity} {finding.id}" for finding in run.findings],
        "queries": int(run.queries.sum()),
        "gradients": int(run.gradients.sum()),
        "peak bytes": peak,
    }
