"""Answers that jump where the decision changes, or on stairs that hardly rise, are noticed; honest ones are not accused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb
from epsball.diagnostics import Preflight, preflight
from epsball.diagnostics.jumps import jumps
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    Net = Callable[[Tensor], Tensor]

TWIN = Affine()


def twin(x: Tensor) -> Tensor:
    answer: Tensor = TWIN(x)
    return answer


def next_class(put: Callable[[Tensor], Tensor]) -> Net:
    """The class next to the largest gets another logit, made of the sorted ones."""

    def net(x: Tensor) -> Tensor:
        logits = twin(x)
        values, order = logits.sort(dim=1, descending=True)
        return logits.scatter(1, order[:, 1:2], put(values)[:, None])

    return net


def stairs(steps: float, slope: float) -> Net:
    return lambda x: (twin(x).softmax(1) * steps).round() / steps + slope * twin(x)


JUMPING: dict[str, Net] = {
    "the next class at -10⁹": next_class(lambda values: 0 * values[:, 0] - 1e9),
    "the next class a little below the third": next_class(lambda values: values[:, 2] - 1e-3),
    "the next class mirrored at the third": next_class(lambda values: 2 * values[:, 2] - values[:, 1]),
}
STAIRS: dict[str, Net] = {
    "fine": stairs(100, 1e-6),
    "coarse": stairs(10, 1e-4),
    "of logits": lambda x: (twin(x) * 4).round() / 4 + 1e-3 * twin(x),
}
HONEST: dict[str, Net] = {
    "affine": twin,
    "large": lambda x: 1e4 * twin(x),
    "a constant": lambda x: twin(x) + 1e4,
    "sigmoids": lambda x: twin(x).sigmoid(),
    "a masked class": lambda x: torch.nn.functional.pad(twin(x), (0, 1), value=-1e9),
    "copies a little lower": lambda x: torch.cat((twin(x), twin(x) - 1e-3), 1),
    "steep probabilities": lambda x: 1.001 * (20 * twin(x)).softmax(1),
    "8 bits with the gradient of the identity": lambda x: twin(x + ((255 * x).round() / 255 - x).detach()),
    "the k largest features": lambda x: twin(x * (x >= x.flatten(1).topk(12, 1).values[:, -1:, None, None])),
}


def context(net: Net, n: int = 40) -> Preflight:
    x, _ = samples(n, 0)
    with torch.no_grad():
        y = net(x).argmax(1)
    return Preflight(eb.wrap(net), x, y, y.numpy(), net(x[:1]).shape[1])


@pytest.mark.parametrize("name", JUMPING)
def test_a_class_that_is_hidden_until_it_wins_is_named(name: str) -> None:
    (finding,) = jumps(context(JUMPING[name]))
    assert (finding.id, finding.severity) == ("D49", "FAIL")
    assert "which class is near" in finding.message


@pytest.mark.parametrize("name", STAIRS)
def test_stairs_that_hardly_rise_are_named(name: str) -> None:
    (finding,) = jumps(context(STAIRS[name]))
    assert "in steps of which the gradient foretells next to nothing" in finding.message


@pytest.mark.parametrize("name", HONEST)
def test_honest_answers_do_not_jump(name: str) -> None:
    assert jumps(context(HONEST[name])) == []


def test_where_all_samples_are_of_one_class_nothing_is_compared() -> None:
    assert jumps(context(lambda x: twin(x) + torch.tensor([100.0, 0, 0, 0]))) == []
    assert jumps(context(JUMPING["the next class at -10⁹"], 1)) == []


def test_one_path_is_enough() -> None:
    given = context(twin)
    assert len({int(label) for label in given.y[:2]}) == 2
    assert len(jumps(context(JUMPING["the next class at -10⁹"], 2))) == 1


def test_a_run_with_such_answers_is_not_trusted() -> None:
    x, y = samples(24, 0)
    run = eb.evaluate(STAIRS["fine"], (x, y), eb.Threat("linf", 0.01), suite=[eb.FGSM()])
    assert not run.trusted
    assert run.findings[0].id in {"D05", "D49"}
    assert preflight(context(twin)) == []


def test_behind_an_estimate_a_jump_is_a_warning() -> None:
    net = JUMPING["the next class at -10⁹"]
    given = context(net)
    estimated = replace(given, model=replace(given.model, estimate="bpda"))
    assert [[each.severity for each in jumps(one)] for one in (given, estimated)] == [["FAIL"], ["WARN"]]


def test_passes_are_no_larger_than_the_probe() -> None:
    rows: list[int] = []

    def net(x: Tensor) -> Tensor:
        rows.append(len(x))
        return twin(x)

    given = context(net, 64)
    rows.clear()
    assert jumps(given) == []
    assert rows[0] == 64  # the trial of memory
    assert sum(rows[1:]) == 8 + 8 + 16 + 6 * 24 + 16 + 40 + 8
