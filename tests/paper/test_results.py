"""The committed results are what this code says of the committed rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from epsball.paper import EXPERIMENTS
from epsball.paper.reproduce import SUMMARY, read, write, write_page

RESULTS = Path(__file__).parents[2] / "docs" / "results"
VERDICTS = {
    "precision": "yyy",
    "linear-growth": "ynyn",
    "fgsm-table": "yy",
    "deepfool-accuracy": "yyy",
    "binary": "yyyy",
    "comparison": "yynyyynynynynynyyynyn--",
    "fine-tuning": "ynyynnyy",
    "saddle-point": "yynyynyyyy",
    "adversarial-training": "yyyyyyy",
    "capacity": "yyyyyn",
    "transfer": "yyyyyy",
    "regions": "yyynnny",
    "regularisation": "ynynyy",
}
"""Whether each statement holds, as it was published before measurements became rows; "-" where it was not decided."""


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_verdicts_are_those_that_were_published(name: str) -> None:
    (result,) = (result for result in read(RESULTS) if result.experiment.name == name)
    marks = {True: "y", False: "n", None: "-"}
    assert "".join(marks[finding.holds] for finding in result.findings) == VERDICTS[name]


def test_files_hold_what_their_rows_give(tmp_path: Path) -> None:
    for result in read(RESULTS):
        (tmp_path / "steps").mkdir(exist_ok=True)
        write(result, tmp_path)
        document = json.loads((RESULTS / f"{result.experiment.name}.json").read_text(encoding="utf-8"))
        assert document["checks"] == [asdict(finding) for finding in result.findings]
    write_page(tmp_path)
    for file in RESULTS.iterdir():
        if file.suffix == ".json" or file.name == SUMMARY:
            assert file.read_text(encoding="utf-8") == (tmp_path / file.name).read_text(encoding="utf-8"), file.name
        assert (tmp_path / file.name).exists(), file.name
