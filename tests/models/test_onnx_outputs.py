"""ONNX graphs with several outputs: one of them is named or numbered, and labels beside scores are left out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

import epsball as eb
from epsball.models.black_box import BlackBox

if TYPE_CHECKING:
    from pathlib import Path

if sys.version_info < (3, 11):
    pytest.skip("onnx2fx takes no Python older than 3.11", allow_module_level=True)

import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

X = torch.rand(7, 1, 2, 2, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
FIRST, SECOND = (X.flatten(1) @ weight for weight in WEIGHTS)
ML = "ai.onnx.ml"


def save(path: Path, nodes: list[NodeProto], outputs: list[tuple[str, int]], shape: list[int | str]) -> str:
    """Save a graph that begins with two products, "o" and "r", and return its MODEL string."""
    tensors = [
        numpy_helper.from_array(weight.numpy(), name) for weight, name in zip(WEIGHTS, ("wo", "wr"), strict=True)
    ]
    heads = [helper.make_node("MatMul", ["rows", f"w{name}"], [name]) for name in "or"]
    flat = helper.make_node("Identity" if len(shape) == 2 else "Flatten", ["images"], ["rows"])
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    results = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs]
    graph = helper.make_graph([flat, *heads, *nodes], "several", [given], results, tensors)
    for output in graph.output:
        if output.name == "zipped":
            output.type.sequence_type.elem_type.map_type.key_type = TensorProto.INT64
    domains = [helper.make_opsetid("", 13), helper.make_opsetid(ML, 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), str(path))
    return f"onnx:{path}"


def two(path: Path, *, batch: int | str = "N", converted: bool = True) -> str:
    """Save a graph with the outputs o and r, and one that nobody names where it is not to be converted."""
    labels = [] if converted else [helper.make_node("Binarizer", ["r"], ["ones"], domain=ML)]
    outputs = ["o", "r"] if converted else ["o", "r", "ones"]
    return save(path, labels, [(name, TensorProto.FLOAT) for name in outputs], [batch, 1, 2, 2])


@pytest.mark.parametrize("batch", ["N", 1, 4])
@pytest.mark.parametrize("converted", [True, False])
def test_one_of_several_outputs_is_named_or_numbered(tmp_path: Path, batch: int | str, *, converted: bool) -> None:
    spec = two(tmp_path / "two.onnx", batch=batch, converted=converted)
    last = -1 if converted else -2
    for key, expected in (("o", FIRST), (0, FIRST), ("r", SECOND), (1, SECOND), (last, SECOND)):
        model = eb.load_model(spec, key=key)
        assert model.key == ("o" if expected is FIRST else "r")
        torch.testing.assert_close(model(X), expected)
        assert model(X.clone().requires_grad_()).requires_grad == converted


def test_a_key_that_is_missing_or_wrong_is_said_with_the_names(tmp_path: Path) -> None:
    spec = two(tmp_path / "two.onnx")
    with pytest.raises(eb.ModelError, match=r"dictionary with o, r; .* name the entry with --key KEY"):
        eb.load_model(spec)(X)
    with pytest.raises(eb.ModelError, match=r"the entries o, r, and none is 'oo'; did you mean 'o'\?"):
        eb.load_model(spec, key="oo")(X)
    with pytest.raises(eb.ModelError, match=r"the entries o, r, and none is '2'"):
        eb.load_model(spec, key=2)(X)


def test_a_run_of_one_output_is_verified(tmp_path: Path) -> None:
    model = eb.load_model(two(tmp_path / "two.onnx"), key=1)
    run = eb.evaluate(model, (X, SECOND.argmax(1)), eb.Threat("linf", 0.1), suite=[eb.FGSM()], out=tmp_path / "run")
    assert run.clean_accuracy == 1
    assert eb.verify(tmp_path / "run", trust_source=True).complete


@pytest.mark.parametrize("zipped", [False, True])
def test_labels_beside_the_scores_are_left_out(tmp_path: Path, *, zipped: bool) -> None:
    """What converters of scikit-learn write: rows in, labels and probabilities out, these as a dictionary for each image too."""
    node = helper.make_node
    nodes = [
        node("Softmax", ["r"], ["p"], axis=1),
        node("ArgMax", ["p"], ["best"], axis=1, keepdims=0),
        node("ArrayFeatureExtractor", ["names", "best"], ["labels"], domain=ML),
        *([node("ZipMap", ["p"], ["zipped"], domain=ML, classlabels_int64s=[0, 1, 2])] if zipped else []),
    ]
    nodes.insert(0, node("Constant", [], ["names"], value=helper.make_tensor("n", TensorProto.INT64, [3], [0, 1, 2])))
    name = "zipped" if zipped else "p"
    outputs: list[tuple[str, int]] = [("labels", TensorProto.INT64), (name, TensorProto.FLOAT)]
    spec = save(tmp_path / "net.onnx", nodes, outputs, ["N", 4])
    for key in ("", name, 1):
        model = eb.load_model(spec, outputs="probs", key=key)
        assert model.outputs == "logits"
        x = X.clone().requires_grad_()
        torch.testing.assert_close(model(x), SECOND)
        assert model(x).requires_grad
    with pytest.raises(eb.ModelError, match=f"the entries {name}, and none is 'labels'"):
        eb.load_model(spec, key="labels")(X)


def test_labels_alone_stay(tmp_path: Path) -> None:
    nodes = [helper.make_node("ArgMax", ["r"], ["labels"], axis=1, keepdims=0)]
    spec = save(tmp_path / "net.onnx", nodes, [("labels", TensorProto.INT64)], ["N", 1, 2, 2])
    assert torch.equal(eb.load_model(spec, outputs="labels:3")(X).argmax(1), SECOND.argmax(1))


def test_rows_are_made_of_images_where_onnxruntime_runs_the_graph(tmp_path: Path) -> None:
    nodes = [helper.make_node("Normalizer", ["r"], ["scores"], domain=ML, norm="L2")]
    model = eb.load_model(save(tmp_path / "net.onnx", nodes, [("scores", TensorProto.FLOAT)], ["N", 4]))
    assert isinstance(model.module, BlackBox)
    torch.testing.assert_close(model(X), nn.functional.normalize(SECOND))


def test_a_softmax_stays_where_there_are_other_scores(tmp_path: Path) -> None:
    nodes = [helper.make_node("Softmax", ["r"], ["p"], axis=1)]
    outputs: list[tuple[str, int]] = [("p", TensorProto.FLOAT), ("o", TensorProto.FLOAT)]
    model = eb.load_model(save(tmp_path / "net.onnx", nodes, outputs, ["N", 1, 2, 2]), outputs="probs", key="p")
    torch.testing.assert_close(model(X), SECOND.log_softmax(1))
