"""Functions of JAX arrays as functions of tensors, with gradients. JAX is not imported before one is made."""

from __future__ import annotations

import inspect
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from epsball.errors import ModelError
from epsball.models.adapters.base import imported
from epsball.models.contents import read_from_outside
from epsball.models.entries import only

if TYPE_CHECKING:
    from collections.abc import Callable


class JaxFunction(nn.Module):
    """A function of JAX arrays as a function of tensors; `jax.vjp` gives its gradients.

    The function is compiled once for every number of rows, so rows are filled up to a power of two with the last one. Tensors become
    arrays without a copy where JAX can use their memory. float64 is computed in float32 unless `jax_enable_x64` is set, as everywhere
    in JAX; answers and gradients have the type of the input.

    Args:
        function: (N, …) -> (N, K), or (weights, (N, …)) -> (N, K) with `weights`.
        weights: gives what the function takes first, a tree of arrays, read again in every pass; without it the function holds them.
        built: how it is built, where `function` does not show it.

    Raises:
        InputError: the package is not installed.
    """

    def __init__(self, function: Callable[..., Any], weights: Callable[[], Any] | None = None, built: str = "") -> None:
        super().__init__()
        jax: Any = imported("jax", "a function of JAX arrays", "jax")
        self.function = inspect.unwrap(function) if weights is None else None
        self._weights, self._built = weights or tuple, built

        def answer(given: Any, x: Any) -> Any:
            found = only(function(x) if weights is None else function(given, x))
            if not isinstance(found, jax.Array):
                raise ModelError(
                    f"the function returned a {type(found).__name__}; expected one array (N, K): return the logits"
                )
            return found

        self._answer = jax.jit(answer)
        self._linearised = jax.jit(lambda given, x: jax.vjp(partial(answer, given), x))
        self._pulled = jax.jit(lambda pull, slope: pull(slope)[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers (N, K) to inputs (N, …)."""
        if torch.is_grad_enabled() and x.requires_grad:
            return cast("Tensor", _Differentiated.apply(x, self))  # type: ignore[no-untyped-call] # PyTorch does not annotate it
        return _tensor(self._answer(self._weights(), _array(_filled(x))), x)

    def linearised(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return the answers (N, K), and what makes gradients (N, …) of slopes (N, K)."""
        answer, pull = self._linearised(self._weights(), _array(_filled(x)))

        def pulled(slope: Tensor) -> Tensor:
            rows = torch.zeros(answer.shape, dtype=slope.dtype, device=slope.device)
            rows[: len(slope)] = slope
            return _tensor(self._pulled(pull, _array(rows).astype(answer.dtype)), x)

        return _tensor(answer, x), pulled

    def get_extra_state(self) -> dict[str, Any]:
        """Return the weights as NumPy arrays by name, for the fingerprint: however deep in a tree of JAX that the function holds."""
        import jax  # noqa: PLC0415 of the jax extra

        outside = read_from_outside(self.function) if isinstance(self.function, FunctionType) else ()
        held = {name: getattr(value, "__self__", value) for name, value in outside}
        leaves: Any = jax.tree_util.tree_leaves_with_path((self._weights(), self.function, held))
        return {jax.tree_util.keystr(path): _numpy(leaf) for path, leaf in leaves if isinstance(leaf, jax.Array)}

    def extra_repr(self) -> str:
        """Return how it is built."""
        return self._built


class _Differentiated(torch.autograd.Function):
    """A function of JAX arrays, with its vector-Jacobian product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: JaxFunction) -> Tensor:
        """Return the answers."""
        answer, ctx.pulled = function.linearised(x)
        return answer

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        """Return the gradient (N, …) of <slope, answer>."""
        return ctx.pulled(slopes[0]), None


def _filled(x: Tensor) -> Tensor:
    """Rows up to the next power of two."""
    missing = (1 << max(0, len(x) - 1).bit_length()) - len(x)
    return torch.cat((x, x[-1:].expand(missing, *x.shape[1:]))) if missing else x


def _array(x: Tensor) -> Any:
    """The tensor as an array, in its own memory where JAX takes it."""
    import jax  # noqa: PLC0415 of the jax extra

    config: Any = jax.config
    if x.dtype == torch.float64 and not config.jax_enable_x64:
        x = x.float()
    if x.device.type != "cpu" and jax.default_backend() != "gpu":
        x = x.cpu()
    array = jax.dlpack.from_dlpack(x.detach().contiguous())
    devices = jax.local_devices()
    return array if array.devices() <= set(devices) else jax.device_put(array, devices[0])


def _numpy(array: Any) -> Any:
    """The array in NumPy, a key of random numbers as the whole numbers that it is made of."""
    import jax  # noqa: PLC0415 of the jax extra
    import numpy as np  # noqa: PLC0415 used for this alone

    return np.asarray(jax.random.key_data(array) if jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key) else array)


def _tensor(array: Any, like: Tensor) -> Tensor:
    """The array's first rows as a tensor of the kind of `like`, whole numbers as they are."""
    found = torch.utils.dlpack.from_dlpack(array)[: len(like)]
    return found.to(like) if found.is_floating_point() else found.to(like.device)
