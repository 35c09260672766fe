"""What is measured after every epoch, and which weights are the best."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.models.networks.catalogue import build
from epsball.training.fit import fit
from epsball.training.objectives import adversarial, standard
from epsball.training.recipe import Recipe, constant, sgd
from epsball.training.validation import Validation, accuracy, robust_accuracy

if TYPE_CHECKING:
    from pathlib import Path

THREAT = eb.Threat(eb.linf, eps=0.1)
WILD = Recipe(epochs=6, batch_size=8, rate=0.3, optimiser=sgd, schedule=constant, warm_up=0)
"""A rate so high that accuracy falls and rises."""


def noise(n: int = 60, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 6, 6) of noise with a faint mark of their class."""
    draws = torch.Generator().manual_seed(seed)
    x, y = 0.9 * torch.rand(n, 1, 6, 6, generator=draws), torch.arange(n) % 3
    x[torch.arange(n), 0, 0, y] += 0.1
    return x, y


def affine() -> nn.Module:
    """Class 1 where the only pixel is above 1/2; Δ(x) = |x - 1/2|."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[0.0], [1.0]]))  # type: ignore[operator] # a linear layer's weight is a tensor
        net[1].bias.copy_(torch.tensor([0.5, 0.0]))  # type: ignore[operator] # the same
    return net


def test_robust_accuracy_is_that_of_the_distances() -> None:
    x = torch.tensor([0.1, 0.35, 0.45, 0.55, 0.65, 0.9]).reshape(6, 1, 1, 1)
    y = torch.tensor([0, 0, 0, 1, 1, 0])
    model = eb.wrap(affine())
    assert accuracy(model, x, y) == pytest.approx(5 / 6)
    assert robust_accuracy(model, x, y, THREAT) == pytest.approx(3 / 6)
    assert robust_accuracy(model, x, y, eb.Threat(eb.linf, 0.01)) == pytest.approx(5 / 6)


def test_as_many_samples_are_attacked_as_fit_into_one_batch_and_always_the_same() -> None:
    x = torch.linspace(0, 1, 3000).reshape(-1, 1, 1, 1)
    y = (x.flatten() > 0.5).long()
    seen = []
    net = affine()

    def watched(rows: Tensor) -> Tensor:
        if rows.requires_grad:
            seen.append(rows.detach().flatten().sort().values)
        answer: Tensor = net(rows)
        return answer

    first, again, other = (Validation(x, y, THREAT, seed).measure(eb.wrap(watched)) for seed in (0, 0, 1))
    assert first == again
    assert first[1] == pytest.approx(0.8, abs=0.06)
    assert first[1] != other[1]
    assert max(map(len, seen)) == 512
    assert Validation(x, y, None, 0).measure(eb.wrap(net)) == (1.0, None, None, 3000, 0)


def test_robust_accuracy_stands_beside_each_epoch_of_an_adversarial_training() -> None:
    recipe, held_out = Recipe(epochs=3, batch_size=8), noise(30, seed=1)
    objective = adversarial(eb.PGD(steps=2), THREAT)
    trained = fit(
        build("linear", shape=(1, 6, 6), classes=3), noise(), recipe, objective=objective, validation=held_out
    )
    last = trained.history[-1]
    assert last.accuracy == accuracy(trained.model, *held_out)
    assert last.robust == pytest.approx(robust_accuracy(trained.model, *held_out, THREAT), abs=1e-6)
    assert all(epoch.robust is not None and epoch.robust <= (epoch.accuracy or 0) for epoch in trained.history)


def test_a_threat_shows_what_a_standard_training_withstands_and_chooses_its_best_weights(tmp_path: Path) -> None:
    net, held_out = build("mlp-512", shape=(1, 6, 6), classes=3), noise(60, seed=1)
    small = eb.Threat(eb.linf, eps=0.02)
    plain = fit(net, noise(), WILD, validation=held_out)
    trained = fit(net, noise(), WILD, validation=held_out, threat=small, checkpoint=tmp_path / "run.pt")
    assert trained.model.fingerprint() == plain.model.fingerprint(), "it is measured, nothing else"
    merits = [epoch.robust or 0 for epoch in trained.history]
    assert merits[-1] == pytest.approx(robust_accuracy(trained.model, *held_out, small), abs=1e-6)
    assert 0 < max(merits) < max(epoch.accuracy or 0 for epoch in trained.history)
    assert trained.best_epoch == merits.index(max(merits)) + 1
    assert robust_accuracy(trained.best, *held_out, small) == pytest.approx(max(merits), abs=1e-6)
    assert not [finding for finding in trained.findings if finding.id == "D28"], "nothing was trained to be robust"
    with pytest.raises(eb.InputError, match="its robust accuracy is"):
        fit(net, noise(), WILD, validation=held_out, threat=THREAT, checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize("eps", [0, "inf"])
def test_robust_accuracy_needs_a_budget(eps: float | str) -> None:
    with pytest.raises(eb.InputError, match="expected a finite budget above 0"):
        fit(build("linear", shape=(1, 6, 6), classes=3), noise(), threat=eb.Threat(eb.linf, eps), validation=noise())


def test_without_a_threat_or_samples_nothing_is_measured_and_the_last_model_is_the_best() -> None:
    net, recipe = build("linear", shape=(1, 6, 6), classes=3), Recipe(epochs=2, batch_size=8)
    plain = fit(net, noise(), recipe, validation=noise(30, seed=1))
    assert [epoch.robust for epoch in plain.history] == [None, None]
    unseen = fit(net, noise(), recipe, objective=adversarial(eb.FGSM(), THREAT))
    assert [(epoch.accuracy, epoch.robust) for epoch in unseen.history] == [(None, None)] * 2
    assert unseen.best is unseen.model


@pytest.mark.parametrize("objective", [standard, adversarial(eb.FGSM(), eb.Threat(eb.linf, eps=0.02))])
def test_the_best_weights_are_those_of_the_first_best_epoch(objective: standard) -> None:  # type: ignore[valid-type] # a function
    net, held_out = build("mlp-512", shape=(1, 6, 6), classes=3), noise(60, seed=1)
    trained = fit(net, noise(), WILD, objective=objective, validation=held_out)
    merits = [epoch.accuracy if epoch.robust is None else epoch.robust for epoch in trained.history]
    first = merits.index(max(merits, key=lambda merit: merit or 0))
    assert first + 1 < WILD.epochs, "the last epoch is the best, so this shows nothing"
    shorter = fit(net, noise(), replace(WILD, epochs=first + 1), objective=objective)
    assert trained.best.fingerprint() == shorter.model.fingerprint()
    assert trained.model.fingerprint() != trained.best.fingerprint()


def test_best_weights_survive_an_interruption_and_lose_their_batch_normalisation(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    recipe, held_out = replace(WILD, rate=0.1, batch_norm=True), noise(30, seed=1)
    whole = fit(copy.deepcopy(net), noise(), recipe, validation=held_out)
    stops = 4 * -(-60 // 8) + 1

    def interrupt(_stage: str, done: int, _total: int) -> None:
        if done == stops:
            raise KeyboardInterrupt

    file = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        fit(copy.deepcopy(net), noise(), recipe, validation=held_out, checkpoint=file, progress=interrupt)
    resumed = fit(copy.deepcopy(net), noise(), recipe, validation=held_out, checkpoint=file)
    assert resumed.best.fingerprint() == whole.best.fingerprint()
    assert resumed.best.module is not None
    assert [type(layer) for layer in resumed.best.module.children()] == [type(layer) for layer in net]
    merits = [epoch.accuracy for epoch in whole.history]
    assert accuracy(whole.best, *held_out) == max(merits, key=lambda merit: merit or 0)
    with pytest.raises(eb.InputError, match="its validation is"):
        fit(copy.deepcopy(net), noise(), recipe, validation=noise(30, seed=2), checkpoint=file)


def test_progress_counts_the_batches_of_all_epochs() -> None:
    calls: list[tuple[str, int, int]] = []
    recipe = Recipe(epochs=2, batch_size=20)
    fit(build("linear", shape=(1, 6, 6), classes=3), noise(), recipe, progress=lambda *call: calls.append(call))
    assert [(done, total) for _, done, total in calls] == [(done, 6) for done in range(1, 7)]
    assert [stage for stage, _, _ in calls] == ["epoch 1/2"] * 3 + ["epoch 2/2"] * 3
