"""Sources of models by scheme: the library's own, those of other packages, and what is said of unknown ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import epsball as eb
from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES
from epsball.models.adapters.estimate import estimator
from epsball.models.cost import Cost
from epsball.models.load import load_model

if TYPE_CHECKING:
    from pathlib import Path

READER = """
import torch
from epsball import wrap

def read(rest, options):
    return wrap(lambda x: float(rest) * options.seed * x, mean=0.5)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "times.py").write_text(READER, encoding="utf-8")
    about = tmp_path / "times-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: times\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[epsball.models]\ntimes = times:read\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(SCHEMES, "_own", dict(SCHEMES._own))  # noqa: SLF001 what is loaded here is forgotten again


@pytest.mark.usefixtures("package")
def test_an_installed_package_adds_a_scheme() -> None:
    assert list(SCHEMES) == [
        "hub",
        "hf",
        "jax",
        "keras",
        "onnx",
        "robustbench",
        "sklearn",
        "timm",
        "export",
        "torchscript",
        "zoo",
        "times",
    ]
    model = eb.load_model("times:3", seed=2)
    assert model.source == "times:3"
    assert torch.equal(model(torch.ones(1, 2)), torch.full((1, 2), 3.0))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("zo:mlp-512", r"no model scheme 'zo'; did you mean 'zoo'\? expected one of .*, or path/to/file.py:factory"),
        ("zoo:mlp-521", r"no network 'mlp-521'; did you mean 'mlp-512'\?"),
        ("mlp-512", r"'mlp-512' is no model; did you mean 'zoo:mlp-512'\?"),
        ("net.py:", "expected zoo:NAME"),
    ],
)
def test_an_unknown_name_is_one_sentence_with_a_guess(spec: str, says: str) -> None:
    with pytest.raises(eb.InputError, match=says):
        eb.load_model(spec)


def test_a_name_may_put_the_model_behind_an_estimator() -> None:
    x, plain = torch.rand(2, 1, 28, 28), load_model("zoo:linear", seed=3)
    for text, cost in (
        ("eot:3", Cost(3, 3, 3)),
        ("nes:5", Cost(1, 11, 0)),
        ("spsa:4", Cost(1, 9, 0)),
        ("bpda:0", Cost()),
    ):
        model = load_model(f"{text}:zoo:linear", seed=3)
        assert (model.source, model.cost) == (f"{text}:zoo:linear", cost)
        torch.testing.assert_close(model(x), plain(x))


@pytest.mark.parametrize("text", ["eot:0", "eot:", "nes:many", "spsa:-1", "bpda:", "mean:3", "eot", "eot:3:4"])
def test_an_estimator_that_is_none_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(InputError, match="expected eot:10, nes:50 or spsa:50, with a number of draws, or bpda:LAYER"):
        estimator(text)
