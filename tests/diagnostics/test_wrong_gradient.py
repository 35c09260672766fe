"""A gradient that is not the derivative is noticed, however it came about, and an honest one is not accused."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import epsball as eb
from epsball.diagnostics import Preflight, preflight

if TYPE_CHECKING:
    from collections.abc import Callable

    Net = Callable[[Tensor], Tensor]

SIDE = 12


class Network(nn.Module):
    """Random weights: convolutions with pooling, or a plain multi-layer network."""

    def __init__(self, *, convolutional: bool = False) -> None:
        super().__init__()
        kept = torch.get_rng_state()
        torch.manual_seed(4)
        layers: list[nn.Module] = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)] if convolutional else []
        width = 8 * (SIDE // 2) ** 2 if convolutional else SIDE**2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 5))
        torch.set_rng_state(kept)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layers((x - 0.5) * 4)
        return 10 * answer


HONEST = Network(convolutional=True).eval()
PLAIN = Network().eval()
UNBIASED = nn.Sequential(*(copy.deepcopy(layer) for layer in HONEST.layers)).eval()
UNBIASED[0].register_parameter("bias", None)


def honest(x: Tensor) -> Tensor:
    answer: Tensor = HONEST(x)
    return answer


class Replaced(torch.autograd.Function):
    """The identity with another backward."""

    @staticmethod
    def forward(ctx: object, x: Tensor, backward: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        ctx.x, ctx.answer = x, backward  # type: ignore[attr-defined] # as autograd's context is used
        return x.clone()

    @staticmethod
    def backward(ctx: object, g: Tensor) -> tuple[Tensor, None]:
        return ctx.answer(ctx.x, g), None  # type: ignore[attr-defined] # as above


def replaced(backward: Callable[[Tensor, Tensor], Tensor]) -> Net:
    return lambda x: honest(Replaced.apply(x, backward))  # type: ignore[no-untyped-call] # as torch declares it


def seeded_noise(x: Tensor, g: Tensor) -> Tensor:
    """Noise that is always the same for the same input."""
    seeds = [int(row.double().sum() * 1e4) for row in x]
    rows = [torch.randn(x[0].shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(rows) * g.abs().amax()


def half_detached(x: Tensor) -> Tensor:
    return honest(torch.cat((x[..., : SIDE // 2], x[..., SIDE // 2 :].detach()), -1))


def tiny_linear_term(x: Tensor) -> Tensor:
    slope = torch.randn(SIDE**2, 5, generator=torch.Generator().manual_seed(3))
    return honest(x.detach()) + 1e-4 * x.flatten(1) @ slope


def half_quantised(x: Tensor) -> Tensor:
    return honest(torch.cat((x[..., : SIDE // 2], (x[..., SIDE // 2 :] * 255).round() / 255), -1))


def tilted_steps(x: Tensor) -> Tensor:
    """Steps upwards whose treads lead downwards."""
    return honest(x - 4 * (x - (255 * x).floor() / 255))


def half_detached_in_bfloat16(x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return half_detached(x)


def coarse_half(x: Tensor) -> Tensor:
    """Steps so long that no difference is close to linear, and a gradient of 0 on them."""
    return honest(torch.cat((x[..., : SIDE // 2], (x[..., SIDE // 2 :] * 3).round() / 3), -1))


def few_levels_straight_through(x: Tensor) -> Tensor:
    """Three levels behind which no step sees a derivative, and the gradient of the identity."""
    return honest(x + ((2 * x).round() / 2 - x).detach())


def a_sixth_of_the_features_detached(x: Tensor) -> Tensor:
    features = PLAIN.layers[:-1]((x - 0.5) * 4)
    answer: Tensor = PLAIN.layers[-1](torch.where(torch.arange(64) % 6 > 0, features, features.detach()))
    return 10 * answer


def third_detached(x: Tensor) -> Tensor:
    logits = honest(x)
    third = logits.topk(3, dim=1).indices[:, 2:]
    return logits.scatter(1, third, logits.gather(1, third).detach())


LIES: dict[str, Net] = {
    "a ReLU in front, whose gradient at 0 is 0": lambda x: honest(x.relu()),
    "a cut to the box with no gradient at its limits": lambda x: honest(F.hardtanh(x, 0, 1)),
    "a dead zone at the limits of the box": lambda x: honest(
        torch.where((x - 0.5).abs() > 0.45, x.detach().round(), x)
    ),
    "a sixth of the hidden features detached": a_sixth_of_the_features_detached,
    "three levels with a gradient of their own": few_levels_straight_through,
    "half of the image in 2 bits": coarse_half,
    "half of the image detached": half_detached,
    "noise seeded by the input": replaced(seeded_noise),
    "its negative": replaced(lambda _, g: -g),
    "ones": replaced(lambda _, g: torch.ones_like(g)),
    "a tiny linear term on a detached network": tiny_linear_term,
    "half of the image quantised": half_quantised,
    "steps up whose treads lead down": tilted_steps,
    "half detached in bfloat16": half_detached_in_bfloat16,
    "detached copies of the classes a little lower": lambda x: torch.cat((HONEST(x), HONEST(x).detach() - 1e-3), 1),
    "detached copies of the classes": lambda x: torch.cat((HONEST(x), HONEST(x).detach()), 1),
    "the third class detached": third_detached,
}


def in_bfloat16(x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return honest(x)


def median(x: Tensor) -> Tensor:
    around = F.unfold(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3).reshape(len(x), 9, SIDE, SIDE)
    return honest(around.median(1, keepdim=True).values)


def sawtooth(x: Tensor) -> Tensor:
    """Its gradient is its derivative, which is steeper than what longer steps see."""
    return honest(x + 0.9 * (x - (255 * x).floor() / 255))


def coarse_sawtooth(x: Tensor) -> Tensor:
    return honest(x + 0.5 * (x - (16 * x).floor() / 16))


HONEST_NETS: dict[str, Net] = {
    "convolutions": HONEST,
    "plain": PLAIN,
    "bfloat16 inside": in_bfloat16,
    "median filter": median,
    "sawtooth": sawtooth,
    "coarse sawtooth": coarse_sawtooth,
    "large logits": lambda x: 1e4 * HONEST(x),
    "a constant on all logits": lambda x: HONEST(x) + 1e5,
    "a masked class": lambda x: F.pad(HONEST(x), (0, 1), value=-1e9),
    "a duplicated class": lambda x: HONEST(x)[:, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]],
    "a border that is not used": lambda x: honest(F.pad(x[..., 1:-1, 1:-1], (1, 1, 1, 1))),
    "copies of the classes a little lower": lambda x: torch.cat((HONEST(x), HONEST(x) - 1e-3), 1),
    "the largest logit subtracted": lambda x: HONEST(x) - HONEST(x).amax(1, keepdim=True),
    "no bias on a black background": UNBIASED,
    "cut to the box": lambda x: honest(x.clamp(0, 1)),
    "a ReLU at the end": lambda x: HONEST(x).relu(),
    "sigmoids": lambda x: HONEST(x).sigmoid(),
}


def found(net: Net, x: Tensor, threat: eb.Threat) -> list[str]:
    with torch.no_grad():
        y = net(x).argmax(1)
        classes = net(x).shape[1]
    return [finding.id for finding in preflight(Preflight(eb.wrap(net), x, y, y.numpy(), classes, threat))]


def images(n: int = 16) -> Tensor:
    """Bright spots on a black background."""
    x = torch.rand(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(8))
    return (3 * x - 1.5).clamp(0, 1)


@pytest.mark.parametrize("name", LIES)
def test_a_gradient_that_is_not_the_derivative_is_named(name: str) -> None:
    assert found(LIES[name], images(), eb.Threat("linf", 0.1)) == ["D05"]


@pytest.mark.parametrize("name", HONEST_NETS)
def test_a_gradient_that_is_the_derivative_is_not(name: str) -> None:
    warned = ["D04"] if name == "large logits" else []  # the plain cross entropy's, which no attack here follows
    assert found(HONEST_NETS[name], images(), eb.Threat("linf", 0.1)) == warned


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_inputs_of_other_types_are_no_lie_and_hide_none(kind: torch.dtype) -> None:
    net = Network(convolutional=True).to(kind).eval()
    halves = [slice(None, SIDE // 2), slice(SIDE // 2, None)]
    x = images().to(kind)
    assert found(net, x, eb.Threat("linf", 0.1)) == []
    lie = found(
        lambda x: net(torch.cat((x[..., halves[0]], x[..., halves[1]].detach()), -1)), x, eb.Threat("linf", 0.1)
    )
    assert lie == ["D05"]


def test_other_boxes_and_a_single_sample_are_measured_as_well() -> None:
    threat = eb.Threat("l2", 20, low=0, high=255)
    assert found(lambda x: HONEST(x / 255), 255 * images(1), threat) == []
    assert found(lambda x: half_detached(x / 255), 255 * images(1), threat) == ["D05"]
    low, high = torch.zeros(1, SIDE, SIDE), torch.full((1, SIDE, SIDE), 0.5)
    assert found(half_detached, images(2) / 2, eb.Threat("l2", 1, low, high)) == ["D05"]


def test_features_without_an_order_are_measured_as_well() -> None:
    x = images().flatten(1)
    assert found(lambda x: PLAIN(x.reshape(-1, 1, SIDE, SIDE)), x, eb.Threat("l2", 1)) == []
    assert found(lambda x: half_detached(x.reshape(-1, 1, SIDE, SIDE)), x, eb.Threat("l2", 1)) == ["D05"]


def test_a_run_with_such_a_gradient_is_not_trusted() -> None:
    x = images(24)
    run = eb.evaluate(half_detached, (x, HONEST(x).argmax(1)), eb.Threat("linf", 0.05), suite=[eb.FGSM()])
    assert not run.trusted
    assert run.findings[0].id == "D05"
    assert "8 in random directions at each of 6 samples" in run.findings[0].evidence


def quantised(x: Tensor) -> Tensor:
    return (7 * x).round() / 7


@pytest.mark.parametrize(
    ("model", "severity"),
    [
        (eb.bpda(PLAIN, quantised), "INFO"),
        (eb.eot(eb.bpda(PLAIN, quantised), 2), "INFO"),
        (eb.nes(PLAIN, 50), "INFO"),
        (eb.bpda(PLAIN, quantised, lambda x: x.flip(-1)), "FAIL"),
        (eb.bpda(PLAIN, quantised, lambda x: -x), "FAIL"),
    ],
    ids=["the identity", "its mean", "differences", "mirrored", "its negative"],
)
def test_of_an_estimate_it_is_asked_that_it_foretells_something(model: eb.Model, severity: str) -> None:
    x = images(12)
    run = eb.evaluate(model, (x, PLAIN(x).argmax(1)), eb.Threat("linf", 0.05), suite=[eb.FGSM()])
    assert [each.severity for each in run.findings if each.id == "D05"] == [severity]


def test_it_costs_eleven_passes_over_six_samples_in_eight_directions_and_three_over_these_samples() -> None:
    rows: list[int] = []

    def net(x: Tensor) -> Tensor:
        rows.append(len(x))
        return honest(x)

    found(net, images(64), eb.Threat("linf", 0.1))
    before = (
        2 + 1 + 5 + 1 + 8 + 1
    )  # the labels here, the trial of memory, D02, the reversed batch and single inputs of D03, D04
    assert rows[before : before + 14] == [6 * 8] * 11 + [6] * 3
