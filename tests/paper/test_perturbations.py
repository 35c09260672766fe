from __future__ import annotations

import pytest
import torch

import epsball as eb
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from epsball.paper.spaces import Space, centred, pixels, whitened
from toy import Affine, samples

X, Y = samples()
MODEL = eb.wrap(Affine())
SPACES = (pixels(X), centred(X), whitened(X))


def test_samples_that_need_no_attack_are_wrong() -> None:
    assert int(wrong(MODEL, X, Y).sum()) == 6


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_at_the_budget_nine_in_ten_are_fooled_and_below_it_fewer(space: Space) -> None:
    view = space.view(MODEL, X)
    eps = fgsm_budget(view, Y)
    for factor, enough in ((1.0, True), (0.98, False)):
        found = view.pixels(fgsm_examples(view, Y, factor * eps))
        fooled = (MODEL(found).argmax(1) != Y).double().mean().item()
        assert (fooled >= 0.9) is enough


def test_in_its_own_space_fgsm_moves_everything_by_eps_and_is_not_clipped() -> None:
    for space in SPACES[1:]:
        view = space.view(MODEL, X)
        found = fgsm_examples(view, Y, 2.0)
        assert torch.allclose((found - view.x).abs(), torch.full_like(X, 2.0), atol=1e-4)
    assert bool((found < 0).any())


def test_in_pixels_it_stays_in_the_box() -> None:
    found = fgsm_examples(pixels(X).view(MODEL, X), Y, 0.5)
    assert bool(((found == 0) | (found == 1) | ((found - X).abs() > 0.499)).all())
    assert bool(((found >= 0) & (found <= 1)).all())
