from __future__ import annotations

import torch

import epsball as eb
from epsball.paper.perturbations import fgsm_budget, fgsm_examples, wrong
from toy import Affine, samples

X, Y = samples()
MODEL = eb.wrap(Affine())


def test_samples_that_need_no_attack_are_wrong() -> None:
    assert int(wrong(MODEL, X, Y).sum()) == 6


def test_at_the_budget_nine_in_ten_are_fooled_and_below_it_fewer() -> None:
    eps = fgsm_budget(MODEL, X, Y)
    for factor, enough in ((1.0, True), (0.98, False)):
        found = fgsm_examples(MODEL, X, Y, factor * eps)
        fooled = (MODEL(found).argmax(1) != Y).double().mean().item()
        assert (fooled >= 0.9) is enough


def test_fgsm_moves_every_pixel_by_eps_and_is_not_clipped() -> None:
    found = fgsm_examples(MODEL, X, Y, 2.0)
    assert torch.allclose((found - X).abs(), torch.full_like(X, 2.0), atol=1e-5)
    assert bool((found < 0).any())
