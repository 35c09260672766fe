"""ONNX graphs that are not converted: onnxruntime runs them, as scores without gradients, and says so."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import epsball as eb
from epsball.evaluation.selection import stand_in
from epsball.models.adapters import base
from epsball.models.adapters import onnx as adapter
from epsball.models.black_box import BlackBox

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

if sys.version_info < (3, 11):
    pytest.skip("onnx2fx takes no Python older than 3.11", allow_module_level=True)

import onnx
from onnx import TensorProto, helper

X = torch.rand(7, 1, 4, 4, generator=torch.Generator().manual_seed(0))
WEIGHT = np.random.default_rng(0).normal(size=(3, 16)).astype("float32")
BIAS = np.array([0.5, -0.25, 0.125], "float32")
THREAT = eb.Threat("linf", 0.1)


def write(
    path: Path,
    *,
    kind: int = TensorProto.FLOAT,
    pixels: bool = False,
    batch: int | str = "N",
    end: str = "Identity",
    factor: float = 1,
    domain: str = "ai.onnx.ml",
) -> str:
    """Save a linear classifier of the operator that converters of scikit-learn use, and return its MODEL string.

    Args:
        path: of the file.
        kind: the type of its input.
        pixels: whether scores come as (N, K, 1, 1).
        batch: how many images it takes.
        end: its last operator, where scores are a table.
        factor: of its weights.
        domain: of its operator.
    """
    node = helper.make_node
    nodes = [
        node("Flatten", ["images"], ["flat"]),
        node("Cast", ["flat"], ["single"], to=TensorProto.FLOAT),
        node(
            "LinearClassifier", ["single"], ["labels", "table"], domain=domain, coefficients=(factor * WEIGHT).ravel().tolist(),
            intercepts=BIAS.tolist(), classlabels_ints=[0, 1, 2], post_transform="NONE", multi_class=1,
        ),
        node("Unsqueeze", ["table"], ["scores"], axes=[2, 3]) if pixels else node(end, ["table"], ["scores"]),
    ]  # fmt: skip
    given = helper.make_tensor_value_info("images", kind, [batch, 1, 4, 4])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
    domains = [helper.make_opsetid("", 12), helper.make_opsetid(domain, 1)]
    graph = helper.make_graph(nodes, "linear", [given], [scores])
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), str(path))
    return f"onnx:{path}"


def reason(model: eb.Model) -> str:
    """Why the model gives no gradients."""
    assert model.module is not None
    (box,) = (part for part in model.module.modules() if isinstance(part, BlackBox))
    return box.reason


def logits(x: Tensor) -> np.ndarray:
    answer: np.ndarray = x.flatten(1).numpy() @ WEIGHT.T + BIAS
    return answer


@pytest.mark.parametrize(
    "settings",
    [{}, {"kind": TensorProto.DOUBLE}, {"kind": TensorProto.FLOAT16}, {"pixels": True}, {"batch": 1}, {"batch": 2}],
)
def test_scores_are_those_of_the_graph(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = eb.load_model(write(tmp_path / "net.onnx", **settings))
    assert "uses the operator ai.onnx.ml.LinearClassifier, which onnx2fx does not convert" in reason(model)
    for x in (X, X.double()):
        seen = x.half() if settings.get("kind") == TensorProto.FLOAT16 else x
        assert model(x).dtype == x.dtype
        np.testing.assert_allclose(model(x).numpy(), logits(seen.float()), rtol=1e-5, atol=1e-5)


def test_a_softmax_at_the_end_is_left_out(tmp_path: Path) -> None:
    model = eb.load_model(write(tmp_path / "net.onnx", end="Softmax"), outputs="probs")
    assert model.outputs == "logits"
    np.testing.assert_allclose(model(X).numpy(), logits(X), rtol=1e-5, atol=1e-5)


def test_an_evaluation_says_that_it_had_scores_only_and_can_be_verified(tmp_path: Path) -> None:
    spec = write(tmp_path / "net.onnx")
    model = eb.load_model(spec)
    y = torch.from_numpy(logits(X).argmax(1))
    assert stand_in("standard", model, (X, y), THREAT) == "blackbox"
    run = eb.evaluate(model, (X, y), THREAT, suite=[eb.Square(steps=50)], out=tmp_path / "run")
    assert run.clean_accuracy == 1
    (said,) = (finding for finding in run.findings if finding.id == "D54")
    assert "onnxruntime runs it" in said.evidence
    assert eb.verify(tmp_path / "run", trust_source=True).complete
    assert eb.load_model(spec).fingerprint() == model.fingerprint() != ""
    assert eb.load_model(write(tmp_path / "other.onnx", factor=2)).fingerprint() != model.fingerprint()


def test_where_onnx2fx_has_no_version_every_graph_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda name: None if name == "onnx2fx" else object())
    monkeypatch.setattr(adapter, "_CONVERTED_FROM", (99,))
    model = eb.load_model(write(tmp_path / "net.onnx"))
    assert reason(model).startswith("it needs Python 3.11")
    np.testing.assert_allclose(model(X).numpy(), logits(X), rtol=1e-5, atol=1e-5)


def test_what_neither_converts_nor_runs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write(tmp_path / "net.onnx", domain="elsewhere")
    with pytest.raises(eb.InputError, match=r"elsewhere\.LinearClassifier.* and onnxruntime does not run it"):
        eb.load_model(spec)
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(
        eb.InputError,
        match=r'LinearClassifier.*; without gradients it needs the package onnxruntime, .*pip install "epsball\[onnx\]"',
    ):
        eb.load_model(spec)
