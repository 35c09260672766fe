"""Every accuracy that is shown comes with its interval, and no output holds an average over attacks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

import epsball as eb
from epsball.cli.output import console, results
from epsball.integrations.values import figures
from epsball.record import metrics
from epsball.record.classes import MISSED, worst
from epsball.record.statistics import wilson
from epsball.report.classes import worst_class
from epsball.report.formats import FORMATS
from evaluations import INF, evaluation
from plans import attack, plan
from report.conftest import MadeUp, build

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

STRENGTHS = {"pgd": 0.37, "fgsm": 0.11, "deepfool": 0.53}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    folder = tmp_path_factory.mktemp("accuracies") / "run"
    return build(folder, MadeUp(n=223, strength=STRENGTHS)), folder


def outputs(run: Evaluation, folder: Path) -> dict[str, str]:
    """Everything that says what a run found, as text."""
    terminal = console(stderr=False)
    with terminal.capture() as said:
        terminal.print(results(run))
    compared = eb.compare(run, run, names=["a", "b"])
    paths = {
        name: compared.write(folder.parent / f"compare-{name}", format=name) for name in ("html", "markdown", "json")
    }
    return {
        **{name: each.text(run, folder, "") for name, each in FORMATS.items()},
        **{f"compare {name}": path.read_text(encoding="utf-8") for name, path in paths.items()},
        "terminal": said.get(),
        "repr": repr(run) + run._repr_html_(),
        "compare": repr(compared) + compared._repr_html_() + compared.to_pandas().to_json(),
        "tracker": str(figures(run)),
        "worst class": worst_class(run),
    }


def averages(run: Evaluation) -> list[float]:
    """What an average over the attacks would be: of what each leaves alone, of what is left after each, of what each fools."""
    lines = metrics.attack_summaries(run)
    own = [float(np.mean(metrics.attack_upper(run, line.attack) > run.eps)) for line in lines]
    columns = own, [line.remaining_accuracy for line in lines], [line.successes / line.attacked for line in lines]
    return [float(np.mean(values)) for values in columns]


def like(text: str, value: float) -> list[str]:
    """The numbers of a text that are this fraction, or this fraction in per cent; pictures and the confidences under them left out."""
    pictures = r"<svg.*?</svg>|data-places=\".*?\"|<span>(?:original|adversarial)<b>.*?</span>"
    numbers = re.findall(r"(?<![\w.#])\d+\.\d+", re.sub(pictures, "", text, flags=re.DOTALL))
    return [each for each in numbers if abs(float(each) - value) < 1e-4 or abs(float(each) - 100 * value) < 0.051]


def test_no_output_holds_an_average_over_attacks(run: tuple[Evaluation, Path]) -> None:
    for name, text in outputs(*run).items():
        for mean in averages(run[0]):
            assert like(text, mean) == [], name
            assert like(f"{text} {mean:.1%} {mean}", mean), "it would be noticed"


def test_every_accuracy_of_the_document_has_its_interval(run: tuple[Evaluation, Path]) -> None:
    document = json.loads(FORMATS["json"].text(*run, ""))
    n = len(run[0])
    pairs = [(document, ("clean", "robust", "certified"))] + [
        (each, ("own", "remaining")) for each in document["results"].values()
    ]
    for values, names in pairs:
        for name in names:
            value = values[f"{name}_accuracy"]
            expected = None if value is None else list(wilson(round(value * n), n))
            assert values[f"{name}_interval"] == expected


def test_classes_add_up_to_the_run_and_the_worst_is_named(run: tuple[Evaluation, Path]) -> None:
    made = run[0]
    classes = made.per_class()
    assert sum(each.n for each in classes) == len(made)
    assert sum(each.robust.times for each in classes) == round(made.robust_accuracy() * len(made))
    assert sum(each.clean.times for each in classes) == round(made.clean_accuracy * len(made))
    least = worst(classes)[0]
    assert all(float(least.robust) <= float(each.robust) for each in classes)
    assert f"Worst of {len(classes)} classes: {least.name}" in worst_class(made)


def test_the_interval_of_the_worst_class_is_wider_as_it_was_picked() -> None:
    made = evaluation(
        [INF, 0.1, INF, 0.1, INF, INF], 0.2, label=np.array([0, 0, 1, 1, 2, 2]), clean=np.array([0, 0, 1, 1, 2, 2])
    )
    first, second, third = made.per_class()
    assert worst(made.per_class()) == (first, second)
    assert first.level == 1 - MISSED / 3
    assert first.interval == wilson(1, 2, first.level)
    assert first.interval[0] < first.robust.interval()[0]
    assert float(third.robust) == 1


@pytest.mark.thorough
def test_the_intervals_of_all_classes_hold_together() -> None:
    """Of many draws of a run with ten equal classes, the interval of the worst misses in at most one of twenty."""
    draws, classes, n, p = np.random.default_rng(0), 10, 60, 0.4
    missed = 0
    for _ in range(400):
        times = draws.binomial(n, p, classes)
        low, high = wilson(int(times.min()), n, 1 - MISSED / classes)
        missed += not low <= p <= high
    assert missed <= 0.05 * 400 + 10


def test_one_class_has_no_worst() -> None:
    one = evaluation([INF, 0.1], 0.2, plan=plan(attacks={"one": attack()}), attacks={"one": None})
    assert worst_class(one) == ""
