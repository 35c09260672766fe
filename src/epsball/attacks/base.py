"""What every attack is: hyper-parameters, and a plain loop over questions to an oracle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch

from epsball.attacks.call import Call
from epsball.attacks.found import Found, UndefinedGradientError
from epsball.display.text import budget, line
from epsball.errors import InputError, brief
from epsball.oracle.access import Access
from epsball.oracle.work import Work
from epsball.settings import choices, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from epsball.goal import Goal
    from epsball.models.model import Model
    from epsball.oracle.batching import Batching
    from epsball.oracle.oracle import Oracle
    from epsball.oracle.work import Tick
    from epsball.threat import Threat

_PROBABLY_LABELS = 0.8
_EXPECTED_PASSES = 100.0
_FEW = 2
"""Attacks of an ensemble that its line shows."""
_FINAL = ("__call__", "maximise")


@dataclass(frozen=True)
class Attack(ABC):
    """An attack's hyper-parameters. Subclasses write `run`; calling, bookkeeping and checks are the same for all.

    The class attributes are the attack's traits: everything that groups attacks (tests, diagnostics, tables, flags) reads them.
    """

    name: ClassVar[str] = ""
    """Name on the command line; the class's own, in lower case with hyphens, when empty."""
    access: ClassVar[Access] = Access.GRADIENT
    """What it may see of the model."""
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1", "l0")
    minimum_norm: ClassVar[bool] = False
    """Whether it asks "how close is the nearest error?" instead of "is there one within ε?"."""
    single_step: ClassVar[bool] = False
    """Whether it follows one gradient only, so that an attack of many steps must do at least as well."""
    noise_only: ClassVar[bool] = False
    """Whether its points do not depend on the model's answers."""
    images_only: ClassVar[bool] = False
    """Whether it needs images `(N, C, H, W)`."""
    may_fail: ClassVar[bool] = False
    """Whether it may miss errors of an affine model that are within reach."""
    measures: ClassVar[str] = ""
    """The norm that it minimises whatever the threat's; the threat's own when empty."""
    starts_at_input: ClassVar[bool] = False
    """Whether its first question is about the clean input, which then needs no question of its own."""
    aims_at: ClassVar[tuple[int, ...]] = ()
    """The classes that it heads for by itself: no sample may have one of them as its label, and no goal may be a targeted one."""
    accepts_start: ClassVar[bool] = False
    """Whether it begins at `ask.start()`, so that a caller may give starting points."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign] # else `dataclass` writes another one into every subclass
        for closed in _FINAL:
            if getattr(cls, closed) is not vars(Attack)[closed]:
                raise TypeError(
                    f"{cls.__name__} defines {closed}, which is the same for all attacks; write run(self, ask) instead"
                )

    def __post_init__(self) -> None:
        """Read the numbers that were given as texts; a subclass with checks of its own calls this first."""
        settle(self)

    def __repr__(self) -> str:
        default = [(each.name, getattr(self, each.name), each.default) for each in fields(self)]
        return line(f"{type(self).__name__}({', '.join(f'{k}={_shown(v)}' for k, v, usual in default if v != usual)})")

    @property
    def only_towards(self) -> tuple[int, ...]:
        """The classes that alone count as a success; none where any error does."""
        return ()

    @property
    def expected_passes(self) -> float:
        """How many passes a sample that resists usually costs, for estimates of time; a forward pass is one, a gradient another."""
        return _EXPECTED_PASSES

    def expected_work(self, samples: float) -> Work:
        """What so many samples that resist usually cost together, for estimates of time; less than one is the chance of one."""
        of_a_call = 2 if self.access is Access.GRADIENT else 1
        return Work(samples * self.expected_passes, min(1.0, samples) * self.expected_passes / of_a_call)

    @property
    def reach(self) -> float | None:
        """How far its steps can carry it together, in units of ε; None where that is not known beforehand."""
        return None

    @property
    def longest_step(self) -> float | None:
        """The longest of its steps, in units of ε; None where that is not known beforehand."""
        return None

    @property
    def maximises(self) -> bool:
        """Whether it ascends within ε, so that training can use it."""
        return not self.minimum_norm

    @abstractmethod
    def run(self, ask: Oracle) -> Tensor:
        """Search around `ask.x0` `(n, …)` and return the last iterate; every point queried is remembered by the oracle."""

    @final
    def __call__(
        self,
        model: Callable[[Tensor], Any] | Model,
        x: Tensor,
        y: Tensor | Goal,
        threat: Threat,
        *,
        seed: int = 0,
        ids: Sequence[int] | Tensor | None = None,
        queries: int | None = None,
        start: Tensor | None = None,
        batching: Batching | None = None,
        tick: Tick | None = None,
    ) -> Found:
        """Attack every sample.

        Args:
            model: a classifier in data units: `eb.wrap(net)`, or a bare callable that takes data units and returns logits.
            x: clean inputs `(N, …)` inside the threat's box.
            y: true labels `(N,)`, or a `Goal`.
            threat: where the attack may move, in data units.
            seed: seed of all random draws.
            ids: the samples' ids `(N,)`; a sample's draws depend on (seed, id) only. Row numbers when left out.
            queries: forward passes that a sample may cost; its search ends when they are spent. Any number when left out.
            start: starting points `(N, …)`, put into the threat; for attacks with the trait `accepts_start`.
            batching: how the model is queried; chosen by rule when left out.
            tick: called after every micro-batch with the passes that it took and a function that estimates the work still to come.

        Raises:
            InputError: arguments that cannot be used; the sentence says what was expected and how to get there.
            ModelError: the model raised, answered nonsense, or has no gradient that is a number anywhere. It is given back as it
                was, here too.
        """
        call = Call.prepare(
            self, model, x, y, threat, seed=seed, ids=ids, queries=queries, start=start, batching=batching, tick=tick
        )
        with call.frozen():
            found = [_search(self, ask) for ask in call.oracles(remember=True)]
        whole = Found(
            *(torch.cat(parts) for parts in zip(*(rows for rows, _ in found), strict=True)),
            notes={
                name: _together(name, found) for name in dict.fromkeys(name for _, notes in found for name in notes)
            },
            original=call.x,
        )
        if bool(whole.blind.any()) and bool((whole.blind | (whole.gradients == 0)).all()):
            raise UndefinedGradientError(whole)
        there = whole.distance == 0
        if call.goal.targeted and len(there) > 1 and there.double().mean().item() > _PROBABLY_LABELS:
            raise InputError(
                f"the model already predicts the target of {int(there.sum())} of {len(there)} samples; the targets are probably "
                "the true labels: give other classes, or an untargeted goal"
            )
        return whole

    @final
    def maximise(
        self,
        model: Callable[[Tensor], Any] | Model,
        x: Tensor,
        y: Tensor | Goal,
        threat: Threat,
        *,
        seed: int = 0,
        ids: Sequence[int] | Tensor | None = None,
        start: Tensor | None = None,
        batching: Batching | None = None,
    ) -> Tensor:
        """Return the last iterates `(N, …)` without stopping at successes: the inner maximisation of adversarial training (eq. 9).

        An attack that is made of several searches returns, of every sample, the end with the largest cross entropy. Arguments and
        errors are those of a call.
        """
        if not self.maximises:
            raise InputError(
                f"{type(self).__name__} looks for the nearest error and maximises nothing within ε; "
                "use an attack inside a ball, such as PGD"
            )
        call = Call.prepare(self, model, x, y, threat, seed=seed, ids=ids, queries=None, start=start, batching=batching)
        with call.frozen():
            ends = [self.run(ask) for ask in call.oracles(remember=False)]
            return (ends[0] if len(ends) == 1 else torch.cat(ends)).detach()


def _together(name: str, found: Sequence[tuple[tuple[Tensor, ...], Mapping[str, Tensor]]]) -> Tensor:
    """A note about all rows, `(N,)`; none of a block in which nobody made it."""
    return torch.cat(
        [notes.get(name, torch.zeros(len(rows[0]), dtype=torch.bool, device=rows[0].device)) for rows, notes in found]
    )


def _search(attack: Attack, ask: Oracle) -> tuple[tuple[Tensor, ...], Mapping[str, Tensor]]:
    """The fields of `Found` for one block of rows."""
    x0, threat = ask.x0, ask.threat
    if not attack.starts_at_input:
        ask.check_inputs()
    ask.finish(attack.run(ask))
    x, distance, *counts = ask.found()
    relative = torch.where(distance == 0, distance, distance / threat.norm(x0.double()))
    return (x, distance.isfinite(), distance, relative, *counts), ask.notes


def _shown(value: object) -> str:
    """A setting as its user would write it, where it is no longer than a few words."""
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return repr(name) if choices(value).get(name) is value else name
    if isinstance(value, tuple) and len(value) > _FEW:
        return f"({type(value[0]).__name__}, … {len(value)} in all)"
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    if isinstance(value, float):
        return budget(value)
    return brief(value) if hasattr(value, "shape") else repr(value)
