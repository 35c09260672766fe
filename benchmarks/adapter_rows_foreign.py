"""Small networks of packages that are not built on PyTorch, for `adapters.py`; a row is as in `adapter_rows.py`."""

from __future__ import annotations

import importlib
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

import epsball as eb
from adapter_rows import SIDE, Digits, Row, slope_of, trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def sklearn(data: Digits, folder: Path) -> Row:
    """A pipeline of scaler and logistic regression; its gradient is the closed form, W^T (p - e_y) / scale."""
    parts: dict[str, Any] = {
        name: importlib.import_module(f"sklearn.{name}") for name in ("linear_model", "pipeline", "preprocessing")
    }
    io: Any = importlib.import_module("skops.io")
    scaler = parts["preprocessing"].StandardScaler(with_std=False)
    pipeline = parts["pipeline"].make_pipeline(scaler, parts["linear_model"].LogisticRegression(max_iter=300))
    (x, y), file = data.training, folder / "own.skops"
    pipeline.fit(x.flatten(1).numpy(), y.numpy())
    io.dump(pipeline, file)
    matrix, shift, centre = (
        torch.tensor(each, dtype=torch.float32) for each in (pipeline[1].coef_, pipeline[1].intercept_, scaler.mean_)
    )
    net = nn.Sequential(nn.Flatten(), nn.Linear(len(centre), 10))
    net[1].weight.data, net[1].bias.data = matrix, shift - matrix @ centre

    def own(a: Tensor) -> Tensor:
        return torch.tensor(pipeline.decision_function(a.detach().flatten(1).numpy()))

    def slope(a: Tensor, y: Tensor) -> Tensor:
        p = pipeline.predict_proba(a.flatten(1).numpy()) - np.eye(10)[y.numpy()]
        return torch.tensor(p @ pipeline[1].coef_).reshape(a.shape)

    return Row("scikit-learn", eb.load_model(f"sklearn:{file}"), own, net, slope, "closed form")


def onnx(data: Digits, folder: Path) -> Row:
    """A graph of two layers; onnxruntime answers, and the gradient is that of the same weights in PyTorch, as it has none."""
    package: Any = importlib.import_module("onnx")
    make, file = package.helper, folder / "own.onnx"
    runtime: Any = importlib.import_module("onnxruntime")
    net: Any = trained(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 64), nn.ReLU(), nn.Linear(64, 10)), data)
    nodes = [
        make.make_node("Flatten", ["images"], ["flat"]),
        make.make_node("Gemm", ["flat", "1.weight", "1.bias"], ["wide"], transB=1),
        make.make_node("Relu", ["wide"], ["cut"]),
        make.make_node("Gemm", ["cut", "3.weight", "3.bias"], ["logits"], transB=1),
    ]
    tensors = [package.numpy_helper.from_array(value.numpy(), name) for name, value in net.state_dict().items()]
    kind = package.TensorProto.FLOAT
    images, logits = (
        make.make_tensor_value_info("images", kind, ["n", 3, SIDE, SIDE]),
        make.make_tensor_value_info("logits", kind, ["n", 10]),
    )
    graph = make.make_graph(nodes, "own", [images], [logits], tensors)
    package.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8), str(file))
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def own(a: Tensor) -> Tensor:
        return torch.tensor(session.run(None, {"images": a.detach().numpy()})[0])

    return Row("onnxruntime", eb.load_model(f"onnx:{file}"), own, net, slope_of(net), "PyTorch")


def keras(data: Digits, folder: Path) -> Row:
    """A network of two layers of convolution, on the back end that KERAS_BACKEND names."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    package: Any = importlib.import_module("keras")
    layers, file = package.layers, folder / "own.keras"
    net: Any = trained(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 32), nn.ReLU(), nn.Linear(32, 10)), data)
    own = package.Sequential(
        [
            package.Input((SIDE, SIDE, 3)),
            layers.Permute((3, 1, 2)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ]
    )
    own.set_weights([each.detach().numpy().T for each in net.parameters()])
    own.save(file)
    package_name = f"keras ({package.backend.backend()})"
    model = eb.load_model(f"keras:{file}")
    if package.backend.backend() == "torch":
        return Row(package_name, model, lambda a: own(a.permute(0, 2, 3, 1)), net)
    jax: Any = importlib.import_module("jax")

    def answers(a: Any) -> Any:
        return own(jax.numpy.transpose(a, (0, 2, 3, 1)))

    return Row(package_name, model, _of_jax(answers), net, _slope_of_jax(answers))


def jax(data: Digits, folder: Path) -> Row:
    """A function of arrays that closes over its weights."""
    net: Any = trained(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 32), nn.Tanh(), nn.Linear(32, 10)), data)
    np.savez(folder / "own.npz", *(each.detach().numpy().T for each in net.parameters()))
    (folder / "own.py").write_text(
        f"""import jax.numpy as jnp, numpy as np
def make():
    one, shift, two, last = np.load({json.dumps(str(folder / "own.npz"))}).values()
    return lambda x: jnp.tanh(x.reshape(len(x), -1) @ one + shift) @ two + last
""",
        encoding="utf-8",
    )
    function: Any = eb.registry.attribute_of(folder / "own.py", "make")()
    return Row("jax", eb.load_model(f"jax:{folder / 'own.py'}:make"), _of_jax(function), net, _slope_of_jax(function))


def _of_jax(function: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.tensor(np.asarray(function(x.detach().numpy())))


def _slope_of_jax(function: Callable[[Any], Any]) -> Callable[[Tensor, Tensor], Tensor]:
    jax: Any = importlib.import_module("jax")

    def loss(x: Any, y: Any) -> Any:
        return -jax.nn.log_softmax(function(x))[jax.numpy.arange(len(y)), y].sum()

    return lambda x, y: torch.tensor(np.asarray(jax.grad(loss)(x.numpy(), y.numpy())))
