"""Lower bounds in an evaluation: any function that proves a radius free of errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.models.forward import numpy_of
from epsball.models.model import Model
from epsball.registry import Registry
from epsball.threat import Threat

if TYPE_CHECKING:
    from numpy.typing import NDArray

Certifier: TypeAlias = Callable[[Model, Tensor, Tensor, Threat], Tensor]
"""(model, x (N, …), y (N,), threat) -> (N,) radii in the threat's norm within which no error exists; 0 where it cannot say."""


CERTIFICATES: Registry[Certifier] = Registry(
    "certificate", group="epsball.certificates", also="a function (model, x, y, threat) -> radii (N,)"
)
"""Certifiers by name: those of other packages, by the entry points "epsball.certificates"."""


def chosen(certifiers: Sequence[str | Certifier]) -> dict[str, Certifier]:
    """The certifiers by name: the one they are registered by, or their own, numbered where several share one.

    Raises:
        InputError: an unknown name, or something that cannot be called.
    """
    seen, named = Counter[str](), dict[str, Certifier]()
    for given in certifiers:
        certifier = CERTIFICATES[given] if isinstance(given, str) else given
        if not callable(certifier):
            raise InputError(
                f"a certifier was given as {type(certifier).__name__}; expected a function (model, x, y, threat) -> radii (N,)"
            )
        own = getattr(certifier, "__name__", type(certifier).__name__)
        name = str(given if isinstance(given, str) else own).strip("<>")
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name}-{seen[name]}"] = certifier
    return named


def radii(name: str, certifier: Certifier, model: Model, x: Tensor, y: Tensor, threat: Threat) -> NDArray[np.float64]:
    """The radii that the certifier proves for inputs x (k, …) with labels y (k,), float64 (k,).

    Raises:
        InputError: it did not return one number >= 0 per sample.
    """
    with torch.inference_mode(mode=False), model.frozen():
        radius = numpy_of(torch.as_tensor(certifier(model, x, y, threat))).astype(np.float64)
    if radius.shape != (len(x),) or not (radius >= 0).all():
        raise InputError(
            f"the certifier {name} returned shape {radius.shape}, least value {radius.min(initial=np.inf):g}, for {len(x)} samples; "
            "expected one radius >= 0 per sample"
        )
    return radius
