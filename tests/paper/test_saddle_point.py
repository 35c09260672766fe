from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.paper import saddle_point
from epsball.paper.experiment import Verdict, verdict
from epsball.paper.networks import ROBUST_EPS
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable


def sample(centre: float) -> dict[str, Any]:
    return {
        "label": 7,
        "start": 0.01 * centre,
        "mean": centre,
        "deviation": 0.05 * centre,
        "percentiles": [centre * (0.9 + 0.002 * place) for place in range(101)],
        "curves": [[0.01 * centre, 0.005 * centre, 0.02 * centre], [centre, 0.9 * centre, 1.1 * centre]],
        "linf": 0.55,
        "l2": 4.0,
        "random l2": 4.2,
        "distinct": 1000,
        "middle": 0.8 * centre,
        "dips": 0.99,
    }


def supporting() -> dict[str, Any]:
    clean = {"value": 0.98, "low": 0.97, "high": 0.99, "n": 1000}
    networks = {
        kind: {"clean": dict(clean), "samples": [sample(centre), sample(1.3 * centre)]}
        for kind, centre in (("standard", 20.0), ("PGD", 0.5))
    }
    return {"setting": "by hand", "steps": [0, 20], "networks": networks}


def guessing(networks: dict[str, Any]) -> None:
    networks["PGD"]["clean"]["value"] = 0.11


def scattered(kind: str) -> Callable[[dict[str, Any]], None]:
    def change(networks: dict[str, Any]) -> None:
        for each in networks[kind]["samples"]:
            each["percentiles"] = [each["mean"] * (0.5 + 0.01 * place) for place in range(101)]

    return change


def outlying(kind: str) -> Callable[[dict[str, Any]], None]:
    def change(networks: dict[str, Any]) -> None:
        each = networks[kind]["samples"][1]
        each["percentiles"][100] = 3 * each["mean"]

    return change


def together(kind: str) -> Callable[[dict[str, Any]], None]:
    def change(networks: dict[str, Any]) -> None:
        for each in networks[kind]["samples"]:
            each["l2"] = 0.1

    return change


def one_hill(kind: str) -> Callable[[dict[str, Any]], None]:
    def change(networks: dict[str, Any]) -> None:
        for each in networks[kind]["samples"]:
            each["dips"] = 0.01

    return change


def as_high(networks: dict[str, Any]) -> None:
    networks["PGD"]["samples"] = copy.deepcopy(networks["standard"]["samples"])


COUNTERFEITS = (
    guessing,
    *(of("standard") for of in (scattered, outlying, together, one_hill)),
    *(of("PGD") for of in (scattered, outlying, together, one_hill)),
    as_high,
)


def test_holds() -> None:
    checks = saddle_point.judge(supporting())
    assert verdict(checks) is Verdict.HOLDS
    assert len(checks) == len(COUNTERFEITS)


@pytest.mark.parametrize("place", range(len(COUNTERFEITS)))
def test_a_counterfeit_is_seen(place: int) -> None:
    measured = supporting()
    COUNTERFEITS[place](measured["networks"])
    checks = saddle_point.judge(measured)
    assert [check.holds for check in checks].index(False) == place
    assert verdict(checks) is Verdict.PARTLY


def test_losses_that_are_all_the_same_are_no_outliers() -> None:
    measured = supporting()
    for each in measured["networks"]["PGD"]["samples"]:
        each["percentiles"] = [each["mean"]] * 101
    assert verdict(saddle_point.judge(measured)) is Verdict.HOLDS


def test_tables_and_pictures() -> None:
    measured = supporting()
    for table in saddle_point.tables(measured):
        assert len(table.rows) == 4
        assert all(len(row) == len(table.columns) for row in table.rows)
    pictures = saddle_point.pictures(measured)
    assert len(pictures) == 4
    assert all(inline(each.plot, "saddle", each.caption).startswith("<svg") for each in pictures)


def test_part_of_a_climb_is_a_climb() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(8, wrong=0)
    ids, steps = torch.arange(8), 5
    before = saddle_point.climbed(model, x, y, ids, 0, steps, seed=3)
    assert bool(saddle_point.THREAT.contains(before, x).all())
    for done in range(1, steps + 1):
        leaf = before.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(model(leaf), y, reduction="sum"), leaf)
        by_hand = saddle_point.THREAT.ascend(before, gradient, 2.5 / steps * ROBUST_EPS, x)
        before = saddle_point.climbed(model, x, y, ids, done, steps, seed=3)
        torch.testing.assert_close(before, by_hand)


def test_apart() -> None:
    ends = torch.zeros(3, 1, 2, 2)
    ends[1] += 0.001  # the same maximum
    ends[2, 0, 0, 0] = 0.3
    found = saddle_point.apart(ends)
    assert found["distinct"] == 2
    assert found["linf"] == pytest.approx((0.001 + 0.3 + 0.299) / 3, rel=1e-4)
    far = (0.299**2 + 3 * 0.001**2) ** 0.5
    assert found["l2"] == pytest.approx((0.002 + 0.3 + far) / 3, rel=1e-4)


@pytest.mark.parametrize(("sign", "share"), [(1, 1.0), (-1, 0.0)])
def test_a_valley_between_two_maxima_is_a_dip(sign: float, share: float) -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        height = sign * ((x.flatten(1) - 0.5) ** 2).sum(1)  # a valley or a hill at 1/2
        return torch.stack((-height, height), 1)

    ends = torch.tensor([0.2, 0.3, 0.8, 0.7]).reshape(4, 1, 1, 1)
    y = torch.zeros(4, dtype=torch.int64)
    losses = saddle_point.losses(eb.wrap(model), ends, y)
    found = saddle_point.dip(eb.wrap(model), ends, losses, y)
    assert found["dips"] == share
    assert found["middle"] == pytest.approx(torch.tensor(2.0).log().item())


def test_spread() -> None:
    measured = sample(2.0)
    assert saddle_point.relative(measured) == pytest.approx(
        {"quartiles": 0.1, "1 to 99 %": 0.196, "deviation": 0.05, "highest": 1.1}
    )
    assert saddle_point.outlying(measured) == pytest.approx(1 / 98)
