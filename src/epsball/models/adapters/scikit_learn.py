"""Classifiers of scikit-learn: linear models, networks and pipelines of scalings as PyTorch modules, the rest as scores or labels.

Given to `wrap`, or returned by a factory in a file. scikit-learn is not imported for it.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from epsball.errors import InputError
from epsball.models.black_box import BlackBox

if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGE = "sklearn."
_LINEAR = (
    "LinearDiscriminantAnalysis",
    "LinearSVC",
    "LogisticRegression",
    "LogisticRegressionCV",
    "Perceptron",
    "PassiveAggressiveClassifier",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
)
_BY_PAIRS = ("NuSVC", "SVC")
_LEAD = 1e-3
"""Of a predicted class over the highest score, where an estimator predicts another: by votes with ties, or a threshold of its own."""
_CENTRED = {
    "RobustScaler": ("with_scaling", "with_centering", "center_"),
    "StandardScaler": ("with_std", "with_mean", "mean_"),
}
"""Scalers (x - centre) / scale: whether they scale, whether they centre, and the centre."""
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def is_estimator(net: object) -> bool:
    """Whether an object is a fitted or unfitted classifier of scikit-learn, or a pipeline that ends in one."""
    return not callable(net) and hasattr(net, "predict") and any(_of_package(kind) for kind in type(net).__mro__)


def _of_package(kind: type) -> bool:
    return f"{kind.__module__}.".startswith(_PACKAGE)


def converted(estimator: Any) -> nn.Module:
    """Return the classifier (N, …) -> (N, K): a module with its decision as logits, or a black box.

    Inputs are flattened. Modules compute in the type of their inputs. A black box gives `decision_function`, else the logarithms of
    `predict_proba`, else 1 for the class that `predict` names and -1 for the others; that class always has the highest score.

    Args:
        estimator: a fitted classifier or a pipeline that ends in one.

    Raises:
        InputError: it is not fitted, is no classifier, or numbers its classes otherwise than 0 … K-1.
    """
    name = type(estimator).__name__
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise InputError(
            f"{name} has no classes_; expected a classifier of scikit-learn that is fitted: call its fit first"
        )
    if np.issubdtype(np.asarray(classes).dtype, np.number) and not np.array_equal(classes, np.arange(len(classes))):
        shown = ", ".join(map(str, classes[:5]))
        raise InputError(
            f"{name} was fitted on the labels {shown}{', …' * (len(classes) > 5)}; expected 0 … {len(classes) - 1}: fit it on "  # noqa: PLR2004 (as many are shown)
            "np.searchsorted(classes, labels)"
        )
    layers = _layers(estimator)
    if layers is not None:
        return nn.Sequential(nn.Flatten(), *layers).eval()
    return BlackBox(
        partial(_scores, _by_class(estimator)), f"{name} of scikit-learn has none, or none that is known here"
    )


def _scores(estimator: Any, x: Any) -> Any:
    """What an estimator says of inputs `(N, …)`, as scores `(N, K)` of which the predicted class has the highest."""
    flat = x.reshape(len(x), -1)
    named = estimator.predict(flat)[:, None] == estimator.classes_
    if hasattr(estimator, "decision_function"):
        scores = estimator.decision_function(flat)
        scores = np.stack((-scores / 2, scores / 2), 1) if scores.ndim == 1 else scores
    elif hasattr(estimator, "predict_proba"):
        scores = np.log(np.maximum(estimator.predict_proba(flat), np.finfo(flat.dtype).tiny))
    else:
        scores = 2 * named - 1  # not 0 and 1, which would be probabilities
    scores = scores.astype(flat.dtype)
    highest = scores.max(1, keepdims=True)
    others = named.any(1, keepdims=True) & (named.argmax(1) != scores.argmax(1))[:, None]
    return np.where(others & named, np.nextafter(highest + flat.dtype.type(_LEAD), np.inf), scores)


def _by_class(estimator: Any) -> Any:
    """The same estimator with one score for each class where a support vector machine has one for each pair."""
    kind, other = type(estimator).__name__, copy(estimator)
    if kind in _BY_PAIRS:
        other.decision_function_shape = "ovr"
    elif kind == "Pipeline":
        *before, (name, last) = estimator.steps
        other.steps = [*before, (name, _by_class(last))]
    elif hasattr(estimator, "best_estimator_"):
        other.best_estimator_ = _by_class(estimator.best_estimator_)
    return other


class Affine(nn.Module):
    """x W^T + b in the type of x; `two` makes one score z two logits, (-z/2, z/2)."""

    def __init__(self, weight: Any, bias: Any, *, two: bool = False) -> None:
        super().__init__()
        bias = torch.as_tensor(bias, dtype=torch.float64).reshape(-1)
        weight = torch.as_tensor(weight, dtype=torch.float64).reshape(len(bias), -1)
        if two:
            weight, bias = torch.cat((-weight / 2, weight / 2)), torch.cat((-bias / 2, bias / 2))
        self.weight, self.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores `(N, K)`."""
        return nn.functional.linear(x, self.weight.to(x), self.bias.to(x))


class Scaled(nn.Module):
    """x a + b for every feature, in the type of x, cut to a range where the scaler cuts."""

    def __init__(self, factor: Any, offset: Any, cut: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.as_tensor(factor, dtype=torch.float64), requires_grad=False)
        self.offset = nn.Parameter(torch.as_tensor(offset, dtype=torch.float64), requires_grad=False)
        self.cut = cut

    def forward(self, x: Tensor) -> Tensor:
        """Return the features `(N, n)`."""
        x = x * self.factor.to(x) + self.offset.to(x)
        return x if self.cut is None else x.clamp(*self.cut)


class Unit(nn.Module):
    """x / |x|, as `Normalizer` does; a row of zeros stays one."""

    def __init__(self, norm: str) -> None:
        super().__init__()
        self.order = {"l1": 1.0, "l2": 2.0, "max": float("inf")}[norm]

    def forward(self, x: Tensor) -> Tensor:
        """Return rows of length 1 `(N, n)`."""
        length = x.norm(self.order, dim=1, keepdim=True)
        return x / torch.where(length == 0, 1, length)


def _layers(estimator: Any) -> list[nn.Module] | None:
    """The layers of an estimator; None where some of it has none."""
    kind = type(estimator).__name__
    if not _of_package(type(estimator)):  # a subclass may do otherwise
        return None
    if kind == "Pipeline":
        layers: list[nn.Module] = []
        for _, step in estimator.steps:
            more = [] if step is None or step == "passthrough" else _layers(step)
            if more is None:
                return None
            layers += more
        return layers
    if kind == "MLPClassifier":
        return _network(estimator)
    if kind in _LINEAR:
        return [Affine(estimator.coef_, estimator.intercept_, two=len(estimator.classes_) == 2)]  # noqa: PLR2004 (one score)
    return _scaling(estimator, kind)


def _network(estimator: Any) -> list[nn.Module]:
    layers: list[nn.Module] = []
    last = len(estimator.coefs_) - 1
    for number, (weight, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        layers.append(Affine(weight.T, bias, two=number == last and len(estimator.classes_) == 2))  # noqa: PLR2004 (one score)
        if number < last:
            layers.append(_ACTIVATIONS[estimator.activation]())
    return layers


def _scaling(estimator: Any, kind: str) -> list[nn.Module] | None:
    if kind in _CENTRED:
        scales, centres, mean = _CENTRED[kind]
        scale = estimator.scale_ if getattr(estimator, scales) else np.ones(estimator.n_features_in_)
        centre = getattr(estimator, mean) if getattr(estimator, centres) else np.zeros(estimator.n_features_in_)
        return [Scaled(1 / scale, -centre / scale)]
    if kind == "MinMaxScaler":
        return [Scaled(estimator.scale_, estimator.min_, tuple(estimator.feature_range) if estimator.clip else None)]
    if kind == "MaxAbsScaler" and not getattr(estimator, "clip", False):
        return [Scaled(1 / estimator.scale_, np.zeros(estimator.n_features_in_))]
    if kind == "Normalizer":
        return [Unit(estimator.norm)]
    if kind == "PCA":
        scale = np.sqrt(estimator.explained_variance_)[:, None] if estimator.whiten else 1.0
        turned = estimator.components_ / scale
        return [Affine(turned, -turned @ estimator.mean_)]
    return None
