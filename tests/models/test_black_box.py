"""Functions of NumPy arrays, by scores and by labels: what they answer, how they are attacked, and what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import epsball as eb
from epsball.evaluation.selection import stand_in

WEIGHT = np.random.default_rng(0).normal(size=(16, 3))
X = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
THREAT = eb.Threat("linf", 0.1)


def scores(x: np.ndarray) -> np.ndarray:
    answer: np.ndarray = x.reshape(len(x), -1) @ WEIGHT
    return answer


def labels(x: np.ndarray) -> np.ndarray:
    answer: np.ndarray = scores(x).argmax(1)
    return answer


BY_SCORES = eb.wrap(scores, arrays="numpy")
BY_LABELS = eb.wrap(labels, outputs="labels:3", arrays="numpy")
Y = torch.from_numpy(labels(X.numpy()))


def test_scores_and_labels_are_those_of_the_function_in_the_type_of_the_input() -> None:
    for x in (X, X.double()):
        assert BY_SCORES(x).dtype == BY_LABELS(x).dtype == x.dtype
        np.testing.assert_allclose(BY_SCORES(x).numpy(), scores(x.numpy()), rtol=1e-5)
        assert torch.equal(BY_LABELS(x).argmax(1), Y)
        assert sorted(set(BY_LABELS(x).flatten().tolist())) == [-1, 1]


def test_one_of_several_answers_is_named() -> None:
    def several(x: Any) -> dict[str, Any]:
        return {"loss": None, "labels": x[:, 0] > 0, "scores": x, "logits": -x, "names": np.array(["a"])}

    x = torch.rand(5, 3, dtype=torch.float64)
    assert torch.equal(eb.wrap(several, arrays="numpy", key="scores")(x), x)
    assert torch.equal(eb.wrap(several, arrays="numpy")(x), -x)
    assert torch.equal(eb.wrap(lambda x: {"scores": x.tolist()}, arrays="numpy")(x), x)


def test_each_is_attacked_by_what_it_gives() -> None:
    assert stand_in("standard", BY_SCORES, (X, Y), THREAT) == "blackbox"
    assert stand_in("standard", BY_LABELS, (X, Y), THREAT) == "labels"
    assert stand_in("standard", eb.wrap(lambda x: x.flatten(1)[:, :3]), (X, Y), THREAT) == "standard"
    assert (
        stand_in("standard", eb.wrap(lambda x: x.flatten(1)[:, :3].argmax(1), outputs="labels:3"), (X, Y), THREAT)
        == "labels"
    )


@pytest.mark.parametrize("model", [BY_SCORES, BY_LABELS])
def test_an_attack_by_gradients_is_refused_in_a_sentence(model: Any) -> None:
    with pytest.raises(
        eb.ModelError,
        match=r"cannot be differentiated .* use attacks that need scores or labels only: suite=\"blackbox\"",
    ):
        eb.PGD(steps=2)(model, X, Y, THREAT)


def test_a_run_says_that_there_were_no_gradients() -> None:
    run = eb.evaluate(BY_LABELS, (X, Y), THREAT, suite=[eb.RayS(steps=20)])
    (said,) = (finding for finding in run.findings if finding.id == "D54")
    assert "a black box" in said.message
    assert "D49" not in [finding.id for finding in run.findings]
    torch_run = eb.evaluate(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3)), (X, Y), THREAT, suite=[eb.FGSM()]
    )
    assert "D54" not in [finding.id for finding in torch_run.findings]


def test_other_weights_are_another_model() -> None:
    other = WEIGHT + 1
    assert BY_SCORES.fingerprint() == eb.wrap(scores, arrays="numpy").fingerprint() != ""
    assert eb.wrap(lambda x: x.reshape(len(x), -1) @ other, arrays="numpy").fingerprint() != BY_SCORES.fingerprint()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: labels(x) + 1, "labels from 1 to 3; expected 0 to 2"),
        (lambda x: labels(x)[:3], "expected \\(N,\\) whole numbers"),
        (lambda x: scores(x)[:, 0], "expected \\(N,\\) whole numbers"),
    ],
)
def test_what_is_no_label_is_refused(answer: Any, said: str) -> None:
    with pytest.raises(eb.ModelError, match=said):
        eb.wrap(answer, outputs="labels:3", arrays="numpy")(X)


@pytest.mark.parametrize("outputs", ["labels", "labels:1", "labels:x", "label:3"])
def test_labels_need_the_number_of_classes(outputs: str) -> None:
    with pytest.raises(eb.InputError, match="labels:K with the number K of classes"):
        eb.wrap(labels, outputs=outputs, arrays="numpy")


def test_remedies_name_the_arrays() -> None:
    with pytest.raises(eb.InputError, match="arrays was given as 'cupy'; expected torch, numpy or jax"):
        eb.wrap(scores, arrays="cupy")
    with pytest.raises(eb.ModelError, match='arrays="numpy"'):
        eb.wrap(lambda x: x.flatten(1).numpy() @ WEIGHT)(X)
    with pytest.raises(eb.ModelError, match='outputs="labels:10"'):
        eb.wrap(lambda x: x.flatten(1).argmax(1))(X)
