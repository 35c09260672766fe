"""The adversarial examples of a run: the same from memory and from the folder, as pictures, as a curve; or a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import epsball as eb
from epsball.record import in_memory
from evaluations import evaluation
from toy import EPS, Affine, exact_radius, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("examples") / "run"
    toy_run(path, certifiers=[exact_radius(0.5)])
    return path


@pytest.fixture(scope="module", params=["memory", "folder", "read again"])
def run(request: pytest.FixtureRequest, folder: Path) -> eb.Evaluation:
    if request.param == "read again":
        return eb.load_run(folder)
    return toy_run(folder if request.param == "folder" else None, certifiers=[exact_radius(0.5)])


def png(figure: Figure) -> bytes:
    content: bytes = figure._repr_png_()[0]  # type: ignore[attr-defined]
    return content


def test_each_fooled_sample_has_its_nearest_example(run: eb.Evaluation) -> None:
    x, y = samples()
    examples = list(run.examples())
    fooled = np.flatnonzero((run.upper > 0) & np.isfinite(run.upper))
    assert sorted(example.id for example in examples) == fooled.tolist()
    assert [example.distance for example in examples] == sorted(run.upper[fooled].tolist())
    for example in examples:
        assert np.array_equal(example.original, x[example.id].numpy())
        assert example.label == int(y[example.id]) != example.prediction
        assert example.prediction == int(Affine()(torch.tensor(example.adversarial)[None]).argmax())
        change = example.adversarial.astype(np.float64) - example.original
        assert example.distance == np.abs(change).max() == run.upper[example.id]
        assert example.attack == run.by[example.id]


def test_from_memory_and_from_the_folder_they_are_the_same(folder: Path) -> None:
    pairs = zip(toy_run().examples(), eb.load_run(folder).examples(), strict=True)
    assert all(np.array_equal(one.adversarial, other.adversarial) for one, other in pairs)


def test_what_is_kept_does_not_change_with_the_users_tensor() -> None:
    x, y = samples()
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf", EPS), eb.FGSM())
    before = next(run.examples()).original.copy()
    x.zero_()
    assert np.array_equal(next(run.examples()).original, before)


def test_ids_of_ones_own_are_those_of_the_examples() -> None:
    x, y = samples()
    run = eb.evaluate(Affine(), (x, y), eb.Threat("linf", EPS), eb.FGSM(), ids=range(1000, 1060))
    example = next(run.examples())
    assert example.id >= 1000
    assert np.array_equal(example.original, x[example.id - 1000].numpy())
    with pytest.raises(eb.InputError, match=r"no sample 3; its 60 samples have the ids 1000 to 1059"):
        run.show(3)


def test_a_sample_is_shown_beside_its_difference(run: eb.Evaluation) -> None:
    one = next(run.examples())
    figure = run.show(one.id)
    assert png(figure).startswith(b"\x89PNG")
    before, between, after = (axes.get_title() for axes in figure.axes)
    assert before == f"sample {one.id}\nlabel {one.label}"
    assert after == f"predicted {one.prediction}\nfound by {one.attack}"
    assert between.startswith("difference × ")
    assert between.endswith(f"\nl∞ {one.distance:.3g}")
    assert len(run.show().axes) == 9


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (99, "the run has no sample 99; its 60 samples have the ids 0 to 59"),
        (0, "clean input of sample 0 for"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(run: eb.Evaluation, sample: int, said: str) -> None:
    with pytest.raises(eb.InputError, match=said):
        run.show(sample)


def test_a_sample_that_stood_and_a_run_in_which_all_stood() -> None:
    run = toy_run(suite=[eb.FGSM()], eps=1e-6)
    stood = int(run.ids[run.by == ""][0])
    with pytest.raises(eb.InputError, match=f"no attack fooled the model on sample {stood}"):
        run.show(stood)
    with pytest.raises(eb.InputError, match="nothing to show"):
        run.show()


def test_rows_that_are_no_images_have_arrays_only() -> None:
    x, y = samples()
    run = eb.evaluate(Affine(), (x.flatten(1), y), eb.Threat("linf", EPS), eb.FGSM())
    assert next(run.examples()).original.shape == (16,)
    with pytest.raises(eb.InputError, match=r"the shape \(16,\); expected images"):
        run.show()


def test_more_than_there_is_room_for_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_memory, "MOST", samples()[0].nbytes - 1)
    run = toy_run(suite=[eb.FGSM()])
    for look in (run.examples, run.show):
        with pytest.raises(eb.InputError, match=r"were not kept.*evaluate with out="):
            look()


def test_the_curve_is_the_runs(run: eb.Evaluation) -> None:
    (axes,) = run.plot().axes
    steps, proved = axes.lines[:2]
    eps, accuracy = (np.asarray(values) for values in steps.get_data())
    assert accuracy.tolist() == [run.robust_accuracy(value) for value in eps]
    certified = np.asarray(proved.get_data()[1])
    assert certified.tolist() == [run.certified_accuracy(value) for value in eps]
    assert (certified <= accuracy).all()
    assert EPS in eps
    assert png(run.plot()).startswith(b"\x89PNG")


def test_several_runs_stand_in_one_figure(run: eb.Evaluation) -> None:
    figure = run.plot(label="one")
    assert run.plot(figure.axes[0], "other") is figure
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert {"one", "other"} <= {text.get_text() for text in legend.get_texts()}


@pytest.mark.parametrize("fields", [{"eps": np.inf}, {"eps": 1.0, "minimum_norm": False}, {"eps": 0.0}])
def test_any_budget_has_a_curve(fields: dict[str, Any]) -> None:
    assert png(evaluation([0.0, 0.5, 0.5, np.inf], **fields).plot())
    assert png(evaluation([0.0, 0.0], **fields).plot())


@pytest.mark.parametrize("look", [lambda run: run.plot(), lambda run: run.show()])
def test_looking_leaves_no_figure_behind(run: eb.Evaluation, look: Callable[[eb.Evaluation], object]) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415 (only here)

    look(run)
    assert plt.get_fignums() == []


def test_images_that_are_gone_or_fewer_than_their_ids_are_one_sentence(tmp_path: Path) -> None:
    toy_run(tmp_path / "run", suite=[eb.FGSM()])
    file = next((tmp_path / "run" / "examples").rglob("*.safetensors"))
    held = load_file(file)
    again = eb.load_run(tmp_path / "run")
    save_file(held | {"x": held["x"][:-1]}, file)
    with pytest.raises(eb.InputError, match="is no readable epsball file"):
        list(again.examples())
    file.unlink()
    with pytest.raises(eb.InputError, match="cannot be read"):
        list(again.examples())
