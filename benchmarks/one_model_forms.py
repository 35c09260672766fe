"""The same logistic regression as torch, scikit-learn, ONNX, Keras and JAX have it, and as functions of scores and of labels."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Labels = NDArray[np.int64]

CLASSES = 10
TORCH = "torch: nn.Linear"

JAX_FILE = """
from pathlib import Path

import jax.numpy as jnp
import skops.io

FITTED = skops.io.load(Path(__file__).with_name("regression.skops"))


def make():
    weight, bias = jnp.asarray(FITTED.coef_, "float32"), jnp.asarray(FITTED.intercept_, "float32")
    return lambda x: x.reshape(len(x), -1) @ weight.T + bias
"""


@dataclass(frozen=True)
class Made:
    """A form of the model."""

    model: eb.Model
    own: Callable[[Tensor], Labels]
    """The labels that the package itself predicts for images (N, C, H, W)."""
    package: str
    """Its name and version."""


@dataclass(frozen=True)
class Form:
    """How a form is made of the fitted file and of images like those that it will see."""

    make: Callable[[Path, Tensor], Made]
    kind: str = "gradients"
    """What it gives: gradients, scores or labels."""
    back_end: str = "torch"
    """What KERAS_BACKEND must be."""


def fit(data: str, inverse: float, folder: Path) -> Path:
    """Fit the regression and save it, its weights rounded to float32.

    Args:
        data: name of the data set.
        inverse: scikit-learn's C, the inverse of the weight of its penalty.
        folder: where the file is written.
    """
    import skops.io  # noqa: PLC0415 (only where it is used, as every package of a form)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 (the same)

    x, y = eb.load_data(data, "train")
    fitted = LogisticRegression(max_iter=2000, C=inverse).fit(x.flatten(1).numpy(), y.numpy())
    fitted.coef_, fitted.intercept_ = (part.astype(np.float32) for part in (fitted.coef_, fitted.intercept_))
    skops.io.dump(fitted, folder / "regression.skops")
    return folder / "regression.skops"


def weights_of(fitted: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The weight (K, D) and the bias (K,)."""
    estimator = _estimator(fitted)
    return estimator.coef_, estimator.intercept_


def in_torch(fitted: Path, x: Tensor) -> Made:
    """A module of one linear layer."""
    weight, bias = map(torch.from_numpy, weights_of(fitted))
    net = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), CLASSES))
    net.load_state_dict({"1.weight": weight, "1.bias": bias})
    return Made(eb.wrap(net), lambda x: net(x).argmax(1).numpy(), _named("torch"))


def in_sklearn(fitted: Path, x: Tensor) -> Made:
    """The file that scikit-learn's estimator was saved to."""
    del x
    estimator = _estimator(fitted)
    return Made(
        eb.load_model(f"sklearn:{fitted}"),
        lambda x: np.asarray(estimator.predict(x.flatten(1).numpy())),
        f"{_named('scikit-learn')}, {_named('skops')}",
    )


def in_onnx(fitted: Path, x: Tensor) -> Made:
    """A graph of operators that are converted to PyTorch."""
    from onnx import helper, numpy_helper  # noqa: PLC0415 (as above)

    weight, bias = weights_of(fitted)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["scores"], transB=1),
    ]
    held = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]
    made = _of_graph(fitted.with_name("gemm.onnx"), x, nodes, held)
    return Made(made.model, made.own, f"{_named('onnx')}, {_named('onnx2fx')}")


def in_onnxruntime(fitted: Path, x: Tensor) -> Made:
    """A graph with the operator that converters of scikit-learn use, which is not converted: onnxruntime runs it."""
    from onnx import helper  # noqa: PLC0415 (as above)

    weight, bias = weights_of(fitted)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node(
            "LinearClassifier", ["flat"], ["labels", "scores"], domain="ai.onnx.ml", coefficients=weight.ravel().tolist(),
            intercepts=bias.tolist(), classlabels_ints=list(range(CLASSES)), post_transform="NONE", multi_class=1,
        ),
    ]  # fmt: skip
    return _of_graph(fitted.with_name("classifier.onnx"), x, nodes, [])


def in_keras(fitted: Path, x: Tensor) -> Made:
    """A file of Keras, on the back end that it was imported with; it ends in a softmax, as files of Keras do."""
    import keras  # noqa: PLC0415 (as above)

    weight, bias = weights_of(fitted)
    layers = [keras.layers.Flatten(), keras.layers.Dense(CLASSES, activation="softmax")]
    net = keras.Sequential([keras.Input((*x.shape[2:], x.shape[1])), *layers])
    net.set_weights([weight.T, bias])
    path = fitted.with_name("dense.keras")
    net.save(path)

    def own(x: Tensor) -> Labels:
        answer: Labels = np.asarray(net.predict(x.permute(0, 2, 3, 1).numpy(), verbose=0)).argmax(1)
        return answer

    return Made(eb.load_model(f"keras:{path}"), own, f"{_named('keras')} on {_named(keras.backend.backend())}")


def in_jax(fitted: Path, x: Tensor) -> Made:
    """A function of JAX arrays from a factory in a file."""
    import jax.numpy as jnp  # noqa: PLC0415 (as above)

    del x
    weight, bias = weights_of(fitted)
    path = fitted.with_name("own.py")
    path.write_text(JAX_FILE, encoding="utf-8")
    return Made(
        eb.load_model(f"jax:{path}:make"),
        lambda x: np.asarray((jnp.asarray(x.flatten(1).numpy()) @ weight.T + bias).argmax(1)),
        _named("jax"),
    )


def in_numpy(fitted: Path, x: Tensor) -> Made:
    """A function that gives scores."""
    del x
    scores = _function(fitted)
    return Made(eb.wrap(scores, arrays="numpy"), lambda x: scores(x.numpy()).argmax(1), _named("numpy"))


def by_labels(fitted: Path, x: Tensor) -> Made:
    """A function that gives labels alone."""
    del x
    scores = _function(fitted)

    def labels(x: NDArray[Any]) -> Labels:
        answer: Labels = scores(x).argmax(1)
        return answer

    model = eb.wrap(labels, outputs=f"labels:{CLASSES}", arrays="numpy")
    return Made(model, lambda x: labels(x.numpy()), _named("numpy"))


FORMS = {
    TORCH: Form(in_torch),
    "sklearn:file.skops": Form(in_sklearn),
    "onnx:file.onnx, converted": Form(in_onnx),
    "keras:file.keras on torch": Form(in_keras),
    "keras:file.keras on jax": Form(in_keras, back_end="jax"),
    "jax:file.py:factory": Form(in_jax),
    "onnx:file.onnx, in onnxruntime": Form(in_onnxruntime, "scores"),
    "a function of scores": Form(in_numpy, "scores"),
    "a function of labels": Form(by_labels, "labels"),
}


def _of_graph(path: Path, x: Tensor, nodes: list[Any], held: list[Any]) -> Made:
    import onnx  # noqa: PLC0415 (as above)
    import onnxruntime  # noqa: PLC0415 (as above)
    from onnx import TensorProto, helper  # noqa: PLC0415 (as above)

    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", *x.shape[1:]])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)]
    graph = helper.make_graph(nodes, "regression", [images], [scores], held)
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return Made(
        eb.load_model(f"onnx:{path}"),
        lambda x: session.run(["scores"], {"images": x.numpy()})[0].argmax(1),
        f"{_named('onnx')}, {_named('onnxruntime')}",
    )


def _function(fitted: Path) -> Callable[[NDArray[Any]], NDArray[Any]]:
    weight, bias = weights_of(fitted)

    def scores(x: NDArray[Any]) -> NDArray[Any]:
        answer: NDArray[Any] = x.reshape(len(x), -1) @ weight.T + bias
        return answer

    return scores


def _estimator(fitted: Path) -> Any:
    import skops.io  # noqa: PLC0415 (as above)

    return skops.io.load(fitted)


def _named(package: str) -> str:
    return f"{package} {version(package)}"
