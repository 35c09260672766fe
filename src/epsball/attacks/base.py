"""What every attack is: hyper-parameters, and a plain loop over questions to an oracle."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.goal import Goal
from epsball.models.wrap import Model, wrap
from epsball.oracle.batching import Batching, choose_batching
from epsball.oracle.forward import Access
from epsball.oracle.oracle import Oracle
from epsball.validation import (
    checked_goal,
    checked_ids,
    checked_inputs,
    checked_seed,
    checked_settings,
    checked_threat,
    given_threat,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from epsball.threat import Threat


_PROBABLY_LABELS = 0.8


@dataclass(frozen=True)
class Found:
    """What an attack found for N samples.

    Args:
        x: the adversarial inputs `(N, …)`; the clean input where nothing was found.
        success: whether the goal is met inside the threat, `(N,)`.
        distance: |x - x0| in the threat's norm, float64 `(N,)`; infinity where nothing was found.
        relative: distance / |x0|, the paper's ρ of one sample, float64 `(N,)`.
        queries: model passes spent on the sample, `(N,)`.
        gradients: gradients taken for it, `(N,)`.
    """

    x: Tensor
    success: Tensor
    distance: Tensor
    relative: Tensor
    queries: Tensor
    gradients: Tensor


@dataclass(frozen=True)
class Attack(ABC):
    """An attack's hyper-parameters. Subclasses write `run`; calling, bookkeeping and checks are the same for all."""

    access: ClassVar[Access] = Access.GRADIENT
    minimum_norm: ClassVar[bool] = False
    """Whether it asks "how close is the nearest error?" instead of "is there one within ε?"."""
    starts_at_input: ClassVar[bool] = False
    """Whether its first question is about the clean input, which then needs no question of its own."""
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1", "l0")

    @abstractmethod
    def run(self, ask: Oracle, x0: Tensor, threat: Threat) -> Tensor:
        """Search around `x0` `(n, …)` and return the last iterate; every point asked about is remembered by the oracle."""

    def __call__(
        self,
        model: Callable[[Tensor], Any] | Model,
        x: Tensor,
        y: Tensor | Goal,
        threat: Threat,
        *,
        seed: int = 0,
        ids: Sequence[int] | Tensor | None = None,
        batching: Batching | None = None,
    ) -> Found:
        """Attack every sample.

        Args:
            model: a classifier in data units: `eb.wrap(net)`, or a bare callable that takes data units and returns logits.
            x: clean inputs `(N, …)` inside the threat's box.
            y: true labels `(N,)`, or a `Goal`.
            threat: where the attack may move, in data units.
            seed: seed of all random draws.
            ids: the samples' ids `(N,)`; a sample's draws depend on (seed, id) only. Row numbers when left out.
            batching: how the model is asked; chosen by rule when left out.

        Raises:
            InputError: arguments that cannot be used; the sentence says what was expected and how to get there.
            ModelError: the model raised or answered nonsense. It is given back as it was, here too.
        """
        call = _Call.prepare(self, model, x, y, threat, seed, ids, batching)
        with call.frozen():
            found = [self._found(prepared) for prepared in call.oracles(remember=True)]
        there = torch.cat([f.distance for f in found]) == 0
        if call.goal.targeted and len(there) > 1 and there.double().mean().item() > _PROBABLY_LABELS:
            raise InputError(
                f"the model already predicts the target of {int(there.sum())} of {len(there)} samples; the targets are probably "
                "the true labels: give other classes, or an untargeted goal"
            )
        return Found(*(torch.cat([getattr(f, field.name) for f in found]) for field in dataclasses.fields(Found)))

    def maximise(
        self,
        model: Callable[[Tensor], Any] | Model,
        x: Tensor,
        y: Tensor | Goal,
        threat: Threat,
        *,
        seed: int = 0,
        ids: Sequence[int] | Tensor | None = None,
        batching: Batching | None = None,
    ) -> Tensor:
        """Return the last iterates `(N, …)` without stopping at hits: the inner maximisation of adversarial training (eq. 9).

        Arguments and errors are those of a call.
        """
        if self.minimum_norm:
            raise InputError(
                f"{type(self).__name__} looks for the nearest error and maximises nothing within ε; "
                "use an attack inside a ball, such as PGD"
            )
        call = _Call.prepare(self, model, x, y, threat, seed, ids, batching)
        with call.frozen():
            return torch.cat([self.run(*prepared) for prepared in call.oracles(remember=False)]).detach()

    def _found(self, prepared: tuple[Oracle, Tensor, Threat]) -> Found:
        ask, x0, threat = prepared
        if not self.starts_at_input:
            ask.met(x0)
        last = self.run(ask, x0, threat)
        if len(last) != len(ask.held):
            raise InputError(
                f"{type(self).__name__}.run returned {len(last)} rows and holds {len(ask.held)}; "
                "return the last iterate of every row held"
            )
        ask.met(last)
        x, distance = ask.found()
        length = threat.norm(x0.double())
        relative = torch.where(distance == 0, distance, distance / length)
        return Found(x, distance.isfinite(), distance, relative, ask.queries, ask.gradients)


@dataclass(frozen=True)
class _Call:
    """One call's arguments after the border."""

    attack: Attack
    model: Model
    x: Tensor
    goal: Goal
    threat: Threat
    seed: int
    ids: Tensor
    batching: Batching

    @classmethod
    @torch.inference_mode(mode=False)
    def prepare(
        cls,
        attack: Attack,
        net: Callable[[Tensor], Any] | Model,
        x: Tensor,
        y: Tensor | Goal,
        threat: Threat,
        seed: int,
        ids: Sequence[int] | Tensor | None,
        batching: Batching | None,
    ) -> _Call:
        name = type(attack).__name__
        checked_settings(attack)
        seed, threat = checked_seed(seed), given_threat(threat)
        if threat.norm.name not in attack.norms:
            raise InputError(f"{name} was asked for {threat.norm.name}; it is defined for {', '.join(attack.norms)}")
        threat = threat.to(x.device) if isinstance(x, Tensor) else threat
        model, x = wrap(net), checked_inputs(x, threat)
        checked_threat(threat, len(x), need_budget=not attack.minimum_norm, attack=name)
        goal = checked_goal(y if isinstance(y, Goal) else Goal(y), len(x), x.device)
        ids = checked_ids(ids, len(x), x.device)
        return cls(attack, model, x, goal, threat, seed, ids, batching or choose_batching(model, x))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the model and make gradients possible, whatever mode the caller is in."""
        channels_last = self.batching.channels_last
        with torch.inference_mode(mode=False), torch.enable_grad(), self.model.frozen(channels_last=channels_last):
            yield

    def oracles(self, *, remember: bool) -> Iterator[tuple[Oracle, Tensor, Threat]]:
        """Yield an oracle, its inputs and its threat for every block of rows; without hits to remember nothing is ever packed."""
        size = self.batching.block_size if remember else self.batching.batch_size
        for start in range(0, len(self.x), size):
            block = slice(start, start + size)
            x0, threat = self.x[block], self.threat[block]
            yield (
                Oracle(
                    self.model,
                    x0,
                    self.goal[block],
                    threat,
                    access=self.attack.access,
                    batching=self.batching,
                    seed=self.seed,
                    ids=self.ids[block],
                    minimise=self.attack.minimum_norm,
                    remember=remember,
                ),
                x0,
                threat,
            )
