"""Every kind of weight changes the fingerprint, and nothing else does."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """PyTorch moves quantisation and scripts into packages of their own, and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Holding(nn.Module):
    """Something in its state, on top of a weight."""

    def __init__(self, value: Any, *, persistent: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        if isinstance(value, Tensor):
            self.register_buffer("held", value, persistent=persistent)
        else:
            self.extra = value

    def get_extra_state(self) -> object:
        return getattr(self, "extra", None)

    def set_extra_state(self, state: object) -> None:
        self.extra = state


def packed(shift: float) -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 2))
    for weight in net.parameters():
        nn.init.constant_(weight, 1.0)
    nn.init.normal_(next(net.parameters()), shift, generator=torch.Generator().manual_seed(0))
    whole: nn.Module = torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    return whole


def scripted(net: nn.Module) -> Any:
    return torch.jit.freeze(torch.jit.script(net.eval()))


def affine(value: float) -> nn.Module:
    net = nn.Linear(1, 2)
    for weight in net.parameters():
        nn.init.constant_(weight, value)
    return net


def channels(scale: float) -> Tensor:
    return torch.quantize_per_channel(
        torch.ones(2, 2), torch.tensor([scale, 1.0]), torch.tensor([0, 0]), 0, torch.qint8
    )


def times(weight: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: weight * x


KINDS: dict[str, Callable[[float], Any]] = {
    "packed": packed,
    "packed in a script": lambda v: torch.jit.script(packed(v)),
    "constants of a script": lambda v: scripted(affine(v)),
    "quantised": lambda v: Holding(torch.quantize_per_tensor(torch.ones(2), v + 1, 0, torch.qint8)),
    "quantised to other numbers": lambda v: Holding(torch.quantize_per_tensor(torch.ones(2) * v, 1.0, 0, torch.qint8)),
    "quantised by channel": lambda v: Holding(channels(v + 1)),
    "sparse": lambda v: Holding((torch.eye(3) * (v + 1)).to_sparse()),
    "sparse rows": lambda v: Holding((torch.eye(3) * (v + 1)).to_sparse_csr()),
    "complex": lambda v: Holding(torch.tensor([1j * v]).conj()),
    "one number": lambda v: Holding(torch.tensor(v)),
    "not saved": lambda v: Holding(torch.tensor(v), persistent=False),
    "extra state": lambda v: Holding({"b": [v, None, torch.ones(1)], "a": 1}),
    "a tensor as attribute": lambda v: Holding([torch.tensor(v)]),
    "a tensor in a closure": lambda v: times(torch.tensor(v)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_weight_counts(kind: str) -> None:
    first, again, other = (eb.wrap(KINDS[kind](value)).fingerprint() for value in (1.0, 1.0, 2.0))
    assert len(first) == 64
    assert first == again
    assert first != other


def test_the_fingerprint_of_a_network_is_that_of_its_recorded_runs() -> None:
    net = nn.Linear(2, 1)
    nn.init.constant_(net.weight, 0.5)
    nn.init.constant_(net.bias, -1.0)
    assert eb.wrap(net).fingerprint().startswith("ffee615dc4c43078")


def test_weights_without_values_are_one_sentence() -> None:
    with pytest.raises(eb.InputError, match=r"the weight bias is on the meta device, .*load_state_dict"):
        eb.wrap(nn.Linear(2, 2, device="meta")).fingerprint()


def test_a_frozen_script_has_no_mode_to_restore() -> None:
    model = eb.wrap(scripted(affine(1.0)))
    with model.frozen():
        assert model(torch.ones(4, 1)).tolist() == [[2.0, 2.0]] * 4


def test_a_lazy_layer_has_no_weights_yet() -> None:
    assert len(eb.wrap(nn.LazyLinear(2)).fingerprint()) == 64
