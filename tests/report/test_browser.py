"""The page as a person sees it, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser import NEEDS_BROWSER, watched
from epsball.report import write_report
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
    "attacks",
    "distances",
    "samples",
    "confusion",
    "checks",
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
    assert page.locator("#verdict .badge").inner_text().startswith("Trusted")


def test_every_section_is_there_and_visible(shown: Shown) -> None:
    page, run, _ = shown
    for name in SECTIONS:
        box = page.locator(f"section#{name}").bounding_box()
        assert box is not None, name
        assert box["height"] > 60, name
    assert page.locator("#attacks tbody tr").count() == len(run.attacks)
    assert page.locator("#distances svg:visible").count() == len(run.attacks)
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
