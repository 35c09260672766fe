"""Whether an ONNX graph is that of a network under training: it draws numbers, or normalises by the batch that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epsball.models.adapters.onnx_limits import constants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_MODE = 2
"""Dropout's input that says whether it trains."""


def in_training(model: ModelProto) -> str:
    """Return the first node that trains, such as "a Dropout in training mode"; empty where none does."""
    every = list(nodes(model.graph, {}))
    every += [(node, {}) for function in model.functions for node in function.node]
    return next((f"a {node.op_type} in training mode" for node, known in every if _trains(node, known)), "")


def nodes(
    graph: GraphProto, outside: Mapping[str, TensorProto]
) -> Iterator[tuple[NodeProto, Mapping[str, TensorProto]]]:
    """Yield all nodes, those in the bodies of loops and branches among them, each with the constants that it sees."""
    known = {**outside, **constants(graph)}
    for node in graph.node:
        yield node, known
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from nodes(body, known)


def _trains(node: NodeProto, known: Mapping[str, TensorProto]) -> bool:
    from onnx import numpy_helper  # noqa: PLC0415 a file format is imported where it is used

    if node.op_type == "BatchNormalization":
        return any(each.name == "training_mode" and each.i for each in node.attribute)
    if node.op_type != "Dropout" or len(node.input) <= _MODE or not node.input[_MODE]:
        return False
    mode = known.get(node.input[_MODE])
    return mode is None or bool(numpy_helper.to_array(mode).any())
