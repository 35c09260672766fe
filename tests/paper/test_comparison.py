from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.geometry import linf
from epsball.paper import comparison
from epsball.paper.comparison import EXPERIMENT, NETWORKS, Attacked, _compare
from epsball.paper.comparison_words import ORDER, ROWS
from epsball.paper.experiment import Check, Verdict, verdict
from epsball.paper.imagenet import ImageNet
from epsball.paper.lab import Lab
from epsball.paper.spaces import Space, centred, pixels, whitened
from paper.counterfeit import changed, contradicts, supports
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

DATA = samples(60)


def figure(value: float, n: int = 10) -> dict[str, float]:
    return {"value": value, "low": value * 0.95, "high": value * 1.05, "n": n}


def space(rho: float, eps: float) -> dict[str, Any]:
    """DeepFool is shorter on the few images of L-BFGS than on all, where it would be longer than L-BFGS."""
    lengths = {"DeepFool": rho, "FGSM": 4 * rho, "DeepFool, same images": 0.8 * rho}
    lbfgs = {"L-BFGS": 0.78 * rho, "L-BFGS to a target": 0.9 * rho}
    return {attack: figure(value) for attack, value in (lengths | lbfgs).items()} | {"eps": eps, "pairs": figure(1.02)}


def row(rho: float) -> dict[str, Any]:
    return {
        "error": figure(0.1),
        "space": "another than pixels",
        "success": {attack: figure(0.99, 37) for attack in ROWS if attack != "FGSM"},
        "rho": {"pixels": space(10, 0.7) | {"FGSM": figure(11), "L-BFGS": figure(1)}, "own": space(rho, 0.1)},
        "linf": {
            "pixels": {"DeepFool": figure(5), "FGSM": figure(6)},
            "own": {"DeepFool": figure(0.1), "FGSM": figure(0.3)},
        },
        "seconds": {"DeepFool": 0.01, "FGSM": 0.001, "L-BFGS": 1.0, "L-BFGS to a target": 2.0},
    }


TRUE: dict[str, Any] = {
    "networks": {name: row(rho) for name, rho in zip(ORDER, (0.2, 0.1, 0.03, 0.02), strict=True)},
    "missing": {"caffenet": "no weights at models/caffenet.onnx"},
    "setting": "none",
}


def test_a_result_like_the_papers_holds_and_a_missing_network_does_not_count() -> None:
    supports(EXPERIMENT, TRUE)
    assert [check.measured for check in EXPERIMENT.judge(TRUE) if check.holds is None] == [
        "no weights at models/caffenet.onnx"
    ]


ANY = "nin: there it is at most 1.05 times that of L-BFGS to any"
TARGET = "nin: there it is at most 1.05 times that of L-BFGS to a label drawn at random"
SMALLER = "nin: DeepFool's ρ is at least 3.5 times smaller"


@pytest.mark.parametrize(
    ("path", "value", "statement"),
    [
        ("rho/own/FGSM", figure(0.02 * 3.4), SMALLER),
        ("rho/own/DeepFool", figure(0.02 * 1.2), SMALLER),
        ("rho/own/L-BFGS", figure(0.02 * 0.75), ANY),
        ("rho/own/DeepFool, same images", figure(0.02 * 0.83), ANY),
        ("rho/own/L-BFGS to a target", figure(0.02 * 0.75), TARGET),
        ("rho/own/DeepFool, same images", figure(0.02 * 0.95), TARGET),
        ("rho/own/L-BFGS", None, ANY),
        ("success/DeepFool", figure(0.89), SMALLER),
        ("success/DeepFool, same images", figure(0.89), ANY),
        ("success/DeepFool, same images", figure(0.89), TARGET),
        ("success/L-BFGS", figure(0.89), ANY),
        ("success/L-BFGS to a target", figure(0.89), TARGET),
        ("seconds/FGSM", 0.02, "nin: one DeepFool example takes longer"),
        ("seconds/L-BFGS", 0.005, "nin: one DeepFool example takes longer"),
        ("seconds/L-BFGS to a target", 0.005, "nin: one DeepFool example takes longer"),
        ("rho/own/DeepFool", figure(0.05), "in the paper's order"),
        ("rho/own/DeepFool", figure(0.028), "intervals of neighbours apart"),
    ],
)
def test_a_counterfeit_flips_the_verdict(path: str, value: object, statement: str) -> None:
    contradicts(EXPERIMENT, changed(TRUE, [(f"networks/nin/{path}", value)]), statement)


def test_an_attack_that_finds_little_is_named() -> None:
    measured = changed(TRUE, [("networks/nin/success/L-BFGS", figure(0.5))])
    texts = [check.measured for check in EXPERIMENT.judge(measured) if check.statement.startswith("nin")]
    assert ["finds only" in text for text in texts] == [False, False, True, False]
    assert "L-BFGS finds only 50.0 %" in texts[2]


def test_tables_hold_either_space_and_the_papers_figure_of_the_same_attack() -> None:
    first, eps, flat = EXPERIMENT.tables(TRUE)
    rows = [cells for cells in first.rows if cells[2] in ROWS][-len(ROWS) :]
    lines = {cells[2]: cells for cells in rows}
    assert rows[0][0] == "nin"
    assert [cells[2] for cells in rows] == list(ROWS)
    assert lines["L-BFGS to a target"][5].endswith("[0.024]")
    assert lines["L-BFGS to a target"][7] == "2e+03 ms [> 50 s]"
    assert [("[" in lines[attack][5]) for attack in ROWS] == [True, True, False, False, True]
    assert lines["DeepFool"][5].startswith("0.02 ")
    assert lines["DeepFool, same images"][5].startswith("0.016 ")
    assert lines["DeepFool"][6].startswith("10 ")
    assert (lines["DeepFool"][3], lines["FGSM"][3]) == ("99.0 % (94.0 … 104.0)", "–")
    assert lines["DeepFool"][4] == "10"
    assert eps.rows[0][2:] == ("0.1", "0.7")
    assert [cell.split()[0] for cell in flat.rows[-1]] == ["nin", "0.1", "0.3", "3.00", "5", "6", "1.20"]
    assert [("[" in cell) for cell in flat.rows[-1]] == [False, True, True, False, False, False, False]


def test_networks_that_are_all_missing_give_no_verdict_of_their_own() -> None:
    checks: tuple[Check, ...] = tuple(c for c in EXPERIMENT.judge(TRUE) if c.statement.endswith("is measured"))
    assert verdict(checks) is Verdict.MISSING


@pytest.mark.parametrize("space", [pixels, centred, whitened])
def test_on_an_affine_model_deepfool_and_lbfgs_agree_and_fgsm_is_further(space: Callable[[Tensor], Space]) -> None:
    x, _ = DATA
    measured = _compare(eb.wrap(Affine()), DATA, 20, space(x))
    assert {found["value"] for found in measured["success"].values()} == {1}
    for rho in measured["rho"].values():
        assert rho["pairs"]["value"] == pytest.approx(1, abs=0.01)
        assert rho["FGSM"]["value"] > rho["DeepFool"]["value"]
        assert rho["L-BFGS to a target"]["value"] >= 0.99 * rho["L-BFGS"]["value"]
    assert {place: figures.keys() for place, figures in measured["rho"].items()} == {
        place: figures.keys() for place, figures in row(1)["rho"].items()
    }
    assert set(TRUE["networks"]["nin"]) == {"error", *measured}
    assert {column.network for column in NETWORKS} == set(ORDER)


def test_each_figure_is_of_its_own_images_and_its_own_space() -> None:
    (x, y), few = DATA, 20
    model, own = eb.wrap(Affine()), whitened(x)
    measured, right = _compare(model, DATA, few, own), torch.arange(len(y)) >= 6
    asked = {attack: found["n"] for attack, found in measured["success"].items()}
    assert asked == {attack: few - 6 for attack in ROWS if attack not in {"DeepFool", "FGSM"}} | {
        "DeepFool": len(y) - 6
    }
    for place, view in (("pixels", pixels(x).view(model, x)), ("own", own.view(model, x))):
        found = eb.DeepFool()(view.model, view.x, y, view.threat(eb.l2))
        flat = eb.DeepFool()(view.model, view.x, y, view.threat(linf))
        rho, size = view.rho(found.x), view.rho(flat.x, linf)
        assert measured["rho"][place]["DeepFool"]["n"] == len(y) - 6
        assert measured["rho"][place]["DeepFool"]["value"] == pytest.approx(rho[right].mean().item())
        same = measured["rho"][place]["DeepFool, same images"]
        assert same["n"] == few - 6
        assert same["value"] == pytest.approx(rho[:few][right[:few]].mean().item())
        assert measured["linf"][place]["DeepFool"]["value"] == pytest.approx(size[right].mean().item())
        fgsm = view.x + measured["rho"][place]["eps"] * 1.0
        assert measured["linf"][place]["FGSM"]["value"] <= view.rho(fgsm, linf)[right].mean().item() * 1.0001


def test_images_that_live_in_pixels_are_attacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    views: list[object] = []

    def of(view: Any, y: Tensor, targets: Tensor) -> Attacked:
        views.append(view)
        return whole(view, y, targets)

    whole = Attacked.of
    monkeypatch.setattr(comparison.Attacked, "of", of)
    for space, times in ((pixels, 1), (centred, 2)):
        views.clear()
        _compare(eb.wrap(Affine()), DATA, 8, space(DATA[0]))
        assert len(views) == times


def test_photographs_go_through_the_same_attacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    column, model = ImageNet("tiny", "zoo:mlp-512", images=12, lbfgs=3), eb.load_model("zoo:mlp-512", shape=(3, 8, 8))
    x = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y = model(x).argmax(1)
    y[0] = (y[0] + 1) % 10
    monkeypatch.setattr(ImageNet, "model", lambda _: model)
    monkeypatch.setattr(ImageNet, "data", lambda _: (x, y))
    lab = Lab(quick=True, out=tmp_path, say=lambda _: None)
    measured = comparison._photographs(lab, column)  # noqa: SLF001 a column without weights or photographs of its own
    assert measured["error"]["n"] == 20
    assert measured["rho"]["own"] == measured["rho"]["pixels"]
    assert measured["rho"]["own"]["DeepFool"]["n"] == 11
    y[1] = (y[1] + 1) % 10
    assert comparison._photographs(lab, column)["rho"]["own"]["DeepFool"]["n"] == 10  # noqa: SLF001 as above
    whole = {**TRUE, "networks": {**TRUE["networks"], "tiny": measured}}
    assert any(cells[0] == "tiny" for cells in EXPERIMENT.tables(whole)[0].rows)
    assert any(check.statement.startswith("tiny") for check in EXPERIMENT.judge(whole))
