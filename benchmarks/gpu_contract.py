"""What every attack owes its user, on a card: each public attack, each of its norms, untargeted and targeted."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

import torch

import epsball as eb
from places import attacks
from plain_networks import CLASSES, PHOTOGRAPH, TINY, calibrated, drawn, images, learned, small, tiny_resnet

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from gpu_bench import Bench

BUDGETS = {"linf": 0.1, "l2": 0.7, "l1": 5.0, "l0": 8.0}
"""Budgets for images of 64 pixels that fool some and not all."""
ROWS = 24
ALONE = 5
TOLERANCE = 1e-6
"""By how much a point in float64 may depend on the rest of its batch."""


def contract(bench: Bench) -> None:
    """Run the laws, quick attacks first, so that those left out for time are the slow ones; TF32 is off but for one case."""
    with bench.case("TF32"):
        bench.figures["share of successes that hold in a fresh pass, TF32 as PyTorch sets it"] = held_with_tf32(bench)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    net = learned(small, TINY).to(bench.device)
    x, y = (t.to(bench.device) for t in images(ROWS, TINY))
    with bench.case("devices mixed"):
        mixed(bench, net, x, y)
    everything = {name: shortened(attack) for name, attack in attacks().items()}
    slow = sorted(everything, key=lambda name: everything[name].minimum_norm)
    bench.figures["attacks"] = slow
    for name in slow:
        for norm in everything[name].norms:
            for targeted in (False, True):
                title = f"{name} {norm} {'targeted' if targeted else 'untargeted'}"
                if bench.in_time(title):
                    with bench.case(title):
                        goal = eb.Goal((y + 1) % CLASSES, targeted=True) if targeted else eb.Goal(y)
                        laws(bench, everything[name], net, x, goal, norm)
    bench.figures["tolerance of batch-mates, float64"] = TOLERANCE


def held_with_tf32(bench: Bench) -> dict[str, float]:
    """How many successes of two attacks a plain pass of the network confirms, where convolutions may round to TF32."""
    x = images(64, PHOTOGRAPH)[0].to(bench.device)
    net = calibrated(drawn(tiny_resnet).to(bench.device), x)
    shares = {}
    with torch.no_grad():
        y = net(x).argmax(1)
    for name, attack in {"PGD": eb.PGD(steps=8), "DeepFool": eb.DeepFool()}.items():
        found = attack(net, x, y, eb.Threat("l2", torch.inf if attack.minimum_norm else 0.5))
        with torch.no_grad():
            wrong = net(found.x[found.success]).argmax(1) != y[found.success]
        shares[name] = wrong.double().mean().item()
    return shares


def shortened(attack: eb.Attack, steps: int = 8) -> eb.Attack:
    """The attack with fewer steps, searches and members' steps: laws hold at every length."""
    changed: dict[str, object] = {}
    for field in dataclasses.fields(attack):
        value = getattr(attack, field.name)
        if field.name in {"steps", "searches"} and isinstance(value, int):
            changed[field.name] = min(value, steps if field.name == "steps" else 3)
        elif isinstance(value, eb.Attack):
            changed[field.name] = shortened(value, steps)
    if isinstance(attack, eb.Worst):
        return eb.Worst(*(shortened(member, steps) for member in attack.attacks))
    return dataclasses.replace(attack, **changed)


def laws(bench: Bench, attack: eb.Attack, net: nn.Module, x: Tensor, goal: eb.Goal, norm: str) -> None:
    """All laws of one attack in one norm."""
    threat = eb.Threat(norm, BUDGETS[norm])
    state, randomness, given = copy.deepcopy(net.state_dict()), random_state(bench), x.clone()
    modes = [part.training for part in net.modules()]
    found = attack(net, x, goal, threat)
    bench.check("weights and buffers untouched", all(torch.equal(v, state[k]) for k, v in net.state_dict().items()))
    bench.check("modes untouched", modes == [part.training for part in net.modules()])
    bench.check("gradients untouched", all(w.requires_grad and w.grad is None for w in net.parameters()))
    bench.check("random state untouched", torch.equal(random_state(bench), randomness))
    bench.check("inputs untouched", torch.equal(x, given))
    true(bench, net, x, goal, threat, found)
    if attack.minimum_norm:
        true(bench, net, x, goal, eb.Threat(norm), attack(net, x, goal, eb.Threat(norm)))
    else:
        nothing = attack(net, x, goal, eb.Threat(norm, 0.0))
        bench.check("ε = 0 returns x", torch.equal(nothing.x, x))
    alone(bench, attack, net, x, goal, threat)


def true(bench: Bench, net: nn.Module, x: Tensor, goal: eb.Goal, threat: eb.Threat, found: eb.Found) -> None:
    """What was found is where it is said to be, and on the card."""
    tensors = [getattr(found, field.name) for field in dataclasses.fields(found)]
    tensors = [t for t in tensors if isinstance(t, torch.Tensor)]
    bench.check("results on the device", all(t.device == x.device for t in tensors), str([t.device for t in tensors]))
    distance = threat.norm(found.x.double() - x.double())
    bench.check("inside the ball, float64", (distance <= threat.eps).all(), f"up to {distance.max().item()}")
    bench.check("inside the box", ((found.x >= 0) & (found.x <= 1)).all())
    bench.check("failures return the input", torch.equal(found.x[~found.success], x[~found.success]))
    bench.check("failures are infinitely far", found.distance[~found.success].isinf().all())
    said = found.distance[found.success]
    far = (said - distance[found.success]).abs().max().item() if len(said) else 0.0
    bench.check("the distance is true", far <= TOLERANCE, f"off by {far}")
    if len(said):
        with torch.no_grad():
            margin = goal_of(goal, found.success).margin(net(found.x[found.success])).max().item()
        bench.check("the success is true", margin <= 0, f"the goal is missed by {margin}")


def alone(bench: Bench, attack: eb.Attack, net: nn.Module, x: Tensor, goal: eb.Goal, threat: eb.Threat) -> None:
    """A sample's result does not depend on its batch-mates."""
    double, few = copy.deepcopy(net).double(), torch.arange(ALONE, device=x.device)
    whole = attack(double, x.double(), goal, threat, seed=7)
    part = attack(double, x[:ALONE].double(), goal_of(goal, few), threat, seed=7, ids=few)
    bench.check("batch-mates: success", torch.equal(part.success, whole.success[:ALONE]))
    bench.check("batch-mates: queries", torch.equal(part.queries, whole.queries[:ALONE]))
    apart = (part.x - whole.x[:ALONE]).abs().max().item()
    bench.check("batch-mates: points", apart <= TOLERANCE, f"{apart} apart")


def mixed(bench: Bench, net: nn.Module, x: Tensor, y: Tensor) -> None:
    """Arguments that lie elsewhere are moved, or refused in one sentence."""
    attack, rows = eb.PGD(steps=3), len(x)
    threat = eb.Threat("linf", 0.1)
    expected = attack(net, x, y, threat).x
    low, high = torch.zeros(TINY), torch.ones(TINY)
    ways = {
        "labels": lambda: attack(net, x, y.cpu(), threat).x,
        "ids": lambda: attack(net, x, y, threat, ids=torch.arange(rows)).x,
        "ε": lambda: attack(net, x, y, eb.Threat("linf", torch.full((rows,), 0.1))).x,
        "box": lambda: attack(net, x, y, eb.Threat("linf", 0.1, low, high)).x,
        "images": lambda: attack(net, x.cpu(), y.cpu(), threat).x.to(x.device),
        "network": lambda: attack(copy.deepcopy(net).cpu(), x, y, threat).x,
    }
    for name, run in ways.items():
        title = f"{name} on the processor"
        with bench.case(title):
            apart, outcome = moved(run, expected)
            bench.check(title, apart <= TOLERANCE, f"{apart} apart")
            bench.figures[title] = outcome


def moved(run: Callable[[], Tensor], expected: Tensor) -> tuple[float, str]:
    """How far an answer lies from the expected one, 0 where it was refused; and what happened."""
    try:
        return (run() - expected).abs().max().item(), "moved"
    except (eb.InputError, eb.ModelError) as error:
        return 0.0, f"refused: {str(error)[:200]}"


def goal_of(goal: eb.Goal, rows: Tensor) -> eb.Goal:
    """The goal of some rows."""
    return eb.Goal(goal.labels[rows], goal.targeted)


def random_state(bench: Bench) -> Tensor:
    """The state of the device's own random numbers."""
    return torch.cuda.get_rng_state(bench.device) if bench.device.type == "cuda" else torch.get_rng_state()
