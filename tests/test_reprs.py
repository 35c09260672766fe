"""What a notebook prints of results, models and what was found: a line each."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import epsball as eb
from epsball.attacks.suites import SUITES, suite

X = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


def test_a_run_says_its_figure_in_a_line() -> None:
    model = net()
    run = eb.evaluate(model, (X, model(X).argmax(1)), eb.Threat("linf", 0.1), suite="quick")
    shown = repr(run)
    assert shown.startswith("Evaluation(40 samples: clean 100.0% (91.2% to 100.0%), robust ")
    assert "in linf, ε = 0.1; suite quick" in shown
    assert f"robust {run.robust_accuracy():.1%}" in shown
    nearest = repr(eb.evaluate(model, (X, model(X).argmax(1)), eb.Threat("l2"), suite=[eb.DeepFool()]))
    assert "median distance 0." in nearest
    assert max(map(len, (shown, nearest))) < 200


def test_what_was_found_says_how_much() -> None:
    model = net()
    found = eb.DeepFool()(model, X, model(X).argmax(1), eb.Threat("l2"))
    assert repr(found).startswith("Found(40 of 40 samples, median distance 0.")
    nothing = eb.PGD(steps=2)(model, X, model(X).argmax(1), eb.Threat("l2", 0.0))
    assert (
        repr(nothing)
        == f"Found(0 of 40 samples; {(nothing.queries + nothing.gradients).double().mean():.0f} passes a sample)"
    )


def test_a_model_says_what_it_is() -> None:
    assert repr(eb.wrap(net())) == "Model(Sequential, 51 weights, outputs='logits')"
    assert (
        repr(eb.wrap(net(), [0.5], 0.25)) == "Model(Sequential, 51 weights, outputs='logits', mean=[0.5], std=[0.25])"
    )
    assert repr(eb.load_model("zoo:mlp-512")).endswith("outputs='logits', source='zoo:mlp-512')")
    assert repr(eb.wrap(net(), torch.zeros(1, 4, 4))).endswith("mean=an array of shape (1, 4, 4) from 0 to 0)")
    assert len(repr(eb.wrap(lambda x: x.flatten(1)))) < 100


def test_a_run_becomes_a_table() -> None:
    model = net()
    run = eb.evaluate(
        model, (X, model(X).argmax(1)), eb.Threat("linf", 0.1), suite="quick", class_names=["a", "b", "c"]
    )
    frame = run.to_pandas()
    assert list(frame) == ["id", "label", "clean", "lower", "upper", "by", "queries", "gradients", "class"]
    assert float((frame.upper > 0.1).mean()) == run.robust_accuracy()
    assert set(frame["class"]) <= {"a", "b", "c"}


def test_what_was_found_is_shown_by_row() -> None:
    model = net()
    found = eb.DeepFool()(model, X, model(X).argmax(1), eb.Threat("l2"))
    figure = found.show(3, 5)
    assert [axes.get_title().split("\n")[0] for axes in figure.axes[::3]] == ["row 3", "row 5"]
    assert len(found.show().axes) == 9
    with pytest.raises(eb.InputError, match="there is no row 40; the rows go from 0 to 39"):
        found.show(40)
    nothing = eb.PGD(steps=2)(model, X, model(X).argmax(1), eb.Threat("l2", 0.0))
    with pytest.raises(eb.InputError, match="row 2 was not fooled"):
        nothing.show(2)
    with pytest.raises(eb.InputError, match="nothing to show"):
        nothing.show()


@pytest.mark.parametrize("name", SUITES)
def test_suites_and_attacks_are_said_in_a_line(name: str) -> None:
    assert len(repr(suite(name))) <= 400
    assert max(len(repr(attack)) for attack in suite(name).values()) <= 400
