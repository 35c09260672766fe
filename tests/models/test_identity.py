"""Another model is recognised, with its reason, and the same model is not taken for another."""

from __future__ import annotations

import copy
import functools
import json
import re
import warnings
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.models.identify import identify
from epsball.models.identity import ModelIdentity, differences
from epsball.models.load import load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

X = torch.zeros(3, 1, 4, 4)


def network(seed: int = 0, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 32), activation(), nn.Linear(32, 4))


def reasons(one: Callable[[Tensor], Any], two: Callable[[Tensor], Any], **settings: Any) -> list[str]:
    """Differences of two models, each identified twice without one, and through JSON."""
    first, second = (identify(eb.wrap(net, **settings), X) for net in (one, two))
    assert differences(first, identify(eb.wrap(one, **settings), X)) == []
    return differences(read(first), read(second))


def read(identity: ModelIdentity) -> ModelIdentity:
    return ModelIdentity(**json.loads(json.dumps(asdict(identity), allow_nan=False)))


class Scaled(nn.Module):
    """A network with a number and a name beside its weights."""

    def __init__(self, scale: float = 3.0, mode: str = "sum", seed: int = 0) -> None:
        super().__init__()
        self.net, self.scale, self.mode = network(seed), scale, mode

    def forward(self, x: Tensor) -> Any:
        return self.scale * self.net(x)


class Scorer:
    """A callable that is no module, and a method that answers."""

    def __init__(self, net: nn.Module, temperature: float = 1.0) -> None:
        self.net, self.temperature = net, temperature

    def __call__(self, x: Tensor) -> Any:
        return self.net(x) / self.temperature

    def score(self, x: Tensor) -> Any:
        return self.net(x) / self.temperature


class Ensemble:
    """The mean over members."""

    def __init__(self, *members: nn.Module) -> None:
        self.members = list(members)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.stack([member(x) for member in self.members]).mean(0)


def scaled(net: nn.Module, x: Tensor, factor: float) -> Any:
    return net(x) * factor


def closure(net: nn.Module, factor: float = 1.0) -> Callable[[Tensor], Any]:
    def answer(x: Tensor) -> Any:
        return factor * net(x)

    return answer


def around(net: nn.Module) -> Callable[[Tensor], Any]:
    return lambda x: net(x)  # noqa: PLW0108 a lambda is what is tested


def quantised(seed: int) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch moves quantisation into a package of its own
        whole: nn.Module = torch.ao.quantization.quantize_dynamic(network(seed), {nn.Linear}, dtype=torch.qint8)  # type: ignore[no-untyped-call] # PyTorch does not annotate it
    return whole


def partial(factor: float) -> Callable[[Tensor], Any]:
    return functools.partial(scaled, network(), factor=factor)


def of_source(factor: int, named: float = 1.0) -> nn.Module:
    scope: dict[str, Any] = {"__name__": "typed", "nn": nn, "NAMED": named}
    exec(SOURCE.format(factor), scope)  # noqa: S102 the text stands below
    net: nn.Module = scope["Net"]()
    return net


SOURCE = """
class Net(nn.Flatten):
    def forward(self, x):
        return {} * NAMED * super().forward(x)
"""

OTHERS: dict[str, tuple[Callable[[], Any], Callable[[], Any], str]] = {
    "retrained": (network, lambda: network(1), "other weights"),
    "lambda around a retrained network": (lambda: around(network()), lambda: around(network(1)), "other weights"),
    "closure around a retrained network": (lambda: closure(network()), lambda: closure(network(1)), "other weights"),
    "closure over another number": (
        lambda: closure(network(), 1.0),
        lambda: closure(network(), 2.0),
        "another structure: factor is 2.0 instead of 1.0",
    ),
    "partial with another argument": (
        lambda: partial(1.0),
        lambda: partial(2.0),
        r"another structure: \(arguments\)\[1\]\['factor'\] is 2.0 instead of 1.0",
    ),
    "another attribute": (Scaled, lambda: Scaled(2.0), "another structure: scale is 2.0 instead of 3.0"),
    "another name as attribute": (Scaled, lambda: Scaled(mode="mean"), "mode is mean instead of sum"),
    "another attribute of a callable": (
        lambda: Scorer(network()),
        lambda: Scorer(network(), 2.0),
        "another structure: temperature is 2.0 instead of 1.0",
    ),
    "method of another object": (
        lambda: Scorer(network()).score,
        lambda: Scorer(network(1)).score,
        "other weights",
    ),
    "quantised with other weights": (lambda: quantised(0), lambda: quantised(1), "other weights"),
    "another activation": (network, lambda: network(activation=nn.SiLU), "2 is .*SiLU.* instead of .*ReLU"),
    "another member": (
        lambda: Ensemble(network(0), network(1)),
        lambda: Ensemble(network(0), network(2)),
        "other weights",
    ),
    "another source": (lambda: of_source(1), lambda: of_source(2), "the source of Net changed"),
    "another global": (
        lambda: of_source(1),
        lambda: of_source(1, 2.0),
        "another structure: Net.forward.NAMED is 2.0 instead of 1.0",
    ),
    "another class": (Scaled, lambda: Scorer(network()), "another class: Scorer instead of Scaled"),
}


@pytest.mark.parametrize("way", OTHERS)
def test_another_model_is_recognised_with_its_reason(way: str) -> None:
    one, two, says = OTHERS[way]
    found = reasons(one(), two())
    assert any(re.search(says, reason) for reason in found), found
    assert any("on the probe" in reason for reason in found) != (way == "another name as attribute")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mean": 0.5}, ["other preprocessing: mean 0.5 instead of 0.1"]),
        ({"mean": None}, ["other preprocessing: mean none instead of 0.1"]),
        ({"mean": 0.1, "std": [0.25]}, ["other preprocessing: std 0.25 instead of none"]),
        ({"mean": 0.1, "outputs": "probs"}, ["other outputs: probs instead of logits"]),
    ],
)
def test_other_preprocessing_is_recognised(settings: dict[str, Any], says: list[str]) -> None:
    net = network()
    found = differences(identify(eb.wrap(net, mean=0.1), X), identify(eb.wrap(net, **settings), X))
    assert found[:-1] == says
    assert found[-1].startswith("other answers on the probe: largest difference")


def test_what_a_layer_says_of_itself_counts_without_addresses() -> None:
    class Said(nn.Flatten):
        def __init__(self, bound: Fraction) -> None:
            super().__init__()
            self.bound = bound

        def extra_repr(self) -> str:
            return f"{self.bound}, {object()}"

    first, again = (identify(eb.wrap(Said(Fraction(1, 3))), X) for _ in range(2))
    assert differences(first, again) == []
    (reason,) = differences(first, identify(eb.wrap(Said(Fraction(2, 3))), X))
    assert reason.startswith("another structure")
    assert "2/3" in reason


def test_where_nothing_else_can_be_seen_the_probe_decides() -> None:
    def hidden(seed: int) -> Iterator[Any]:
        net = network(seed)
        while True:
            yield net

    def answer(seed: int) -> Callable[[Tensor], Any]:
        source = hidden(seed)
        return lambda x: next(source)(1 * x)

    assert [reason.partition(":")[0] for reason in reasons(answer(0), answer(1))] == ["other answers on the probe"]


FACTORY = """
from torch import nn
from helper import logits

def make():
    return nn.Sequential(nn.Flatten(), logits({}))
"""
HELPER = "from torch import nn\n\ndef logits(k):\n    return nn.Linear(16, k)\n"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("net.py", FACTORY.format("2 * 2"), "the source of its factory's file net.py changed"),
        ("helper.py", HELPER.replace("k)", "k, True)"), "its helper module helper.py changed"),
    ],
)
def test_an_edited_factory_or_helper_is_recognised(tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / "net.py").write_text(FACTORY.format(4), encoding="utf-8")
    (tmp_path / "helper.py").write_text(HELPER, encoding="utf-8")
    first = identify(load_model(f"{tmp_path}/net.py:make"), X)
    assert set(first.code) == {"net.py", "helper.py"}
    assert differences(first, identify(load_model(f"{tmp_path}/net.py:make"), X)) == []
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert says in differences(first, identify(load_model(f"{tmp_path}/net.py:make"), X))


@pytest.mark.parametrize("of", [network, Scaled, lambda: around(network()), lambda: partial(2.0), lambda: quantised(0)])
def test_the_same_model_is_accepted_on_other_threads_and_after_a_copy(of: Callable[[], Any]) -> None:
    first, threads = identify(eb.wrap(of()), X), torch.get_num_threads()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        assert differences(first, read(identify(eb.wrap(of()), X[:1]))) == []
    finally:
        torch.set_num_threads(threads)


class Compiled(nn.Module):
    """What `torch.compile` returns, as far as it shows."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self._orig_mod, self.settings = net, {"backend": "inductor"}

    def forward(self, x: Tensor) -> Any:
        return self._orig_mod(x)


def test_the_same_model_is_accepted_after_it_was_saved_and_loaded(tmp_path: Path) -> None:
    net = network(5)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    again = network(6)
    again.load_state_dict(torch.load(tmp_path / "w.pt"))
    assert reasons(net, again) == []
    assert reasons(net, copy.deepcopy(net)) == []
    assert reasons(net, Compiled(net)) == []
    assert reasons(net, nn.DataParallel(net)) == []


def test_the_network_and_the_random_state_are_as_before() -> None:
    net, before = nn.Sequential(nn.BatchNorm2d(1), network(), nn.Dropout()).train(), torch.get_rng_state()
    state = copy.deepcopy(net.state_dict())
    identify(eb.wrap(around(net)), X)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert net[0].training
