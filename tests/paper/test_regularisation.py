from __future__ import annotations

import pytest

from epsball.models.wrap import wrap
from epsball.paper.regularisation import ALL, ARMS, EPSILONS, ERROR, EXPERIMENT, PARTS, SEEDS, errors, with_examples
from epsball.paper.rows import Rows
from paper.controls import changed, contradicts, number, supports
from toy import Affine, closed_form, samples

KINDS = [(part, eps) for part in PARTS for eps in EPSILONS]


def run(part: str, arm: str, seed: int) -> Rows:
    clean, examples = (0.015, 0.2) if ARMS[arm] else (0.02, 0.9)
    rows = [number(clean + 0.0005 * (seed - 1), 0.001).of(ERROR)]
    rows += [number(examples, 0.001).of(ERROR, attack="FGSM", eps=eps) for eps in ARMS[arm] or EPSILONS]
    return Rows(tuple(rows)).of(data=part, network=arm, seed=seed)


TRUE = Rows.gathered(run(part, arm, seed) for part in PARTS for arm in ARMS for seed in SEEDS)


def test_a_result_like_the_claim_holds() -> None:
    supports(EXPERIMENT, TRUE, len(KINDS) + len(EPSILONS))
    assert len(EXPERIMENT.tables[0].filled(TRUE)) == len(PARTS) * len(ARMS) * len(SEEDS)


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_more_errors_are_seen(place: int) -> None:
    part, eps = KINDS[place]
    contradicts(EXPERIMENT, changed(TRUE, 0.021, data=part, network=with_examples(eps), eps=0), [place])


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_a_difference_of_one_seed_only_is_seen(place: int) -> None:
    (part, eps), rows = KINDS[place], TRUE
    for seed, clean in enumerate((0.0195, 0.02, 0.001)):
        rows = changed(rows, clean, data=part, network=with_examples(eps), eps=0, seed=seed)
    contradicts(EXPERIMENT, rows, [place])


@pytest.mark.parametrize("eps", EPSILONS)
def test_errors_on_examples_that_stay_are_seen(eps: float) -> None:
    rows = changed(TRUE, 0.6, data=ALL, network=with_examples(eps), eps=eps)
    contradicts(EXPERIMENT, rows, [len(KINDS) + EPSILONS.index(eps)])


def test_errors_of_an_affine_model_are_its_closed_form() -> None:
    x, y = samples(60, wrong=6)
    rows, near = errors(wrap(Affine()), (x, y), (0.001, 0.02)), closed_form(x, y)
    assert rows.one(eps=0).value == pytest.approx(0.1)
    for eps in (0.001, 0.02):
        assert 0.1 <= rows.one(eps=eps).value <= (near <= eps).mean() + 1e-9
    assert rows.one(eps=0.02).value > 0.2
