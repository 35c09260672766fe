"""Any callable as a model on data units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from epsball.errors import InputError, brief
from epsball.models.adapters.jax_function import JaxFunction
from epsball.models.adapters.keras_network import is_keras, keras_network
from epsball.models.adapters.scikit_learn import converted, is_estimator
from epsball.models.black_box import BlackBox
from epsball.models.entries import named
from epsball.models.fixed_batch import in_groups
from epsball.models.labels import classes_of
from epsball.models.model import Model
from epsball.models.outputs import OUTPUTS
from epsball.units import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Numbers = float | str | Sequence[float | str] | Tensor

ARRAYS = ("torch", "numpy", "jax")


def wrap(
    net: Callable[..., Any] | Model,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    outputs: str = "logits",
    *,
    arrays: str = "torch",
    key: str | int = "",
) -> Model:
    """Return `net` as a classifier on data units, so that every ε is in data units too.

    Args:
        net: any callable (N, …) -> (N, K), a classifier of scikit-learn, or a model of Keras. A module is queried in evaluation mode,
            frozen, and given back as it was. An answer's `.logits`, its entry of that name, or its only entry stands for it.
        mean: what the training pipeline subtracted, one number or fraction "1/2" per channel (or one for all), in data units.
        std: what it divided by.
        outputs: "logits"; "probs" for probabilities, of all classes or (N,) or (N, 1) of class 1; "binary" for one logit per
            sample, (N,) or (N, 1), positive for class 1; "labels:10" for predicted labels (N,), of 10 classes here; "reject" for
            K + 1 logits, the last of which is largest where the model rejects an input: an error is a wrong answer that it accepts.
        arrays: what a function takes and returns: "torch" for tensors; "numpy", without gradients; "jax", with those of `jax.vjp`.
        key: which entry of the answer that is, by its name or number, -1 for the last, where there are several; one within another by
            its name, or as "out.logits".

    Raises:
        InputError: an unknown kind of outputs or arrays, a mean that is not finite, a standard deviation that is not positive, or
            settings for a model that has its own.

    Example:
        >>> wrap(lambda x: x.flatten(1), mean=0.5, std=0.5)(torch.tensor([[0.5, 1.0]]))
        tensor([[0., 1.]])
    """
    if isinstance(net, Model):
        if (
            mean is not None
            or std is not None
            or outputs not in {"logits", net.outputs}
            or str(key) not in {"", net.key}
        ):
            raise InputError("the model is wrapped already; give mean, std, outputs and key to the first wrap")
        return net
    if type(net).__name__ == "ExportedProgram":  # of torch.export, which is not imported for this
        net = cast("Any", net).module()
    if outputs not in OUTPUTS and not classes_of(outputs):
        raise InputError(
            f"outputs was given as {outputs!r}; expected one of {', '.join(OUTPUTS)}, or labels:K with the number K of classes"
        )
    if is_estimator(net):
        net = converted(net)
    if is_keras(net):
        net, outputs = keras_network(net, outputs)
    if not callable(net):
        raise InputError(
            f"the model was given as {type(net).__name__}; expected a callable from (N, …) to (N, K) logits"
        )
    net = in_groups(_of_tensors(net, arrays))
    centre, scale = _per_channel(mean, "mean"), _per_channel(std, "std")
    if scale is not None and not bool((scale > 0).all()):
        raise InputError(f"std was given as {brief(std)}; expected positive numbers, in data units")
    if not isinstance(key, str | int):
        raise InputError(
            f"key was given as {brief(key)}; expected the name or the number of an entry, such as 'out' or 0"
        )
    return Model(net, centre, scale, outputs, key=named(net, str(key)))


def _of_tensors(net: Callable[..., Any], arrays: str) -> Callable[..., Any]:
    """A function of tensors that does what a function of other arrays does."""
    if arrays not in ARRAYS:
        raise InputError(f"arrays was given as {arrays!r}; expected {', '.join(ARRAYS[:-1])} or {ARRAYS[-1]}")
    if arrays == "numpy":
        return BlackBox(net, "it is a function of NumPy arrays")
    return JaxFunction(net) if arrays == "jax" else net


def _per_channel(value: Numbers | None, name: str) -> Tensor | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = parse_number(value, name)
    elif isinstance(value, list | tuple):
        value = [parse_number(part, name) if isinstance(part, str) else part for part in value]
    try:
        numbers = torch.as_tensor(value, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} was given as {brief(value)}; expected one number, or one per channel") from error
    if not bool(numbers.isfinite().all()):
        raise InputError(f"{name} was given as {brief(value)}; expected finite numbers, in data units")
    return numbers
