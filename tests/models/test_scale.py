"""One number a sample: a logit or a probability, and never one for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable

W = torch.tensor([3.0, -2.0, 1.0, 4.0])
X = 0.3 + 0.4 * torch.rand(60, 4, generator=torch.Generator().manual_seed(0))
Y = ((X - 0.5) @ W > 0).long()
EPS = 0.01
ROBUST = float((((X - 0.5) @ W).abs() / W.abs().sum() > EPS).double().mean())


def logit(x: Tensor) -> Tensor:
    return (x - 0.5) @ W


SHAPES: list[Callable[[Tensor], Tensor]] = [lambda z: z, lambda z: z[:, None]]


@pytest.mark.parametrize("shaped", SHAPES)
@pytest.mark.parametrize("outputs", ["binary", "probs"])
def test_one_number_a_sample_has_a_way_that_is_right(outputs: str, shaped: Callable[[Tensor], Tensor]) -> None:
    model = eb.wrap(lambda x: shaped(logit(x) if outputs == "binary" else logit(x).sigmoid()), outputs=outputs)
    run = eb.evaluate(model, (X, Y), eb.Threat("linf", EPS), suite=[eb.PGD(steps=5)])
    assert run.clean_accuracy == 1
    assert run.robust_accuracy() == pytest.approx(ROBUST)
    torch.testing.assert_close(model(X).diff(dim=1).squeeze(1), logit(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [slice(None), Y == 1, slice(1)])
def test_a_probability_is_no_logit(rows: slice | Tensor) -> None:
    model = eb.wrap(lambda x: logit(x).sigmoid(), outputs="binary")
    for ask in (
        lambda: eb.evaluate(model, (X[rows], Y[rows]), eb.Threat("linf", EPS), suite=[eb.FGSM()]),
        lambda: eb.DeepFool()(model, X[rows], Y[rows], eb.Threat("l2")),
    ):
        with pytest.raises(eb.InputError, match=r"as probabilities do; use outputs='probs'"):
            ask()


@pytest.mark.parametrize("net", [logit, lambda x: torch.stack((logit(x), 5 * logit(x)), 1)])
def test_a_logit_is_no_probability(net: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(eb.InputError, match=r"expected probabilities in \[0, 1\]"):
        eb.FGSM()(eb.wrap(net, outputs="probs"), X, Y, eb.Threat("linf", EPS))


def test_logarithms_of_probabilities_are_no_probabilities() -> None:
    model = eb.wrap(lambda x: torch.stack((-logit(x), logit(x)), 1).log_softmax(1), outputs="probs")
    with pytest.raises(eb.InputError, match="no number above 0, as with logarithms of probabilities"):
        eb.FGSM()(model, X, Y, eb.Threat("linf", EPS))


def test_a_single_logit_between_0_and_1_is_one() -> None:
    row = X[((logit(X) > 0) & (logit(X) < 1)).nonzero()[:1, 0]]
    assert bool(eb.FGSM()(eb.wrap(logit, outputs="binary"), row, torch.tensor([1]), eb.Threat("linf", 0.4)).success)


def test_without_a_word_both_ways_are_named() -> None:
    with pytest.raises(eb.ModelError, match=r'"binary"\), one probability eb.wrap\(net, outputs="probs"\)'):
        eb.wrap(logit)(X)
