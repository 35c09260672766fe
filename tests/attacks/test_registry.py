"""Attacks by name: what a name is made of, and what a name may refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import epsball as eb
from epsball.attacks.registry import make_attack, maker, registry

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
import epsball as eb

class Mine(eb.PGD):
    pass

NUMBER = 3
"""


def test_names_are_the_classes_in_words_and_ensembles_have_none() -> None:
    assert {"pgd", "fgsm", "bim", "momentum-pgd", "lbfgs", "deepfool", "binary-deepfool"} <= set(registry())
    assert not {"restarts", "worst", "attack", "wrapper", "_registry"} & set(registry())
    assert registry()["binary-deepfool"] is eb.BinaryDeepFool  # its own choice; in words it were binary-deep-fool
    assert registry()["momentum-pgd"] is eb.MomentumPGD


def test_an_attack_is_made_with_its_settings() -> None:
    assert make_attack("pgd", steps=3, rate=0.5) == eb.PGD(steps=3, rate=0.5)
    assert make_attack("bim") == eb.BIM()
    with pytest.raises(eb.InputError, match=r"fgsm has no setting 'steps'; it has .*loss"):
        make_attack("fgsm", steps=3)


def test_a_name_may_refer_to_a_module_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_mine.py").write_text(OWN, encoding="utf-8")
    made = make_attack(f"{tmp_path / 'of_mine.py'}:Mine", steps=2)
    assert isinstance(made, eb.PGD)
    assert (type(made).__name__, made.steps) == ("Mine", 2)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert maker("of_mine:Mine").__module__ == "of_mine"
    with pytest.raises(eb.InputError, match=r"'of_mine:NUMBER' is no attack but int NUMBER; expected a subclass"):
        maker("of_mine:NUMBER")


@pytest.mark.parametrize(("name", "reason"), [("no_such_module:X", "no_such_module"), ("epsball:Nothing", "Nothing")])
def test_what_cannot_be_imported_is_said_with_its_reason(name: str, reason: str) -> None:
    with pytest.raises(eb.InputError, match=rf"the attack '{name}' could not be imported: .*{reason}") as caught:
        maker(name)
    assert isinstance(caught.value.__cause__, ImportError | AttributeError)


def test_an_unknown_name_is_told_what_else_there_is() -> None:
    with pytest.raises(eb.InputError, match=r"module:Class or file\.py:Class"):
        make_attack("pdg")
