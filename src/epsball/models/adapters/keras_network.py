"""Models of Keras 3 as networks on images (N, C, H, W), with logits out; Keras is not imported before there is one.

On PyTorch its gradients are taken as they are, on JAX by `jax.vjp`; on other back ends there are scores only.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from epsball.errors import InputError, ModelError
from epsball.models.adapters.jax_function import JaxFunction
from epsball.models.black_box import BlackBox
from epsball.models.entries import only
from epsball.models.shared import held

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

_IMAGES = 4


def is_keras(net: object) -> bool:
    """Whether an object is a model or layer of Keras 3."""
    return any(kind.__name__ == "Layer" and kind.__module__.startswith("keras.") for kind in type(net).__mro__)


def keras_network(model: Any, outputs: str) -> tuple[nn.Module, str]:
    """Return a model as a network of tensors, and what that returns.

    A softmax or sigmoid at the end is left out, behind which gradients vanish: the outputs are logits then, or "binary" where there is
    one. The model itself stays as it is, and its weights are read anew in every pass.

    Args:
        model: a built model with one input and one output.
        outputs: what the model returns, as `wrap` takes it.

    Raises:
        InputError: a model that is not built or takes several inputs.
    """
    import keras  # noqa: PLC0415 the user's model has brought it

    name = type(model).__name__
    if not model.built:
        raise InputError(f"{name} is not built, so it has no weights yet; call it on one batch of images first")
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, dict | list):
        raise InputError(
            f"{name} takes {len(shape)} inputs; expected one, a batch of images: give a model of images alone"
        )
    body, end = model, None
    if outputs in {"logits", "probs"} and (last := _last(model)) is not None:
        if type(last) is keras.layers.Softmax:
            body, outputs = keras.Model(model.inputs[0], last.input), "logits"
        elif getattr(last, "activation", None) in {keras.activations.softmax, keras.activations.sigmoid}:
            end, outputs = last, "binary" if model.output_shape[-1] == 1 else "logits"
    images = KerasImages(None if shape is None else tuple(shape[1:]), _channels_last(model))
    network = KerasNetwork(images, _on_back_end(body, end))
    network.ends_early = body is not model or end is not None
    return network.eval(), outputs


class KerasNetwork(nn.Sequential):
    """A model of Keras behind what brings images into its order."""

    ends_early: bool = False
    """Whether a softmax or sigmoid at the end was left out."""


class KerasImages(nn.Module):
    """Images (N, C, H, W) in the order that a model of Keras takes.

    Args:
        shape: of its input without the first axis, None where a side is free; None where nothing is known.
        last: whether the channels come last where both orders fit.
    """

    def __init__(self, shape: tuple[int | None, ...] | None, last: bool) -> None:  # noqa: FBT001 (as the settings stand)
        super().__init__()
        self.shape, self.last = shape, last

    def forward(self, x: Tensor) -> Tensor:
        """Return x as (N, H, W, C), (N, C, H, W), (N, H, W) or flat, whichever the model takes.

        Raises:
            ModelError: none of them fits.
        """
        if x.ndim != _IMAGES:
            return x
        last = x.permute(0, 2, 3, 1)
        orders = [last, x] if self.last else [x, last]
        if x.shape[1] == 1:
            orders.append(x.flatten(1, 2))
        orders.append(orders[0].flatten(1))
        for each in orders:
            if self.shape is None or _fits(self.shape, each.shape[1:]):
                return each.contiguous()
        raise ModelError(
            f"the Keras model takes inputs of shape {self.shape} and got images of (C, H, W) = {tuple(x.shape[1:])}; "
            "give images of its size"
        )

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"shape={self.shape}, last={self.last}"


class KerasOnTorch(nn.Module):
    """A model of Keras whose back end is PyTorch; its weights are this module's parameters.

    Args:
        model: of Keras.
        end: its last layer, whose activation is left out; None for none.
    """

    def __init__(self, model: Any, end: Any) -> None:
        super().__init__()
        self._keras = model, end  # in a tuple, whose parts are no modules of this one: Keras's own are hundreds
        for number, weight in enumerate(model.weights):
            value = weight.value
            if value.is_floating_point():
                parameter = value if isinstance(value, nn.Parameter) else nn.Parameter(value, requires_grad=False)
                self.register_parameter(f"{number}-{weight.name}", parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers to inputs in Keras's order, in the type of x."""
        import keras  # noqa: PLC0415 the user's model has brought it

        model, end = self._keras
        with keras.device(str(x.device)), _without_activation(end):
            answer: Any = only(_by_name(model, model(x, training=False)))
        return answer.to(x.dtype) if isinstance(answer, Tensor) and answer.is_floating_point() else answer

    def extra_repr(self) -> str:
        """Return how the model is built."""
        return _built(self._keras[0])


def _on_back_end(model: Any, end: Any) -> nn.Module:
    import keras  # noqa: PLC0415 the user's model has brought it

    name = keras.config.backend()
    if name == "torch":
        return KerasOnTorch(model, end)
    if name == "jax":

        def answer(values: tuple[Sequence[Any], Sequence[Any]], x: Any) -> Any:
            with _without_activation(end):
                return model.stateless_call(*values, x, training=False)[0]

        def values() -> tuple[list[Any], list[Any]]:
            kinds = model.trainable_variables, model.non_trainable_variables
            trained, others = ([variable.value for variable in each] for each in kinds)
            return trained, others

        return JaxFunction(answer, values, _built(model))

    def scores(x: Any) -> Any:
        with _without_activation(end):
            answer = only(_by_name(model, model(x, training=False)))
            return keras.tree.map_structure(keras.ops.convert_to_numpy, answer)

    def weights() -> dict[str, Any]:
        return {f"{number}-{weight.name}": weight.numpy() for number, weight in enumerate(model.weights)}

    return BlackBox(scores, f"Keras runs on {name} here; KERAS_BACKEND=torch gives some", weights, _built(model))


def _by_name(model: Any, answer: Any) -> Any:
    """Several outputs by the names of their layers, where these differ."""
    names = getattr(model, "output_names", ())
    listed = isinstance(answer, list | tuple) and len(set(names)) == len(answer)
    return dict(zip(names, answer, strict=True)) if listed else answer


class _Activation:
    """The activation of a layer, before it is left out."""

    def __init__(self, layer: Any) -> None:
        import keras  # noqa: PLC0415 the user's model has brought it

        self.layer, self.activation = layer, layer.activation
        layer.activation = keras.activations.linear

    def restore(self) -> None:
        """Put it back."""
        self.layer.activation = self.activation


def _without_activation(layer: Any) -> AbstractContextManager[object]:
    return nullcontext() if layer is None else held([layer], _Activation)


def _last(model: Any) -> Any:
    """The layer that a model's output comes from, within nested models too; None where Keras does not know it."""
    made = getattr(model, "outputs", None)
    if not isinstance(made, list) or len(made) != 1:
        return None
    for layer in reversed(model.layers):
        if any(node.outputs[0] is made[0] for node in layer._inbound_nodes):  # noqa: SLF001 (there is no public way)
            inner = _last(layer)
            return layer if inner is None or not hasattr(inner, "activation") else inner
    return None


def _channels_last(model: Any) -> bool:
    import keras  # noqa: PLC0415 the user's model has brought it

    orders = [layer.data_format for layer in getattr(model, "layers", []) if hasattr(layer, "data_format")]
    return bool((orders or [keras.config.image_data_format()])[0] == "channels_last")


def _fits(shape: tuple[int | None, ...], sides: Sequence[int]) -> bool:
    return len(shape) == len(sides) and all(one in {None, side} for one, side in zip(shape, sides, strict=True))


def _built(model: Any) -> str:
    """The layers with their settings, without the names that Keras numbers through a process."""
    layers = getattr(model, "layers", None) or [model]
    settings = [{name: value for name, value in layer.get_config().items() if name != "name"} for layer in layers]
    return "; ".join(f"{type(layer).__name__}({each})" for layer, each in zip(layers, settings, strict=True))
