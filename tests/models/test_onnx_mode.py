"""ONNX graphs that were exported under training: their answers depend on the batch or on chance."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import epsball as eb
from epsball.models.load import load_model

if TYPE_CHECKING:
    from pathlib import Path

if sys.version_info < (3, 11):
    pytest.skip("onnx2fx takes no Python older than 3.11", allow_module_level=True)

import onnx
from onnx import TensorProto, helper


def training(where: str) -> list[Any]:
    """A node that trains: dropout whose mode is a constant or the input's, batch normalisation, dropout within a branch."""
    node, flag = helper.make_node, helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    constant = node("Constant", [], ["mode"], value=flag)
    drop = [node("Constant", [], ["ratio"], value=helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])), constant]
    if where == "constant":
        return [*drop, node("Dropout", ["images", "ratio", "mode"], ["y"])]
    if where == "computed":
        return [*drop, node("Not", ["mode"], ["other"]), node("Dropout", ["images", "ratio", "other"], ["y"])]
    if where == "branch":
        value = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
        body = helper.make_graph([node("Dropout", ["images", "ratio", "mode"], ["inner"])], "body", [], [value])
        return [*drop, node("If", ["mode"], ["y"], then_branch=body, else_branch=body)]
    ones = [
        node("Constant", [], [name], value=helper.make_tensor(name, TensorProto.FLOAT, [3], [1.0, 1.0, 1.0]))
        for name in ("s", "b", "m", "v")
    ]
    return [*ones, node("BatchNormalization", ["images", "s", "b", "m", "v"], ["y", "m2", "v2"], training_mode=1)]


@pytest.mark.parametrize("where", ["constant", "computed", "branch", "statistics"])
def test_a_graph_under_training_is_refused(tmp_path: Path, where: str) -> None:
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("images", "y")]
    graph = helper.make_graph(training(where), "net", sides[:1], sides[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)]), str(tmp_path / "net.onnx"))
    with pytest.raises(
        eb.InputError, match=r"in training mode: .* export the network as it is used, after net.eval\(\)"
    ):
        load_model(f"onnx:{tmp_path / 'net.onnx'}")
