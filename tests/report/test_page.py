"""What stands on the page, read from the file without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from epsball.errors import InputError
from epsball.record import Evaluation, Finding
from epsball.report import write_report
from epsball.report.samples import NEAREST, OTHERS, SHOWN, choose
from epsball.report.text import DASH, TIMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., tuple[Evaluation, Path]]

SECTIONS = (
    "verdict",
    "findings",
    "curve",
    "samples",
    "attacks",
    "distances",
    "classes",
    "confusion",
    "checks",
    "repeat",
    "configuration",
    "glossary",
)


class Text(HTMLParser):
    """The words between the tags, by the id of the section they stand in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self.sources: list[str] = []
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "section":
            self._open = named["id"] or ""
        self.sources += [value or "" for key, value in attrs if key in {"src", "href", "xlink:href"}]

    def handle_data(self, data: str) -> None:
        text = data.replace("\N{NO-BREAK SPACE}", " ")
        self.sections[self._open] = self.sections.get(self._open, "") + " ".join(text.split()) + " "


def write(made: tuple[Evaluation, Path], **arguments: Any) -> tuple[Text, str]:
    path = write_report(*made, **arguments)
    page = path.read_text(encoding="utf-8")
    return Text(page), page


def test_the_page_says_what_the_record_says(make_run: Make) -> None:
    run, folder = make_run()
    text, _ = write((run, folder))
    low, high = run.interval()
    assert set(SECTIONS) <= set(text.sections)
    verdict = text.sections["verdict"]
    assert f"{100 * run.clean_accuracy:.1f} %" in verdict
    assert f"{100 * run.robust_accuracy():.1f} %" in verdict
    assert f"{100 * low:.1f} {DASH} {100 * high:.1f} %" in verdict
    assert "by at most 0.1 in each pixel value" in verdict
    for name, rows in run.attacks.items():
        assert f"{name} " in text.sections["attacks"]
        assert f"{int(rows.within(run.eps).sum())} of {len(rows)}" in text.sections["attacks"]
    assert "Adaptive attack: none supplied" in text.sections["checks"]
    assert run.plan.data.fingerprint in text.sections["configuration"]
    assert "epsball evaluate zoo:mlp-512@weights.safetensors --data mnist-5k" in text.sections["repeat"]


def test_the_page_needs_nothing_from_outside(make_run: Make) -> None:
    text, page = write(make_run())
    assert text.sources
    assert all(source.startswith(("data:", "#")) for source in text.sources)
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", page)
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in page
    assert page.count("<script") == 1


def test_pictures_are_named_by_the_attack_that_found_them(make_run: Make) -> None:
    run, folder = make_run()
    text, page = write((run, folder))
    assert page.count('<figure class="sample"') == SHOWN
    by = dict(zip(run.ids.tolist(), run.by.tolist(), strict=True))
    assert all(
        f"{place} · {by[identity]} · distance" in text.sections["samples"] for identity, place in choose(run).items()
    )
    assert f"{TIMES} " in text.sections["samples"]


def test_colour_pictures_and_class_names(make_run: Make) -> None:
    text, page = write(make_run(shape=(3, 8, 8), source="cifar10"))
    assert "airplane" in text.sections["confusion"]
    assert page.count('<figure class="sample"') == SHOWN


@pytest.mark.parametrize("shape", [(6,), (2, 5, 5)])
def test_inputs_that_are_no_pictures_are_named_as_such(make_run: Make, shape: tuple[int, ...]) -> None:
    text, page = write(make_run(shape=shape))
    assert "<figure" not in page
    assert "None to show" in text.sections["samples"]


def test_many_classes_show_the_busiest(make_run: Make) -> None:
    text, _ = write(make_run(classes=40, n=400))
    assert "The 12 busiest of 40 classes are shown." in text.sections["confusion"]


def test_a_failed_check_comes_first(make_run: Make) -> None:
    finding = Finding("not-verified", "FAIL", "3 reported errors fell", "rows 1, 2, 3", "ask again in float32")
    text, _ = write(make_run(findings=(finding,)))
    assert "Not trusted: 1 check failed" in text.sections["verdict"]
    said = " ".join(text.sections["findings"].split())
    assert "FAIL 3 reported errors fell Evidence. rows 1, 2, 3 Remedy. ask again in float32" in said


def test_trust_in_the_number_is_no_praise_of_the_model(make_run: Make) -> None:
    """Green only where most images stand and the number can be believed; what is said of the number is never green."""
    failed = Finding("x", "FAIL", "a check failed", "", "")
    for number, (strength, findings, tone, words) in enumerate(
        (
            (1.0, (), "bad", "Every image is lost"),
            (0.3, (), "warn", "Part of the images is lost"),
            (0.0, (), "good", "Every image stands against these attacks"),
            (0.0, (failed,), "bad", "No judgement of the model"),
        )
    ):
        run, folder = make_run(strength={"pgd": strength}, findings=findings, name=f"run{number}")
        _, page = write((run, folder))
        assert f'<section id="verdict" class="verdict {tone}">' in page
        assert f'class="badge {tone}">{words}<' in page
        assert not re.search(r'id="trust" class="badge good"', page)


@pytest.mark.parametrize(
    ("strength", "sentence"),
    [
        (
            {"pgd": 1.0},
            "All 192 images that the model classifies correctly can be changed by at most 0.1 in each pixel",
        ),
        ({"pgd": 0.0}, "None of the 192 images that the model classifies correctly could be turned into an error"),
    ],
)
def test_the_verdict_is_a_sentence_about_the_model(make_run: Make, strength: dict[str, float], sentence: str) -> None:
    text, _ = write(make_run(strength=strength))
    assert text.sections["verdict"].strip().startswith(sentence)
    assert "∞" not in text.sections["attacks"]


def test_the_title_is_the_readers(make_run: Make) -> None:
    text, page = write(make_run(), title="Brake lights <3>")
    assert "<title>Robustness of Brake lights &lt;3&gt; · epsball</title>" in page
    assert "zoo:mlp-512@weights.safetensors · mnist-5k" in text.sections[""]


@pytest.mark.parametrize(("n", "side", "classes"), [(1000, 28, 1000), (24, 224, 10)])
def test_a_page_is_smaller_than_two_megabytes(make_run: Make, n: int, side: int, classes: int) -> None:
    """A thousand images of as many classes; and the worst that twelve examples can be: noise, which no format makes small."""
    path = write_report(*make_run(n=n, shape=(3, side, side), classes=classes, strength={"deepfool": 1.0}))
    assert 100_000 < path.stat().st_size < 2_000_000


def test_text_from_outside_cannot_become_markup(make_run: Make) -> None:
    finding = Finding("x", "WARN", "<script>alert(1)</script>", "a & b", "<img src=x>")
    _, page = write(make_run(findings=(finding,), source="<b>mine</b>"))
    assert page.count("<script") == 1
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "<b>mine" not in page


def test_without_a_budget_the_distance_is_the_headline(make_run: Make) -> None:
    run, folder = make_run(norm="l2", eps=np.inf, strength={"deepfool": 1.0})
    text, _ = write((run, folder))
    assert "become an error by a change of l2 length" in text.sections["verdict"]
    assert "Robust accuracy" not in text.sections["verdict"]


def test_a_run_in_which_nothing_was_found_has_a_page_too(make_run: Make) -> None:
    text, page = write(make_run(strength={"pgd": 0.0}))
    assert "No attack found an error." in text.sections["confusion"]
    assert "<figure" not in page


def test_the_same_record_gives_the_same_bytes(make_run: Make, tmp_path: Path) -> None:
    run, folder = make_run()
    first = write_report(run, folder, tmp_path / "a.html").read_bytes()
    assert write_report(run, folder, tmp_path / "b.html").read_bytes() == first


def test_a_record_without_its_folder_gives_a_page_without_pictures(make_run: Make, tmp_path: Path) -> None:
    run, _ = make_run()
    text, _ = write((run, tmp_path), path=tmp_path / "alone.html")
    assert "None to show" in text.sections["samples"]


def test_a_damaged_example_file_is_an_error_in_one_sentence(make_run: Make) -> None:
    run, folder = make_run()
    file = next((folder / "examples" / "03-deepfool").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InputError, match="truncated"):
        write_report(run, folder)


def test_samples_are_the_nearest_of_each_class_in_turn_then_some_at_the_median_and_the_farthest(make_run: Make) -> None:
    run, _ = make_run()
    chosen = choose(run)
    assert Counter(chosen.values()) == {"nearest": NEAREST, "median": OTHERS, "farthest": OTHERS}
    nearest = [identity for identity, place in chosen.items() if place == "nearest"]
    label, upper = (dict(zip(run.ids.tolist(), column.tolist(), strict=True)) for column in (run.label, run.upper))
    times = Counter(label[identity] for identity in nearest)
    for identity in nearest:
        nearer = [other for other in upper if label[other] == label[identity] and 0 < upper[other] < upper[identity]]
        assert set(nearer) <= set(nearest)
        assert len(nearer) < times[label[identity]]
    found = sorted((distance, one) for one, distance in upper.items() if 0 < distance < np.inf)
    rest = [one for _, one in found if one not in nearest]
    assert {one for one, place in chosen.items() if place == "farthest"} == set(rest[-OTHERS:])
    middle = float(np.median([distance for distance, _ in found]))
    apart = sorted(rest[:-OTHERS], key=lambda one: abs(upper[one] - middle))
    assert {one for one, place in chosen.items() if place == "median"} == set(apart[:OTHERS])


@pytest.mark.parametrize(("n", "places"), [(0, []), (3, ["nearest"] * 3), (9, [*["nearest"] * 8, "farthest"])])
def test_a_few_errors_are_shown_once_each(make_run: Make, n: int, places: list[str]) -> None:
    run, _ = make_run()
    few = np.full_like(run.upper, np.inf)
    few[:n] = 0.1
    assert [*choose(replace(run, upper=few)).values()] == places


def test_only_an_earlier_report_is_overwritten(make_run: Make, tmp_path: Path) -> None:
    run, folder = make_run()
    page = write_report(run, folder, tmp_path / "page.html")
    first = page.read_bytes()
    assert write_report(run, folder, page).read_bytes() == first
    (tmp_path / "empty.html").touch()
    write_report(run, folder, tmp_path / "empty.html")
    for name, content in {
        "run.json": b"{}",
        "w.safetensors": b"\0" * 9000,
        "mine.html": b"<!doctype html>mine",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="is there already and is no report"):
            write_report(run, folder, tmp_path / name)
        assert (tmp_path / name).read_bytes() == content
