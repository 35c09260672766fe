"""The comparison's page in a real browser, and the command that writes it."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Literal

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

import epsball as eb
from browser import NEEDS_BROWSER, watched
from epsball.cli import app
from epsball.record import Finding
from report.conftest import MadeUp, build

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from typer.testing import Result

FAIL = Finding("D01", "FAIL", "Gradients vanish", "here", "mend it")
SECTIONS = ("verdict", "runs", "differences", "cautions", "curve", "changed", "glossary")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs a, b and doubtful."""
    folder = tmp_path_factory.mktemp("runs")
    build(folder / "a", MadeUp(n=80))
    build(folder / "b", MadeUp(n=80, strength={"noise": 0.05, "pgd": 0.3, "deepfool": 1.0}))
    build(folder / "doubtful", MadeUp(n=80, strength={"pgd": 0.2}, findings=(FAIL,)))
    return folder


@pytest.fixture(scope="module")
def written(runs: Path) -> Path:
    found = eb.compare(*(runs / name for name in ("a", "b", "doubtful")), names=["a", "b", "doubtful"])
    return found.write(runs / "compare.html")


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, words)])


@NEEDS_BROWSER
def test_axe_finds_nothing_at_any_width_or_colour(browser: Browser, written: Path) -> None:
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    views: list[tuple[int, Literal["light", "dark"]]] = [(1280, "light"), (390, "light"), (1280, "dark")]
    for width, colours in views:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours, bypass_csp=True)
        page.goto(written.as_uri())
        for summary in page.locator("summary").all():
            summary.click()
        page.evaluate(axe)
        assert page.evaluate("axe.run().then(found => found.violations.map(one => one.id))") == [], (width, colours)
        page.close()


@NEEDS_BROWSER
@pytest.mark.parametrize("width", [1280, 390])
def test_every_section_is_there_nothing_sticks_out_and_nothing_is_asked(
    browser: Browser, written: Path, width: int
) -> None:
    with watched(browser, written, width) as (page, troubles):
        for name in SECTIONS:
            assert page.locator(f"section#{name}").is_visible(), name
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#curve svg:visible").count() == 1
        assert page.locator("#differences svg:visible").count() == 1
        assert page.locator("#runs tbody tr").count() == 3
        assert "FAIL" in page.locator("#runs tbody tr").nth(2).inner_text()
        assert page.locator("#trust").inner_text().startswith("Not trusted")
        assert page.locator("#changed .sample").count() >= 8
        widths = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
        assert min(widths) > 0
        assert page.locator("#curve .legend span").count() == 4
        page.wait_for_load_state("networkidle")
        assert troubles == []


@NEEDS_BROWSER
def test_all_curves_are_read_off_at_once(browser: Browser, written: Path) -> None:
    with watched(browser, written) as (page, _):
        reader = page.locator("#curve .wide .reader")
        at_eps = (reader.get_attribute("aria-valuetext") or "").splitlines()
        assert at_eps[0] == "ε = 0.1"
        assert [line.split(":")[0] for line in at_eps[1:]] == ["a", "b", "doubtful"]
        reader.focus()
        page.keyboard.press("End")
        assert "doubtful: not searched" in page.locator("#curve .wide .tip").inner_text()


@NEEDS_BROWSER
def test_on_paper_nothing_is_cut(browser: Browser, written: Path, tmp_path: Path) -> None:
    with watched(browser, written, 703) as (page, _):
        page.emulate_media(media="print")
        wide = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML)"
        assert page.eval_on_selector_all("main *", wide) == []
        page.pdf(path=tmp_path / "page.pdf", format="A4")
    text = " ".join(" ".join(sheet.extract_text().split()) for sheet in PdfReader(tmp_path / "page.pdf").pages)
    for words in ("Samples that changed sides", "The curves in numbers", "Gradients vanish"):
        assert words in text


def test_the_command_says_what_differs_and_writes_the_page(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "compare.html"
    said = call(runs / "a", runs / "b", "--out", out)
    assert said.exit_code == 0, said.output
    assert "robust than" in said.stdout or "can be told" in said.stdout
    assert "stand in" in said.stdout
    assert "epsball comparison</title>" in out.read_text(encoding="utf-8")


def test_json_is_the_document_and_nothing_else(runs: Path) -> None:
    said = call(runs / "a", runs / "b", "--json")
    document = json.loads(said.stdout)
    a, b = (eb.load_run(runs / name) for name in ("a", "b"))
    assert [each["robust_accuracy"] for each in document["runs"]] == [a.robust_accuracy(), b.robust_accuracy()]
    (difference,) = document["differences"]
    assert difference["shared"] == 80
    assert difference["robust"]["difference"] == pytest.approx(b.robust_accuracy() - a.robust_accuracy())
    assert (len(difference["won"]) - len(difference["lost"])) / 80 == pytest.approx(difference["robust"]["difference"])


def test_a_run_that_is_not_trusted_exits_with_3_and_its_failure_stands_there(runs: Path) -> None:
    said = call(runs / "a", runs / "doubtful")
    assert said.exit_code == 3
    assert "FAIL" in said.stdout
    assert "D01: Gradients vanish" in said.stderr


def test_markdown_without_a_file_is_printed(runs: Path) -> None:
    said = call(runs / "a", runs / "b", "--format", "markdown", "--title", "Before and after")
    assert said.stdout.startswith("<!-- epsball comparison -->\n\n### Before and after")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a"], "1 run given"),
        (["a", "nothing"], "nothing"),
        (["a", "b", "--eps", "x"], "x"),
        (["a", "b", "--format", "htm"], "did you mean 'html'"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    runs: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], why: str
) -> None:
    monkeypatch.chdir(runs)
    said = call(*words)
    assert said.exit_code == 2
    assert why in said.stderr
    assert "Traceback" not in said.stderr
