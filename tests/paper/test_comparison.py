from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
import torch

import epsball as eb
from epsball.geometry import linf
from epsball.paper import comparison
from epsball.paper.comparison import EXPERIMENT, NETWORKS, Attacked, compare, of_photographs
from epsball.paper.comparison_text import (
    ATTACKS,
    DEEPFOOL,
    ERROR,
    FGSM,
    FOUND,
    LBFGS,
    ORDER,
    RATIO,
    RHO,
    RHO_OF_LABELS,
    SAME_IMAGES,
    SECONDS,
    TARGETED,
    of_inputs,
)
from epsball.paper.imagenet import COLUMNS, ImageNet
from epsball.paper.lab import Lab
from epsball.paper.rows import Row, Rows
from epsball.paper.spaces import PIXELS, Space, centred, pixels, whitened
from paper.controls import NOTHING, changed, contradicts, number, supports
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

DATA = samples(60)
OTHER = "another than pixels"
CENTRED = "mean image subtracted"


@functools.cache
def compared(space: Callable[[Tensor], Space]) -> Rows:
    """What the attacks find of an affine model, L-BFGS on 20 images."""
    return compare(eb.wrap(Affine()), DATA, 20, space(DATA[0]))


def near(value: float, n: int = 10) -> Row:
    return number(value, 0.05 * value, n)


def in_space(space: str, values: tuple[float, ...], eps: float, flat: tuple[float, float]) -> Rows:
    rhos = [near(value).of(RHO, attack=attack, norm="l2") for attack, value in zip(ATTACKS, values, strict=True)]
    flats = [
        near(value).of(RHO, attack=attack, norm="linf") for attack, value in zip((DEEPFOOL, FGSM), flat, strict=True)
    ]
    rows = [row.of(eps=eps if row.attack == FGSM else 0.0) for row in (*rhos, *flats)]
    rows += [
        near(1.1 * value, 12).of(RHO_OF_LABELS, attack=attack, norm="l2")
        for attack, value in zip(ATTACKS, values, strict=True)
    ]
    return Rows((*rows, near(1.02).of(RATIO, norm="l2"))).of(space=space)


def network(name: str, rho: float) -> Rows:
    """DeepFool is shorter on the few images of L-BFGS than on all, where it would be longer than L-BFGS."""
    seconds = {DEEPFOOL: 0.01, FGSM: 0.001, LBFGS: 1.0, TARGETED: 2.0}
    own = (rho, 4 * rho, 0.8 * rho, 0.78 * rho, 0.9 * rho)
    return Rows.gathered(
        [
            near(0.1).of(ERROR),
            in_space(PIXELS, (10, 11, 8, 1, 9), 0.7, (5, 6)),
            in_space(OTHER, own, 0.1, (0.1, 0.3)),
            *(near(0.99, 37).of(FOUND, attack=attack, space=OTHER) for attack in ATTACKS if attack != FGSM),
            *(number(value, n=1).of(SECONDS, attack=attack, space=PIXELS) for attack, value in seconds.items()),
        ]
    ).of(network=name)


TRUE = Rows.gathered(
    [
        *(network(name, rho) for name, rho in zip(ORDER, (0.2, 0.1, 0.03, 0.02), strict=True)),
        *(NOTHING.of(RHO, network=each.name, note=f"no weights of {each.name}") for each in COLUMNS),
    ]
)
NIN = 4 * [column.network for column in NETWORKS].index("nin")
SMALLER, TARGET, ANY, CLOCK, IN_ORDER = NIN, NIN + 1, NIN + 2, NIN + 3, 4 * len(NETWORKS)


def test_a_result_like_the_papers_holds_and_a_missing_network_does_not_count() -> None:
    supports(EXPERIMENT, TRUE, 17, undecided=len(COLUMNS))
    assert [each.measured for each in EXPERIMENT.findings(TRUE)[17:]] == [
        f"no weights of {each.name}" for each in COLUMNS
    ]


@pytest.mark.parametrize(
    ("quantity", "attack", "value", "places"),
    [
        (RHO, FGSM, 0.02 * 3.4, [SMALLER]),
        (RHO, DEEPFOOL, 0.02 * 1.2, [SMALLER]),
        (RHO, LBFGS, 0.02 * 0.75, [ANY]),
        (RHO, SAME_IMAGES, 0.02 * 0.83, [ANY]),
        (RHO, TARGETED, 0.02 * 0.75, [TARGET]),
        (RHO, SAME_IMAGES, 0.02 * 0.95, [TARGET, ANY]),
        (FOUND, DEEPFOOL, 0.89, [SMALLER]),
        (FOUND, SAME_IMAGES, 0.89, [TARGET, ANY]),
        (FOUND, LBFGS, 0.89, [ANY]),
        (FOUND, TARGETED, 0.89, [TARGET]),
        (SECONDS, FGSM, 0.02, [CLOCK]),
        (SECONDS, LBFGS, 0.005, [CLOCK]),
        (SECONDS, TARGETED, 0.005, [CLOCK]),
        (RHO, DEEPFOOL, 0.05, [SMALLER, IN_ORDER]),
        (RHO, DEEPFOOL, 0.028, [SMALLER, IN_ORDER]),
    ],
)
def test_a_negative_control_flips_its_statements(quantity: str, attack: str, value: float, places: list[int]) -> None:
    space = PIXELS if quantity == SECONDS else OTHER
    keys = {"network": "nin", "quantity": quantity, "attack": attack, "space": space}
    rows = changed(TRUE, near(value), **keys, norm="l2" if quantity == RHO else "")
    contradicts(EXPERIMENT, rows, places, undecided=len(COLUMNS))


def test_an_attack_that_finds_nothing_proves_nothing() -> None:
    keys = {"network": "nin", "quantity": RHO, "space": OTHER, "norm": "l2", "attack": LBFGS}
    contradicts(EXPERIMENT, changed(TRUE, NOTHING, **keys), [ANY], undecided=len(COLUMNS))


def test_an_attack_that_finds_little_is_named() -> None:
    rows = changed(TRUE, near(0.5), network="nin", quantity=FOUND, attack=LBFGS)
    texts = [each.measured for each in EXPERIMENT.findings(rows)[NIN : NIN + 4]]
    assert ["finds only" in text for text in texts] == [False, False, True, False]
    assert "L-BFGS finds only 50.0 %" in texts[2]


def test_tables_hold_either_space_and_the_papers_number_of_the_same_attack() -> None:
    first, labelled, eps, flat = (table.filled(TRUE) for table in EXPERIMENT.tables)
    rows = first[-len(ATTACKS) :]
    lines = {cells[2]: cells for cells in rows}
    assert rows[0][0] == "nin"
    assert [cells[0] for cells in rows[1:]] == [""] * 4
    assert [cells[2] for cells in rows] == list(ATTACKS)
    assert lines[TARGETED][5].endswith("[0.024]")
    assert lines[TARGETED][7] == "2e+03 ms [> 50 s]"
    assert [("[" in lines[attack][5]) for attack in ATTACKS] == [True, True, False, False, True]
    assert lines[DEEPFOOL][5].startswith("0.02 ")
    assert lines[SAME_IMAGES][5].startswith("0.016 ")
    assert lines[DEEPFOOL][6].startswith("10 ")
    assert (lines[DEEPFOOL][3], lines[FGSM][3]) == ("99.0 % (94.0 … 104.0)", "–")
    assert lines[DEEPFOOL][4] == "10"
    assert [cells[1] for cells in labelled[-5:]] == list(ATTACKS)
    assert labelled[-5][2:] == ("12", "0.022 (0.0209 … 0.0231) [0.023]", "11 (10.4 … 11.6)")
    assert eps[0][1:] == (OTHER, "0.1", "0.7")
    assert [cell.split()[0] for cell in flat[-1]] == ["nin", "0.1", "0.3", "3.00", "5", "6", "1.20"]
    assert [("[" in cell) for cell in flat[-1]] == [False, True, True, False, False, False, False]


@pytest.mark.parametrize("space", [pixels, whitened, pytest.param(centred, marks=pytest.mark.thorough)])
def test_on_an_affine_model_deepfool_and_lbfgs_agree_and_fgsm_is_further(space: Callable[[Tensor], Space]) -> None:
    rows = compared(space)
    assert set(rows.values(quantity=FOUND)) == {1}
    for own in rows.where(norm="l2").by("space").values():
        rho = {row.attack: row.value for row in own.where(quantity=RHO)}
        assert own.one(quantity=RATIO).value == pytest.approx(1, abs=0.01)
        assert rho[FGSM] > rho[DEEPFOOL]
        assert rho[TARGETED] >= 0.99 * rho[LBFGS]
    assert set(rows.values("quantity")) | {ERROR} == set(network("nin", 1).values("quantity"))
    assert {column.network for column in NETWORKS} == set(ORDER)


def test_each_number_is_of_its_own_images_and_its_own_space() -> None:
    (x, y), few = DATA, 20
    model, own = eb.wrap(Affine()), whitened(x)
    rows, right = compared(whitened), torch.arange(len(y)) >= 6
    attacked = {row.attack: row.n for row in rows.where(quantity=FOUND)}
    assert attacked == {DEEPFOOL: len(y) - 6, **dict.fromkeys((SAME_IMAGES, LBFGS, TARGETED), few - 6)}
    assert set(of_inputs(rows.of(network="toy")).values("space")) == {own.name}
    for space in (pixels(x), own):
        view, found_here = space.view(model, x), rows.where(quantity=RHO, space=space.name)
        found = eb.DeepFool()(view.model, view.x, y, view.threat(eb.l2))
        flat = eb.DeepFool()(view.model, view.x, y, view.threat(linf))
        rho, size = view.rho(found.x), view.rho(flat.x, linf)
        deepfool = found_here.one(attack=DEEPFOOL, norm="l2")
        assert deepfool.n == len(y) - 6
        assert deepfool.value == pytest.approx(rho[right].mean().item())
        same = found_here.one(attack=SAME_IMAGES)
        assert same.n == few - 6
        assert same.value == pytest.approx(rho[:few][right[:few]].mean().item())
        assert found_here.one(attack=DEEPFOOL, norm="linf").value == pytest.approx(size[right].mean().item())
        fgsm = found_here.one(attack=FGSM, norm="linf")
        assert fgsm.value <= view.rho(view.x + fgsm.eps, linf)[right].mean().item() * 1.0001


def test_in_the_papers_own_sense_wrong_images_count_with_the_label_that_is_predicted() -> None:
    (x, y), few = DATA, 20
    model = eb.wrap(Affine())
    predicted, wrong = model(x).argmax(1), torch.arange(len(y)) < 6
    rows = compared(pixels).where(quantity=RHO_OF_LABELS)
    found = eb.DeepFool()(model, x, predicted, eb.Threat(eb.l2))
    one = rows.one(attack=DEEPFOOL)
    assert found.success.all()
    assert one.n == len(y)
    assert one.value == pytest.approx(found.relative.mean().item(), rel=1e-4)
    same = rows.one(attack=SAME_IMAGES)
    assert same.n == few
    assert same.value == pytest.approx(found.relative[:few].mean().item(), rel=1e-4)
    assert {row.attack: row.n for row in rows} == {DEEPFOOL: 60, FGSM: 60, SAME_IMAGES: 20, LBFGS: 20, TARGETED: 20}
    assert rows.one(attack=LBFGS).value == pytest.approx(same.value, rel=0.02)
    right = compare(model, (x[~wrong], y[~wrong]), few, pixels(x))
    l2 = right.where(norm="l2", attack=DEEPFOOL)
    assert l2.one(quantity=RHO_OF_LABELS).value == pytest.approx(l2.one(quantity=RHO).value), "all are right"


def test_images_that_live_in_pixels_are_attacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    views: list[object] = []

    def of(view: Any, *rest: Any) -> Attacked:
        views.append(view)
        found.extend([] if found else [whole(view, *rest)])
        return found[0]

    whole, found = Attacked.of, list[Attacked]()
    monkeypatch.setattr(comparison.Attacked, "of", of)
    for space, times in ((pixels, 1), (centred, 2)):
        views.clear()
        compare(eb.wrap(Affine()), DATA, 8, space(DATA[0]))
        assert len(views) == times


def test_photographs_go_through_the_same_attacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = COLUMNS[0].name
    column, model = ImageNet(name, "zoo:mlp-512", images=12, lbfgs=3), eb.load_model("zoo:mlp-512", shape=(3, 8, 8))
    x = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y = model(x).argmax(1)
    y[0] = (y[0] + 1) % 10
    monkeypatch.setattr(ImageNet, "model", lambda _: model)
    monkeypatch.setattr(ImageNet, "data", lambda _: (x, y))
    lab = Lab(quick=True, out=tmp_path, say=lambda _: None)
    rows, keys = of_photographs(lab, column), {"quantity": RHO, "attack": DEEPFOOL, "norm": "l2"}
    assert rows.one(quantity=ERROR).n == 20
    assert set(rows.values("space", quantity=RHO)) == {PIXELS}
    assert rows.one(**keys).n == 11
    y[1] = (y[1] + 1) % 10
    assert of_photographs(lab, column).one(**keys).n == 10
    whole = Rows((*(row for row in TRUE if row.network != name), *rows))
    assert any(cells[0] == name for cells in EXPERIMENT.tables[0].filled(whole))
    assert sum(each.statement.startswith(f"{name}:") for each in EXPERIMENT.findings(whole)) == 4
