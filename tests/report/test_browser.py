"""The page as a person sees it, in a real browser."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Literal

import pytest
from pypdf import PdfReader

from browser import NEEDS_BROWSER, watched
from epsball.report import write_report
from epsball.report.classes import class_lines
from epsball.report.coverage import untested
from epsball.report.lines import attack_lines
from epsball.report.text import DASH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from epsball.record import Evaluation

    Build = Callable[..., Evaluation]
    Shown = tuple[Page, Evaluation, list[str]]

pytestmark = NEEDS_BROWSER
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


@pytest.fixture(scope="module")
def written(build_run: Build, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation]:
    folder = tmp_path_factory.mktemp("browser") / "run"
    run = build_run(folder)
    return write_report(run, folder), run


@pytest.fixture
def shown(browser: Browser, written: tuple[Path, Evaluation]) -> Iterator[Shown]:
    """The page of a run, the run, and whatever the browser complained about or asked of the network."""
    path, run = written
    with watched(browser, path) as (page, troubles):
        yield page, run, troubles


def figure(page: Page, key: str) -> str:
    value = page.locator(f"#figure-{key} .value")
    assert value.is_visible()
    return value.inner_text().replace("\N{NO-BREAK SPACE}", " ")


def test_the_headline_is_what_the_record_says(shown: Shown) -> None:
    page, run, _ = shown
    assert figure(page, "clean") == f"{100 * run.clean_accuracy:.1f} %"
    assert figure(page, "robust") == f"{100 * run.robust_accuracy():.1f} %"
    assert figure(page, "samples") == str(len(run))
    low, high = run.interval()
    assert f"{100 * low:.1f} {DASH} {100 * high:.1f} %" in page.locator("#figure-robust").inner_text().replace(
        "\xa0", " "
    )
    assert page.locator("#trust").inner_text().startswith("Trusted")


def test_every_section_is_there_and_visible(shown: Shown) -> None:
    page, run, _ = shown
    for name in SECTIONS:
        box = page.locator(f"section#{name}").bounding_box()
        assert box is not None, name
        assert box["height"] > 60, name
    assert page.locator("#attacks tbody tr").count() == len(run.attacks)
    assert page.locator("#distances svg:visible").count() == 1, "what searches at ε only has no histogram"
    assert page.locator("#distances li").count() == len(run.attacks) - 1
    assert page.locator("#curve svg:visible").count() == 1
    assert page.locator("#confusion tbody tr").count() == 10


def test_every_picture_is_loaded(shown: Shown) -> None:
    page, _, _ = shown
    widths = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
    assert len(widths) >= 3 * 8
    assert min(widths) > 0


def test_curves_are_drawn_in_the_colours_of_the_page(shown: Shown) -> None:
    page, _, _ = shown
    strokes = "all => all.map(one => getComputedStyle(one).stroke)"
    light = page.eval_on_selector_all("#curve .wide svg path", strokes)
    page.emulate_media(color_scheme="dark")
    dark = page.eval_on_selector_all("#curve .wide svg path", strokes)
    assert "rgb(36, 86, 201)" in light
    assert light != dark


def test_nothing_is_asked_of_the_network_and_nothing_goes_wrong(shown: Shown) -> None:
    page, _, troubles = shown
    page.wait_for_load_state("networkidle")
    assert troubles == []


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_sticks_out_to_the_side(shown: Shown, width: int) -> None:
    page, _, _ = shown
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#curve svg:visible").count() == 1


def test_axe_finds_nothing_at_any_width_or_colour(browser: Browser, written: tuple[Path, Evaluation]) -> None:
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    views: list[tuple[int, Literal["light", "dark"]]] = [(1280, "light"), (390, "light"), (1280, "dark")]
    for width, colours in views:
        # What is inserted by a test is no part of the page: its policy would refuse it.
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours, bypass_csp=True)
        page.goto(written[0].as_uri())
        page.locator("summary").first.click()
        page.evaluate(axe)
        assert page.evaluate("axe.run().then(found => found.violations.map(one => one.id))") == [], (width, colours)
        if width < 1280:
            page.locator(".enlarge").first.click()
            found = page.evaluate("axe.run('dialog').then(found => found.violations.map(one => one.id))")
            assert found == [], "dialog"
        page.close()


def test_a_column_sorts_by_keyboard_up_and_down(shown: Shown) -> None:
    page, run, _ = shown
    for column, name in {1: "Class", 2: "Images", 3: "Clean accuracy", 5: "Robust accuracy"}.items():
        page.locator(f"#classes th:nth-child({column}) button").focus()
        for direction in ("ascending", "descending"):
            page.keyboard.press("Enter")
            assert page.locator("#classes th[aria-sort]").count() == 1
            assert page.locator("#classes th[aria-sort]").inner_text().startswith(name)
            assert page.locator("#classes th[aria-sort]").get_attribute("aria-sort") == direction
            cells = page.locator(f"#classes tbody tr > :nth-child({column})").all_inner_texts()
            values = [float(cell.replace("%", "").strip()) for cell in cells]
            assert values == sorted(values, reverse=direction == "descending")
    assert len(values) == len(set(run.label.tolist()))


def test_the_curve_is_read_off_by_mouse_and_by_keyboard(shown: Shown) -> None:
    page, run, _ = shown
    reader, tip = page.locator("#curve .wide .reader"), page.locator("#curve .wide .tip")
    assert not tip.is_visible()
    at_eps = reader.get_attribute("aria-valuetext") or ""
    assert f"ε = 0.1: {100 * run.robust_accuracy():.1f}" in at_eps
    reader.focus()
    page.keyboard.press("Home")
    assert f"ε = 0 (0.0/255): {100 * run.clean_accuracy:.1f}" in tip.inner_text()
    page.keyboard.press("ArrowRight")
    after_one = tip.inner_text()
    assert not after_one.startswith("ε = 0 (")
    page.keyboard.press("Tab")
    assert not tip.is_visible()
    box = reader.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + 20)
    assert tip.is_visible()
    assert tip.inner_text() != after_one


def test_examples_enlarge_by_keyboard_and_close_again(shown: Shown) -> None:
    page, _, _ = shown
    small = page.locator(".samples .sample img").first.bounding_box()
    page.locator(".enlarge").first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    first, large = dialog.locator("figcaption").inner_text(), dialog.locator("img").first.bounding_box()
    assert small
    assert large
    assert large["width"] > 1.5 * small["width"]
    page.keyboard.press("ArrowRight")
    assert dialog.locator("figcaption").inner_text() != first
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate("document.activeElement.className") == "enlarge"


def test_bars_say_what_they_count(shown: Shown) -> None:
    page, run, _ = shown
    titles = page.locator("#distances svg g > title").all_text_contents()
    counted = sum(int(times) for title in titles for times in re.findall(r": (\d+) image", title))
    assert counted == int(run.attacks["deepfool"].success.sum())


def test_on_paper_nothing_is_cut(shown: Shown, tmp_path: Path) -> None:
    page, run, _ = shown
    page.set_viewport_size({"width": 703, "height": 1000})  # A4 between margins of 12 mm
    page.emulate_media(media="print")
    too_wide = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML)"
    assert page.eval_on_selector_all("main *", too_wide) == []
    page.pdf(
        path=tmp_path / "page.pdf",
        format="A4",
        margin={"top": "12mm", "right": "12mm", "bottom": "12mm", "left": "12mm"},
    )
    text = " ".join(" ".join(sheet.extract_text().split()) for sheet in PdfReader(tmp_path / "page.pdf").pages)
    for line in attack_lines(run, {}):
        assert f"{line['name']} {line['own']} {line['cumulative']} {line['fooled']}".replace("\xa0", " ") in text
    for line in class_lines(run):
        assert " ".join([line["name"], *(cell["text"] for cell in line["cells"][:5])]).replace("\xa0", " ") in text
    for words in ("Settings of", "deepfool", "eb.PGD(steps=40)", "The curve in numbers", "ε = 0 (0.0/255)"):
        assert words in text
    assert all(entry["text"] in text for entry in untested(run))


def test_a_page_without_script_is_whole(browser: Browser, written: tuple[Path, Evaluation]) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(written[0].as_uri())
    assert page.locator("main button").count() == 0
    assert page.locator("#curve svg:visible").count() == 1
    assert page.locator("#classes tbody tr").count() == 10
    page.close()
