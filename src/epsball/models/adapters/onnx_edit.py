"""What is changed in an ONNX graph before it is converted: its last Softmax goes, and so does a fixed number of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto


def cut_softmax(model: ModelProto) -> bool:
    """Let the graph end before its Softmax, if that is where its only output comes from; return whether it did."""
    if len(model.graph.output) > 1:
        return False
    output = model.graph.output[0]
    for node in model.graph.node:
        if node.op_type == "Softmax" and list(node.output) == [output.name]:
            output.name = node.input[0]
            model.graph.node.remove(node)
            return True
    return False


def sides_of(model: ModelProto, images: str) -> list[int]:
    """Return the shape of the input of that name, 0 where a side is free."""
    given = next(value for value in model.graph.input if value.name == images).type.tensor_type.shape.dim
    return [side.dim_value for side in given]


def loosen_batch(model: ModelProto, images: str) -> None:
    """Let a graph that was written for batches of one size take any.

    A Reshape to a shape that begins with that size, of a tensor that begins with it too, begins with 0 afterwards: "as it comes".

    Args:
        model: changed in place.
        images: name of its input.
    """
    import onnx  # noqa: PLC0415 a file format is imported where it is used

    graph = model.graph
    sides = next(value for value in graph.input if value.name == images).type.tensor_type.shape.dim
    size = sides[0].dim_value if sides else 0
    if not size:
        return
    first, constants = _first_sides(onnx.shape_inference.infer_shapes(model).graph), _constants(graph)
    for number, node in enumerate(graph.node):
        if node.op_type != "Reshape" or first.get(node.input[0]) != size or _zero_is_zero(node):
            continue
        constant = constants.get(node.input[1])
        shape = [] if constant is None else onnx.numpy_helper.to_array(constant).tolist()
        if shape[:1] == [size]:
            node.input[1] = f"epsball_shape_{number}"
            shape[0] = 0
            graph.initializer.append(
                onnx.helper.make_tensor(node.input[1], onnx.TensorProto.INT64, [len(shape)], shape)
            )
    del graph.value_info[:]
    sides[0].dim_param = "N"


def _first_sides(graph: GraphProto) -> dict[str, int]:
    """How long the first axis of every tensor is, as far as that is known."""
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*graph.value_info, *graph.input)}
    return {name: sides[0].dim_value for name, sides in shapes.items() if sides}


def _constants(graph: GraphProto) -> dict[str, TensorProto]:
    found = {weight.name: weight for weight in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = node.attribute[0].t
    return found


def _zero_is_zero(node: NodeProto) -> bool:
    """Whether a 0 in the shape of this Reshape means no rows instead of "as it comes"."""
    return any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)
