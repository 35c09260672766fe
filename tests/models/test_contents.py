"""Networks are found wherever a callable keeps them, and are frozen there."""
# ruff: noqa: PLW0108, PLC3002 - lambdas around lambdas are what is tested

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.models.contents import contents

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[Tensor], Any]

GLOBAL = SimpleNamespace(inner=SimpleNamespace(net=None), unused=nn.Linear(2, 2))


def network() -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.Dropout()).train()


class Holder:
    """Keeps a network as an attribute."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def __call__(self, x: Tensor) -> Any:
        return self.net(x)

    def answer(self, x: Tensor) -> Any:
        return self.net(x)


class Slotted:
    """Keeps it in a slot."""

    __slots__ = ("net",)

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def __call__(self, x: Tensor) -> Any:
        return self.net(x)


class Unregistered(nn.Module):
    """Keeps it in a list, where PyTorch does not look."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.nets = [net]

    def forward(self, x: Tensor) -> Any:
        return self.nets[0](x)


def apply(net: Answer, x: Tensor, factor: float = 1.0) -> Any:
    return factor * net(x)


def default(net: nn.Module) -> Answer:
    def answer(x: Tensor, own: nn.Module = net) -> Any:
        return own(x)

    return answer


def nested(net: nn.Module) -> Answer:
    def inner(x: Tensor) -> Any:
        return [net(row[None]) for row in x]

    return lambda x: torch.cat(inner(x))


def from_global(net: nn.Module) -> Answer:
    GLOBAL.inner.net = net
    return lambda x: GLOBAL.inner.net(x)


def hooked(net: nn.Module) -> Answer:
    outer = nn.Identity()
    outer.register_forward_hook(lambda _module, _inputs, answer: net(answer))
    return outer


HELD: dict[str, Callable[[nn.Module], Answer]] = {
    "lambda": lambda net: lambda x: net(x),
    "attribute in a closure": lambda net: (lambda holder: lambda x: holder.net(x))(SimpleNamespace(net=net)),
    "method in a closure": lambda net: (lambda holder: lambda x: holder.answer(x))(Holder(net)),
    "global": from_global,
    "default value": default,
    "nested functions": nested,
    "no_grad": lambda net: torch.no_grad()(lambda x: net(x)),
    "partial argument": lambda net: functools.partial(apply, net),
    "partial keyword": lambda net: functools.partial(lambda x, net: net(x), net=net),
    "bound method": lambda net: Holder(net).answer,
    "callable object": Holder,
    "slots": Slotted,
    "object in an object": lambda net: Holder(Holder(net)),  # type: ignore[arg-type] # a callable will do
    "list in a module": Unregistered,
    "dictionary": lambda net: (lambda nets: lambda x: nets["a"][0](x))({"a": [net]}),
    "wrapped model": lambda net: (lambda model: lambda x: model(x))(eb.wrap(net)),
    "hook": hooked,
}


@pytest.mark.parametrize("way", HELD)
def test_a_network_is_frozen_wherever_it_is_kept(way: str) -> None:
    net, x = network(), torch.rand(4, 3, requires_grad=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = eb.wrap(HELD[way](net))
    assert any(part is net for each in model.modules for part in each.modules())
    answer = model(x)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(answer, model(x))
    if answer.requires_grad:
        answer.sum().backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())
    assert [part.training for part in net] == [True] * 3
    with model.frozen():
        assert not net[2].training
    assert net[2].training
    assert len(model.fingerprint()) == 64


def test_a_buffer_that_moves_in_evaluation_mode_is_put_back() -> None:
    class Counting(nn.Module):
        calls: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.calls.add_(1)
            return x

    net = Counting()
    eb.wrap(lambda x: net(x))(torch.rand(4, 3))
    assert int(net.calls) == 0


def test_only_what_is_read_is_looked_into() -> None:
    GLOBAL.inner.net = network()
    found = contents(lambda x: GLOBAL.inner.net(x), thorough=True)
    assert list(found.modules) == ["GLOBAL.inner.net"]
    assert contents(lambda x: x.flatten(1)).modules == {}


def test_a_name_that_leads_elsewhere_is_followed_when_the_model_is_frozen_again() -> None:
    holder = SimpleNamespace(net=network())
    model = eb.wrap(lambda x: holder.net(x))
    assert model.modules == (holder.net,)
    holder.net = network()
    with model.frozen():
        assert model.modules == (holder.net,)
        assert not holder.net.training


def test_a_cycle_and_an_empty_cell_end() -> None:
    class Loop:
        def __init__(self) -> None:
            self.own, self.nets = self, [network()]

        def __call__(self, x: Tensor) -> Any:
            return self.nets[0](x)

    assert len(contents(Loop(), thorough=True).modules) == 1

    def early() -> object:
        def answer(x: Tensor) -> Any:
            return later(x)

        found = contents(answer)
        later = network()
        return found.modules

    assert early() == {}


def test_what_flax_counts_through_a_process_is_no_part_of_a_model() -> None:
    """Every module of Linen has such a number, another one each time it is made."""

    class Counted:
        __module__ = "flax.ids"

        def __init__(self, number: int) -> None:
            self.id = number

    def values(number: int) -> dict[str, object]:
        holder = Holder(network())
        vars(holder).update(_id=Counted(number), features=3)
        return contents(holder, thorough=True).values

    assert values(8) == values(95)
    assert values(8)["features"] == 3
