"""Settings in the hands of a class: given as text or as a value, held as a value."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace

import pytest

import epsball as eb
from epsball import losses
from epsball.settings import Named, Number, choices, preset, settle
from epsball.validation import positive


@dataclass(frozen=True)
class Walk:
    """Settings of every kind."""

    steps: int = positive(10)
    length: Number = positive(0.5)
    loss: Named[losses.Loss] = Named(losses.margin)
    kind: str = "1/2"
    twice: bool = False

    def __post_init__(self) -> None:
        settle(self)


def test_a_class_and_its_signature_know_the_default() -> None:
    assert Walk.loss is losses.margin
    assert Walk() == Walk(loss=losses.margin, length=0.5)
    assert inspect.signature(Walk).parameters["loss"].default is losses.margin
    assert replace(Walk(loss="dlr"), steps=3).loss is losses.dlr


def test_two_objects_hold_their_own() -> None:
    one, other = Walk(loss="dlr"), Walk()
    assert (one.loss, other.loss) == (losses.dlr, losses.margin)
    assert hash(one) != hash(other)


def test_texts_become_numbers_where_numbers_are_meant() -> None:
    walk = Walk(steps="20", length="2/255", kind="3/4")  # type: ignore[arg-type] # a whole number is not typed so
    assert (walk.steps, walk.length, walk.kind) == (20, 2 / 255, "3/4")


def test_the_losses_by_name_are_those_that_are_losses() -> None:
    assert set(choices(losses.margin)) == {"cross_entropy", "sharpened_cross_entropy", "margin", "dlr"}
    assert set(choices(eb.PGD.rule)) >= {"steepest", "momentum"}
    assert eb.PGD(rule="steepest") == eb.PGD()


def test_a_preset_keeps_its_signature() -> None:
    assert list(inspect.signature(eb.BIM).parameters) == ["steps", "rate", "loss"]
    assert inspect.isfunction(eb.BIM)
    with pytest.raises(TypeError, match="argument"):
        preset(lambda steps: steps)()  # type: ignore[call-arg] # as Python says it


def test_a_function_of_ones_own_is_shown_by_its_name() -> None:
    def lead(logits: object, goal: object) -> object:
        return logits, goal

    assert repr(eb.PGD(loss=lead, steps=3)) == "PGD(steps=3, loss=lead)"  # type: ignore[arg-type] # its types do not matter here
    assert repr(eb.PGD(loss="margin", rate="2/255")) == "PGD(rate=2/255, loss='margin')"
    assert eval(repr(eb.PGD(loss="margin", rate="2/255")), {"PGD": eb.PGD}) == eb.PGD(loss="margin", rate=2 / 255)  # noqa: S307 the line is ours
