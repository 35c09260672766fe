"""The card's rows beside the processor's, a search in bfloat16, and memory that runs out."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import epsball as eb
from gpu_bench import LeftOut, ratio
from gpu_contract import BUDGETS, shortened
from places import attacks, batching
from plain_networks import PHOTOGRAPH, TINY, calibrated, drawn, images, learned, resnet18, small

if TYPE_CHECKING:
    from torch import Tensor

    from gpu_bench import Bench

AGREE = {"float64": 1.0, "float32": 0.95}
"""At least this share of the rows has the processor's success."""
CLOSE = {"float64": 1e-6, "float32": 1e-2}
"""At least 95 % of the rows found on both have the processor's distance up to this share of it; TF32 is off."""
ALMOST_ALL = 0.95
RESTRICTED = 5
"""Inputs above which a network says that memory ran out."""
GIBIBYTE = 2**30


def rows(bench: Bench) -> None:
    """Every attack in every norm on both devices."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    bench.figures["tolerance"] = {"success": AGREE, "distance": CLOSE, "of the rows": ALMOST_ALL, "tf32": False}
    x, y = images(16 if bench.small else 64, TINY)
    net = learned(small, TINY)
    table: dict[str, Any] = {}
    for kind in (torch.float64, torch.float32):
        here = copy.deepcopy(net).to(kind)
        there = copy.deepcopy(here).to(bench.device)
        for name, attack in sorted(attacks().items(), key=lambda item: item[1].minimum_norm):
            for norm in attack.norms:
                title = f"{name} {norm} {str(kind).removeprefix('torch.')}"
                if bench.in_time(title):
                    with bench.case(title):
                        threat = eb.Threat(norm, BUDGETS[norm])
                        ours = shortened(attack, 20)(here, x.to(kind), y, threat)
                        card = shortened(attack, 20)(there, x.to(bench.device, kind), y.to(bench.device), threat)
                        table[title] = compared(bench, ours, card, kind)
    bench.figures["rows"] = table


def compared(bench: Bench, ours: eb.Found, card: eb.Found, kind: torch.dtype) -> dict[str, float]:
    """Check one attack's rows against the processor's."""
    name = str(kind).removeprefix("torch.")
    same = ours.success == card.success.cpu()
    both = ours.success & card.success.cpu()
    a, b = ours.distance[both], card.distance.cpu()[both]
    apart = torch.where(a == b, 0.0, (a - b).abs() / torch.maximum(a, b))
    agree, close = same.double().mean().item(), (apart <= CLOSE[name]).double().mean().item() if len(a) else 1.0
    bench.check(f"success as on the processor, {name}", agree >= AGREE[name], f"{agree:.1%} of the rows")
    bench.check(f"distance as on the processor, {name}", close >= ALMOST_ALL, f"{close:.1%} of the rows")
    queries = (ours.queries == card.queries.cpu()).double().mean().item()
    largest = apart.max().item() if len(a) else 0.0
    return {"found": both.double().mean().item(), "same success": agree, "largest": largest, "same queries": queries}


def bfloat16(bench: Bench) -> None:
    """A search in bfloat16 finds about as many, whatever it returns holds in float32, and what it takes."""
    make, shape, n = (small, TINY, 32) if bench.small else (resnet18, PHOTOGRAPH, 512)
    x, _ = (t.to(bench.device) for t in images(n, shape))
    net = calibrated(drawn(make).to(bench.device), x)
    with torch.no_grad():
        y = net(x).argmax(1)
    model = eb.wrap(net)
    try:
        settings = {low: batching(model, x, bfloat16=low)[1] for low in (False, True)}
    except LookupError as error:
        raise LeftOut(str(error)) from error
    for name, attack in {"PGD": eb.PGD(steps=4 if bench.small else 20), "DeepFool": eb.DeepFool()}.items():
        with bench.case(f"bfloat16 {name}"):
            threat = eb.Threat("l2") if attack.minimum_norm else eb.Threat("linf", 1 / 255)

            def search(*, low: bool, attack: eb.Attack = attack, threat: eb.Threat = threat) -> eb.Found:
                return attack(model, x, y, threat, **settings[low])

            full, half = search(low=False), search(low=True)
            with torch.no_grad():
                wrong = net(half.x[half.success]).argmax(1) != y[half.success]
            bench.check("bfloat16: found holds in float32", wrong.all())
            shares = [f.success.double().mean().item() for f in (full, half)]
            if not attack.minimum_norm:  # the boundary itself is blurred: how far DeepFool gets is a figure, not a law
                bench.check("bfloat16: within 5 points of float32", shares[1] >= shares[0] - 0.05, str(shares))
            seconds = bench.race({"float32": lambda: search(low=False), "bfloat16": lambda: search(low=True)}, 3)
            bench.figures[f"{name}, n = {n}"] = {
                "success": dict(zip(("float32", "bfloat16"), shares, strict=True)),
                "time, float32 / bfloat16": ratio(seconds, "float32", "bfloat16"),
                "seconds": seconds,
            }


class Greedy(nn.Module):
    """A network that needs much memory for every input, and may refuse more than some at a time."""

    def __init__(self, net: nn.Module, numbers: int, most: int | None = None) -> None:
        super().__init__()
        self.net, self.numbers, self.most = net, numbers, most
        self.largest = 0

    def forward(self, x: Tensor) -> Tensor:
        """Logits, with the memory of `numbers` floats held for every input."""
        if self.most is not None and len(x) > self.most:
            raise torch.OutOfMemoryError(f"{len(x)} inputs at once")
        held = x.new_zeros(len(x), self.numbers)
        logits: Tensor = self.net(x) + held[:, :1]
        self.largest = max(self.largest, len(x))
        return logits


def memory(bench: Bench) -> None:
    """Where memory does not suffice, the micro-batch is halved and the result is the same."""
    n = 64 if bench.small else 256
    x, y = (t.to(bench.device) for t in images(n, TINY))
    net = learned(small, TINY).to(bench.device)
    threat = eb.Threat("linf", BUDGETS["linf"])
    expected = eb.PGD(steps=8)(net.double(), x.double(), y, threat)
    with bench.case("a network that refuses large batches"):
        greedy = Greedy(net.double(), 1, RESTRICTED).eval()
        same(bench, expected, eb.PGD(steps=8)(greedy, x.double(), y, threat))
        bench.check("halved", 0 < greedy.largest <= RESTRICTED, f"{greedy.largest} rows at once")
    with bench.case("an evaluation of a network that refuses large batches"):
        greedy = Greedy(net.double(), 1, RESTRICTED).eval()
        run = eb.evaluate(greedy, (x.double(), y), threat, [eb.PGD(steps=8)])
        bench.check("an evaluation halves", abs(float((run.upper <= threat.eps).mean()) - share(expected)) < 1e-9)  # noqa: PLR2004
    with bench.case("one input that does not fit"):
        try:
            eb.PGD(steps=8)(Greedy(net, 1, 0).eval(), x.double(), y, threat)
            bench.check("one input too many is said", holds=False, note="no error came")
        except eb.ModelError as error:
            bench.check("one input too many is said", "memory" in str(error), str(error))
    with bench.case("a card that is full"):
        full(bench, net, x, y, threat, expected)


def full(bench: Bench, net: nn.Module, x: Tensor, y: Tensor, threat: eb.Threat, expected: eb.Found) -> None:
    """Limit this process to 2 GiB of the card, where the whole batch wants 16."""
    if bench.device.type != "cuda":
        raise LeftOut("only a card's memory can be limited from inside")
    total = torch.cuda.get_device_properties(bench.device).total_memory
    numbers = 16 * GIBIBYTE // 8 // len(x)
    torch.cuda.set_per_process_memory_fraction(min(1.0, 2 * GIBIBYTE / total), bench.device)
    greedy = Greedy(net, numbers).eval()
    try:
        found: list[eb.Found] = []
        peak = bench.peak(lambda: found.append(eb.PGD(steps=8)(greedy, x.double(), y, threat)))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, bench.device)
    same(bench, expected, found[0])
    bench.check("halved on the card", 0 < greedy.largest < len(x), f"{greedy.largest} rows at once")
    bench.figures["a card that is full"] = {"rows at once": greedy.largest, "of": len(x), "peak bytes": peak}


def same(bench: Bench, expected: eb.Found, found: eb.Found) -> None:
    """The points, up to rounding in float64."""
    bench.check("halving: the same success", torch.equal(expected.success, found.success))
    apart = (expected.x - found.x).abs().max().item()
    bench.check("halving: the same points", apart <= 1e-6, f"{apart} apart")  # noqa: PLR2004


def share(found: eb.Found) -> float:
    """Share of the rows for which a point was found."""
    return found.success.double().mean().item()
