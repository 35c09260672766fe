"""An attack of the user's own is part of the plan: edited, it is another run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.attacks.registry import make_attack
from toy import Affine, samples

if TYPE_CHECKING:
    from pathlib import Path

ATTACK = """
from dataclasses import dataclass
import epsball as eb
from beside import SCALE

@dataclass(frozen=True)
class Mine(eb.Attack):
    def run(self, ask):
        return ask.threat.project(ask.x0 + SCALE * (0.5 - ask.x0), ask.x0)
"""


def evaluated(folder: Path, text: str, beside: str, monkeypatch: pytest.MonkeyPatch) -> eb.Evaluation:
    (folder / "mine.py").write_text(text, encoding="utf-8")
    (folder / "beside.py").write_text(beside, encoding="utf-8")
    monkeypatch.delitem(__import__("sys").modules, "beside", raising=False)
    attack = make_attack(f"{folder / 'mine.py'}:Mine")
    for wrapped in (attack, eb.Restarts(attack, 2)):
        run = eb.evaluate(
            Affine(), samples(), eb.Threat("linf", 0.1), {"mine": wrapped}, out=folder / type(wrapped).__name__
        )
    return run


def test_an_edited_attack_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated(tmp_path, ATTACK, "SCALE = 0.5", monkeypatch)
    assert evaluated(tmp_path, ATTACK, "SCALE = 0.5", monkeypatch).reused
    for text, beside in ((ATTACK.replace("0.5 - ", "0.4 - "), "SCALE = 0.5"), (ATTACK, "SCALE = 0.6")):
        with pytest.raises(eb.InputError, match=r"attacks\.mine\.code"):
            evaluated(tmp_path, text, beside, monkeypatch)


def test_the_library_s_own_attacks_have_no_code_in_the_plan() -> None:
    run = eb.evaluate(Affine(), samples(), eb.Threat("linf", 0.1), {"worst": eb.Worst(eb.FGSM(), eb.PGD(steps=2))})
    assert run.plan.attacks["worst"].code == {}


def test_a_loss_of_ones_own_counts_too() -> None:
    def mine(logits: object, goal: eb.Goal) -> object:
        return eb.losses.margin(logits, goal)  # type: ignore[arg-type] # what a user writes

    run = eb.evaluate(Affine(), samples(), eb.Threat("linf", 0.1), {"pgd": eb.PGD(steps=2, loss=mine)})  # type: ignore[arg-type] # the same
    assert list(run.plan.attacks["pgd"].code) != []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no\\nway')", "the attack Mine raised ValueError: no way; run it on its own and mend it"),
        ("return 1 / 0", "raised ZeroDivisionError"),
        ("return ask.x0[:, :, 7]", "raised IndexError"),
        ("return None", "returned a NoneType; return the last iterate"),
        ("return ask.nothing", "raised AttributeError"),
        ("return ask.gradient(ask.x0, lambda logits, goal: logits @ logits)[1]", "raised RuntimeError"),
    ],
)
def test_an_error_inside_an_attack_of_ones_own_is_a_sentence(
    body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ATTACK.replace("return ask.threat.project(ask.x0 + SCALE * (0.5 - ask.x0), ask.x0)", body)
    with pytest.raises(eb.InputError, match=words):
        evaluated(tmp_path, text, "SCALE = 0.5", monkeypatch)


def test_an_attack_that_cannot_be_made_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{ATTACK}\n    def __post_init__(self):\n        raise KeyError('steps')\n"
    with pytest.raises(eb.InputError, match=r"mine.py:Mine' raised KeyError"):
        evaluated(tmp_path, text, "SCALE = 0.5", monkeypatch)


def test_a_defect_of_the_library_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eb.FGSM, "run", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        eb.evaluate(Affine(), samples(), eb.Threat("linf", 0.1), [eb.FGSM()])
