"""Which outputs of an ONNX graph are scores: labels beside them are left out, and what only they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

_FRACTIONS = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")


def leave_out_labels(model: ModelProto) -> tuple[str, ...]:
    """Leave out the outputs that are no scores, as labels are, where others are; return the names of those that stay.

    Scores as a ZipMap, a dictionary for each image, become the table that they are made of.
    """
    graph = model.graph
    tables = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "ZipMap"}
    scores = [output for output in graph.output if output.name in tables or _has_fractions(output)]
    names = tuple(output.name for output in scores)
    if len(graph.output) == 1 or not scores:
        return tuple(output.name for output in graph.output)
    kept = [_table(tables[output.name]) if output.name in tables else output for output in scores]
    del graph.output[:]
    graph.output.extend(kept)
    _leave_out_unused(graph)
    return names


def _has_fractions(output: ValueInfoProto) -> bool:
    from onnx import TensorProto  # noqa: PLC0415 a file format is imported where it is used

    return output.type.tensor_type.elem_type in {TensorProto.DataType.Value(name) for name in _FRACTIONS}


def _table(name: str) -> ValueInfoProto:
    from onnx import TensorProto, helper  # noqa: PLC0415 a file format is imported where it is used

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


def _leave_out_unused(graph: GraphProto) -> None:
    """Take out the nodes from which no output comes. They stand in the order of their computation."""
    needed = {output.name for output in graph.output}
    kept: list[NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(_names(node))
            kept.append(node)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)


def _names(node: NodeProto) -> Iterator[str]:
    """What a node takes, the bodies of its loops and branches among them."""
    yield from node.input
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            for inner in body.node:
                yield from _names(inner)
            yield from (output.name for output in body.output)
