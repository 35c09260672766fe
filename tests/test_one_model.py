"""One model from every package: the same answers, gradients and robust accuracy, and little more from scores or labels alone."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
ROWS = 60

pytestmark = [
    pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="a source archive holds no benchmarks"),
    pytest.mark.thorough,
]


def test_one_regression_is_as_robust_in_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from one_model import judged, measured, measured_apart  # noqa: PLC0415 (a script beside the package)
    from one_model_forms import FORMS, TORCH, fit  # noqa: PLC0415 (the same)

    fitted = fit("digits", 1.0, tmp_path)
    rows = {
        form: (measured_apart if "keras" in form else measured)(form, "digits", ROWS, fitted) for form in FORMS
    }  # Keras has one back end a process
    assert 0.3 < rows[TORCH].robust < 0.65 < rows[TORCH].clean
    missed = [
        f"{line.against}: {line.measure} {line.value}"
        for row in rows.values()
        for line in judged("digits", row, rows[TORCH])
        if not line.met
    ]
    assert not missed
    suites = {"gradients": "standard", "scores": "blackbox", "labels": "labels"}
    assert {form: row.suite for form, row in rows.items()} == {form: suites[FORMS[form].kind] for form in FORMS}
