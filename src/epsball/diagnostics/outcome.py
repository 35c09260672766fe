"""What the checks after the last attack are handed: the one place that reads what the record says of an attack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from epsball.record.selection import Selection, halves
from epsball.record.statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from epsball.diagnostics.ladder import Ladder, OneStep
    from epsball.record.evaluation import AttackRows
    from epsball.record.plan import AttackPlan


NOTED = "near", "searched", "planted", "unfound", "lost"
"""What attacks note of samples, by the names of `Outcome`'s fields."""


@dataclass(frozen=True)
class Traits:
    """What the record says of an attack, beside its settings.

    Args:
        access: what it sees of the model, "GRADIENT", "SCORES", "LABELS" or "NOTHING".
        minimum_norm: whether it looks for the nearest error at any distance.
        single_step: whether it takes one step.
        noise_only: whether it only draws noise.
        reach: how far its steps lead together, as a fraction of ε; None where that does not apply.
        longest_step: length of its longest step, as a fraction of ε; None where that does not apply.
        third_party: whether its class comes from outside the library.
        only_towards: the classes that alone count as a success; none where any error does.
        sampled: whether it is another course on a random share of the samples.
        selection: on which few samples it is run, as a control of the others; None where it is run on all that are robust so far.
    """

    access: str = "GRADIENT"
    minimum_norm: bool = False
    single_step: bool = False
    noise_only: bool = False
    reach: float | None = None
    longest_step: float | None = None
    third_party: bool = False
    only_towards: tuple[int, ...] = ()
    sampled: bool = False
    selection: Selection | None = None

    @classmethod
    def of(cls, attack: AttackPlan) -> Traits:
        """The traits of an attack of the record's plan."""
        return cls(
            access=attack.access,
            minimum_norm=attack.minimum_norm,
            single_step=attack.single_step,
            noise_only=attack.noise_only,
            reach=attack.reach,
            longest_step=attack.longest_step,
            third_party=":" in attack.kind,
            only_towards=attack.only_towards,
            sampled=attack.sampled,
            selection=Selection.of(attack),
        )

    @property
    def gradient(self) -> bool:
        """Whether it follows gradients."""
        return self.access == "GRADIENT"

    @property
    def one_step(self) -> bool:
        """Whether it takes one step along a gradient inside the ball."""
        return self.gradient and self.single_step and not self.minimum_norm

    @property
    def many_steps(self) -> bool:
        """Whether it takes several steps along gradients inside the ball."""
        return self.gradient and not self.single_step and not self.minimum_norm

    @property
    def black_box(self) -> bool:
        """Whether it searches without gradients."""
        return not self.gradient and not self.noise_only


@dataclass(frozen=True)
class Group:
    """On which of n samples some attacks were run, and on which of them they succeeded within ε."""

    names: tuple[str, ...]
    queried: NDArray[np.bool_]
    success: NDArray[np.bool_]

    def __str__(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, eq=False)
class Control:
    """An attack on a few of the samples that are robust after all others.

    Args:
        name: of the attack.
        ids: of the samples (m,), the nearest to an error first.
        nearest: on which of these it succeeded within ε.
        drawn: on which of the others, drawn at random, it did.
        remaining: how many samples were robust.
        n: all samples.
    """

    name: str
    ids: NDArray[np.int64]
    nearest: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    remaining: int
    n: int

    @property
    def success(self) -> NDArray[np.bool_]:
        """On which of the samples it succeeded (m,)."""
        return np.concatenate([self.nearest, self.drawn])

    @property
    def moved(self) -> float:
        """By how much robust accuracy would fall: the nearest samples speak for themselves, the drawn ones for the rest."""
        rest = (self.remaining - len(self.nearest)) * float(self.drawn.mean()) if len(self.drawn) else 0.0
        return (int(self.nearest.sum()) + rest) / self.n

    def __str__(self) -> str:
        broken, asked = int(self.success.sum()), len(self.ids)
        said = f"{self.name} broke {broken} of {asked} samples that were robust, {len(self.nearest)} of them the nearest to an error"
        if asked == self.remaining:
            return said
        bound = wilson(broken, asked)[1]
        return f"{said}; of all {self.remaining} it would break at most {bound:.1%} (95 % confidence)"


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished run over n samples.

    Args:
        ids: of the samples (n,).
        label: true labels (n,).
        clean: labels predicted on the clean inputs (n,).
        robust: whether the sample is correct and no error was found within ε (n,); at ε = inf whether it is correct.
        eps: the budget in data units.
        attacks: the rows of every attack, by its name.
        traits: the traits of every attack, by its name.
        dropped: ids of reported successes that do not count, by attack and reason ("moved", "label").
        success_rates: of every success that counts, the fraction of repeated passes in which it held (k,).
        passes: how many passes that were.
        left_out: how many samples were given beside these and have the target of all attacks as their label.
        undefined: of every sample whose gradients held NaN or infinite entries, how many, by attack.
        blind: ids of samples for which more than 1 % of the entries of some attack's gradients were.
        near: ids of samples that stand after an attack which came near an error of theirs, by attack.
        searched: ids of samples that stand and of which search lowered the margin where gradients had ended, by attack.
        planted: ids of samples in whose ball an adversarial example was planted, by attack.
        unfound: ids of those in whose ball the attack found none, by attack.
        seed: of the run.
        ladder: what short searches at several budgets broke of a few samples; None where none were made.
        one_step: what one step did to a few samples; None where none was made.
        lost: ids of samples for which an attack from outside queried an error and returned none, by attack.
        eight_bits: of every success 1 if it is one when the image is rounded to 8 bits, else 0, by attack.
    """

    when: ClassVar[str] = "after"

    ids: NDArray[np.int64]
    label: NDArray[np.int64]
    clean: NDArray[np.int64]
    robust: NDArray[np.bool_]
    eps: float
    attacks: Mapping[str, AttackRows]
    traits: Mapping[str, Traits]
    dropped: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    success_rates: NDArray[np.float64] = field(default_factory=lambda: np.ones(0))
    passes: int = 1
    left_out: int = 0
    undefined: Mapping[str, Sequence[int]] = field(default_factory=dict)
    blind: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    eight_bits: Mapping[str, Sequence[int]] = field(default_factory=dict)
    near: Mapping[str, Sequence[int]] = field(default_factory=dict)
    searched: Mapping[str, Sequence[int]] = field(default_factory=dict)
    planted: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unfound: Mapping[str, Sequence[int]] = field(default_factory=dict)
    seed: int = 0
    lost: Mapping[str, Sequence[int]] = field(default_factory=dict)
    ladder: Ladder | None = None
    one_step: OneStep | None = None

    def group(self, belongs: Callable[[Traits], bool]) -> Group:
        """The attacks whose traits say so, together, but for those on a few selected samples."""
        return self.together(
            tuple(name for name in self.attacks if belongs(self.traits[name]) and self.traits[name].selection is None)
        )

    def together(self, names: tuple[str, ...]) -> Group:
        """These attacks as one."""
        queried, success = np.zeros(len(self.ids), np.bool_), np.zeros(len(self.ids), np.bool_)
        for name in names:
            rows = self.attacks[name]
            queried |= np.isin(self.ids, rows.id)
            success |= np.isin(self.ids, rows.id[rows.within(self.eps)])
        return Group(names, queried, success)

    def selected(self, check: str, *, correct: bool = False) -> Iterator[Control]:
        """The attacks on selected samples that a check reads: on robust ones, or on those drawn from all correctly classified ones."""
        before = {name: rows for name, rows in self.attacks.items() if self.traits[name].selection is None}
        for name, rows in self.attacks.items():
            chosen = self.traits[name].selection
            if chosen is not None and chosen.check == check and chosen.correct == correct:
                places = halves(chosen, self.ids, self.label, self.clean, before, seed=self.seed, eps=self.eps)
                success = np.isin(self.ids, rows.id[rows.within(self.eps)])
                remaining = int((self.clean == self.label).sum()) - int(self.together(tuple(before)).success.sum())
                nearest, drawn = (success[half] for half in places)
                if len(nearest) + len(drawn):
                    yield Control(name, self.ids[np.concatenate(places)], nearest, drawn, remaining, len(self.ids))
