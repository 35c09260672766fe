"""Whatever cannot be used is refused in one sentence: given, expected, remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import torch

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable
from contract.problems import Affine, SmallNet

X = torch.full((4, 1, 4, 4), 0.5)
Y = torch.tensor([0, 1, 2, 0])
THREAT = eb.Threat("linf", 0.1)
MODEL = Affine((1, 4, 4), 3, dtype=torch.float32)


def logits(x: torch.Tensor) -> torch.Tensor:
    return MODEL(x)  # type: ignore[no-any-return] # a module returns anything


def attack(
    model: Callable[..., Any] = MODEL, x: Any = X, y: Any = Y, threat: eb.Threat = THREAT, **settings: Any
) -> eb.Found:
    return eb.PGD(**settings)(model, x, y, threat)


def with_value(value: float) -> torch.Tensor:
    x = X.clone()
    x[2, 0, 1, 1] = value
    return x


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: attack(x=with_value(float("nan"))), ["1 of 4 inputs hold NaN", "row 2", "finite"]),
        (lambda: attack(x=with_value(float("inf"))), ["infinite", "row 2"]),
        (
            lambda: attack(x=(X - 0.2) / 0.1),
            ["outside the threat's box [0, 1]", "normalised data", "eb.wrap(net, mean=, std=)"],
        ),
        (lambda: attack(x=(X * 255).to(torch.uint8)), ["uint8", "x.float() / 255"]),
        (lambda: attack(x=X[:0], y=Y[:0]), ["shape (0, 1, 4, 4)", "at least one sample"]),
        (lambda: attack(x=X.numpy()), ["ndarray", "torch.as_tensor"]),
        (lambda: attack(y=Y + 1), ["go up to 3", "3 classes", "0 to 2"]),
        (lambda: attack(y=Y - 1), ["go down to -1", "counted from 0"]),
        (lambda: attack(y=Y[:2]), ["shape (2,)", "4 inputs"]),
        (lambda: attack(y=Y.float()), ["float32", "y.long()"]),
        (lambda: attack(threat=eb.Threat("linf")), ["PGD", "ε = inf", "DeepFool"]),
        (lambda: attack(threat=eb.Threat("linf", torch.tensor([0.1, 0.2]))), ["shape (2,)", "4 inputs"]),
        (lambda: attack(steps=0), ["steps=0", "above 0"]),
        (lambda: attack(rate=-0.1), ["rate=-0.1"]),
        (lambda: attack(model=lambda x: logits(x).softmax(1)), ["probabilities", 'outputs="probs"']),
        (lambda: eb.Threat("linf", 8), ["ε = 8", "half the data range", "8/255"]),
        (lambda: eb.Threat("linf", -0.1), ["-0.1", "not negative"]),
        (lambda: eb.Threat("linf", "8/0"), ["8/0", "8/255"]),
        (lambda: eb.Threat("l3", 0.1), ["'l3'", "linf, l2, l1, l0"]),
        (lambda: eb.Threat("l2", 0.1, 1.0, 0.0), ["low below high"]),
        (lambda: eb.Threat("l2", 0.1, 0.0, float("inf")), ["finite limits"]),
        (lambda: eb.Restarts(eb.PGD(steps=0)), ["steps=0"]),
        (lambda: eb.DeepFool().maximise(MODEL, X, Y, THREAT), ["DeepFool", "inside a ball"]),
        (lambda: attack(y=torch.tensor([0, 1, 2, 9])), ["go up to 9"]),
        (lambda: eb.Goal.towards(Y, Y), ["4 of 4 targets", "another target"]),
        (lambda: eb.DeepFool()(MODEL, X, Y, eb.Threat("l0", 3)), ["DeepFool", "l0", "linf, l2, l1"]),
        (eb.Worst, ["no attacks"]),
        (lambda: eb.Worst(eb.FGSM(), eb.DeepFool()), ["one kind"]),
        (lambda: eb.Restarts(eb.PGD(), 0), ["n=0", "above 0"]),
        (lambda: attack(threat=cast("Any", None)), ["NoneType", "expected eb.Threat"]),
        (lambda: attack(threat=cast("Any", "linf")), ["str", "expected eb.Threat"]),
        (lambda: eb.PGD()(MODEL, X, Y, THREAT, seed=cast("Any", "a")), ["'a'", "whole number"]),
        (lambda: eb.PGD()(MODEL, X, Y, THREAT, seed=cast("Any", 1.5)), ["1.5", "whole number"]),
        (lambda: eb.PGD()(MODEL, X, Y, THREAT, ids=[0, 1]), ["shape (2,)", "4 inputs"]),
        (lambda: eb.PGD()(MODEL, X, Y, THREAT, ids=torch.rand(4)), ["float32", "whole number"]),
        (lambda: eb.PGD()(MODEL, X, Y, THREAT, ids=cast("Any", ["a"] * 4)), ["'a'", "whole number"]),
        (lambda: eb.Threat("l2", 0.1, "x"), ["low", "'x'"]),
        (lambda: eb.wrap(cast("Any", "net")), ["str", "callable"]),
        (lambda: eb.wrap(MODEL, std=0.0), ["std", "positive"]),
        (lambda: eb.wrap(MODEL, outputs="scores"), ["'scores'", "logits, probs, binary"]),
    ],
)
def test_unusable_arguments(call: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(eb.InputError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_targets_that_most_samples_have_reached_already_are_probably_the_labels() -> None:
    predicted = MODEL(X).argmax(1)
    with pytest.raises(eb.InputError, match=f"already predicts the target of {len(X)} of {len(X)} samples"):
        attack(y=eb.Goal(predicted, targeted=True))
    half = torch.where(torch.arange(len(X)) < len(X) // 2, predicted, (predicted + 1) % 4)
    attack(y=eb.Goal(half, targeted=True))


def nan_logits(x: torch.Tensor) -> torch.Tensor:
    return logits(x) / torch.tensor([1.0, 1.0, 0.0, 1.0]).reshape(4, 1)


def detached(x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return logits(x)


def raising(x: torch.Tensor) -> torch.Tensor:
    raise KeyError(len(x))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nan_logits, ["NaN or infinite logits", "sample 2"]),
        (lambda x: {"scores": logits(x), "loss": None}, ["dictionary with scores, loss", "eb.wrap(net, key="]),
        (lambda x: (logits(x), x), ["tuple", "eb.wrap(net, key="]),
        (lambda x: logits(x)[:, :1], ["shape (4, 1)", 'outputs="binary"']),
        (lambda x: logits(x)[:, 0], ["shape (4,)", 'outputs="binary"']),
        (lambda x: logits(x)[:1], ["shape (1, 3) for 4 inputs"]),
        (detached, ["cannot be differentiated", "no_grad"]),
        (raising, ["KeyError", "shape (4, 1, 4, 4)"]),
    ],
)
def test_a_model_that_fails_or_answers_nonsense(model: Callable[[torch.Tensor], Any], words: list[str]) -> None:
    with pytest.raises(eb.ModelError) as caught:
        attack(model=model)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16])
def test_inputs_of_another_type_than_the_weights(kind: torch.dtype) -> None:
    with pytest.raises(eb.ModelError, match=r"type float\d\d.*weights are float32.*x.to\(torch.float32\)"):
        attack(x=X.to(kind))


def test_one_logit_and_probabilities_are_welcome_when_said() -> None:
    one = eb.wrap(lambda x: logits(x)[:, 1] - logits(x)[:, 0], outputs="binary")
    with torch.no_grad():
        y = one(X).argmax(1)
    found = eb.BinaryDeepFool()(one, X, y, eb.Threat("l2"))
    assert bool(found.success.all())
    probs = eb.wrap(lambda x: logits(x).softmax(1), outputs="probs")
    torch.testing.assert_close(probs(X).softmax(1), MODEL(X).softmax(1))


def test_a_model_in_train_mode_is_asked_in_evaluation_mode() -> None:
    net = SmallNet().train()
    x = torch.full((3, 1, 8, 8), 0.5)
    y = torch.tensor([0, 1, 2])
    first, second = (eb.PGD(steps=4)(net, x, y, THREAT) for _ in range(2))
    assert torch.equal(first.x, second.x)
    assert net.training


def test_ids_may_be_a_list() -> None:
    first, second = (
        eb.PGD(steps=2)(MODEL, X, Y, THREAT, ids=ids) for ids in ([7, 5, 6, 4], torch.tensor([7, 5, 6, 4]))
    )
    assert torch.equal(first.x, second.x)
