"""Models from texts: a scheme's, or a factory's in a file; nothing else is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from epsball.errors import InputError
from epsball.models.adapters import (
    hub,
    hugging_face,
    jax_file,
    keras_file,
    onnx,
    python_file,
    robust_bench,
    skops_file,
    timm_network,
    torch_export,
    torch_script,
    zoo,
)
from epsball.models.adapters.base import SCHEMES, Options
from epsball.models.adapters.estimate import estimator, split_estimate
from epsball.models.adapters.torch_archive import ENDINGS, kind_of
from epsball.models.freezing import evaluation_mode
from epsball.models.networks.catalogue import NETWORKS
from epsball.models.outputs import ends_early
from epsball.models.weights import no_network
from epsball.models.wrap import wrap

if TYPE_CHECKING:
    from epsball.models.model import Model
    from epsball.models.networks.network import Shape
    from epsball.models.wrap import Numbers

__all__ = [
    "SCHEMES",
    "hub",
    "hugging_face",
    "jax_file",
    "keras_file",
    "load_model",
    "onnx",
    "robust_bench",
    "skops_file",
    "timm_network",
    "torch_export",
    "torch_script",
    "zoo",
]

_KINDS = {".onnx": "onnx", ".keras": "keras", ".skops": "sklearn"}
"""The schemes of files that are known by how their names end."""


def load_model(
    spec: str,
    weights: str | Path | None = None,
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    outputs: str = "logits",
    key: str | int = "",
    shape: Shape | None = None,
    classes: int | None = None,
    seed: int = 0,
) -> Model:
    """Return a wrapped model in evaluation mode from its name.

    Args:
        spec: one of
            `zoo:NAME[@weights]`: a network of the paper;
            `hub:NAME[@weights]`: a trained one from an installed package, see `models.adapters.hub`;
            `onnx:path/to/file.onnx[@weights]`: a graph with its weights, see `models.adapters.onnx`;
            `hf:folder-or-id`: an image classifier of Transformers, see `models.adapters.hugging_face`;
            `timm:NAME@weights`, `timm:NAME@pretrained`: a network of timm, see `models.adapters.timm_network`;
            `robustbench:NAME`: a network of RobustBench's zoo, see `models.adapters.robust_bench`;
            `path/to/file.onnx`, `path/to/file.keras`, `path/to/file.skops`: as with their schemes `onnx:`, `keras:`, `sklearn:`;
            `path/to/file.pt`, `path/to/file.pt2`: a network that TorchScript or torch.export saved;
            `sklearn:path/to/file.skops`: a classifier of scikit-learn, see `models.adapters.skops_file`;
            `keras:path/to/file.keras`: a model of Keras 3, see `models.adapters.keras_file`;
            `jax:path/to/file.py:factory`: a function of JAX arrays, see `models.adapters.jax_file`;
            `eot:10:…`, `nes:50:…`, `spsa:50:…`, `bpda:LAYER:…`: one of the others behind an estimator, see `models.estimators`;
            `scheme:…`: what an installed package registers, by an entry point of the group `epsball.models`;
            `path/to/file.py:factory[@weights]`: what the factory returns, which takes no arguments: an `nn.Module`, any
            callable (N, C, H, W) -> (N, K), a classifier of scikit-learn, or what `wrap` returned.
        weights: a file of weights, when it is not part of `spec`: safetensors, or a torch state dict.
        mean: what `wrap` takes, for a model that has none of its own.
        std: likewise.
        outputs: likewise.
        key: likewise.
        shape: (C, H, W) of the images for a zoo network; by default what the weights were saved with, or its own data's.
        classes: number of classes of a zoo network, likewise.
        seed: of the initial weights; the global random state is left as it was.

    Raises:
        InputError: a string, file, weights or settings that cannot be used, with the reason.
    """
    loaded = _named(spec, weights, Options(weights, shape, classes, seed))
    early = ends_early(loaded.net) and outputs in {"logits", "probs"}
    outputs = loaded.outputs if early else outputs
    if mean is None and std is None and outputs == loaded.outputs and str(key) == loaded.key:
        return loaded
    own = loaded.mean is not None or loaded.std is not None or bool(loaded.key)
    own = own or not (early or loaded.outputs == "logits")
    again = wrap(loaded if own else loaded.net, mean, std, outputs, key=key)
    return replace(again, source=loaded.source, cost=loaded.cost, input_size=loaded.input_size)


def _named(spec: str, weights: str | Path | None, options: Options) -> Model:
    if not isinstance(spec, str):
        raise InputError(
            f"the model was given as {type(spec).__name__}; expected a text such as 'zoo:mlp-512' or 'path/to/file.py:factory': "
            "give a live network to eb.wrap"
        )
    estimate, behind = split_estimate(spec)
    if estimate:
        estimated = estimator(estimate)(_named(behind, weights, options))
        return replace(estimated, source=spec if weights is None else f"{spec}@{weights}")
    scheme, colon, rest = spec.partition(":")
    if python_file.names_factory(spec) and scheme not in SCHEMES:
        model = python_file.read(spec, options)
    elif colon and scheme.isidentifier():
        model = wrap(SCHEMES[scheme](rest, options))
    elif spec.endswith(ENDINGS) and "@" not in spec:
        model = _of_a_file(spec, options)
    elif kind := next((_KINDS[end] for end in _KINDS if spec.partition("@")[0].endswith(end)), ""):
        return _named(f"{kind}:{spec}", weights, options)
    elif spec.endswith(".py"):
        raise InputError(
            f"{spec!r} names a file of Python and nothing in it; expected path/to/file.py:factory: give {spec}:NAME with the "
            "name of its function that returns the model"
        )
    else:
        close = f"did you mean 'zoo:{spec}'? " if spec.partition("@")[0] in NETWORKS else ""
        raise InputError(
            f"{spec!r} is no model; {close}expected zoo:NAME[@weights], path/to/file.py:factory[@weights], "
            "path/to/file.pt2, timm:NAME@weights, onnx:file.onnx, sklearn:file.skops, keras:file.keras, "
            "jax:path/to/file.py:factory, hf:folder-or-id or hub:NAME"
        )
    if model.module is not None:
        evaluation_mode(model.module)
    return replace(model, source=spec if weights is None else f"{spec}@{weights}")


def _of_a_file(spec: str, options: Options) -> Model:
    path = Path(spec)
    kind = kind_of(path)
    if not kind:
        raise no_network(path)
    return wrap(SCHEMES[kind](spec, options))
