"""The laws that every attack keeps, each a function of an attack, a norm and a device."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from epsball.geometry import NORMS
from epsball.oracle.access import Access
from epsball.oracle.batching import Batching
from epsball.testing.problems import Affine, Curved, Recorder, another, goal_for, problem, threat_for
from epsball.threat import Threat

if TYPE_CHECKING:
    from epsball.attacks.base import Attack

Check: TypeAlias = Callable[["Attack", str, torch.device], None]
"""(attack, name of a norm, device) -> nothing, or an AssertionError that says what the attack did."""

CPU = torch.device("cpu")
_SAME_POINT = 1e-6
_NEAR = 1.25
"""On an affine model, an attack must find what lies within this factor of the exact distance."""


def stays_in_the_threat(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """Successes are errors inside ball and box at the distance stated; failures are the input itself; types are kept."""
    for targeted in (False,) if attack.aims_at else (False, True):
        for dtype in (torch.float32, torch.float64):
            model, x, y = problem(attack, Affine(), at, dtype)
            y[0] = another(y[0], attack)
            goal, threat = goal_for(y, targeted=targeted), threat_for(attack, norm)
            found = attack(model, x, goal, threat)
            length = threat.norm(found.x.double() - x.double())
            _demand(
                bool(goal.met(model(found.x))[found.success].all()),
                attack,
                norm,
                "calls points successes that are none",
            )
            _demand(bool((length <= threat.eps).all()), attack, norm, "leaves the ball")
            _demand(bool(((found.x >= 0) & (found.x <= 1)).all()), attack, norm, "leaves the pixel box")
            _demand(found.x.dtype == dtype, attack, norm, f"changes the type of its inputs from {dtype}")
            _demand(
                torch.equal(found.x[~found.success], x[~found.success]), attack, norm, "moves inputs that it fails on"
            )
            same = torch.allclose(length[found.success], found.distance[found.success], rtol=1e-9, atol=0)
            _demand(same, attack, norm, "states wrong distances")
            unmoved = targeted or attack.aims_at or (found.distance[0].item() == 0 and torch.equal(found.x[0], x[0]))
            _demand(unmoved, attack, norm, "moves an input that is wrong already")


def keeps_to_the_exact_distance(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """On an affine model nothing nearer than the exact distance is found, and what lies within 1.25 times of it is."""
    if norm == "l0" or attack.measures not in {"", norm} or any(target > 1 for target in attack.aims_at):
        return  # the exact distance in l0 is a combinatorial one, another norm's optimum is none in this one; there are 2 classes
    model, x, y = problem(attack, Affine(classes=2), at, middle=True)
    exact = model.distance(x, y, NORMS[norm])
    found = attack(model, x, y, Threat(norm) if attack.minimum_norm else Threat(norm, exact * _NEAR))
    _demand(bool((found.distance >= exact * (1 - 1e-6)).all()), attack, norm, "finds errors where none can be")
    if not attack.may_fail:
        reachable = exact < 0.4 if norm == "l1" else exact > 0  # noqa: PLR2004 - the box stops a single pixel at 0.45
        near = found.success & (found.distance <= exact * _NEAR * (1 + 1e-9))
        _demand(bool(near[reachable].all()), attack, norm, "misses errors within 1.25 times the exact distance")


def fares_alike_in_any_company(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """A sample's result depends on the sample, its id and the seed, not on its batch or on how the batch is cut."""
    model, x, y = problem(attack, Curved().eval(), at)
    ids = torch.arange(50, 50 + len(x), device=at)
    whole = attack(model, x, y, threat_for(attack, norm), ids=ids)
    every = torch.arange(len(x), device=at)
    cuts = (Batching(size, channels_last=False, block_size=block) for size, block in ((3, 1000), (2, 5)))
    parts = [(every[3:4], None), (every.flip(0), None), *((every, cut) for cut in cuts)]
    for rows, batching in parts:
        part = attack(model, x[rows], y[rows], threat_for(attack, norm), ids=ids[rows], batching=batching)
        same = torch.equal(part.success, whole.success[rows]) and torch.allclose(
            part.x, whole.x[rows], rtol=0, atol=1e-9
        )
        _demand(same, attack, norm, "gives a sample another result in another batch")
        _demand(torch.equal(part.queries, whole.queries[rows]), attack, norm, "spends other queries in another batch")
    wrong = torch.tensor([another(label, attack) for label in y.tolist()], device=at)
    fooled = int(whole.success.int().argmax())
    among = attack(model, x, torch.where(every == fooled, y, wrong), threat_for(attack, norm), ids=ids)
    same = torch.allclose(among.x[fooled], whole.x[fooled], rtol=0, atol=1e-9)
    same = same and bool(among.queries[fooled] == whole.queries[fooled])
    _demand(same, attack, norm, "gives a sample another result among samples that are wrong already")


def draws_from_the_seed_alone(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """What is asked does not depend on the random states of Python, NumPy and PyTorch, which are given back as they were."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state of others, which an attack must not use
    inner, x, y = problem(attack, Curved().eval(), at)
    asked = []
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - as above
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed)
                model = Recorder(inner)
                attack(model, x, y, threat_for(attack, norm))
                asked.append(torch.cat(model.points))
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 - as above
    _demand(torch.equal(*asked), attack, norm, "draws global random numbers")


def begins_where_it_is_told(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """An attack that accepts starting points asks about them, put into the threat."""
    if not attack.accepts_start:
        return
    inner, x, y = problem(attack, Affine(), at)
    threat, model = threat_for(attack, norm), Recorder(inner)
    drawn = torch.rand(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype).to(at)
    start = threat.project(drawn, x)
    attack(model, x, y, threat, start=start)
    nearest = torch.cdist(start.flatten(1), torch.cat([points.flatten(1) for points in model.points])).amin(1)
    _demand(bool((nearest < _SAME_POINT).all()), attack, norm, "accepts starting points and never asks about them")


def finds_nothing_without_a_budget(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """With ε = 0 only inputs that are wrong already are successes, and nothing moves."""
    model, x, y = problem(attack, Affine(), at)
    y[0] = another(y[0], attack)
    found = attack(model, x, y, Threat(norm, 0.0))
    wrong = [not attack.aims_at] + [False] * (len(x) - 1)
    _demand(torch.equal(found.x, x), attack, norm, "moves inputs at ε = 0")
    _demand(found.success.tolist() == wrong, attack, norm, "counts other successes at ε = 0")


def counts_what_it_spends(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """Queries are the rows that the model saw; a budget of queries is never exceeded."""
    inner, x, y = problem(attack, Affine(), at)
    for budget in (None, 1, 3):
        model = Recorder(inner)
        found = attack(model, x, y, threat_for(attack, norm), queries=budget)
        stated, spent = int(found.queries.sum()), sum(map(len, model.points))
        _demand(stated == spent, attack, norm, f"states {stated} queries and spent {spent}")
        within = budget is None or int(found.queries.max()) <= budget
        _demand(within, attack, norm, f"spends {int(found.queries.max())} queries a sample with a budget of {budget}")


def leaves_everything_as_it_was(attack: Attack, norm: str, at: torch.device = CPU) -> None:
    """Weights, gradients, modes, buffers, inputs and PyTorch's random state are as before."""
    net, x, y = problem(attack, Curved().train(), at)
    net(x).sum().backward()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    slopes = [weight.grad.clone() for weight in net.parameters() if weight.grad is not None]
    kept, state = x.clone(), torch.get_rng_state()
    attack(net, x, y, threat_for(attack, norm))
    _demand(
        all(torch.equal(value, before[n]) for n, value in net.state_dict().items()), attack, norm, "changes the model"
    )
    now = [weight.grad for weight in net.parameters() if weight.grad is not None]
    _demand(
        all(torch.equal(a, b) for a, b in zip(slopes, now, strict=True)), attack, norm, "changes weights' gradients"
    )
    _demand(all(part.training for part in net.modules()), attack, norm, "changes the model's mode")
    _demand(torch.equal(x, kept), attack, norm, "changes its inputs")
    _demand(torch.equal(state, torch.get_rng_state()), attack, norm, "draws global random numbers")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        stays_in_the_threat,
        keeps_to_the_exact_distance,
        fares_alike_in_any_company,
        draws_from_the_seed_alone,
        begins_where_it_is_told,
        finds_nothing_without_a_budget,
        counts_what_it_spends,
        leaves_everything_as_it_was,
    )
}
"""The contract, check by check."""


def _demand(kept: object, attack: Attack, norm: str, broken: str) -> None:
    if not kept:
        known = attack.access.name.lower() if attack.access is not Access.NOTHING else "nothing"
        raise AssertionError(f"{type(attack).__name__} ({norm}, sees {known}) {broken}")
