"""The gate as a fixture of pytest: `def test_robust(robustness): robustness.check(model, data, threat, baseline="robust.json")`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from epsball.attacks.base import Attack
    from epsball.gate import Baseline, Verdict
    from epsball.threat import Threat


class Robustness:
    """Holds models against baselines and least accuracies, and fails the test where one does not keep to them."""

    def __init__(self, test: pytest.Item) -> None:
        self._test = test

    def check(
        self,
        model: Any,
        data: Any,
        threat: Threat,
        baseline: Baseline | Path | str | None = None,
        *,
        max_drop: float | str = "2pt",
        gate: float | str | None = None,
        suite: str | Attack | Mapping[str, Attack] | Sequence[Attack] | None = None,
        budget: float | str | None = None,
        seed: int = 0,
        ids: Sequence[int] | Tensor | None = None,
        allow_undecided: bool = False,
    ) -> Verdict:
        """Pass if the gate does; what the arguments mean says `epsball.check`.

        The test fails also where the result cannot be trusted, and where the samples are too few to tell, which `allow_undecided`
        turns into a skip. The sentence stands among the test's properties in a JUnit report.

        Args:
            model: the classifier.
            data: inputs and labels.
            threat: norm, budget ε and box.
            baseline: what `epsball check --write-baseline` wrote, or a run folder.
            max_drop: the most that robust accuracy may fall.
            gate: the least robust accuracy that passes.
            suite: that of the baseline when left out.
            budget: time for the evaluation, "60s".
            seed: seed of all draws.
            ids: the samples' numbers.
            allow_undecided: skip a test that cannot be decided, instead of failing it.
        """
        from epsball.gate import check  # noqa: PLC0415 (torch is loaded by tests that check, and by no others)

        verdict = check(
            model,
            data,
            threat,
            baseline,
            max_drop=max_drop,
            gate=gate,
            suite=suite,
            budget=budget,
            seed=seed,
            ids=ids,
            progress=lambda *_: None,
        )
        self._test.user_properties.append(("robustness", verdict.reason))
        if verdict.judged and verdict.passed is None and allow_undecided:
            pytest.skip(verdict.reason)
        if not verdict.passed:
            pytest.fail(f"robustness {verdict.reason}", pytrace=False)
        return verdict


@pytest.fixture
def robustness(request: pytest.FixtureRequest) -> Robustness:
    """Hold a model against a baseline: `robustness.check(model, data, threat, baseline="robust.json")`."""
    return Robustness(request.node)
