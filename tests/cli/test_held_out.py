"""What a trained network is measured on: never on images that it was trained on without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from epsball.cli.held_out import loaded
from epsball.data.load import open_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Call = Callable[..., Result]


@pytest.fixture
def noise() -> str:
    """Pure noise with random labels, not divided into splits."""
    draws = np.random.default_rng(0)
    np.savez("noise.npz", x=draws.random((120, 1, 5, 5), np.float32), y=draws.integers(3, size=120))
    return "noise.npz"


def train(data: str, *words: str) -> list[str]:
    return ["train", "mlp-512", "--data", data, "--out", "w.safetensors", "--epochs", "30", *words]


def test_noise_is_not_learnt_however_its_images_are_counted(call: Call, noise: str) -> None:
    said = call(*train(noise, "--n", "60", "--json"))
    assert "accuracy is measured on the 60 images that are not" in said.stderr
    accuracy = json.loads(said.stdout)["epochs"][-1]["accuracy"]
    assert accuracy < 0.6


def test_without_other_images_nothing_is_measured(call: Call, noise: str) -> None:
    said = call(*train(noise, "--json"))
    document = json.loads(said.stdout)
    assert "no image is held out, so no accuracy is measured" in said.stderr
    assert {epoch["accuracy"] for epoch in document["epochs"]} == {None}
    assert document["best"] is None
    assert not Path("w.best.safetensors").exists()


def test_the_proposed_evaluation_says_what_it_measures(call: Call, noise: str) -> None:
    said = call(*train(noise))
    assert said.exit_code == 0, said.stderr
    assert "measures 120 images; 120 of them were trained on" in said.stderr
    used = call("evaluate", "zoo:mlp-512@w.safetensors", "--data", noise, "--norm", "linf", "--eps", "0.01", "--json")
    assert "no test split: all of its images are meant" in used.stderr
    assert json.loads(used.stdout)["data"]["split"] == ""


def test_images_of_the_test_split_that_are_trained_on_do_not_count() -> None:
    x, y = np.random.default_rng(0).random((9, 1, 3, 3), np.float32), np.arange(9) % 3
    np.savez("leaky.npz", x_train=x[:6], y_train=y[:6], x_test=x[4:], y_test=y[4:])
    given = loaded("leaky.npz", None)
    assert given.validation is not None
    assert given.validation[1].tolist() == y[6:].tolist()
    assert (given.known, given.divided, given.classes) == (2, True, 3)
    assert "5 images; 2 of them were trained on" in given.caution
    np.savez("clean.npz", x_train=x[:6], y_train=y[:6], x_test=x[6:], y_test=y[6:])
    assert (loaded("clean.npz", None).caution, loaded("clean.npz", None).sentence) == ("", "")


def test_which_sets_have_splits(noise: str) -> None:
    assert open_data(noise).whole
    assert not open_data("digits").whole
    np.savez(
        "both.npz",
        x_train=np.zeros((2, 1, 3, 3), np.float32),
        y_train=[0, 1],
        x_test=np.ones((2, 1, 3, 3)),
        y_test=[0, 1],
    )
    assert not open_data("both.npz").whole


def test_a_network_that_guesses_is_not_proposed_for_evaluation(call: Call) -> None:
    words = ["train", "linear", "--data", "digits", "--out", "w.safetensors", "--epochs", "9", "--rate", "1e-9"]
    said = call(*words, "--json")
    assert said.exit_code == 3
    assert "FAIL: The network has learnt nothing" in said.stderr
    assert "epsball evaluate" not in said.stderr
    assert [finding["id"] for finding in json.loads(said.stdout)["findings"]] == ["D45"]


def test_best_and_last_weights_are_both_written_and_named(call: Call) -> None:
    words = [
        "train",
        "linear",
        "--data",
        "digits",
        "--out",
        "w.safetensors",
        "--epochs",
        "3",
        "--objective",
        "fgsm",
        "--eps",
        "0.1",
    ]
    said = call(*words, "--json")
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    robust = [epoch["robust"] for epoch in document["epochs"]]
    assert document["best_epoch"] == 1 + robust.index(max(robust))
    assert (document["weights"], document["best"]) == ("w.safetensors", "w.best.safetensors")
    assert "(after the last epoch)" in said.stderr
    assert f"w.best.safetensors   (after epoch {document['best_epoch']}, the best one)" in said.stderr
    assert "--norm linf --eps 0.1" in said.stderr
    assert Path("w.best.safetensors").is_file()
