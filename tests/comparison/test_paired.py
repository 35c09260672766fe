"""Which samples two runs share, and what is counted on those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epsball.comparison.paired import match, paired
from epsball.errors import InputError
from epsball.record.images import KeptImages
from evaluations import INF, evaluation
from plans import attack, plan

if TYPE_CHECKING:
    from epsball.record import Evaluation


def run(upper: list[float], **fields: Any) -> Evaluation:
    """A run on data of its own digest unless `digest` says otherwise."""
    data = {f"data__{name}": fields.pop(name) for name in ("fingerprint", "source", "split") if name in fields}
    made = plan(attacks={"one": attack(minimum_norm=True)}, data__n=len(upper), **data)
    return evaluation(upper, **({"plan": made} | fields))


def pictures(n: int, value: float = 0.0) -> KeptImages:
    image = np.full((1, 2, 2), value)
    return KeptImages({sample: (image + sample, image) for sample in range(n)})


@settings(deadline=None)  # the first example waits for SciPy
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_run_and_its_mirror_have_opposite_differences(sides: list[tuple[bool, bool]]) -> None:
    a, b = (run([INF if each[which] else 0.1 for each in sides]) for which in (0, 1))
    there, back = paired(a, b, 0.2), paired(b, a, 0.2)
    assert there.difference == -back.difference == pytest.approx((there.second - there.first) / there.n)
    assert (set(there.lost), set(there.won)) == (set(back.won), set(back.lost))
    assert there.p_value == back.p_value
    low, high = there.interval()
    assert low <= there.difference <= high
    assert back.interval() == pytest.approx((-high, -low), abs=1e-6)
    assert (paired(a, a, 0.2).difference, paired(a, a, 0.2).p_value) == (0, 1)


def test_data_of_one_digest_are_paired_row_by_row_whatever_the_ids() -> None:
    a, b = run([INF, 0.1, INF]), run([INF, INF, 0.1], ids=np.array([7, 8, 9]))
    found = paired(a, b, 0.2)
    assert (found.n, found.first, found.second) == (3, 2, 2)
    assert (found.lost.tolist(), found.won.tolist()) == ([2], [1])


def test_a_smaller_draw_of_the_same_set_is_paired_by_id() -> None:
    a = run([INF, 0.1, INF, INF], fingerprint="a", source="mnist", split="test")
    b = run([INF, 0.1], ids=np.array([3, 2]), fingerprint="b", source="mnist", split="test")
    found = paired(a, b, 0.2)
    assert (found.n, found.lost.tolist(), found.won.tolist()) == (2, [2], [])


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"ids": np.array([5, 6])}, "no sample of one has the id"),
        ({"label": np.array([0, 3])}, "sample 1 has the label 0 in one and 3 in the other"),
        ({"split": "train"}, "nothing shows"),
        ({"source": "digits"}, "nothing shows"),
        ({"images": pictures(2, 0.5)}, "is another input"),
    ],
)
def test_samples_that_may_be_others_are_not_paired(other: dict[str, Any], why: str) -> None:
    a = run([INF, 0.1], fingerprint="a", source="mnist", split="test", images=pictures(2))
    b = run([INF, 0.1], **({"fingerprint": "b", "source": "mnist", "split": "test"} | other))
    assert why in match(a, b).why
    with pytest.raises(InputError, match=why):
        paired(a, b)


def test_equal_inputs_tell_that_arrays_without_a_name_are_the_same() -> None:
    a = run([INF, 0.1], fingerprint="a", source="", images=pictures(2))
    b = run([INF], fingerprint="b", source="", images=pictures(2))
    assert len(match(a, b)) == 1
    b = run([INF], fingerprint="b", source="", images=pictures(0))
    assert len(match(a, b)) == 0


def test_without_a_budget_both_are_read_at_the_smaller_one() -> None:
    a = evaluation([0.05, 0.2], eps=0.1, minimum_norm=False)
    b = evaluation([INF, INF], eps=0.3, minimum_norm=False)
    assert paired(a, b).first == 1
    with pytest.raises(InputError, match="stopped at"):
        paired(a, b, 0.3)
