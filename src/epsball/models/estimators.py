"""Model in, Model out: other ways to its gradient, each with its cost in passes, so that every gradient attack can take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epsball.errors import InputError, brief
from epsball.models.cost import Cost
from epsball.models.estimates import Averaged, Differences, Replaced, normal, signs
from epsball.models.model import Model
from epsball.models.rejection import REJECT
from epsball.models.wrap import wrap
from epsball.units import parse_number
from epsball.validation import checked_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from epsball.models.estimates import Draw


def eot(model: Callable[[Tensor], Any] | Model, draws: int = 16) -> Model:
    """Return the mean of the logits of a random model over several passes, f(x) = 1/m sum_i f_i(x), with the mean gradient.

    Expectation over transformation: Athalye et al. 2017, arXiv:1707.07397, eq. 2. Deviations: the loss of the mean logits instead of
    the mean of the losses; for a linear loss, such as the margin to one class, that is the same.

    Args:
        model: a classifier whose passes differ.
        draws: passes a point, the m.

    Raises:
        InputError: a number of draws below 1.
    """
    inner = wrap(model)
    checked_count(draws, "draws")
    cost = inner.cost
    price = Cost(draws * cost.forward, draws * cost.differentiated, draws * cost.backward)
    return _estimate(inner, Averaged(inner, draws), price, inner.estimate)


def bpda(
    model: Callable[[Tensor], Any] | Model,
    layer: str | nn.Module | Callable[[Tensor], Tensor],
    backward: Callable[[Tensor], Tensor] | None = None,
) -> Model:
    """Return the model with one step g whose backward pass is that of another function h: logits with g, gradients with h ≈ g.

    Backward pass differentiable approximation: Athalye, Carlini, Wagner 2018, arXiv:1802.00420, section 4.1. Deviations: none.

    Args:
        model: the classifier.
        layer: g: a part of the network or its name, `"features.0"`; or a function that is put in front of the network and is given
            inputs in data units.
        backward: h, from the layer's input to something of the shape of its output; the identity when left out.

    Raises:
        InputError: the network has no such part, or what was given is neither one nor a function.
    """
    inner = wrap(model)
    if not isinstance(layer, str) and not callable(layer):
        raise InputError(
            f"layer was given as {brief(layer)}; expected a part of the network, its name, or a function of inputs"
        )
    if backward is not None and not callable(backward):
        raise InputError(f"backward was given as {brief(backward)}; expected a function, or None")
    network = Replaced(inner, _part(inner, layer) if isinstance(layer, str) else layer, backward)
    return _estimate(inner, network, inner.cost, "bpda")


def nes(model: Callable[[Tensor], Any] | Model, draws: int = 50, sigma: float = 1e-3) -> Model:
    """Return the model with gradients from its logits alone: 1/(2 m σ) sum_i u_i (f(x + σ u_i) - f(x - σ u_i)), u_i standard normal.

    Natural evolution strategies: Ilyas et al. 2018, arXiv:1804.08598, algorithm 1. Deviations: it is the Jacobian of the logits that
    is estimated, so that one set of draws serves every loss and class; m antithetic pairs.

    Args:
        model: a classifier; it need not be differentiable.
        draws: pairs of points for a gradient, m: 2 m rows forwarded.
        sigma: their distance σ, in data units for each feature.

    Raises:
        InputError: a number of draws below 1, or a distance that is not above 0.
    """
    return _differences(model, draws, ("sigma", sigma), normal, "nes")


def spsa(model: Callable[[Tensor], Any] | Model, draws: int = 64, delta: float = 0.01) -> Model:
    """Return the model with gradients from its logits alone: 1/(2 m δ) sum_i u_i (f(x + δ u_i) - f(x - δ u_i)), u_i random signs.

    Simultaneous perturbation: Uesato et al. 2018, arXiv:1802.05666, algorithm 1. Deviations: as `nes`.

    Args:
        model: a classifier; it need not be differentiable.
        draws: pairs of points for a gradient, m: 2 m rows forwarded.
        delta: their distance δ, in data units for each feature.

    Raises:
        InputError: a number of draws below 1, or a distance that is not above 0.
    """
    return _differences(model, draws, ("delta", delta), signs, "spsa")


def _differences(
    model: Callable[[Tensor], Any] | Model, draws: int, given: tuple[str, float], directions: Draw, estimate: str
) -> Model:
    inner = wrap(model)
    checked_count(draws, "draws")
    name, width = given[0], parse_number(given[1], given[0])
    if not 0 < width < float("inf"):
        raise InputError(f"{name} was given as {width!r}; expected a number above 0, in data units")
    price = Cost(inner.cost.forward, inner.cost.forward * (1 + 2 * draws), 0)
    return _estimate(inner, Differences(inner, draws, width, directions), price, estimate)


def _estimate(inner: Model, network: nn.Module, cost: Cost, estimate: str) -> Model:
    """It returns the logits of the model inside, with its rejection where it has one."""
    outputs = REJECT if inner.outputs == REJECT else "logits"
    return Model(network, cost=cost, input_size=inner.input_size, outputs=outputs, estimate=estimate)


def _part(model: Model, name: str) -> nn.Module:
    parts = dict(model.module.named_modules()) if model.module is not None else {}
    if name not in parts or not name:
        known = ", ".join(list(parts)[1:6]) or "none"
        raise InputError(f"the network has no part {name!r}; its first parts are {known}: name one of its modules")
    part: nn.Module = parts[name]
    return part
