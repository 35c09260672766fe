"""What no program can decide about a number: questions that stand open in every report until a person has answered them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from epsball.report.text import count, limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epsball.record import Evaluation


class Question(NamedTuple):
    """A question, what the run itself says of it, and what a reader should see before the number is believed."""

    name: str
    known: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.name}: {self.known}. {self.wanted}"


def checklist(run: Evaluation) -> list[Question]:
    """The open questions of a run. Sources: Carlini et al. 2019, arXiv:1902.06705; Tramèr et al. 2020, arXiv:2002.08347."""
    return list(_questions(run))


def _questions(run: Evaluation) -> Iterator[Question]:
    plan = run.plan
    own = [name for name, attack in plan.attacks.items() if ":" in attack.kind]
    yield Question(
        "Adaptive attack",
        f"{', '.join(own)} supplied from outside the library" if own else "none supplied",
        "Where the model is defended, an attack must be written against that defence, and say what it exploits.",
    )
    yield Question(
        "Threat",
        f"images changed {limit(plan.threat)}" if run.eps < float("inf") else "images changed by any distance",
        "Is that what the attacker of the application can do, and does he know the model, its defence and its randomness?",
    )
    name = " ".join(part for part in (plan.data.source, plan.data.split) if part) or "given arrays"
    yield Question(
        "Selection",
        f"{count(len(run))} images of {name}",
        "Were weights, settings, thresholds and checkpoints chosen on other images than these?",
    )
    yield Question(
        "Prior work",
        "no published figure is compared here",
        "What do others report for this model, or for this kind of defence, at the same threat?",
    )
    weights = plan.model.weights[:12]
    yield Question(
        "Release",
        f"the weights have the fingerprint {weights}" if weights else "the model has no weights to name",
        "Can others get code, weights and images, to attack the model with what this run did not try?",
    )


def short(run: Evaluation) -> str:
    """The same in one line."""
    first, *others = checklist(run)
    return (
        f"Open: {first.name.lower()} ({first.known}), {', '.join(each.name.lower() for each in others)}; see the report"
    )
