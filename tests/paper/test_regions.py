from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import epsball as eb
from epsball.paper import regions
from epsball.paper.answers import labels, steepest
from epsball.paper.experiment import Verdict, verdict
from epsball.paper.figure import bounded_mean
from epsball.paper.neighbourhood import RADII, in_balls, largest_region, over_plane
from epsball.paper.subspace import LADDER, aligned, directions, frame, random_basis
from epsball.report.svg import inline
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.paper.figure import Figure


def figure(value: float) -> Figure:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 500}


def network() -> dict[str, Any]:
    plane = {"accuracy": [[1.0, 0.5], [1.0, 0.0]], "together": figure(0.99), "stay": figure(0.99)}
    counts = [{"eps": eps, "free": figure(40), "boxed": figure(25), "random": figure(2)} for eps in regions.LENGTHS]
    shares = {"found": figure(0.97), "ended": figure(0.99), "clean": figure(0.01)}
    rows = [{"norm": norm.name, "radius": radius, **shares} for norm, radii in RADII.items() for radius in radii]
    return {"images": 480, "plane": plane, "directions": counts, "balls": {"fooled": figure(0.9), "rows": rows}}


def supporting() -> dict[str, Any]:
    return {"networks": {name: network() for name in regions.NETWORKS}, "setting": "by hand"}


def test_holds() -> None:
    checks = regions.judge(supporting())
    assert len(checks) == 7
    assert verdict(checks) is Verdict.HOLDS


def pockets(own: dict[str, Any]) -> None:
    own["plane"]["together"] = figure(0.5)


def holes(own: dict[str, Any]) -> None:
    own["plane"]["stay"] = figure(0.8)


def few_directions(own: dict[str, Any]) -> None:
    own["directions"][-1]["boxed"] = figure(5)


def near(own: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in own["balls"]["rows"] if (row["norm"], row["radius"]) == regions.NEAR)
    return found


def empty_balls(own: dict[str, Any]) -> None:
    near(own)["found"] = figure(0.3)


def wrong_everywhere(own: dict[str, Any]) -> None:
    near(own)["clean"] = figure(0.3)


@pytest.mark.parametrize(
    ("counterfeit", "places"),
    [(pockets, (0, 0)), (holes, (1, 1)), (few_directions, (2, 3)), (empty_balls, (4, 5)), (wrong_everywhere, (6, 6))],
)
@pytest.mark.parametrize("which", range(len(regions.NETWORKS)))
def test_a_counterfeit_is_seen(
    counterfeit: Callable[[dict[str, Any]], None], places: tuple[int, int], which: int
) -> None:
    measured = supporting()
    counterfeit(measured["networks"][regions.NETWORKS[which]])
    checks = regions.judge(measured)
    assert [check.holds for check in checks] == [place != places[which] for place in range(len(checks))]
    assert verdict(checks) is Verdict.PARTLY


def nobody_fooled(own: dict[str, Any]) -> None:
    own["plane"] |= {"together": None, "stay": None}
    own["balls"]["rows"] = [{**row, **dict.fromkeys(regions.CENTRES)} for row in own["balls"]["rows"]]


def test_where_no_image_is_fooled_nothing_is_decided() -> None:
    measured = supporting()
    nobody_fooled(measured["networks"]["mlp-512"])
    assert [check.holds for check in regions.judge(measured)] == [None, None, True, True, None, True, None]
    pockets(measured["networks"]["lenet-mnist"])
    assert regions.judge(measured)[0].holds is False
    nobody_fooled(measured["networks"]["lenet-mnist"])
    assert all(len(cells) == len(table.columns) for table in regions.tables(measured) for cells in table.rows)
    assert len(regions.pictures(measured)) == 3


def test_a_classifier_that_nothing_fools_is_measured() -> None:
    model, (x, _) = eb.wrap(lambda x: x.flatten(1)[:, :3] * 0 + torch.tensor([5.0, 0, 0])), samples(8)
    y = torch.zeros(8, dtype=torch.int64)
    plane = regions._plane(model, (x, y), 0, 5)  # noqa: SLF001 the measurement itself
    balls = regions._balls(model, (x, y), 0, 2)  # noqa: SLF001 as above
    assert plane["together"] is plane["stay"] is None
    assert balls["fooled"]["value"] == 0
    assert all(row[key] is None for row in balls["rows"] for key in regions.CENTRES)


def test_drawn() -> None:
    measured = supporting()
    for table in regions.tables(measured):
        assert all(len(cells) == len(table.columns) for cells in table.rows)
    for picture in regions.pictures(measured):
        assert "<path" in inline(picture.plot, "regions", picture.caption)


@pytest.mark.parametrize("k", [1, 2, 7, 16])
def test_aligned_directions_are_orthogonal_and_lean_alike(k: int) -> None:
    torch.testing.assert_close(frame(k) @ frame(k).T, torch.eye(k, dtype=torch.float64))
    g = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    r = aligned(g, k, random_basis(16, 0))
    torch.testing.assert_close(r @ r.mT, torch.eye(k, dtype=torch.float64).expand(3, k, k))
    lean = (r @ g.double()[:, :, None]).squeeze(2)
    torch.testing.assert_close(lean, (g.double().norm(dim=1, keepdim=True) / math.sqrt(k)).expand(3, k))


def test_a_gradient_on_the_basis_needs_no_mirror() -> None:
    basis = random_basis(8, 1)
    r = aligned(basis[:1], 3, basis)
    torch.testing.assert_close(r @ r.mT, torch.eye(3, dtype=torch.float64)[None])


class Half(nn.Module):
    """Two classes, parted by a plane at a distance of 1 from the middle of the pixel box."""

    def __init__(self) -> None:
        super().__init__()
        self.normal = nn.Parameter(torch.full((256,), 1 / 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        f = (x - 0.5).flatten(1) @ self.normal - 1
        return torch.stack([-f, f], 1)


def test_a_half_space_has_as_many_directions_as_the_lemma_says() -> None:
    model, x, y = eb.wrap(Half()), torch.full((2, 1, 16, 16), 0.5), torch.zeros(2, dtype=torch.int64)
    g = steepest(model, (x, y), eb.l2)
    for eps, most in ((0.9, 0), (1.1, 1), (2.1, 4), (3.0, 8)):  # k directions reach it while eps / sqrt(k) > 1
        found = directions(model, (x, y), g, eps, 0)
        assert found["free"]["value"] == most
        assert found["random"]["value"] <= LADDER[-1]
    assert directions(model, (x, y), g, 1.1, 0)["boxed"]["value"] == 1


def test_largest_region() -> None:
    where = torch.tensor([[[1, 1, 0], [0, 0, 1], [1, 1, 1]], [[1, 0, 1], [0, 1, 0], [1, 0, 1]]]).bool()
    assert largest_region(where).tolist() == pytest.approx([4 / 6, 1 / 5])
    winding = torch.tensor([[[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 1]]]).bool()
    assert largest_region(winding).tolist() == [1]


def test_an_affine_classifier_has_one_region() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(30, wrong=0)
    along = steepest(model, (x, y), eb.linf)
    found = over_plane(model, (x, y), along, 0, most=0.2, points=9)
    assert found["accuracy"][4][4] == 1
    assert found["accuracy"][4][8] < 0.5
    assert found["accuracy"][4][0] > 0.5
    assert found["together"]["value"] > 0.9
    assert found["stay"]["value"] > 0.9


def test_balls_on_either_side_of_a_boundary() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(30, wrong=0)
    found = eb.DeepFool(overshoot=1e-3)(model, x, y, eb.Threat("l2"))
    deep = found.x + 30 * (found.x - x)
    inside = ((deep >= 0) & (deep <= 1)).flatten(1).all(1) & (labels(model, deep) != y)
    assert inside.sum() > 3
    centres = {"found": found.x[inside], "deep": deep[inside], "clean": x[inside]}
    rows = in_balls(model, y[inside], centres, 0, 8)
    smallest = rows[0]
    assert 0.2 < smallest["found"]["value"] < 0.8  # about half of a ball on a plane lies beyond it
    assert smallest["deep"]["value"] > 0.9
    assert [row["radius"] for row in rows] == [radius for radii in RADII.values() for radius in radii]


def test_a_mean_keeps_to_its_limits() -> None:
    assert bounded_mean(torch.tensor([0.0, 0.0, 1.0]))["low"] == 0
    assert bounded_mean(torch.tensor([1.0, 1.0, 0.5]))["high"] == 1
    assert bounded_mean(torch.tensor([4.0, 0.0]), 4)["high"] == 4


def test_the_steepest_direction_has_length_one() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(5, wrong=0)
    torch.testing.assert_close(steepest(model, (x, y), eb.l2).flatten(1).norm(dim=1), torch.ones(5))
    torch.testing.assert_close(steepest(model, (x, y), eb.linf).abs().amax((1, 2, 3)), torch.ones(5))
