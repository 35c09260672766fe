from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.paper import binary
from epsball.paper.binary import (
    AFFINE,
    ALGORITHMS,
    BOXED,
    CLEAN,
    CLOSED_FORM,
    DISTANCE,
    EXPERIMENT,
    FIRST,
    FOOLED,
    FREE,
    ITERATIONS,
    MAXIMUM,
    NETWORK,
    RATIO,
    SAME_DISTANCE,
    SPACES,
)
from epsball.paper.rows import Row, Rows
from paper.controls import changed, contradicts, number, supports
from toy import Affine, samples


def run(steps: float, largest: int) -> Rows:
    """One algorithm in either space."""
    rows = Rows(
        (
            number(1.0, 0.01).of(FOOLED),
            number(steps, 0.01).of(ITERATIONS),
            number(largest).of(MAXIMUM),
            number(1.9, 0.01).of(DISTANCE),
        )
    )
    return Rows.gathered(rows.of(space=space, norm="l2") for space in SPACES)


def supporting() -> Rows:
    ratios = [number(1 + off).of(RATIO, space=FREE, x=float(i)) for i, off in enumerate((0.0, 0.001, -0.002))]
    affine: list[Row | Rows] = [
        number(0.016).of(CLEAN),
        number(0.99).of(FOOLED, attack="FGSM"),
        number(1.9).of(DISTANCE, attack=CLOSED_FORM, norm="l2"),
        run(1.0, 1).of(attack=FIRST),
        *ratios,
        *(ratio.of(space=BOXED) for ratio in ratios),
    ]
    same = (number(1.0).of(SAME_DISTANCE, space=space) for space in SPACES)
    network: list[Row | Rows] = [number(0.005).of(CLEAN), *(run(2.1, 4).of(attack=name) for name in ALGORITHMS), *same]
    return Rows.gathered([Rows.gathered(affine).of(network=AFFINE), Rows.gathered(network).of(network=NETWORK)])


TRUE = supporting()


def test_a_result_like_the_papers_holds() -> None:
    supports(EXPERIMENT, TRUE, 4)
    lines = [line[0] for line in EXPERIMENT.tables[0].filled(TRUE)]
    assert lines[0] == "|f|/‖ω‖ of the logistic regression (eq. 7)"
    assert lines[1] == "logistic regression, no pixel clipped"
    assert lines[-1] == "784-512-2, pixels in [0, 1], Algorithm 2"


@pytest.mark.parametrize(
    ("quantity", "value", "keys", "place"),
    [
        (RATIO, 1.02, {"space": FREE, "x": 1}, 0),
        (RATIO, 0.98, {"space": FREE, "x": 1}, 0),
        (FOOLED, 0.99, {"network": AFFINE, "space": FREE}, 0),
        (MAXIMUM, 2.0, {"network": AFFINE, "space": FREE}, 1),
        (ITERATIONS, 3.1, {"network": NETWORK, "space": FREE, "attack": FIRST}, 2),
        (FOOLED, 0.9, {"network": NETWORK, "space": FREE, "attack": FIRST}, 2),
        (SAME_DISTANCE, 0.9, {"space": BOXED}, 3),
    ],
)
def test_a_negative_control_flips_its_statement(
    quantity: str, value: float, keys: dict[str, object], place: int
) -> None:
    contradicts(EXPERIMENT, changed(TRUE, value, quantity=quantity, **keys), [place])


def test_two_digits_become_two_labels() -> None:
    x, y = binary.of_digits((torch.arange(6.0)[:, None], torch.tensor([3, 1, 7, 7, 0, 3])))
    assert x.flatten().tolist() == [0, 2, 3, 5]
    assert y.tolist() == [0, 1, 1, 0]


def affine() -> eb.Model:
    layer = torch.nn.Linear(16, 2)
    with torch.no_grad():
        layer.weight[:] = torch.stack([torch.zeros(16), torch.full((16,), 0.5)])
        layer.bias[:] = torch.tensor([0.0, -4.0])
    return eb.wrap(torch.nn.Sequential(torch.nn.Flatten(), layer))


def test_the_closed_form_by_hand() -> None:
    x = torch.full((1, 1, 4, 4), 0.75)
    assert binary.closed_form(affine(), x).item() == pytest.approx((16 * 0.5 * 0.75 - 4) / (4 * 0.5))
    with pytest.raises(eb.InputError, match="two classes"):
        binary.closed_form(eb.wrap(Affine()), x)


def test_an_affine_classifier_gives_the_closed_form_in_one_step() -> None:
    model, (x, _) = affine(), samples(40, wrong=0)
    rows = binary.of_affine(model, (x, model(x).argmax(1)))
    ratios = rows.values(quantity=RATIO, space=FREE)
    assert len(ratios) == len(x)
    assert ratios == pytest.approx([1.0] * len(x), abs=binary.SAME)
    assert rows.one(quantity=MAXIMUM, space=FREE).value == 1
    distance, exact = (
        rows.one(quantity=DISTANCE, attack=each[0], space=each[1]) for each in ((FIRST, FREE), (CLOSED_FORM, ""))
    )
    assert distance.value == pytest.approx(exact.value, rel=0.01)


def test_both_algorithms_agree_on_two_classes() -> None:
    torch.manual_seed(0)
    layers = (torch.nn.Flatten(), torch.nn.Linear(16, 40), torch.nn.ReLU(), torch.nn.Linear(40, 2))
    model, (x, _) = eb.wrap(torch.nn.Sequential(*layers)), samples(40, wrong=0)
    rows = binary.of_network(model, (x, model(x).argmax(1)))
    assert rows.one(quantity=SAME_DISTANCE, space=FREE).value == 1
