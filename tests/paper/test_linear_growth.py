from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.models.networks.catalogue import build
from epsball.paper import linear_growth
from epsball.paper.experiment import Verdict, verdict
from epsball.paper.linear_units import BUDGETS, EPS, Resize, growth, of_size, scaled, slope
from epsball.paper.straightness import POINTS, along, bends, straightness
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.figure import Figure


def figure(value: float) -> Figure:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 1000}


def size(n: int) -> dict[str, Any]:
    unit = {"magnitude": 0.1, "growth": EPS * 0.1 * n, "off": 1e-6, "boxed": EPS * 0.05 * n}
    left = [figure(0.9 - 2 * eps * math.log(n)) for eps in BUDGETS]
    return {"units": {kind: dict(unit) for kind in linear_growth.WEIGHTS}, "left": left}


def supporting() -> dict[str, Any]:
    runs = [[size(n) for n in linear_growth.INPUTS] for _ in range(2)]
    r2 = {"1": figure(0.98), "2": figure(0.99), "4": figure(0.999)}
    path = {"r2": r2, "bends": figure(3.0), "path": [0.0, 0.15, 0.3], "margin": [1.0, 0.0, -1.0]}
    return {"runs": runs, "paths": {name: dict(path) for name in linear_growth.NETWORKS}, "setting": "by hand"}


def test_holds() -> None:
    checks = linear_growth.judge(supporting())
    assert len(checks) == 4
    assert verdict(checks) is Verdict.HOLDS


def no_identity(measured: dict[str, Any]) -> None:
    measured["runs"][1][2]["units"]["initial"]["off"] = 2e-4


def like_the_root(kind: str) -> Callable[[dict[str, Any]], None]:
    def change(measured: dict[str, Any]) -> None:
        for run in measured["runs"]:
            for n, each in zip(linear_growth.INPUTS, run, strict=True):
                each["units"][kind]["growth"] = math.sqrt(n)

    return change


def as_robust(measured: dict[str, Any]) -> None:
    measured["runs"][1][-1]["left"] = measured["runs"][1][0]["left"]


def crooked(measured: dict[str, Any]) -> None:
    path = measured["paths"]["lenet-mnist"]
    measured["paths"]["lenet-mnist"] = {**path, "r2": {**path["r2"], "1": figure(0.9)}}


@pytest.mark.parametrize(
    ("counterfeit", "place"),
    [(no_identity, 0), (like_the_root("scaled"), 0), (like_the_root("trained"), 1), (as_robust, 2), (crooked, 3)],
)
def test_a_counterfeit_is_seen(counterfeit: Callable[[dict[str, Any]], None], place: int) -> None:
    measured = supporting()
    counterfeit(measured)
    checks = linear_growth.judge(measured)
    assert [check.holds for check in checks] == [i != place for i in range(len(checks))]
    assert verdict(checks) is Verdict.PARTLY


def test_drawn() -> None:
    measured = supporting()
    for table in linear_growth.tables(measured):
        assert all(len(cells) == len(table.columns) for cells in table.rows)
    for picture in linear_growth.pictures(measured):
        assert "<path" in inline(picture.plot, "linear-growth", picture.caption)


def test_images_of_another_side() -> None:
    x = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Resize(4)(x), x)
    torch.testing.assert_close(Resize(2)(x)[0, 0, 0, 1], x[0, 0, :2, 2:].mean())
    larger = Resize(8)(torch.full((1, 1, 4, 4), 0.25))
    assert torch.equal(larger, torch.full((1, 1, 8, 8), 0.25))


def test_the_growth_is_that_of_the_weights() -> None:
    layer = torch.nn.Linear(16, 2)
    with torch.no_grad():
        layer.weight[:] = torch.tensor([0.5, -0.25]).repeat(16).reshape(2, 16)
    net = torch.nn.Sequential(torch.nn.Flatten(), layer)
    found = growth(net, torch.zeros(3, 1, 4, 4))
    assert found["growth"] == pytest.approx(EPS * 0.375 * 16)
    assert found["boxed"] == pytest.approx(EPS * 0.5 * 8)  # below 0 nothing is left to take away
    assert found["magnitude"] == 0.375
    assert found["off"] < 1e-6
    assert growth(scaled(net, 0.75), torch.zeros(3, 1, 4, 4))["growth"] == pytest.approx(2 * found["growth"])
    assert growth(net, torch.zeros(3, 1, 4, 4)) == found


def test_only_softmax_regressions_have_a_growth() -> None:
    with pytest.raises(eb.InputError, match="softmax regression"):
        growth(
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2), torch.nn.ReLU()), torch.zeros(1, 1, 4, 4)
        )


def test_one_size_is_measured() -> None:
    start = build("linear", shape=(1, 8, 8), classes=4)
    x, y = samples(20)
    measured = of_size(start, torch.nn.Sequential(Resize(8), start), (x, y))
    assert measured["units"]["trained"] == measured["units"]["initial"]
    assert measured["units"]["scaled"]["magnitude"] == pytest.approx(0.1)
    assert len(measured["left"]) == len(BUDGETS)
    values = [left["value"] for left in measured["left"]]
    assert values == sorted(values, reverse=True)


def test_slope_of_a_power_law() -> None:
    assert slope([1, 10, 100], [2, 20 * 10**0.5, 2000]) == pytest.approx(1.5)


def test_a_straight_path_is_straight() -> None:
    t = torch.linspace(0, 1, 61, dtype=torch.float64)
    line, bent = torch.stack([t, 3 - 2 * t], 1), torch.stack([(t - 0.5).abs(), t * 0], 1)
    z = torch.stack([line, bent])
    assert straightness(z).tolist() == pytest.approx([1, 0], abs=1e-12)
    assert straightness(z, 2)[1].item() > 0.99
    assert bends(z).tolist() == [0, 1]


def test_an_affine_classifier_runs_straight() -> None:
    x, y = samples(10, wrong=0)
    measured = along(eb.wrap(Affine()), (x, y))
    assert measured["r2"]["1"]["value"] == pytest.approx(1, abs=1e-9)
    assert measured["bends"]["value"] == 0
    assert len(measured["margin"]) == len(measured["path"]) == POINTS
    assert measured["margin"][0] == 1 > measured["margin"][-1]
