"""Labels and outputs in two orders of the same class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import epsball as eb
from epsball.diagnostics.class_order import class_order
from epsball.diagnostics.probe import Preflight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def judged(names: Sequence[str], outputs: Sequence[str], *, known: bool, wrong: float = 0.1) -> list[str]:
    """The evidence where labels count `names` and the outputs of a network that is mostly right count `outputs`."""
    classes, n = len(names), 20 * len(names)
    draws = np.random.default_rng(0)
    label = np.arange(n) % classes
    clean = np.array([outputs.index(names[int(k)]) for k in label])
    clean[: int(wrong * n)] = draws.integers(0, classes, int(wrong * n))
    given = Preflight(
        eb.wrap(lambda x: x),
        torch.zeros(n, 1),
        torch.from_numpy(label),
        clean,
        classes,
        names=tuple(names) if known else (),
    )
    return [seen.evidence for seen in class_order.test(given)]


NUMBERS = [str(k) for k in range(12)]
ONES = [str(k) for k in range(1, 13)]
NAMED = [f"class{k}" for k in range(1, 13)]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("names", [NUMBERS, ONES, NAMED, [str(k) for k in range(1000)]])
def test_the_other_order_is_found_both_ways(names: list[str], known: bool) -> None:  # noqa: FBT001
    texts = sorted(names)
    for here, there in ((names, texts), (texts, names)):
        (evidence,) = judged(here, there, known=known)
        assert "and would be 9" in evidence
        assert ("texts" in evidence) == (there is texts)
        assert judged(here, here, known=known) == []


@pytest.mark.parametrize("wrong", [0.6, 0.9, 1.0])
def test_a_weak_network_in_the_right_order_is_left_alone(wrong: float) -> None:
    assert judged(NUMBERS, NUMBERS, known=True, wrong=wrong) == []
    assert judged(NUMBERS, NUMBERS, known=False, wrong=wrong) == []


def test_one_that_always_says_the_same_is_left_alone() -> None:
    label = np.repeat(np.arange(12), [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 80, 2])
    for output in range(12):
        given = Preflight(eb.wrap(lambda x: x), torch.zeros(100, 1), torch.from_numpy(label), np.full(100, output), 12)
        assert list(class_order.test(given)) == []


def test_names_with_zeros_and_few_classes_have_one_order() -> None:
    names = [f"{k:02}" for k in range(12)]
    assert judged(names, list(reversed(names)), known=True) == []
    assert judged([str(k) for k in range(9)], [str(8 - k) for k in range(9)], known=False) == []


def folder(path: Path, names: Sequence[str] = NUMBERS) -> Path:
    for name in names:
        (path / name).mkdir(parents=True)
        for j in range(6):
            Image.fromarray(np.full((4, 4), int(name) * 20 + j, np.uint8)).save(path / name / f"{j}.png")
    return path


def as_texts(x: Tensor) -> Tensor:
    """Classifies by brightness, with the classes sorted as texts."""
    middles = torch.tensor([int(name) * 20 + 4.5 for name in sorted(NUMBERS)])
    return -((x.mean((1, 2, 3)) * 255)[:, None] - middles).abs()


def test_an_evaluation_of_an_image_folder_says_so_and_records_the_names(tmp_path: Path) -> None:
    data = folder(tmp_path)
    run = eb.evaluate(as_texts, eb.load_data(str(data)), eb.Threat("linf", 0.01), suite=[eb.FGSM()])
    (finding,) = (finding for finding in run.findings if finding.id == "D41")
    assert "would be 100.0% (" in finding.evidence
    assert not run.trusted
    assert run.class_names == tuple(NUMBERS)


def test_a_numbered_folder_without_one_class_is_in_the_order_of_a_network_that_had_it(tmp_path: Path) -> None:
    data = folder(tmp_path, [name for name in NUMBERS if name != "5"])
    by_number = eb.evaluate(in_order, eb.load_data(str(data)), eb.Threat("linf", 0.01), suite=[eb.FGSM()])
    assert (by_number.clean_accuracy, by_number.class_names) == (1, tuple(NUMBERS))
    assert all(finding.id != "D41" for finding in by_number.findings)
    run = eb.evaluate(as_texts, eb.load_data(str(data)), eb.Threat("linf", 0.01), suite=[eb.FGSM()])
    assert [finding.severity for finding in run.findings if finding.id == "D41"] == ["FAIL"]


def in_order(x: Tensor) -> Tensor:
    """Classifies by brightness, with the classes in the order of their numbers."""
    return as_texts(x)[:, [sorted(NUMBERS).index(name) for name in NUMBERS]]


def test_a_folder_without_one_of_the_named_classes_is_warned_of(tmp_path: Path) -> None:
    data, names = folder(tmp_path / "data"), [f"class{int(name):02}" for name in NUMBERS]
    for number, name in zip(NUMBERS, names, strict=True):
        (data / number).rename(data / name)
    for file in (data / "class05").iterdir():
        file.unlink()
    threat, suite = eb.Threat("linf", 0.01), [eb.FGSM()]
    whole = eb.evaluate(in_order, eb.load_data(str(data)), threat, suite)
    assert whole.clean_accuracy == 1
    assert all(finding.id != "D41" for finding in whole.findings)
    (data / "class05").rmdir()
    eb.evaluate(in_order, eb.load_data(str(data)), threat, suite, out=tmp_path / "run")
    run = eb.load_run(tmp_path / "run")
    (finding,) = (finding for finding in run.findings if finding.id == "D41")
    assert (finding.severity, finding.evidence) == ("WARN", "11 classes, and 12 of the model")
    assert "add an empty folder of its name" in finding.remedy
    assert finding.message in eb.write_report(run, tmp_path / "report").read_text(encoding="utf-8")
