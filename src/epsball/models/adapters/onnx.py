"""`onnx:file.onnx[@weights]`: a classifier as a PyTorch module with gradients, for any batch size, logits out; onnx2fx converts."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from epsball.errors import InputError
from epsball.models.adapters.base import SCHEMES, Options, put_weights, require, split_weights
from epsball.models.adapters.onnx_edit import cut_softmax, loosen_batch, sides_of
from epsball.models.adapters.onnx_limits import excess
from epsball.models.adapters.onnx_mode import in_training, nodes
from epsball.models.adapters.onnx_outputs import leave_out_labels
from epsball.models.adapters.onnx_runtime import OWN_OPERATORS, run_by_onnxruntime
from epsball.models.fixed_batch import FixedBatch, needs_groups
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import ModelProto

    from epsball.models.black_box import BlackBox
    from epsball.models.model import Model

_CONVERTED_FROM = (3, 11)
"""onnx2fx takes no older Python."""
_CAFFE_MEAN = (104.0, 117.0, 123.0)
_TABLE = 2


class OnnxGraph(nn.Module):
    """The layers of an ONNX graph; (N, K, 1, 1), what a network without a linear layer ends in, becomes (N, K).

    Args:
        layers: what onnx2fx made of the graph. Its weights become parameters without gradients: it is queried, not trained.
        names: of its outputs, where the file has several.
        flat: whether it takes images as rows (N, D).
    """

    ends_early: bool = False
    """Whether a softmax at the end was left out."""
    graph_outputs: tuple[str, ...] = ()
    """The names of all outputs in the file, where there are several."""
    names: tuple[str, ...] = ()
    flat: bool = False

    def __init__(self, layers: nn.Module, names: tuple[str, ...] = (), *, flat: bool = False) -> None:
        super().__init__()
        if names:
            self.names = names
        if flat:
            self.flat = flat
        for name, weight in list(layers.named_buffers()):
            if weight.is_floating_point():
                delattr(layers, name)
                layers.register_parameter(name, nn.Parameter(weight, requires_grad=False))
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Logits (N, K) of inputs as the graph takes them; by the names of the outputs where the file has several."""
        answer: Any = self.layers(x.flatten(1) if self.flat else x)
        if not self.names:
            return _as_table(answer)
        answers = answer if len(self.names) > 1 else [answer]
        return {name: _as_table(each) for name, each in zip(self.names, answers, strict=True)}


def _as_table(answer: Tensor) -> Tensor:
    while answer.ndim > _TABLE and answer.shape[-1] == 1:
        answer = answer.squeeze(-1)
    return answer


class CaffePixels(nn.Module):
    """RGB in [0, 1] to what Caffe's ImageNet networks were trained on: 255 times the pixels in the order BGR, less a mean.

    Args:
        mean: of blue, green and red, on the scale from 0 to 255.
    """

    mean: Tensor

    def __init__(self, mean: Sequence[float] = _CAFFE_MEAN) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """255 x[:, (2, 1, 0)] - mean, for images (N, 3, H, W)."""
        return 255 * x.flip(1) - self.mean.to(x.dtype)


def caffe_inputs(net: Model | nn.Module, mean: Sequence[float] = _CAFFE_MEAN) -> Model:
    """One of Caffe's ImageNet networks as a classifier on data units, so that ε means what it means everywhere.

    On the command line MODEL is then `nets.py:make`, with this factory in nets.py:
    `def make(): return caffe_inputs(epsball.load_model("onnx:bvlc_googlenet.onnx"))`.

    Args:
        net: such as `load_model("onnx:bvlc_googlenet.onnx")` or `…reference_caffenet.onnx`: 224 x 224, BGR, 0 to 255.
        mean: of blue, green and red: GoogLeNet's by default. That of CaffeNet's mean image is (104.007, 116.669, 122.679).

    Raises:
        InputError: a model that is no PyTorch module, or has a normalisation of its own.
    """
    model = wrap(net)
    if model.module is None or model.mean is not None or model.std is not None:
        raise InputError(
            "caffe_inputs takes a PyTorch module that has no mean and std of its own; give the bare network"
        )
    return wrap(nn.Sequential(CaffePixels(mean), model.module).eval(), outputs=model.outputs)


@SCHEMES.register("onnx")
def read(rest: str, options: Options) -> Model:
    """Return the classifier in an ONNX file, in evaluation mode.

    A Softmax at the end is left out: attacks want logits. Where the file fixes the number of images in a batch, that is
    loosened: reshapes that spell out this number keep the number they are given instead. Where that does not help, images go
    through the graph in groups of this number, row by row where it is 1. Of several outputs those that are no scores, as labels are,
    are left out; where several stay, the key of `load_model` names or numbers one.

    Args:
        rest: path of the file, which ends in .onnx; weights kept beside it are found, others stand behind an @.
        options: weights.

    A graph that cannot be converted, as those with quantised layers, is run by onnxruntime as it is: scores without gradients.

    Raises:
        InputError: no such file, one that cannot be read, no single input, an operator that can neither be converted nor run, or the
            packages are not installed.
    """
    name, weights = split_weights(rest, options, ".onnx")
    return put_weights(wrap(read_graph(Path(name))), weights, f"onnx:{name}")


def read_graph(path: Path) -> nn.Module:
    """Return the network in a file, in evaluation mode; errors are those of `read`."""
    require(["onnx", "onnx2fx" if sys.version_info >= _CONVERTED_FROM else "onnxruntime"], str(path), "onnx")
    model = _parsed(path)
    graph = model.graph
    weights = {weight.name for weight in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in weights]
    outputs = tuple(value.name for value in graph.output)
    if len(inputs) != 1 or not outputs:
        raise InputError(
            f"{path} has the inputs {', '.join(inputs)} and the outputs {', '.join(outputs)}; "
            "expected one input, images, and an output, a score for each class"
        )
    scores = leave_out_labels(model)
    ends_early = cut_softmax(model)
    size, *sides = sides_of(model, inputs[0]) or [0]
    loosen_batch(model, inputs[0])
    net = _network(model, path, scores if len(outputs) > 1 else (), flat=len(sides) == 1)
    net.ends_early = ends_early
    if len(outputs) > 1:
        net.graph_outputs = outputs
    net.eval()
    if not size or not all(sides):
        return net
    draws = torch.Generator().manual_seed(0)
    images = torch.rand(2 * size + 1, *sides, generator=draws)
    return FixedBatch(net, size).eval() if needs_groups(net, size, images) else net


def _parsed(path: Path) -> ModelProto:
    import onnx  # noqa: PLC0415 a file format is imported where it is used

    if not path.is_file():
        raise InputError(f"there is no file {path}; give onnx:path/to/file.onnx")
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf and missing files of weights each raise their own
        raise _unreadable(path, _first_line(error)) from error
    if not model.graph.node or not model.opset_import:
        raise _unreadable(path, "it holds no graph, or not its version")
    versions = {each.domain: each.version for each in model.opset_import}
    _refuse_unknown(path, versions, onnx.defs.onnx_opset_version())
    for node, _ in nodes(model.graph, {}):
        if node.domain not in {*versions, "", "ai.onnx"}:
            raise InputError(
                f"{path} uses the operator {node.domain}.{node.op_type}, and does not say which version of {node.domain}; "
                f"add {node.domain} to its opset_import, or {OWN_OPERATORS}"
            )
    try:
        reason, trains = excess(model), in_training(model)
    except Exception as error:  # onnx's own checks raise errors of many kinds
        raise _unreadable(path, _first_line(error)) from error
    if reason:
        raise InputError(
            f"{path} holds {reason}, more than a classifier of images needs; export the network without it"
        )
    if trains:
        raise InputError(
            f"{path} holds {trains}: its answers depend on the batch or on chance; export the network as it is used, after net.eval()"
        )
    return model


def _refuse_unknown(path: Path, versions: Mapping[str, int], newest: int) -> None:
    """Refuse operators of a version that nobody here knows: what they compute may be something else by then."""
    version = next((versions[domain] for domain in ("", "ai.onnx") if domain in versions), newest)
    if not 1 <= version <= newest:
        raise InputError(
            f"{path} is of opset {version}, and the installed onnx knows 1 to {newest}; export the network with one of these, "
            "or install a newer onnx"
        )


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is no ONNX file, or only a part of one ({reason}); download it again, with 'git lfs pull' where it came by Git"
    )


def _network(model: ModelProto, path: Path, names: tuple[str, ...], *, flat: bool) -> OnnxGraph | BlackBox:
    if find_spec("onnx2fx") is None:
        return run_by_onnxruntime(model, path, "needs Python 3.11 to be converted to PyTorch", names)
    import onnx2fx  # noqa: PLC0415 a heavy library is imported where it is used

    try:
        return OnnxGraph(onnx2fx.convert(model), names, flat=flat)
    except onnx2fx.UnsupportedOpError as error:
        operator = f"{error.domain}.{error.op_type}" if error.domain else error.op_type
        return run_by_onnxruntime(model, path, f"uses the operator {operator}, which onnx2fx does not convert", names)
    except Exception as error:  # noqa: BLE001 a handler may raise anything on a node it does not expect
        return run_by_onnxruntime(model, path, f"cannot be converted to PyTorch ({_first_line(error)})", names)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
