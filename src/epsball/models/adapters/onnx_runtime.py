"""ONNX graphs that onnx2fx does not convert, run by onnxruntime: scores without gradients."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from epsball.errors import InputError
from epsball.models.adapters.base import imported
from epsball.models.black_box import BlackBox

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

_ERRORS_ONLY = 3
_ROWS = 2
"""Axes of images as rows, (N, D), and of a table of scores, (N, K)."""
OWN_OPERATORS = (
    "export the network with operators of the standard, or run it with the library of its operators in a function of NumPy arrays, "
    'eb.wrap(function, arrays="numpy")'
)
"""What can be done with a graph of operators that are not ONNX's."""


def run_by_onnxruntime(model: ModelProto, path: Path, reason: str, names: tuple[str, ...] = ()) -> BlackBox:
    """Return the graph as a black box on the processor.

    Args:
        model: the graph, whose last Softmax is gone.
        path: of its file, for sentences.
        reason: why it was not converted.
        names: of its outputs, where the file has several.

    Raises:
        InputError: the package is missing, or it cannot run the graph either.
    """
    onnxruntime: Any = imported("onnxruntime", f"{path} {reason}; without gradients it", "onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    try:
        content = model.SerializeToString()
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises errors of its own, and protobuf one on graphs above 2 GiB
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{path} {reason}, and onnxruntime does not run it ({said}); {OWN_OPERATORS}") from error
    (given,) = session.get_inputs()
    kind = {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(given.type, np.float32)

    flat = len(given.shape) == _ROWS

    def scores(x: Any) -> Any:
        x = x.reshape(len(x), -1) if flat else x
        found = [_as_table(each) for each in session.run(None, {given.name: x.astype(kind)})]
        return dict(zip(names, found, strict=True)) if names else found[0]

    digest = hashlib.sha256(content).hexdigest()
    return BlackBox(scores, f"it {reason}, so onnxruntime runs it", lambda: {"graph": digest})


def _as_table(found: Any) -> Any:
    """Scores (N, K, 1, 1) as (N, K)."""
    return found.reshape(found.shape[:2]) if found.ndim > _ROWS and found[0].size == found.shape[1] else found
