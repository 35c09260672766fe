"""What stands on the page, read from the file without a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from epsball.errors import InputError
from epsball.record import Evaluation, Finding
from epsball.report import write_report
from epsball.report.samples import SHOWN, choose
from epsball.report.text import DASH, TIMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., tuple[Evaluation, Path]]

SECTIONS = (
    "verdict",
    "findings",
    "curve",
    "attacks",
    "distances",
    "samples",
    "confusion",
    "checks",
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
    assert "25.5/255" in verdict
    for name, rows in run.attacks.items():
        assert f"{name} " in text.sections["attacks"]
        assert f"{int(rows.within(run.eps).sum())} of {len(rows)}" in text.sections["attacks"]
    assert "Adaptive attack: none supplied" in text.sections["checks"]
    assert run.plan.data.fingerprint in text.sections["configuration"]
    assert "epsball evaluate zoo:mlp-512@weights.safetensors --data mnist-5k" in text.sections["configuration"]


def test_the_page_needs_nothing_from_outside(make_run: Make) -> None:
    text, page = write(make_run())
    assert text.sources
    assert all(source.startswith(("data:", "#")) for source in text.sources)
    assert not re.search(r"url\((?!#)|@import|<script", page)


def test_pictures_come_from_every_attack_that_found_something(make_run: Make) -> None:
    run, folder = make_run()
    text, page = write((run, folder))
    assert page.count('<figure class="sample">') == SHOWN
    assert all(f"{name} · distance" in text.sections["samples"] for name in run.attacks)
    assert f"{TIMES} " in text.sections["samples"]


def test_colour_pictures_and_class_names(make_run: Make) -> None:
    text, page = write(make_run(shape=(3, 8, 8), source="cifar10"))
    assert "airplane" in text.sections["confusion"]
    assert page.count('<figure class="sample">') == SHOWN


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


def test_text_from_outside_cannot_become_markup(make_run: Make) -> None:
    finding = Finding("x", "WARN", "<script>alert(1)</script>", "a & b", "<img src=x>")
    _, page = write(make_run(findings=(finding,), source="<b>mine</b>"))
    assert "<script" not in page
    assert "<img src=x>" not in page
    assert "<b>mine" not in page


def test_without_a_budget_the_distance_is_the_headline(make_run: Make) -> None:
    run, folder = make_run(norm="l2", eps=np.inf, strength={"deepfool": 1.0})
    text, _ = write((run, folder))
    assert "enough to turn half of those into an error" in text.sections["verdict"]
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
    file = next((folder / "examples" / "02-pgd").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InputError, match="truncated"):
        write_report(run, folder)


def test_samples_are_spread_and_never_repeated(make_run: Make) -> None:
    run, _ = make_run()
    chosen = choose(run)
    every = [identity for ids in chosen.values() for identity in ids]
    assert len(every) == len(set(every)) == SHOWN
    assert {len(ids) for ids in chosen.values()} == {3}
    assert all(set(ids) <= set(run.attacks[name].id[run.attacks[name].success]) for name, ids in chosen.items())


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
