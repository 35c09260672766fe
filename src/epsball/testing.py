"""The contract that every attack keeps, for the library's own and for anybody's: `check_attack(MyAttack())`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from epsball.geometry import NORMS, Norm
from epsball.goal import Goal
from epsball.models.wrap import wrap
from epsball.oracle.access import Access
from epsball.threat import Threat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epsball.attacks.base import Attack

Check: TypeAlias = Callable[["Attack", str], None]
"""(attack, name of a norm) -> nothing, or an AssertionError that says what the attack did."""

Net = TypeVar("Net", bound=nn.Module)

_SHAPE, _CLASSES, _N = (1, 6, 6), 4, 12
_NEAR = 1.25
"""On an affine model, an attack must find what lies within this factor of the exact distance."""


def check_attack(attack: Attack, norms: Iterable[str] | None = None) -> None:
    """Hold an attack to the contract in every norm that it names.

    Args:
        attack: with settings that are cheap enough for a test.
        norms: the norms to check; those of the attack when left out.

    Raises:
        AssertionError: it breaks the contract; the sentence says how.
    """
    for norm in attack.norms if norms is None else norms:
        for check in CHECKS.values():
            check(attack, norm)


class Affine(nn.Module):
    """Logits W (x - 1/2) + b in float64, whose nearest boundaries are known exactly."""

    def __init__(self, classes: int = _CLASSES, seed: int = 0) -> None:
        super().__init__()
        generator, size = torch.Generator().manual_seed(seed), math.prod(_SHAPE)
        weight = 20 * torch.randn(classes, size, generator=generator, dtype=torch.float64) / size
        self.weight: nn.Parameter = nn.Parameter(weight)
        self.bias: nn.Parameter = nn.Parameter(0.02 * torch.randn(classes, generator=generator, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of x `(N, 1, 6, 6)`."""
        return (x.flatten(1) - 0.5).to(self.weight) @ self.weight.T + self.bias

    def distance(self, x: Tensor, y: Tensor, norm: Norm) -> Tensor:
        """Return the distance of each input to its nearest boundary where nothing is clipped, `(N,)`."""
        z = self(x).detach()
        gaps = z.gather(1, y[:, None]) - z
        slopes = torch.stack([norm.dual(self.weight.detach()[y] - row) for row in self.weight.detach()], 1)
        ratio = torch.where(slopes > 0, gaps / slopes.clamp_min(torch.finfo(z.dtype).tiny), torch.inf)
        return ratio.scatter(1, y[:, None], torch.inf).amin(1)


class Curved(nn.Module):
    """Two layers with batch norm and dropout: all that a careless attack disturbs."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            size = math.prod(_SHAPE)
            self.net: nn.Module = nn.Sequential(
                nn.Flatten(),
                nn.Linear(size, 24),
                nn.BatchNorm1d(24),
                nn.ReLU(),
                nn.Dropout(0.5),
                nn.Linear(24, _CLASSES),
            ).double()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of x `(N, 1, 6, 6)`."""
        out: Tensor = 8 * self.net(x.double())
        return out


def stays_in_the_threat(attack: Attack, norm: str) -> None:
    """Successes are errors inside ball and box at the distance stated; failures are the input itself; types are kept."""
    for targeted in (False, True):
        for dtype in (torch.float32, torch.float64):
            model, x, y = _problem(Affine(), dtype)
            y[0] = (y[0] + 1) % _CLASSES
            goal, threat = _goal(y, targeted=targeted), _threat(attack, norm)
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
            unmoved = targeted or (found.distance[0].item() == 0 and torch.equal(found.x[0], x[0]))
            _demand(unmoved, attack, norm, "moves an input that is wrong already")


def keeps_to_the_exact_distance(attack: Attack, norm: str) -> None:
    """On an affine model nothing nearer than the exact distance is found, and what lies within 1.25 times of it is."""
    if norm == "l0" or attack.measures not in {"", norm}:
        return  # the exact distance in l0 is a combinatorial one, and another norm's optimum is none in this one
    model, x, y = _problem(Affine(classes=2), torch.float64, middle=True)
    exact = model.distance(x, y, NORMS[norm])
    found = attack(model, x, y, Threat(norm) if attack.minimum_norm else Threat(norm, exact * _NEAR))
    _demand(bool((found.distance >= exact * (1 - 1e-6)).all()), attack, norm, "finds errors where none can be")
    if not attack.may_fail:
        reachable = exact < 0.4 if norm == "l1" else exact > 0  # noqa: PLR2004 - the box stops a single pixel at 0.45
        near = found.success & (found.distance <= exact * _NEAR * (1 + 1e-9))
        _demand(bool(near[reachable].all()), attack, norm, "misses errors within 1.25 times the exact distance")


def fares_alike_in_any_company(attack: Attack, norm: str) -> None:
    """A sample's result depends on the sample, its id and the seed, not on its batch."""
    model, x, y = _problem(Curved().eval(), torch.float64)
    ids = torch.arange(50, 50 + len(x))
    whole = attack(model, x, y, _threat(attack, norm), ids=ids)
    for rows in (torch.tensor([3]), torch.arange(len(x) - 1, -1, -1)):
        part = attack(model, x[rows], y[rows], _threat(attack, norm), ids=ids[rows])
        same = torch.equal(part.success, whole.success[rows]) and torch.allclose(
            part.x, whole.x[rows], rtol=0, atol=1e-9
        )
        _demand(same, attack, norm, "gives a sample another result in another batch")
        _demand(torch.equal(part.queries, whole.queries[rows]), attack, norm, "spends other queries in another batch")


def finds_nothing_without_a_budget(attack: Attack, norm: str) -> None:
    """With ε = 0 only inputs that are wrong already are successes, and nothing moves."""
    model, x, y = _problem(Affine(), torch.float64)
    y[0] = (y[0] + 1) % _CLASSES
    found = attack(model, x, y, Threat(norm, 0.0))
    _demand(torch.equal(found.x, x), attack, norm, "moves inputs at ε = 0")
    _demand(found.success.tolist() == [True] + [False] * (len(x) - 1), attack, norm, "counts other successes at ε = 0")


def counts_what_it_spends(attack: Attack, norm: str) -> None:
    """Queries are the rows that the model saw; a budget of queries is never exceeded."""
    inner, x, y = _problem(Affine(), torch.float64)
    for budget in (None, 1, 3):
        seen = 0

        def model(x: Tensor) -> Tensor:
            nonlocal seen
            seen += len(x)
            return inner(x)  # type: ignore[no-any-return] # a module returns anything

        found = attack(model, x, y, _threat(attack, norm), queries=budget)
        _demand(
            int(found.queries.sum()) == seen,
            attack,
            norm,
            f"states {int(found.queries.sum())} queries and spent {seen}",
        )
        within = budget is None or int(found.queries.max()) <= budget
        _demand(within, attack, norm, f"spends {int(found.queries.max())} queries a sample with a budget of {budget}")


def leaves_everything_as_it_was(attack: Attack, norm: str) -> None:
    """Weights, gradients, modes, buffers, inputs and PyTorch's random state are as before."""
    net, x, y = _problem(Curved().train(), torch.float64)
    net(x).sum().backward()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    slopes = [weight.grad.clone() for weight in net.parameters() if weight.grad is not None]
    kept, state = x.clone(), torch.get_rng_state()
    attack(net, x, y, _threat(attack, norm))
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
        finds_nothing_without_a_budget,
        counts_what_it_spends,
        leaves_everything_as_it_was,
    )
}
"""The contract, check by check."""


def _problem(model: Net, dtype: torch.dtype, *, middle: bool = False) -> tuple[Net, Tensor, Tensor]:
    unit = torch.rand(_N, *_SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = (0.45 + 0.1 * unit if middle else unit).to(dtype)
    with torch.no_grad():
        return model, x, wrap(model)(x).argmax(1)


def _goal(y: Tensor, *, targeted: bool) -> Goal:
    return Goal((y + 1) % _CLASSES, targeted=True) if targeted else Goal(y)


def _threat(attack: Attack, norm: str) -> Threat:
    size = math.prod(_SHAPE)
    budgets = {"linf": 0.1, "l2": 0.09 * size**0.5, "l1": 0.08 * size, "l0": max(1.0, size // 8)}
    return Threat(norm) if attack.minimum_norm else Threat(norm, budgets[norm])


def _demand(kept: object, attack: Attack, norm: str, broken: str) -> None:
    if not kept:
        known = attack.access.name.lower() if attack.access is not Access.NOTHING else "nothing"
        raise AssertionError(f"{type(attack).__name__} ({norm}, sees {known}) {broken}")
