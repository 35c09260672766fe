from __future__ import annotations

import pytest

import epsball as eb
from epsball.geometry import linf
from epsball.paper.fgsm_table import ACCURACY, AT_THRESHOLD, BUDGETS, EXPERIMENT, PAPER_FGSM, curve, falls_through
from epsball.paper.rows import Rows
from paper.controls import changed, contradicts, number, supports
from toy import Affine, samples

TRUE = Rows.gathered(
    [
        *(
            number(0.3 if eps else 0.97).of(ACCURACY, norm=norm.name, eps=eps)
            for norm, budgets in BUDGETS.items()
            for eps in budgets
        ),
        number(0.289).of(AT_THRESHOLD, norm="linf", eps=0.08),
    ]
)


def test_a_result_like_the_papers_holds() -> None:
    supports(EXPERIMENT, TRUE, 2)


def test_negative_controls_flip_their_statements() -> None:
    contradicts(EXPERIMENT, changed(TRUE, 0.9, norm="linf", eps=0), [0])
    contradicts(EXPERIMENT, changed(TRUE, 0.4, quantity=AT_THRESHOLD), [1])
    late = TRUE.where(quantity=AT_THRESHOLD).of(eps=0.3)
    contradicts(EXPERIMENT, Rows.gathered([TRUE.where(quantity=ACCURACY), late]), [1])


def test_accuracy_of_an_affine_model_falls_with_every_budget() -> None:
    model, test = eb.wrap(Affine()), samples()
    left = curve(model, test, linf, BUDGETS[linf]).values()
    assert left[0] == 0.9
    assert left == sorted(left, reverse=True)
    reached = falls_through(model, test, PAPER_FGSM).one()
    assert 0 < reached.eps < 0.1
    assert reached.value <= 0.29


@pytest.mark.parametrize("norm", BUDGETS)
def test_the_table_of_every_norm_has_its_budgets(norm: eb.geometry.Norm) -> None:
    table = EXPERIMENT.tables[list(BUDGETS).index(norm)]
    assert [line[0] for line in table.filled(TRUE)] == [f"{eps:.3g}" for eps in BUDGETS[norm]]
