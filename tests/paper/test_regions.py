from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import epsball as eb
from epsball.paper.answers import labels, steepest
from epsball.paper.neighbourhood import ACCURACY, RADII, STAY, TOGETHER, WRONG, in_balls, largest_region, over_plane
from epsball.paper.regions import CENTRES, CLEAN, EXPERIMENT, FOOLED, FOUND, LENGTHS, NEAR, NETWORKS, balls, plane
from epsball.paper.rows import Rows
from epsball.paper.subspace import (
    ALIGNED,
    BOXED,
    DIRECTIONS,
    FREE,
    LADDER,
    RANDOM,
    aligned,
    directions,
    frame,
    random_basis,
)
from paper.controls import NOTHING, changed, contradicts, holds, number, shown, supports
from toy import Affine, samples

COUNTS = {(ALIGNED, FREE): 40, (ALIGNED, BOXED): 25, (RANDOM, BOXED): 2}


def network(name: str) -> Rows:
    corners = ((-0.3, -0.3, 1.0), (0.3, -0.3, 0.5), (-0.3, 0.3, 1.0), (0.3, 0.3, 0.0))
    numbers = dict(zip(CENTRES, (0.97, 0.99, 0.01), strict=True))
    return Rows.gathered(
        [
            *(number(value).of(ACCURACY, eps=a, x=b) for a, b, value in corners),
            number(0.99, 0.01).of(TOGETHER),
            number(0.99, 0.01).of(STAY),
            *(
                number(count).of(DIRECTIONS, attack=attack, space=space, eps=eps)
                for eps in LENGTHS
                for (attack, space), count in COUNTS.items()
            ),
            number(0.9).of(FOOLED),
            *(
                number(value, 0.01).of(WRONG, data=centre, norm=norm.name, eps=radius)
                for norm, radii in RADII.items()
                for radius in radii
                for centre, value in numbers.items()
            ),
        ]
    ).of(network=name)


TRUE = Rows.gathered(map(network, NETWORKS))


def test_a_result_like_the_claim_holds() -> None:
    supports(EXPERIMENT, TRUE, 7)


@pytest.mark.parametrize(
    ("keys", "value", "places"),
    [
        ({"quantity": TOGETHER}, 0.5, (0, 0)),
        ({"quantity": STAY}, 0.8, (1, 1)),
        ({"quantity": DIRECTIONS, "attack": ALIGNED, "space": BOXED, "eps": LENGTHS[-1]}, 5.0, (2, 3)),
        ({"quantity": WRONG, "data": FOUND, **NEAR}, 0.3, (4, 5)),
        ({"quantity": WRONG, "data": CLEAN, **NEAR}, 0.3, (6, 6)),
    ],
)
@pytest.mark.parametrize("which", range(len(NETWORKS)))
def test_a_negative_control_flips_its_statement(
    keys: dict[str, object], value: float, places: tuple[int, int], which: int
) -> None:
    contradicts(EXPERIMENT, changed(TRUE, value, network=NETWORKS[which], **keys), [places[which]])


def test_where_no_image_is_fooled_nothing_is_decided() -> None:
    nobody = changed(TRUE, NOTHING, network="mlp-512", quantity=(TOGETHER, STAY, WRONG))
    assert holds(EXPERIMENT, nobody) == [None, None, True, True, None, True, None]
    assert holds(EXPERIMENT, changed(nobody, 0.5, network="lenet-mnist", quantity=TOGETHER))[0] is False
    shown(EXPERIMENT, changed(TRUE, NOTHING, quantity=(TOGETHER, STAY)))


def test_a_classifier_that_nothing_fools_is_measured() -> None:
    model, (x, _) = eb.wrap(lambda x: x.flatten(1)[:, :3] * 0 + torch.tensor([5.0, 0, 0])), samples(8)
    y = torch.zeros(8, dtype=torch.int64)
    rows = Rows.gathered([plane(model, (x, y), 0, 0.3, 5), balls(model, (x, y), 0, 0.1, 2)])
    assert rows.values("n", quantity=(TOGETHER, STAY)) == [0, 0]
    assert rows.one(quantity=FOOLED).value == 0
    assert set(rows.values("n", quantity=WRONG)) == {0}


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
        rows = directions(model, (x, y), g, eps, 0)
        assert rows.one(attack=ALIGNED, space=FREE).value == most
        assert rows.one(attack=RANDOM).value <= LADDER[-1]
    assert directions(model, (x, y), g, 1.1, 0).one(attack=ALIGNED, space=BOXED).value == 1


def test_largest_region() -> None:
    where = torch.tensor([[[1, 1, 0], [0, 0, 1], [1, 1, 1]], [[1, 0, 1], [0, 1, 0], [1, 0, 1]]]).bool()
    assert largest_region(where).tolist() == pytest.approx([4 / 6, 1 / 5])
    winding = torch.tensor([[[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 1]]]).bool()
    assert largest_region(winding).tolist() == [1]


def test_an_affine_classifier_has_one_region() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(30, wrong=0)
    along = steepest(model, (x, y), eb.linf)
    rows = over_plane(model, (x, y), along, 0, largest=0.2, points=9)
    middle = rows.where(quantity=ACCURACY, x=0)
    assert middle.values("eps")[::4] == pytest.approx([-0.2, 0, 0.2])
    left, centre, right = middle.values()[::4]
    assert centre == 1
    assert right < 0.5 < left
    assert rows.one(quantity=TOGETHER).value > 0.9
    assert rows.one(quantity=STAY).value > 0.9


def test_balls_on_either_side_of_a_boundary() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(30, wrong=0)
    found = eb.DeepFool(overshoot=1e-3)(model, x, y, eb.Threat("l2"))
    deep = found.x + 30 * (found.x - x)
    inside = ((deep >= 0) & (deep <= 1)).flatten(1).all(1) & (labels(model, deep) != y)
    assert inside.sum() > 3
    centres = {"found": found.x[inside], "deep": deep[inside], "clean": x[inside]}
    rows = in_balls(model, y[inside], centres, 0, 8)
    smallest = rows.where(norm="linf", eps=RADII[eb.linf][0])
    assert 0.2 < smallest.one(data="found").value < 0.8  # about half of a ball on a plane lies beyond it
    assert smallest.one(data="deep").value > 0.9
    assert rows.values("eps", data="clean") == [radius for radii in RADII.values() for radius in radii]


def test_the_steepest_direction_has_length_one() -> None:
    model, (x, y) = eb.wrap(Affine()), samples(5, wrong=0)
    torch.testing.assert_close(steepest(model, (x, y), eb.l2).flatten(1).norm(dim=1), torch.ones(5))
    torch.testing.assert_close(steepest(model, (x, y), eb.linf).abs().amax((1, 2, 3)), torch.ones(5))
