"""What is looked at beside the attacks: probabilities, gradients inside the forward pass, budgets that rise, one step, and its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.diagnostics import CHECKS, Ladder, OneStep, Outcome, Preflight, Traits, preflight
from epsball.diagnostics.label_leaking import label_leaking
from epsball.diagnostics.nothing_found import nothing_found
from epsball.diagnostics.rising_accuracy import rising_accuracy
from epsball.diagnostics.step_reach import step_reach
from epsball.evaluation import ladder as beside
from epsball.evaluation.samples import prepare
from outcomes import outcome, rows
from toy import CLASSES, Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

X, Y = samples(wrong=0)


def found(net: Callable[[Tensor], Tensor], **settings: str) -> list[tuple[str, str]]:
    model = eb.wrap(net, **settings)
    given = Preflight(model, X, Y, Y.numpy(), CLASSES)
    return [(finding.id, finding.severity) for finding in preflight(given)]


def test_rounded_probabilities_are_named_and_their_logarithms_noted() -> None:
    assert found(lambda x: Affine()(x).softmax(1).to(torch.bfloat16).float()) == [("D01", "FAIL")]
    assert found(lambda x: Affine()(x).softmax(1).half().float()) == [("D01", "FAIL")]
    assert found(lambda x: Affine()(x).log_softmax(1)) == [("D01", "INFO")]
    assert found(lambda x: Affine()(x).softmax(1), outputs="probs") == []
    assert found(lambda x: 1.01 * Affine()(x).softmax(1)) == []


class Purified(Affine):
    """Optimises its input before it answers."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            inner = x.detach().requires_grad_()
            energy = super().forward(inner).logsumexp(1).sum()
            if self.way == "grad":
                (slope,) = torch.autograd.grad(energy, inner)
            elif self.way == "method":
                energy.backward()  # type: ignore[no-untyped-call] # PyTorch does not annotate it
                slope = torch.as_tensor(inner.grad)
            elif self.way == "function":
                torch.autograd.backward(energy)
                slope = torch.as_tensor(inner.grad)
            elif self.way == "forward":
                ahead = torch.func.jvp(super().forward, (x,), (torch.ones_like(x),))[1]
                slope = ahead.sum(1).reshape(-1, *[1] * (x.ndim - 1)) * torch.ones_like(x)
            else:
                slope = torch.func.grad(lambda z: (z.flatten(1) @ self.weight.T).logsumexp(1).sum())(inner)
        return super().forward(x + 0.001 * slope)


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)  # PyTorch's own, in forward mode
@pytest.mark.parametrize("way", ["grad", "method", "function", "functional", "forward"])
def test_gradients_inside_the_forward_pass_are_seen_however_they_are_taken(way: str) -> None:
    assert ("D21", "WARN") in found(Purified(way))


def test_checkpoints_estimates_and_gradients_elsewhere_are_no_inner_search() -> None:
    checkpointed = eb.wrap(lambda x: torch.utils.checkpoint.checkpoint(Affine(), x, use_reentrant=False))
    for model in (checkpointed, eb.nes(Affine(), 4), eb.bpda(Affine(), lambda x: x), eb.eot(Affine(), 2)):
        given = Preflight(model, X, Y, Y.numpy(), CLASSES)
        assert "D21" not in {finding.id for finding in preflight(given)}


def climbed(*broken: int) -> Outcome:
    """A run whose searches broke the first few of 40 samples at each budget."""
    table = np.arange(40) < np.array(broken)[:, None]
    return outcome(ladder=Ladder(np.arange(40), tuple(0.1 * (k + 1) for k in range(len(broken))), table))


def test_a_larger_budget_must_not_find_fewer_errors() -> None:
    assert (
        rising_accuracy(outcome())
        == rising_accuracy(climbed(5, 10, 20, 40))
        == rising_accuracy(climbed(6, 0, 40))
        == []
    )
    (finding,) = rising_accuracy(climbed(3, 10, 3, 40))
    assert (finding.id, finding.severity) == ("D09", "FAIL")
    assert finding.evidence == (
        "of 40 samples, ten steps break 10 within 0.2 and 3 within 0.3; sample 3 is broken only within the smaller one"
    )


def test_where_every_image_is_allowed_gradients_must_lead_to_an_error() -> None:
    assert nothing_found(outcome()) == nothing_found(climbed(5, 40)) == nothing_found(climbed(5, 36)) == []
    (finding,) = nothing_found(climbed(5, 34))
    assert (finding.id, finding.severity) == ("D08", "FAIL")
    assert "of 40 samples 6 are classified correctly" in finding.evidence


def stepped(before: int, gained: int, lost: int) -> Outcome:
    right = np.arange(100) < before
    after = right.copy()
    after[before : before + gained] = True
    after[:lost] = False
    return outcome(one_step=OneStep(right, after))


def test_one_step_must_not_help() -> None:
    assert label_leaking(outcome()) == label_leaking(stepped(80, 6, 0)) == label_leaking(stepped(80, 12, 12)) == []
    (finding,) = label_leaking(stepped(80, 12, 1))
    assert (finding.id, finding.severity) == ("D30", "WARN")
    assert finding.evidence == "of 100 samples 80 are right as they are and 91 after one step of length ε"


def test_one_step_must_break_a_part_of_what_many_do() -> None:
    (finding,) = label_leaking(outcome(attacks={"fgsm": rows(2), "pgd": rows(50)}))
    assert finding.evidence == "of 100 samples fgsm broke 2, and together with pgd it broke 50"
    assert label_leaking(outcome(attacks={"fgsm": rows(15), "pgd": rows(50)})) == []
    assert label_leaking(outcome(attacks={"fgsm": rows(0), "pgd": rows(4)})) == []


def test_short_steps_are_a_failure_where_no_search_reaches_the_boundary() -> None:
    short, far = Traits(reach=0.5, longest_step=0.1), Traits(reach=4.0, longest_step=0.1)
    for traits, severity in (
        ({"a": short}, "FAIL"),
        ({"a": short, "b": far}, "WARN"),
        ({"a": short, "b": Traits(access="SCORES")}, "WARN"),
    ):
        (finding,) = step_reach(outcome(attacks=dict.fromkeys(traits, rows(50)), traits=traits))
        assert (finding.id, finding.severity) == ("D13", severity)


class Counting(nn.Module):
    """Counts rows and gradients."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += len(x)
        answer: Tensor = self.net(x)
        if answer.requires_grad:
            answer.register_hook(self._backward)  # type: ignore[no-untyped-call] # PyTorch does not annotate it
        return answer

    def _backward(self, slope: Tensor) -> None:
        self.passes += len(slope)


@pytest.mark.parametrize("n", [100, 5000])
def test_the_checks_before_the_first_attack_cost_at_most_2000_passes_whatever_n(n: int) -> None:
    x, y = samples(n, wrong=0)
    y[::10] = (y[::10] + 1) % CLASSES
    net = Counting(Affine())
    given = Preflight(eb.wrap(net), x, y, Affine()(x).argmax(1).numpy(), CLASSES)
    preflight(given)
    assert 0 < net.passes <= 2000


def test_what_rides_on_the_run_costs_at_most_a_twentieth_of_it() -> None:
    x, y = samples(400, wrong=20)
    net, threat = Counting(Affine()), eb.Threat("linf", 0.02)
    spent = 40_000
    given = prepare(eb.wrap(net), (x, y), threat, None, None)
    net.passes = 0
    climbed, stepped = beside.ladder(given, threat, 0, spent), beside.one_step(given, threat, 0, spent)
    assert climbed is not None
    assert stepped is not None
    assert climbed.broken[-1].all()  # an affine classifier hides nothing
    assert (climbed.broken[1:] >= climbed.broken[:-1]).all()
    assert set(climbed.ids) <= set(np.arange(20, 400))
    assert stepped.before.sum() < len(stepped.before)
    assert net.passes <= 0.05 * spent
    assert beside.ladder(given, threat, 0, 100) is None
    assert beside.one_step(given, threat, 0, 100) is None


def test_a_short_run_has_the_fewest_searches_that_tell_as_soon_as_they_are_a_twenty_fifth_of_it() -> None:
    given = prepare(eb.wrap(Affine()), samples(60, wrong=0), eb.Threat("linf", 0.02), None, None)
    long, short = (beside.ladder(given, eb.Threat("linf", 0.02), 0, spent) for spent in (9_600, 9_599))
    assert long is not None
    assert len(long.ids) == beside.FEWEST
    assert short is None


def test_a_check_of_every_row_of_the_table_is_there() -> None:
    elsewhere = {"D18", "D25"}  # a prevented one, and the judge of all
    assert {f"D{number:02d}" for number in range(1, 31)} - elsewhere <= set(CHECKS)
