"""Exported images are what their files hold: read again, run through the model again, measured again."""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import epsball as eb
from epsball.models import inputs
from epsball.record.examples import Example, example
from epsball.verification import exported_files
from toy import EPS, Affine, Jittery, samples, toy_run

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "run"
    toy_run(path)
    return path


def test_pictures_say_what_rounding_did_to_them(folder: Path, tmp_path: Path) -> None:
    done = eb.export(folder, tmp_path / "out", model=Affine())
    table, run = pd.read_csv(tmp_path / "out" / "examples.csv"), eb.load_run(folder)
    x, y = samples()
    assert len(table) == len(done) == len(list(run.examples())) == len(list((tmp_path / "out").rglob("*.png")))
    for row in table.itertuples():
        saved = np.asarray(Image.open(tmp_path / "out" / row.file))
        assert saved.dtype == np.uint8
        assert saved.shape == (4, 4)
        again = torch.from_numpy(saved.astype(np.float32) / 255)[None, None]
        predicted = int(Affine()(again).argmax())
        assert row.saved_prediction == predicted
        assert row.label == int(y[row.id])
        assert row.fools == (predicted != row.label)
        distance = float((again[0].double() - x[row.id].double()).abs().max())
        assert row.saved_distance == pytest.approx(distance, abs=1e-12)
        assert row.within_eps == (distance <= EPS * (1 + 1e-9))
        rows = run.attacks[table.attack[row.Index]]
        assert row.distance == rows.distance[rows.id == row.id][0] >= run.upper[row.id]
    assert 0 < int(done.fools.sum()) < len(done), "8 bits cost some of these, which lie on the boundary, and not all"
    assert table.fools.tolist() == done.fools.tolist()
    about = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (about["images"], about["fools"]) == (len(done), int(done.fools.sum()))


def test_arrays_are_exact_and_read_as_data(folder: Path, tmp_path: Path) -> None:
    done = eb.export(folder, tmp_path / "out", "npz", Affine())
    x, y = eb.load_data(str(tmp_path / "out" / "examples.npz"))
    examples = sorted(eb.load_run(folder).examples(), key=lambda one: one.id)
    assert np.array_equal(x.numpy(), np.stack([one.adversarial for one in examples]))
    assert y.tolist() == [one.label for one in examples]
    assert done.fools.all()
    assert (Affine()(x).argmax(1) != y).all()
    assert done.distance.tolist() == done.before.tolist()


@pytest.mark.parametrize("images", ["png", "npz"])
def test_only_a_few_images_are_held_at_a_time(
    folder: Path, tmp_path: Path, images: Literal["png", "npz"], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = eb.export(folder, tmp_path / "whole", images, Affine())
    held: weakref.WeakSet[Example] = weakref.WeakSet()
    most = 0

    def counted(run: Evaluation, sample: int) -> Example:
        nonlocal most
        one = example(run, sample)
        held.add(one)
        most = max(most, len(held))
        return one

    monkeypatch.setattr(inputs, "_PART_NUMBERS", 4 * 16)
    monkeypatch.setattr(exported_files, "example", counted)
    parts = eb.export(folder, tmp_path / "parts", images, Affine())
    assert 4 <= most <= 2 * 4 < len(parts), "one part is let go as the next one is read"
    assert parts.distance.tolist() == whole.distance.tolist()
    for file in sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*")):
        if file.suffix == ".npz":
            first, second = (np.load(tmp_path / kind / file) for kind in ("whole", "parts"))
            assert {name: array.tolist() for name, array in first.items()} == {
                name: array.tolist() for name, array in second.items()
            }
        else:
            assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()


def test_colours_and_another_box_keep_their_values(tmp_path: Path) -> None:
    x, y = samples()
    x = (x.expand(-1, 3, -1, -1) * torch.tensor([1.0, 0.9, 0.8])[:, None, None] * 255).contiguous()

    def net(pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = Affine()(pixels.mean(1, keepdim=True) / 255)
        return logits

    threat = eb.Threat("linf", 12, low=0, high=255)
    run = eb.evaluate(net, (x, net(x).argmax(1)), threat, eb.PGD(steps=10), out=tmp_path / "run", class_names="abcd")
    done = eb.export(tmp_path / "run", model=net)
    first = next(iter(sorted(run.examples(), key=lambda one: one.id)))
    saved = np.asarray(Image.open(tmp_path / "run" / "export" / "images" / f"{first.id:06d}.png"))
    assert np.array_equal(saved, np.rint(first.adversarial).transpose(1, 2, 0).astype(np.uint8))
    assert (np.abs(done.distance - done.before) <= 0.5).all()
    assert set(pd.read_csv(tmp_path / "run" / "export" / "examples.csv")["class"]) <= set("abcd")
    assert len(y) == len(run)
    assert eb.verify(tmp_path / "run", net).complete, "what is exported into the run folder leaves it as it was"


def test_a_model_that_draws_is_run_often(tmp_path: Path) -> None:
    fools = []
    for seed in range(4):  # of one run alone as few as three in four do
        torch.manual_seed(seed)  # the model draws from it
        toy_run(tmp_path / f"{seed}", model=Jittery(), suite=[eb.PGD(steps=10)], eps=0.05)
        fools.append(eb.export(tmp_path / f"{seed}", tmp_path / f"out{seed}", "npz", Jittery()).fools)
    assert np.concatenate(fools).mean() > 0.8


def test_of_all_attacks_one_that_survives_is_taken_and_rounding_stays_in_the_ball(tmp_path: Path) -> None:
    x, _ = samples()
    x = (x * 255).round() / 255
    y = Affine()(x).argmax(1)
    eps = 10.7 / 255
    suite = {"fgsm": eb.FGSM(), "deepfool": eb.DeepFool()}
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf", eps), suite=suite, out=tmp_path / "run")
    done = eb.export(tmp_path / "run", model=Affine())
    table = pd.read_csv(tmp_path / "run" / "export" / "examples.csv")
    assert run.robust_accuracy() < 0.1
    assert done.fools.mean() > 0.9, "what fgsm found is taken where the nearest one dies"
    assert set(table["attack"]) == {"deepfool", "fgsm"}
    assert table["within_eps"][table["attack"] == "fgsm"].all(), "10.7 levels become 10, not 11"


def test_other_norms_are_rounded_towards_the_original(tmp_path: Path) -> None:
    x, _ = samples()
    x = (x * 255).round() / 255
    y = Affine()(x).argmax(1)
    eb.evaluate(Affine(), (x, y), eb.Threat("l2", 0.11), suite=[eb.PGD(steps=5)], out=tmp_path / "run")
    done = eb.export(tmp_path / "run", model=Affine())
    assert done.within.all()
    assert done.fools.mean() > 0.5


def test_what_cannot_be_exported_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(eb.InputError, match="live model"):
        eb.export(folder, tmp_path / "a")
    with pytest.raises(eb.UntrustworthyError, match="another model"):
        eb.export(folder, tmp_path / "b", model=Affine(seed=3))
    with pytest.raises(eb.InputError, match="'jpg'; expected 'png' or 'npz'"):
        eb.export(folder, tmp_path / "c", "jpg", Affine())  # type: ignore[arg-type] # the slip that is told
    with pytest.raises(eb.InputError, match="holds something already"):
        eb.export(folder, folder, model=Affine())
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_examples_and_rows_that_are_no_images(tmp_path: Path) -> None:
    toy_run(tmp_path / "none", suite=[eb.FGSM()], eps=1e-6)
    with pytest.raises(eb.InputError, match="nothing to export"):
        eb.export(tmp_path / "none", model=Affine())
    x, y = samples()
    eb.evaluate(Affine(), (x.flatten(1), y), eb.Threat("linf", EPS), eb.FGSM(), out=tmp_path / "rows")
    with pytest.raises(eb.InputError, match=r"shape \(16,\); a PNG holds images"):
        eb.export(tmp_path / "rows", model=Affine())
    assert eb.export(tmp_path / "rows", images="npz", model=Affine()).fools.all()


def test_images_say_on_which_network_they_were_made_and_so_does_their_evaluation(tmp_path: Path) -> None:
    run = toy_run(tmp_path / "run")
    eb.export(tmp_path / "run", tmp_path / "out", "npz", Affine())
    file = str(tmp_path / "out" / "examples.npz")
    made_on = run.plan.model.weights
    assert json.loads((tmp_path / "out" / "export.json").read_text())["made_on"] == made_on
    for seed, whose in ((0, "this network"), (5, "another network")):
        again = toy_run(model=Affine(seed), data=eb.load_data(file), source=file, anyway=True, suite=[eb.FGSM()])
        (finding,) = [finding for finding in again.findings if finding.id == "D20"]
        assert finding.evidence.startswith(f"made on {whose}, fingerprint {made_on[:12]}; transfer accuracy ")
    assert "D20" not in {finding.id for finding in run.findings}
