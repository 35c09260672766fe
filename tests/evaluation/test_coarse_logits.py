"""Numbers too large or too coarse for the arithmetic hide no error: what a plain network loses, it loses too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable

N, CLASSES = 60, 5


def network() -> nn.Module:
    kept = torch.get_rng_state()
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, CLASSES))
    torch.set_rng_state(kept)
    return net.eval()


PLAIN = network()


def plain(x: Tensor) -> Tensor:
    answer: Tensor = 8 * PLAIN(4 * (x - 0.5))
    return answer


def in_bfloat16(x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return plain(x)


def images() -> tuple[Tensor, Tensor]:
    x = torch.rand(N, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return x, plain(x).argmax(1)


def robust(net: Callable[[Tensor], Tensor], norm: str = "linf", suite: list[eb.Attack] | None = None) -> float:
    x, y = images()
    eps = {"linf": 0.03, "l2": 0.15}[norm]
    return eb.evaluate(net, (x, y), eb.Threat(norm, eps), suite=suite or [eb.PGD(), eb.DeepFool()]).robust_accuracy()


COARSE: dict[str, Callable[[Tensor], Tensor]] = {
    "a masked class": lambda x: F.pad(plain(x), (0, 1), value=-1e9),
    "a constant": lambda x: plain(x) + 1e6,
    "a duplicated class": lambda x: F.pad(plain(x), (0, 1)).index_copy(1, torch.tensor([CLASSES]), plain(x)[:, 2:3]),
    "every class twice": lambda x: torch.cat((plain(x), plain(x)), 1),
    "copies that differ by rounding": lambda x: torch.cat((plain(x), plain(x) - plain(x).abs() * 2**-22), 1),
    "bfloat16 inside": in_bfloat16,
}


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", COARSE)
def test_the_robust_accuracy_is_that_of_the_plain_network(name: str, norm: str) -> None:
    expected = robust(plain, norm)
    assert 0.1 < expected < 0.9
    assert abs(robust(COARSE[name], norm) - expected) <= (4 if name in {"a constant", "bfloat16 inside"} else 1) / N


@pytest.mark.parametrize("loss", ["cross_entropy", "sharpened_cross_entropy", "margin", "dlr"])
def test_no_loss_goes_blind_on_a_tie(loss: str) -> None:
    attack = eb.PGD(loss=getattr(eb.losses, loss))
    expected = robust(plain, suite=[attack])
    for name in ("a duplicated class", "every class twice", "copies that differ by rounding", "a masked class"):
        assert abs(robust(COARSE[name], suite=[attack]) - expected) <= 1 / N


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_inputs_of_sixteen_bits_are_attacked_like_others(norm: str, kind: torch.dtype) -> None:
    x, _ = images()
    net, threat = network().to(kind), eb.Threat(norm, {"linf": 0.1, "l2": 0.6, "l1": 4.0}[norm])
    x = x.to(kind)
    y = net(x).argmax(1)
    wide = eb.PGD()(network(), x.float(), y, threat).success.double().mean()
    found = eb.PGD()(net, x, y, threat)
    assert float(found.success.double().mean()) >= float(wide) - 3 / N > 0.5
    assert bool(threat.contains(found.x, x).all())


def test_a_minimum_norm_search_in_bfloat16_goes_hardly_farther() -> None:
    x, y = images()
    near, coarse = (eb.DeepFool()(net, x, y, eb.Threat("l2")).distance for net in (plain, in_bfloat16))
    both = (near > 0) & (coarse > 0)
    assert float((coarse / near)[both].median()) < 1.05


def test_a_head_that_saturates_is_named() -> None:
    x, y = images()
    run = eb.evaluate(lambda x: (8 * plain(x)).sigmoid(), (x, y), eb.Threat("linf", 0.03), suite=[eb.PGD()])
    assert [finding.id for finding in run.findings if finding.severity == "FAIL"] == ["D04"]
    assert "label's logit" in run.findings[0].message


def test_a_class_of_reference_is_no_such_head() -> None:
    x, _ = images()

    def net(x: Tensor) -> Tensor:
        return F.pad(plain(x)[:, 1:], (1, 0))

    run = eb.evaluate(net, (x, net(x).argmax(1)), eb.Threat("linf", 0.03), suite=[eb.PGD()])
    assert run.trusted
