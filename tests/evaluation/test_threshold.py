from __future__ import annotations

import pytest

import epsball as eb
from contract.problems import Affine, closed_form, digits
from epsball.evaluation.threshold import smallest_budget


def test_the_smallest_budget_is_the_quantile_of_the_closed_form() -> None:
    model = Affine((1, 6, 6), 2)
    x = digits(40, (1, 6, 6), middle=True)
    y = model(x).argmax(1)
    wrapped = eb.wrap(model)
    eps, left = smallest_budget(eb.FGSM(), wrapped, x, y, eb.linf, accuracy=0.5, most=0.4, halvings=20)
    exact = closed_form(model, x, y, eb.linf).sort().values
    assert left == 0.5
    assert eps == pytest.approx(exact[19].item(), rel=1e-3)
    with pytest.raises(eb.InputError, match="leaves"):
        smallest_budget(eb.FGSM(), wrapped, x, y, eb.linf, accuracy=0.0, most=1e-6)
