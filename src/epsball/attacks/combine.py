"""Attacks made of attacks: repeated, one after the other, towards one class."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from epsball.attacks.base import Attack
from epsball.errors import InputError
from epsball.goal import Goal
from epsball.models.wrap import wrap
from epsball.oracle.access import Access
from epsball.validation import checked_settings, positive, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from epsball.models.model import Model
    from epsball.oracle.oracle import Oracle
    from epsball.threat import Threat


@dataclass(frozen=True)
class Wrapper(Attack):
    """An attack with the traits of its members: it sees what they need, and asks the question that they all ask.

    Raises:
        InputError: no members, members of two kinds, or settings that mean nothing.
    """

    @property
    @abstractmethod
    def members(self) -> tuple[Attack, ...]:
        """The attacks that are run, in this order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for member in self.members:
            if not isinstance(member, Attack):
                raise InputError(
                    f"{type(self).__name__} was given {member!r} as an attack; expected an attack's object, such as eb.PGD()"
                )
        if len({member.minimum_norm for member in self.members}) != 1:
            raise InputError(
                "an ensemble was given no attacks, or some inside a ball together with minimum-norm ones; "
                "expected members of one kind: run the two kinds one after the other"
            )
        for settings in (self, *self.members):
            checked_settings(settings)

    # A trait is a class attribute of an attack; a wrapper's depends on what it wraps, hence the properties.
    @property
    def access(self) -> Access:  # type: ignore[override]
        return max(member.access for member in self.members)

    @property
    def norms(self) -> tuple[str, ...]:  # type: ignore[override]
        first, *others = (member.norms for member in self.members)
        return tuple(norm for norm in first if all(norm in norms for norms in others))

    @property
    def minimum_norm(self) -> bool:  # type: ignore[override]
        return self.members[0].minimum_norm

    @property
    def maximises(self) -> bool:
        return all(member.maximises for member in self.members)

    @property
    def single_step(self) -> bool:  # type: ignore[override]
        return all(member.single_step for member in self.members)

    @property
    def noise_only(self) -> bool:  # type: ignore[override]
        return all(member.noise_only for member in self.members)

    @property
    def images_only(self) -> bool:  # type: ignore[override]
        return any(member.images_only for member in self.members)

    @property
    def may_fail(self) -> bool:  # type: ignore[override]
        return all(member.may_fail for member in self.members)

    @property
    def starts_at_input(self) -> bool:  # type: ignore[override]
        return self.members[0].starts_at_input

    @property
    def expected_passes(self) -> float:
        return sum(member.expected_passes for member in self.members)

    @property
    def aims_at(self) -> tuple[int, ...]:  # type: ignore[override]
        return tuple(sorted({target for member in self.members for target in member.aims_at}))

    @property
    def only_towards(self) -> tuple[int, ...]:
        only = [member.only_towards for member in self.members]
        return tuple(sorted({target for targets in only for target in targets})) if all(only) else ()

    @property
    def accepts_start(self) -> bool:  # type: ignore[override]
        return all(member.accepts_start for member in self.members)


@dataclass(frozen=True)
class Restarts(Wrapper):
    """Run an attack `n` times with fresh random numbers and keep the best point of every sample.

    A caller's starting points are those of the first run.

    Args:
        attack: what is repeated.
        n: how often.
    """

    attack: Attack
    n: int = positive(10)

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def expected_passes(self) -> float:
        return self.n * self.attack.expected_passes

    def run(self, ask: Oracle) -> Tensor:
        x = ask.x0
        for run in range(self.n):
            ask.restart(elsewhere=run > 0)
            x = ask.finish(self.attack.run(ask))
        return x


@dataclass(frozen=True, init=False)
class Worst(Wrapper):
    """Run several attacks and keep the best point of every sample over all of them.

    Args:
        attacks: what is run, in this order; put cheap ones first.
    """

    attacks: tuple[Attack, ...]

    def __init__(self, *attacks: Attack) -> None:
        object.__setattr__(self, "attacks", attacks)
        self.__post_init__()

    @property
    def members(self) -> tuple[Attack, ...]:
        return self.attacks

    @property
    def starts_at_input(self) -> bool:  # type: ignore[override]
        aimed = [bool(attack.aims_at) for attack in self.attacks]  # whose first question is under a goal of their own
        return self.attacks[0].starts_at_input and (all(aimed) or not aimed[0])

    def run(self, ask: Oracle) -> Tensor:
        x = ask.x0
        for attack in self.attacks:
            ask.restart()
            x = ask.finish(attack.run(ask))
        return x


@dataclass(frozen=True)
class Targeted(Wrapper):
    """The same attack, where only one class counts as a success; the labels given are the samples' own.

    Args:
        attack: what searches.
        target: the class to reach; no sample may have it as its label.
    """

    starts_at_input = True

    attack: Attack
    target: int = whole()

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def aims_at(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.target,)

    @property
    def only_towards(self) -> tuple[int, ...]:
        return (self.target,)

    def run(self, ask: Oracle) -> Tensor:
        if ask.goal.targeted:
            raise InputError(
                "a targeted goal was given to Targeted, which aims by itself; give the samples' own labels"
            )
        with ask.aim(Goal.towards(ask.labels.new_full(ask.labels.shape, self.target), ask.labels)):
            if not self.attack.starts_at_input:
                ask.check_inputs()
            return ask.finish(self.attack.run(ask))


@dataclass(frozen=True)
class Expectation(Wrapper):
    """Run an attack on f(x) = 1/m sum_i f_i(x), the mean of the logits of m passes, which also says what is a success.

    What `eb.eot` does to a model, for a list of attacks that is to do so by itself. Athalye et al. 2017, arXiv:1707.07397, eq. 2.
    Deviations: those of `eb.eot`; AutoAttack averages gradients of losses and believes the label of one pass.

    Args:
        attack: what searches.
        draws: passes for each question, the m.
    """

    attack: Attack
    draws: int = positive(20)

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    @property
    def expected_passes(self) -> float:
        return self.draws * self.attack.expected_passes

    @property
    def starts_at_input(self) -> bool:  # type: ignore[override]
        return True

    def run(self, ask: Oracle) -> Tensor:
        with ask.averaged(self.draws):
            if not self.attack.starts_at_input:
                ask.check_inputs()
            return ask.finish(self.attack.run(ask))


@dataclass(frozen=True, init=False)
class Transfer(Wrapper):
    """Attack another network, the surrogate, and show the target only the resulting points: one query a sample.

    An attack inside a ball is run to its end, for what just deceives the surrogate seldom deceives another network; of a minimum-norm
    attack the nearest errors are shown. Papernot, McDaniel, Goodfellow 2016, arXiv:1605.07277. Deviations: none.

    Args:
        attack: what is run on the surrogate.
        surrogate: a classifier in data units, `eb.wrap(net)`, or a bare callable; which one it is stands in the plan of a run.
    """

    attack: Attack
    surrogate: Model

    def __init__(self, attack: Attack, surrogate: Callable[[Tensor], Any] | Model) -> None:
        object.__setattr__(self, "attack", attack)
        object.__setattr__(self, "surrogate", wrap(surrogate))
        self.__post_init__()

    @property
    def members(self) -> tuple[Attack, ...]:
        return (self.attack,)

    # What the attack sees is the surrogate; the target is asked once, about the last point, which is no access at all.
    @property
    def access(self) -> Access:  # type: ignore[override]
        return Access.NOTHING

    @property
    def may_fail(self) -> bool:  # type: ignore[override]
        return True

    @property
    def accepts_start(self) -> bool:  # type: ignore[override]
        return False

    @property
    def starts_at_input(self) -> bool:  # type: ignore[override]
        return False

    @property
    def expected_passes(self) -> float:
        return 1

    def run(self, ask: Oracle) -> Tensor:
        draw = ask.draw()
        return self.points(ask.x0, ask.goal, ask.threat, seed=draw.seed + draw.counter, ids=draw.ids)

    def points(
        self, x: Tensor, y: Tensor | Goal, threat: Threat, *, seed: int = 0, ids: Sequence[int] | Tensor | None = None
    ) -> Tensor:
        """Return what the target is shown, `(N, …)`: the surrogate's examples. Arguments are those of a call."""
        if self.attack.minimum_norm:
            return self.attack(self.surrogate, x, y, threat, seed=seed, ids=ids).x
        return self.attack.maximise(self.surrogate, x, y, threat, seed=seed, ids=ids)
