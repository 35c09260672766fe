"""Networks of RobustBench's zoo, with random weights in its folder: answers beside the package's own, and what is refused."""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.models.adapters import base
from torchvision_here import supply_missing

if TYPE_CHECKING:
    from pathlib import Path

if importlib.util.find_spec("robustbench") is None:
    pytest.skip("robustbench is not here", allow_module_level=True)

pytestmark = pytest.mark.thorough  # the package takes seconds to import
NAME = "Rice2020Overfitting"
X = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", autouse=True)
def package() -> Any:
    operators = supply_missing()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield importlib.import_module("robustbench.utils")
    del operators


def test_answers_and_gradients_are_its_own(package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo: Any = importlib.import_module("robustbench.model_zoo.models")
    table = next(value for key, value in zoo.cifar_10_models.items() if key.value == "L2")
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = table[NAME]["model"]()
    (tmp_path / "models/cifar10/L2").mkdir(parents=True)
    torch.save(net.state_dict(), tmp_path / f"models/cifar10/L2/{NAME}.pt")
    own = package.load_model(NAME, threat_model="L2")
    x = X.clone().requires_grad_()
    slopes = []
    for each in (own, eb.load_model(f"robustbench:l2/{NAME}")):
        torch.testing.assert_close(each(x), own(x), rtol=0, atol=1e-5)
        slopes.append(torch.autograd.grad(each(x)[:, 1].sum(), x)[0])
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("Carmon2019Unlabelled", "did you mean 'Carmon2019Unlabeled'[?]"),
        ("imagenet/Carmon2019Unlabelled/x", "names Carmon2019Unlabelled; expected NAME or DATASET/THREAT/NAME"),
        ("cifar10/L2/qqqqqq", "is none of cifar10 and L2; expected one such as"),
    ],
)
def test_an_unknown_name_is_a_sentence(rest: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(eb.InputError, match=says):
        eb.load_model(f"robustbench:{rest}")
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    with pytest.raises(eb.InputError, match=r'pip install "epsball\[robustbench\]"'):
        eb.load_model("robustbench:Carmon2019Unlabeled")
