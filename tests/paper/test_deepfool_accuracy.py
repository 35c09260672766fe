from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.paper.deepfool_accuracy import (
    ACCURACY,
    COUNTS,
    EXPERIMENT,
    ITERATIONS,
    KEPT,
    MENDED,
    RHO,
    RHO_CENTRED,
    SIZES,
    STEPS,
    TRUE,
    after_steps,
    of_deepfool,
)
from epsball.paper.experiment import worded
from epsball.paper.rows import Rows
from epsball.paper.spaces import centred
from paper.controls import changed, contradicts, holds, number, supports
from toy import Affine, samples

SUPPORTING = Rows.gathered(
    [
        number(0.975, 0.005).of(ACCURACY),
        *(
            number(value, 0.005).of(count, x=float(steps))
            for steps in STEPS
            for count, value in zip(COUNTS, (max(0.0, 1 - steps / 8), 0.011, 0.4), strict=True)
        ),
        *(number(value).of(size) for size, value in zip(SIZES, (0.1, 0.12, 4.0), strict=True)),
    ]
)


def test_a_result_like_the_papers_holds() -> None:
    supports(EXPERIMENT, SUPPORTING, 3)
    assert "wrong before" in EXPERIMENT.findings(SUPPORTING)[2].measured
    assert "from step 8 on" in worded(EXPERIMENT.tables[0].caption, SUPPORTING)
    assert "to the end" in worded(EXPERIMENT.tables[0].caption, changed(SUPPORTING, 0.5, quantity=KEPT))


@pytest.mark.parametrize(
    ("quantity", "value", "place"), [(ACCURACY, 0.9, 0), (KEPT, 0.02, 1), (TRUE, 0.04, 2), (TRUE, 0.0, 2)]
)
def test_a_negative_control_flips_its_statement(quantity: str, value: float, place: int) -> None:
    last = {} if quantity == ACCURACY else {"x": STEPS[-1]}
    contradicts(EXPERIMENT, changed(SUPPORTING, value, quantity=quantity, **last), [place])


def test_the_counts_by_hand() -> None:
    predicted, after, y = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 0, 1]), torch.tensor([0, 1, 0, 3])
    taken = torch.tensor([1.0, 2.0, 2.0, torch.inf])  # the third image was wrong and is mended by its second step
    rows = after_steps(taken, torch.stack([predicted, after, y]))
    assert rows.where(x=1).values() == pytest.approx([2 / 3, 0.5, 0])
    assert rows.where(x=50).values() == pytest.approx([1 / 3, 0.5, 1])


def test_the_counts_after_some_steps_are_those_of_an_attack_that_stops_there() -> None:
    torch.manual_seed(0)
    model = eb.wrap(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 40), torch.nn.Tanh(), torch.nn.Linear(40, 4))
    )
    x, y = samples(80)
    y = model(x).argmax(1)
    y[:5] = (y[:5] + 1) % 4
    rows = of_deepfool(model, (x, y), centred(x))
    assert rows.one(quantity=ACCURACY).value == 1 - 5 / 80
    for steps in STEPS[:4]:
        attack = eb.DeepFool(steps=steps, halvings=0, screen=float("inf"))
        before = model(x).argmax(1)
        now = model(attack(model, x, before, eb.Threat("l2")).x).argmax(1)
        assert rows.one(quantity=KEPT, x=steps).value == (now == before)[before == y].double().mean().item()
        assert rows.one(quantity=TRUE, x=steps).value == (now == y).double().mean().item()


def test_an_affine_classifier_falls_at_the_first_step() -> None:
    x, y = samples(40, wrong=4)
    rows = of_deepfool(eb.wrap(Affine()), (x, y), centred(x))
    assert rows.one(quantity=ITERATIONS).value == 1
    assert rows.one(quantity=KEPT, x=1).value == 0
    step = eb.DeepFool(halvings=0, screen=float("inf"))(eb.wrap(Affine()), x, y, eb.Threat("l2")).x - x
    expected = step[4:].flatten(1).norm(dim=1) / (x - x.mean(0))[4:].flatten(1).norm(dim=1)
    assert rows.one(quantity=RHO_CENTRED).value == pytest.approx(expected.mean().item(), rel=1e-5)


def test_without_a_wrong_or_a_fooled_image_there_is_still_a_result() -> None:
    x, y = samples(40, wrong=0)[0], torch.zeros(40, dtype=torch.int64)
    model = eb.wrap(lambda x: x.flatten(1)[:, :3] * 0 + torch.tensor([5.0, 0, 0]))
    rows = of_deepfool(model, (x, y), centred(x))
    assert rows.one(quantity=MENDED, x=1).n == rows.one(quantity=RHO).n == rows.one(quantity=RHO_CENTRED).n == 0
    assert holds(EXPERIMENT, rows) == [True, False, False]
    assert EXPERIMENT.tables[1].filled(rows)[0][1] == "–"
