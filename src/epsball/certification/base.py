"""Lower bounds in an evaluation: any function that vouches for a radius."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from epsball.errors import InputError
from epsball.evaluation.samples import numpy_of
from epsball.models.wrap import Model
from epsball.threat import Threat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from epsball.evaluation.samples import Samples

Certifier: TypeAlias = Callable[[Model, Tensor, Tensor, Threat], Tensor]
"""(model, x (N, …), y (N,), threat) -> (N,) radii in the threat's norm within which no error exists; 0 where it cannot say."""


def names_of(certifiers: Sequence[Certifier]) -> list[str]:
    """The functions' or classes' own names, numbered where several share one.

    Raises:
        InputError: one of them cannot be called.
    """
    names, seen = [], Counter[str]()
    for certifier in certifiers:
        if not callable(certifier):
            raise InputError(
                f"a certifier was given as {type(certifier).__name__}; expected a function (model, x, y, threat) -> radii (N,)"
            )
        name = str(getattr(certifier, "__name__", type(certifier).__name__)).strip("<>")
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def radii(
    name: str, certifier: Certifier, samples: Samples, at: NDArray[np.int64], threat: Threat
) -> NDArray[np.float64]:
    """The radii that the certifier vouches for at some of the samples, float64 (k,).

    Raises:
        InputError: it did not return one number >= 0 per sample.
    """
    x, y, _ = samples.rows(at)
    with torch.inference_mode(mode=False), samples.model.frozen():
        radius = numpy_of(torch.as_tensor(certifier(samples.model, x, y, threat))).astype(np.float64)
    if radius.shape != (len(at),) or not (radius >= 0).all():
        raise InputError(
            f"the certifier {name} returned shape {radius.shape}, least value {radius.min(initial=np.inf):g}, for {len(at)} samples; "
            "expected one radius >= 0 per sample"
        )
    return radius
