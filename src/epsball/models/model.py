"""The user's network as the attacks see it: data units in, logits out, frozen while it is queried."""

from __future__ import annotations

import functools
import hashlib
import inspect
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from epsball.display.text import line, table
from epsball.errors import InputError, ModelError, brief
from epsball.models import freezing
from epsball.models.contents import contents
from epsball.models.cost import Cost
from epsball.models.entries import entry
from epsball.models.labels import classes_of, one_hot
from epsball.models.memory import is_out_of_memory
from epsball.models.outputs import channels_last, failure, to_logits
from epsball.models.state import update_digest, weights_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator


_FEW = 4
"""Channels whose numbers a line shows."""


@dataclass(frozen=True, eq=False)
class Model:
    """A classifier on data units: (N, …) -> logits (N, K). Made by `wrap` and `load_model`.

    Args:
        net: the user's network, any callable.
        mean: subtracted from every input first, broadcast to one input; None for 0.
        std: divided by afterwards; None for 1.
        outputs: what `net` returns, see `wrap`.
        key: which entry of its answer that is, see `wrap`; empty where it has one.
        source: the text it was loaded from, empty for a live object.
        cost: rows and gradients of the network behind one row of this model, see `epsball.models.estimators`.
        input_size: (height, width) of the images that it was made for, where its source says so.
        estimate: what its gradients are estimated by where they are not its network's own, such as `bpda`; empty where they are.
    """

    net: Callable[[Tensor], Any]
    mean: Tensor | None = None
    std: Tensor | None = None
    outputs: str = "logits"
    source: str = ""
    cost: Cost = field(default_factory=Cost)
    key: str = ""
    input_size: tuple[int, int] | None = None
    estimate: str = ""

    def __post_init__(self) -> None:
        """Note the threads within `frozen`, once for each of their contexts."""
        self.__dict__["_holders"] = list[int]()

    if TYPE_CHECKING:
        _holders: list[int] = field(init=False)

    def __repr__(self) -> str:
        kind, size, settings = self._facts()
        return line(f"Model({kind}{size}, {', '.join(f'{name}={value}' for name, value in settings.items())})")

    def _repr_html_(self) -> str:
        kind, size, settings = self._facts()
        return table("Model", {"network": f"{kind}{size}", **settings})

    def _facts(self) -> tuple[str, str, dict[str, str]]:
        """What the network is, how large it is, and its settings, those at their defaults left out."""
        kind = getattr(self.net, "__qualname__", type(self.net).__name__)
        weights = sum(p.numel() for p in self.module.parameters()) if self.module is not None else 0
        size = f", {weights:,} weights" if weights else ""
        given = {"mean": self.mean, "std": self.std, "key": self.key or None, "source": self.source or None}
        settings = {name: _shown(value) for name, value in given.items() if value is not None}
        return kind, size, {"outputs": repr(self.outputs), **settings}

    @property
    def module(self) -> nn.Module | None:
        """The network, where it is a PyTorch module, also behind its bound method or a `functools.partial`."""
        net: object = self.net
        while isinstance(net, functools.partial):
            net = net.func
        net = net.__self__ if inspect.ismethod(net) else net
        return net if isinstance(net, nn.Module) else None

    @functools.cached_property
    def modules(self) -> tuple[nn.Module, ...]:
        """All networks that `net` holds: itself, or those in its closure, globals, arguments, attributes, lists and dictionaries.

        They are looked up once, and again whenever the model is frozen.
        """
        return tuple(contents(self.net).modules.values())

    @functools.cached_property
    def _watched(self) -> freezing.Watched:
        return freezing.Watched(self.modules)

    @functools.cached_property
    def decided(self) -> dict[Hashable, bool]:
        """What was tried once and is remembered, such as whether the network takes images of some shape in channels-last order."""
        return {}

    def __call__(self, x: Tensor) -> Tensor:
        """Return the logits of `x` `(N, …)`, `(N, K)` with K >= 2, in evaluation mode and without parameter gradients.

        The networks are given back as they were; gradients reach `x`.

        Raises:
            InputError: a mean or standard deviation that does not fit `x`.
            ModelError: the network raised, or returned something that is no table of logits.
        """
        if self._is_frozen():
            return self.as_it_is(x)
        with freezing.frozen(self.modules):
            return self.as_it_is(x)

    def as_it_is(self, x: Tensor) -> Tensor:
        """Return what a call does, from the network in the mode it is in: what training needs. Errors are those of a call."""
        x = x.clone() if self.mean is None else x - _spread(self.mean, x, "mean")
        if self.std is not None:
            x = x / _spread(self.std, x, "std")
        classes = classes_of(self.outputs)
        try:
            answer = self.net(x.detach() if classes else x)
        except (ModelError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit too: the user's network ends itself, not the run
            if is_out_of_memory(error):
                raise
            raise failure(error, x, self.module) from error
        answer = entry(answer, self.key)
        if classes:
            return one_hot(answer, x, classes)
        return to_logits(answer, len(x), self.outputs)

    @contextmanager
    def frozen(self, *, channels_last: bool = False) -> Iterator[None]:
        """Put the networks into evaluation mode without parameter gradients; everything is as before afterwards.

        Restored, also after an exception: the mode of every submodule, `requires_grad`, buffers, and PyTorch's global random state.
        Other threads that ask for the same networks wait until the context ends.
        """
        with ExitStack() as undo:
            if not self._is_frozen():  # else a context around this one gives everything back
                self.__dict__.pop("modules", None)
                self.__dict__.pop("_watched", None)
                undo.enter_context(freezing.alone(self.modules))
                undo.enter_context(self._held_by_this_thread())
                undo.enter_context(freezing.random_state())
                undo.enter_context(freezing.frozen(self.modules))
            if channels_last and self.module is not None:
                undo.enter_context(freezing.channels_last(self.module))
            yield

    def _is_frozen(self) -> bool:
        """Whether this thread is within `frozen`, and the networks have stayed as they were put there."""
        return threading.get_ident() in self._holders and self._watched.frozen()

    @contextmanager
    def _held_by_this_thread(self) -> Iterator[None]:
        thread = threading.get_ident()
        self._holders.append(thread)
        try:
            yield
        finally:
            self._holders.remove(thread)

    def fingerprint(self) -> str:
        """Return the SHA-256 of all weights, packed and quantised ones too, and of the normalisation.

        It is empty for a callable without weights.

        Raises:
            InputError: weights without values, on the meta device.
        """
        weights = weights_by_name(contents(self.net))
        if not weights:
            return ""
        digest = hashlib.sha256()
        for name, value in [*sorted(weights.items()), ("mean", self.mean), ("std", self.std)]:
            if name in weights or value is not None:
                update_digest(digest, name, value)
        return digest.hexdigest()


def _shown(value: Tensor | str) -> str:
    if isinstance(value, Tensor) and value.numel() <= _FEW:
        return str([round(number, 6) for number in value.flatten().tolist()])
    return brief(value)


def _spread(value: Tensor, x: Tensor, name: str) -> Tensor:
    """One number per channel, the first axis of an input, in the type of x; other shapes broadcast as they are."""
    spread = (value.reshape(-1, *[1] * (x.ndim - 2)) if value.ndim == 1 else value).to(x)
    try:
        return spread.expand_as(x)
    except RuntimeError as error:
        given = f"for {len(value)} channels" if value.ndim == 1 else f"with shape {tuple(value.shape)}"
        raise InputError(
            f"{name} was given {given} and does not fit inputs of shape {tuple(x.shape)}; "
            + (
                channels_last(x.shape, len(value) if value.ndim == 1 else 1)
                or f"expected one number per channel, {x.shape[1:2].numel()} here, or one for all"
            )
        ) from error
