"""How long an ONNX graph may run and how large it may grow: a file of a few bytes can ask for anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

MOST_ROUNDS = 1000
"""Of all loops around a node together."""
MOST_VALUES = 2**28
"""In one tensor between two layers, for one image: 1 GiB of float32."""


def excess(model: ModelProto) -> str:
    """Return what of a graph is without bounds, as a fragment of a sentence; empty where nothing is."""
    return next(_endless(model), "") or next(_huge(model), "")


def _endless(model: ModelProto) -> Iterator[str]:
    yield from _loops(model.graph, {}, 1)
    for function in model.functions:
        for node in function.node:
            if node.op_type == "Loop":
                yield f"the function {function.name!r} holds a Loop, whose number of rounds is not fixed"


def _loops(graph: GraphProto, outside: Mapping[str, TensorProto], rounds: int) -> Iterator[str]:
    """Loops of a graph that is itself run `rounds` times, and those within."""
    known = {**outside, **constants(graph)}
    for node in graph.node:
        within = rounds
        if node.op_type == "Loop":
            count = _count(node, known)
            if count is None or count * rounds > MOST_ROUNDS:
                yield f"a Loop {'whose number of rounds is not fixed' if count is None else f'of {count * rounds:,} rounds'}"
                return
            within = max(1, count) * rounds
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from _loops(body, known, within)


def _count(node: NodeProto, known: Mapping[str, TensorProto]) -> int | None:
    from onnx import numpy_helper  # noqa: PLC0415 a file format is imported where it is used

    tensor = known.get(node.input[0]) if node.input else None
    if tensor is None:
        return None
    count = numpy_helper.to_array(tensor)
    return int(count.item()) if count.size == 1 else None


def constants(graph: GraphProto) -> dict[str, TensorProto]:
    """Return the tensors of a graph whose values stand in the file, by name."""
    found = {weight.name: weight for weight in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = node.attribute[0].t
    return found


def _huge(model: ModelProto) -> Iterator[str]:
    from onnx import shape_inference  # noqa: PLC0415 a file format is imported where it is used

    for weight in model.graph.initializer:
        if math.prod(weight.dims) > MOST_VALUES and not (weight.raw_data or weight.float_data):
            yield f"the weight {weight.name!r} of shape {tuple(weight.dims)}, without values"
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    for value in (*graph.value_info, *graph.output):
        sides = [side.dim_value for side in value.type.tensor_type.shape.dim if side.dim_value > 0]
        if math.prod(sides) > MOST_VALUES:
            yield f"the tensor {value.name!r} of shape {tuple(sides)}"
