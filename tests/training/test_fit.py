"""The training loop: it learns, it repeats itself, it can be cut anywhere."""

from __future__ import annotations

import copy
import io
import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from epsball.errors import InputError, ModelError
from epsball.models.networks.catalogue import build
from epsball.record.files import sha256
from epsball.training.augment import Shift
from epsball.training.fit import fit
from epsball.training.objectives import adversarial, standard
from epsball.training.recipe import Recipe, sgd
from epsball.training.validation import accuracy

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.progress import Progress
    from epsball.training.objectives import Objective

SHORT = Recipe(epochs=4, batch_size=8, rate=1e-2)


def stripes(n: int = 60, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noisy images (N, 1, 6, 6) whose class is the bright third."""
    draws = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    x = 0.5 * torch.rand(n, 1, 6, 6, generator=draws)
    for row in range(6):
        x[y == row // 2, :, row] += 0.4
    return x, y


class Small(nn.Module):
    """A convolution, batch norm and dropout: everything that has state or draws."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(144, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layers(x)
        return answer


def small() -> Small:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        return Small()


def cut(call: int) -> Progress:
    """Interrupts after one of the steps."""

    def moved(_stage: str, done: int, _total: int) -> None:
        if done == call:
            raise KeyboardInterrupt

    return moved


def test_it_learns_and_the_history_says_so() -> None:
    recipe = replace(SHORT, epochs=15, rate=0.03)
    trained = fit(build("linear", shape=(1, 6, 6), classes=3), stripes(), recipe, validation=stripes(30, seed=1))
    assert [epoch.number for epoch in trained.history] == list(range(1, 16))
    assert trained.history[-1].loss < trained.history[0].loss / 2
    assert trained.history[-1].accuracy == accuracy(trained.model, *stripes(30, seed=1)) > 0.95
    assert fit(small(), stripes(), SHORT).history[0].accuracy is None


def test_what_was_given_stays_as_it_was() -> None:
    net, (x, y) = small(), stripes()
    net.train()
    state, x_before, y_before, draws = copy.deepcopy(net.state_dict()), x.clone(), y.clone(), torch.get_rng_state()
    trained = fit(net, (x, y), replace(SHORT, epochs=1))
    assert torch.equal(torch.get_rng_state(), draws)
    assert torch.equal(x, x_before)
    assert torch.equal(y, y_before)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert all(part.training for part in net.modules())
    assert all(weight.grad is None for weight in net.parameters())
    assert trained.model.module is not None
    assert not any(part.training for part in trained.model.module.modules())
    assert trained.model.fingerprint() != eb.wrap(net).fingerprint()


def test_normalisation_of_a_wrapped_model_is_kept_and_its_source_is_not() -> None:
    model = replace(eb.wrap(small(), mean=0.5, std=0.25), source="nets.py:small")
    trained = fit(model, stripes(), replace(SHORT, epochs=1), validation=stripes())
    for each in (trained.model, trained.best):
        assert (each.mean, each.std, each.source) == (model.mean, model.std, "")
    assert model.source == "nets.py:small"


def test_the_seed_decides_and_nothing_else() -> None:
    first = fit(small(), stripes(), SHORT, seed=1).model.fingerprint()
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(99)
        again = fit(small(), stripes(), SHORT, seed=1).model.fingerprint()
    assert first == again
    assert first != fit(small(), stripes(), SHORT, seed=2).model.fingerprint()


@pytest.mark.parametrize("call", [1, 5, 8, 9, 20, 32])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_run_cut_anywhere_ends_at_the_same_bits(tmp_path: Path, call: int, optimiser: str) -> None:
    recipe = replace(SHORT, augment=Shift(1))
    recipe = replace(recipe, optimiser=sgd) if optimiser == "sgd" else recipe
    whole = fit(small(), stripes(), recipe, validation=stripes(9, seed=1))
    with pytest.raises(KeyboardInterrupt):
        fit(
            small(),
            stripes(),
            recipe,
            progress=cut(call),
            validation=stripes(9, seed=1),
            checkpoint=tmp_path / "run.pt",
        )
    assert (tmp_path / "run.pt").is_file()
    resumed = fit(small(), stripes(), recipe, validation=stripes(9, seed=1), checkpoint=tmp_path / "run.pt")
    assert resumed.model.fingerprint() == whole.model.fingerprint()
    assert [(e.number, e.loss, e.accuracy) for e in resumed.history] == [
        (e.number, e.loss, e.accuracy) for e in whole.history
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.pt"]


def test_an_adversarial_run_resumes_too(tmp_path: Path) -> None:
    objective = adversarial(eb.PGD(steps=2), eb.Threat(eb.linf, eps=0.1), clean=0.5)
    whole = fit(small(), stripes(), SHORT, objective=objective)

    with pytest.raises(KeyboardInterrupt):
        fit(small(), stripes(), SHORT, objective=objective, checkpoint=tmp_path / "run.pt", progress=cut(20))
    resumed = fit(small(), stripes(), SHORT, objective=objective, checkpoint=tmp_path / "run.pt")
    assert resumed.model.fingerprint() == whole.model.fingerprint()


def test_a_finished_run_is_read_and_not_repeated(tmp_path: Path) -> None:
    whole = fit(small(), stripes(), SHORT, checkpoint=tmp_path / "run.pt")
    again = fit(small(), stripes(), SHORT, checkpoint=tmp_path / "run.pt")
    assert again.history == whole.history
    assert again.model.fingerprint() == whole.model.fingerprint()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ("rate", "its rate is 0.01, now 0.02"),
        ("seed", "its seed is 0, now 1"),
        ("data", "its data is"),
        ("model", "its model is"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, changed: str, says: str) -> None:
    fit(small(), stripes(), SHORT, checkpoint=tmp_path / "run.pt")
    recipe = replace(SHORT, rate=0.02) if changed == "rate" else SHORT
    net = build("linear", shape=(1, 6, 6), classes=3) if changed == "model" else small()
    data = stripes(seed=5) if changed == "data" else stripes()
    with pytest.raises(InputError, match=rf"belongs to another run: {says}"):
        fit(net, data, recipe, seed=int(changed == "seed"), checkpoint=tmp_path / "run.pt")


def test_a_checkpoint_of_an_earlier_form_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    fit(small(), stripes(), SHORT, checkpoint=path)
    stored = torch.load(io.BytesIO(path.read_bytes().rpartition(b"\n")[0]), weights_only=True)
    stored["spec"] = json.dumps(
        {name: text for name, text in json.loads(stored["spec"]).items() if name != "structure"}
    )
    stream = io.BytesIO()
    torch.save(stored, stream)
    path.write_bytes(stream.getvalue() + b"\n" + sha256(stream.getvalue()).encode())
    with pytest.raises(InputError, match="is of an earlier form, which did not record the structure of its run"):
        fit(small(), stripes(), SHORT, checkpoint=path)


@pytest.mark.parametrize("fraction", [0, 0.5, 0.99])
def test_a_damaged_checkpoint_is_said_to_be_so(tmp_path: Path, fraction: float) -> None:
    path = tmp_path / "run.pt"
    fit(small(), stripes(), SHORT, checkpoint=path)
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(InputError, match="no checkpoint, or a damaged one; name another file, or delete it"):
        fit(small(), stripes(), SHORT, checkpoint=path)


def test_a_checkpoint_with_one_altered_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    fit(small(), stripes(), SHORT, checkpoint=path)
    content = path.read_bytes()
    for bit in torch.randint(8 * len(content), (60,), generator=torch.Generator().manual_seed(0)).tolist():
        altered = bytearray(content)
        altered[bit // 8] ^= 1 << bit % 8
        path.write_bytes(altered)
        with pytest.raises(InputError, match="a damaged one; name another file, or delete it"):
            fit(small(), stripes(), SHORT, checkpoint=path)


def exploding(model: eb.Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
    loss = standard(model, x, y, seed=seed, ids=ids)
    return loss / 0 if 3 in ids else loss


def test_a_loss_that_is_not_finite_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the loss is inf at step \d of epoch 1; .* lower the rate \(now 0.01\)"):
        fit(small(), stripes(), SHORT, objective=exploding, checkpoint=tmp_path / "run.pt")


def test_a_model_without_parameters_is_said() -> None:
    frozen = small().requires_grad_(requires_grad=False)
    for model in (eb.wrap(lambda x: x.flatten(1)), frozen):
        with pytest.raises(InputError, match="no parameters to train"):
            fit(model, stripes(), SHORT)


def test_batches_differ_by_one_row_at_most_and_hold_every_row_once() -> None:
    seen: list[list[int]] = []

    def watching(model: eb.Model, x: Tensor, y: Tensor, *, seed: int, ids: Tensor) -> Tensor:
        seen.append(ids.tolist())
        return standard(model, x, y, seed=seed, ids=ids)

    objective: Objective = watching
    fit(small(), stripes(61), replace(SHORT, epochs=2, batch_size=20), objective=objective)
    assert [len(ids) for ids in seen] == [16, 15, 15, 15] * 2
    for batches in (seen[:4], seen[4:]):
        assert sorted(itertools.chain.from_iterable(batches)) == list(range(61))
    assert seen[:4] != seen[4:]


def test_robust_training_is_more_robust() -> None:
    threat, held_out = eb.Threat(eb.linf, eps=0.15), stripes(120, seed=1)
    recipe = replace(SHORT, epochs=6)
    robust = []
    for objective in (standard, adversarial(eb.PGD(steps=5), threat)):
        model = fit(build("mlp-512", shape=(1, 6, 6), classes=3), stripes(), recipe, objective=objective).model
        robust.append(1 - float(eb.PGD(steps=20)(model, *held_out, threat).success.double().mean()))
    assert robust[1] > robust[0] + 0.05
