"""Checkpoints of Lightning, written by the package itself: hyper-parameters, prefixes, and what is refused."""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
import torch

import epsball as eb
from epsball.registry import attribute_of
from torchvision_here import supply_missing

if TYPE_CHECKING:
    from pathlib import Path

if importlib.util.find_spec("lightning") is None:
    pytest.skip("Lightning is not here", allow_module_level=True)

pytestmark = pytest.mark.thorough  # the package takes seconds to import
X = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
SOURCE = """
import lightning
import torch
from torch import nn

def bare():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 5))

class Lit(lightning.LightningModule):
    def __init__(self, width, classes=5, extra=None):
        super().__init__()
        self.save_hyperparameters()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, classes))
    def forward(self, x):
        return self.model(x)
    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())

class Forgetful(Lit):
    def __init__(self, size):
        super().__init__(size)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("lightning")
    (folder / "lit.py").write_text(SOURCE, encoding="utf-8")
    operators = supply_missing()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lightning: Any = importlib.import_module("lightning")
        net = attribute_of(folder / "lit.py", "Lit")(12)
        quiet: dict[str, Any] = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
        trainer = lightning.Trainer(max_epochs=1, enable_model_summary=False, accelerator="cpu", **quiet)
        trainer.fit(net, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, torch.arange(6) % 5), 3))
        trainer.save_checkpoint(folder / "last.ckpt")
    del operators
    return net.eval(), folder


@pytest.mark.parametrize("name", ["Lit", "bare"])
def test_answers_gradients_and_robust_accuracy_are_its_own(
    place: tuple[Any, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, folder = place
    read = Mock(wraps=torch.load)
    with monkeypatch.context() as within:
        within.setattr(torch, "load", read)
        model = eb.load_model(f"{folder}/lit.py:{name}@{folder}/last.ckpt")
    assert read.call_count == 1
    own = type(net).load_from_checkpoint(folder / "last.ckpt", weights_only=True).eval()
    x = X.clone().requires_grad_()
    torch.testing.assert_close(model(x), own(x))
    slopes = [torch.autograd.grad(each(x)[:, 1].sum(), x)[0] for each in (model, own)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-5)
    data, threat = (X, own(X).argmax(1)), eb.Threat("linf", 0.02)
    runs = [eb.evaluate(each, data, threat, suite="quick", anyway=True).robust_accuracy() for each in (model, own)]
    assert runs[0] == runs[1]


def test_a_compiled_and_parallel_network_of_a_checkpoint_is_recognised(place: tuple[Any, Path], tmp_path: Path) -> None:
    net, folder = place
    content = torch.load(folder / "last.ckpt", weights_only=True)
    for before, after in (("model.", "model._orig_mod."), ("model.", "net.module."), ("model.", "module.")):
        state = {name.replace(before, after, 1): value for name, value in content["state_dict"].items()}
        torch.save(content | {"state_dict": state}, tmp_path / "w.ckpt")
        torch.testing.assert_close(eb.load_model(f"{folder}/lit.py:bare@{tmp_path}/w.ckpt")(X), net(X).detach())


def test_what_cannot_be_loaded_is_a_sentence(place: tuple[Any, Path], tmp_path: Path) -> None:
    folder = place[1]
    with pytest.raises(eb.InputError, match=r"Forgetful takes size, which .*save_hyperparameters"):
        eb.load_model(f"{folder}/lit.py:Forgetful@{folder}/last.ckpt")
    content = torch.load(folder / "last.ckpt", weights_only=True)
    torch.save(content | {"hyper_parameters": {"width": 12, "extra": torch.nn.ReLU()}}, tmp_path / "w.ckpt")
    with pytest.raises(eb.InputError, match="Python objects that would have to be run"):
        eb.load_model(f"{folder}/lit.py:Lit@{tmp_path}/w.ckpt")
    with pytest.raises(eb.InputError, match="holds weights and no network"):
        eb.load_model(f"{folder}/last.ckpt")
