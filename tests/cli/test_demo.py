"""The main job, made small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import epsball.cli.demonstration
from epsball.data.load import load_data
from epsball.models.weights import read_weights
from epsball.record.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from typer.testing import Result

    Call = Callable[..., Result]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few of the embedded digits."""
    sizes = {"train": 300, "test": 40}

    def few(name: str, split: str) -> tuple[Tensor, Tensor]:
        return load_data(name, split, sizes[split])

    monkeypatch.setattr(epsball.cli.demonstration, "load_data", few)


def test_the_demo_trains_attacks_measures_reports_and_can_be_verified(call: Call) -> None:
    said = call("demo", "--json")
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    assert list(document["results"]) == ["noise", "fgsm", "pgd", "deepfool"]
    assert document["clean_accuracy"] > 0.6
    assert document["robust_accuracy"] <= document["results"]["fgsm"]["own_accuracy"]
    for place in ("epsball-demo/report.html", "epsball-demo/mlp-512.safetensors", "epsball-demo/run/run.json"):
        assert Path(place).is_file()
    assert "epsball-demo/report.html" in said.stderr
    assert call("verify", "epsball-demo/run").exit_code == 0


def test_the_demo_again_uses_what_is_there_and_another_seed_replaces_it(call: Call) -> None:
    first = json.loads(call("demo", "--json").stdout)
    weights = Path("epsball-demo", "mlp-512.safetensors")
    kept = read_weights(weights)[0]["1.weight"]
    shown = call("demo").stdout
    for name in ("clean", "noise", "fgsm", "pgd", "deepfool", "all together", "95 % interval"):
        assert name in shown
    assert "∞" not in shown, "where an attack found no error there is no distance to tell"
    assert read_manifest(Path("epsball-demo", "run")).plan.environment.started == first["environment"]["started"]
    assert read_weights(weights)[0]["1.weight"].equal(kept)
    other = json.loads(call("demo", "--json", "--seed", "1").stdout)
    assert other["seed"] == 1
    assert other["model"]["weights"] != first["model"]["weights"]
    assert call("verify", "epsball-demo/run").exit_code == 0


def test_a_folder_in_the_way_is_left_alone(call: Call) -> None:
    Path("epsball-demo").write_text("mine")
    said = call("demo")
    assert said.exit_code == 2
    assert len(said.stderr.strip().splitlines()) == 1
    assert Path("epsball-demo").read_text() == "mine"
