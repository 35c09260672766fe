"""The user's network as the attacks see it: data units in, logits out, frozen while it is asked."""

from __future__ import annotations

import functools
import hashlib
import inspect
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from epsball.errors import InputError, ModelError
from epsball.units import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Numbers = float | str | Sequence[float | str] | Tensor

OUTPUTS = ("logits", "probs", "binary")
_TABLE = 2
_FEWEST_CLASSES = 2
_KERNEL = 4
_OF_GRADIENTS = ("grad", "derivative", "backward")


@dataclass(frozen=True, eq=False)
class Model:
    """A classifier on data units: (N, …) -> logits (N, K). Made by `wrap` and `load_model`.

    Args:
        net: the user's network, any callable.
        mean: subtracted from every input first, broadcast to one input; None for 0.
        std: divided by afterwards; None for 1.
        outputs: what `net` returns, see `wrap`.
        source: the text it was loaded from, empty for a live object.
    """

    net: Callable[[Tensor], Any]
    mean: Tensor | None = None
    std: Tensor | None = None
    outputs: str = "logits"
    source: str = ""

    @property
    def module(self) -> nn.Module | None:
        """The network, where it is a PyTorch module, also behind its bound method or a `functools.partial`."""
        net: object = self.net
        while isinstance(net, functools.partial):
            net = net.func
        net = net.__self__ if inspect.ismethod(net) else net
        return net if isinstance(net, nn.Module) else None

    def __call__(self, x: Tensor) -> Tensor:
        """Return the logits of `x` `(N, …)`, `(N, K)` with K >= 2, in evaluation mode and without parameter gradients.

        The network is given back as it was; gradients reach `x`.

        Raises:
            InputError: a mean or standard deviation that does not fit `x`.
            ModelError: the network raised, or returned something that is no table of logits.
        """
        module = self.module
        if module is None or _is_frozen(module):
            return self.as_it_is(x)
        with _frozen(module):
            return self.as_it_is(x)

    def as_it_is(self, x: Tensor) -> Tensor:
        """Return what a call does, from the network in the mode it is in: what training asks for. Errors are those of a call."""
        x = x.clone() if self.mean is None else x - _spread(self.mean, x, "mean")
        if self.std is not None:
            x = x / _spread(self.std, x, "std")
        try:
            answer = self.net(x)
        except (torch.OutOfMemoryError, MemoryError, ModelError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(_failure(error, x, self.module)) from error
        return _to_logits(answer, len(x), self.outputs)

    @contextmanager
    def frozen(self, *, channels_last: bool = False) -> Iterator[None]:
        """Put the network into evaluation mode without parameter gradients; everything is as before afterwards.

        Restored, also after an exception: the mode of every submodule, `requires_grad`, buffers, and PyTorch's global random state.
        """
        with ExitStack() as undo:
            undo.enter_context(_random_state())
            if self.module is not None:
                undo.enter_context(_frozen(self.module))
                if channels_last:
                    undo.enter_context(_channels_last(self.module))
            yield

    def fingerprint(self) -> str:
        """Return the SHA-256 of all weights and of the normalisation; empty for a callable without weights."""
        if self.module is None:
            return ""
        digest = hashlib.sha256()
        state = {name: value for name, value in self.module.state_dict().items() if isinstance(value, Tensor)}
        for name, value in [*sorted(state.items()), ("mean", self.mean), ("std", self.std)]:
            if value is not None:
                digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
                digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def wrap(
    net: Callable[[Tensor], Any] | Model,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    outputs: str = "logits",
) -> Model:
    """Return `net` as a classifier on data units, so that every ε is in data units too.

    Args:
        net: any callable (N, …) -> (N, K). A module is asked in evaluation mode, frozen, and given back as it was.
        mean: what the training pipeline subtracted, one number or fraction "1/2" per channel (or one for all), in data units.
        std: what it divided by.
        outputs: "logits"; "probs" for softmax probabilities; "binary" for one logit per sample, (N,) or (N, 1), positive for class 1.

    Raises:
        InputError: an unknown kind of outputs, a mean that is not finite, a standard deviation that is not positive, or settings
            for a model that has its own.

    Example:
        >>> wrap(lambda x: x.flatten(1), mean=0.5, std=0.5)(torch.tensor([[0.5, 1.0]]))
        tensor([[0., 1.]])
    """
    if isinstance(net, Model):
        if mean is not None or std is not None or outputs not in {"logits", net.outputs}:
            raise InputError("the model is wrapped already; give mean, std and outputs to the first wrap")
        return net
    if not callable(net):
        raise InputError(
            f"the model was given as {type(net).__name__}; expected a callable from (N, …) to (N, K) logits"
        )
    if outputs not in OUTPUTS:
        raise InputError(f"outputs was given as {outputs!r}; expected one of {', '.join(OUTPUTS)}")
    centre, scale = _per_channel(mean, "mean"), _per_channel(std, "std")
    if scale is not None and not bool((scale > 0).all()):
        raise InputError(f"std was given as {std}; expected positive numbers, in data units")
    return Model(net, centre, scale, outputs)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; on a processor that is a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory")
    )


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
        raise InputError(f"{name} was given as {value!r}; expected one number, or one per channel") from error
    if not bool(numbers.isfinite().all()):
        raise InputError(f"{name} was given as {value}; expected finite numbers, in data units")
    return numbers


def _spread(value: Tensor, x: Tensor, name: str) -> Tensor:
    """One number per channel, the first axis of an input, in the type of x; other shapes broadcast as they are."""
    spread = (value.reshape(-1, *[1] * (x.ndim - 2)) if value.ndim == 1 else value).to(x)
    try:
        return spread.expand_as(x)
    except RuntimeError as error:
        given = f"for {len(value)} channels" if value.ndim == 1 else f"with shape {tuple(value.shape)}"
        raise InputError(
            f"{name} was given {given} and does not fit inputs of shape {tuple(x.shape)}; "
            f"expected one number per channel, {x.shape[1:2].numel()} here, or one for all"
        ) from error


def _failure(error: Exception, x: Tensor, module: nn.Module | None) -> str:
    kind, said = str(x.dtype)[6:], " ".join(str(error).split()).rstrip(".") or "no reason given"
    given = f"the model raised {type(error).__name__} on an input of shape {tuple(x.shape)} and type {kind}: {said}"
    weights = next((p for p in module.parameters() if p.is_floating_point()), None) if module is not None else None
    if weights is not None and weights.dtype != x.dtype:
        return f"{given}; its weights are {str(weights.dtype)[6:]}: convert the inputs with x.to({weights.dtype})"
    if weights is not None and weights.device != x.device:
        return f"{given}; its weights are on {weights.device}: move the inputs there with x.to({str(weights.device)!r})"
    if x.requires_grad and any(word in said.lower() for word in _OF_GRADIENTS):
        return (
            f"{given}; it must be differentiable and run with gradients enabled: keep to PyTorch's operations, "
            "or use an attack that asks for labels only, such as eb.AdditiveNoise()"
        )
    alone = ", ".join(map(str, x.shape)) + ", requires_grad=True" * x.requires_grad
    return f"{given}; expected logits (N, K): try the network on such an input alone, net(torch.rand({alone}))"


def _to_logits(answer: object, n: int, outputs: str) -> Tensor:
    if isinstance(answer, dict):
        keys = ", ".join(map(str, answer))
        raise ModelError(
            f"the model returned a dictionary with {keys}; expected a tensor (N, K): "
            "call net.eval() and use eb.wrap(lambda x: net(x)[KEY])"
        )
    if not isinstance(answer, Tensor):
        raise ModelError(
            f"the model returned a {type(answer).__name__}; expected a tensor (N, K): "
            "call net.eval() and use eb.wrap(lambda x: net(x)[0]), or name the entry"
        )
    if not answer.is_floating_point():
        raise ModelError(
            f"the model returned numbers of type {str(answer.dtype)[6:]}; expected floating-point logits (N, K): "
            "return the scores as they are before argmax, rounding or anything complex"
        )
    if outputs == "binary" and answer.numel() == n:
        half = answer.reshape(n) / 2
        return torch.stack((-half, half), 1)
    if answer.ndim != _TABLE or len(answer) != n or answer.shape[1] < _FEWEST_CLASSES:
        remedy = (
            'one logit per sample needs eb.wrap(net, outputs="binary")'
            if answer.numel() == n
            else "return one row of logits per sample"
        )
        raise ModelError(
            f"the model returned shape {tuple(answer.shape)} for {n} inputs; expected (N, K) with K >= 2: {remedy}"
        )
    if outputs == "probs":
        return answer.clamp_min(torch.finfo(answer.dtype).tiny).log()
    return answer


@contextmanager
def _random_state() -> Iterator[None]:
    initialised = torch.cuda.is_initialized()  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    devices = list(range(torch.cuda.device_count())) if initialised else []
    with torch.random.fork_rng(devices=devices):
        yield


def _is_frozen(module: nn.Module) -> bool:
    """Whether there is nothing to freeze, as inside an attack; asked at every call, so it must cost little."""
    return not (
        any(part.training for part in module.modules()) or any(weight.requires_grad for weight in module.parameters())
    )


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    wanted = [(weight, weight.requires_grad) for weight in module.parameters()]
    buffers = [
        (part, name, buffer, buffer.detach().clone())
        for part in module.modules()
        for name, buffer in part.named_buffers(recurse=False)
    ]
    try:
        module.eval()
        for weight, _ in wanted:
            weight.requires_grad_(False)  # noqa: FBT003 - PyTorch names the argument differently in its stubs
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for weight, needed in wanted:
            weight.requires_grad_(needed)
        with torch.no_grad():
            for part, name, buffer, value in buffers:
                setattr(part, name, buffer)
                if not torch.equal(buffer, value):
                    buffer.copy_(value)


@contextmanager
def _channels_last(module: nn.Module) -> Iterator[None]:
    """Lend four-dimensional weights a copy of their data in channels-last order; the original storage comes back."""
    lent = [(weight, weight.data) for weight in module.parameters() if weight.ndim == _KERNEL]
    try:
        for weight, data in lent:
            weight.data = data.contiguous(memory_format=torch.channels_last)
        yield
    finally:
        for weight, data in lent:
            weight.data = data
