"""The page of all experiments as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser import NEEDS_BROWSER, watched
from epsball.paper import fgsm_table, fine_tuning
from epsball.paper.fine_tuning_text import EPOCHS, FGSM, RHO
from epsball.paper.reproduce import write_page
from paper.controls import FACTS, changed
from paper.test_fgsm_table import TRUE as TABLE_1
from paper.test_fine_tuning import TRUE as FIGURE_5

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = NEEDS_BROWSER


@pytest.fixture
def page_of_two(tmp_path: Path) -> Path:
    tuned = changed(FIGURE_5, 0.4, network="nin", data=FGSM, quantity=RHO, x=EPOCHS)
    for module, rows in ((fgsm_table, TABLE_1), (fine_tuning, tuned)):
        (tmp_path / f"{module.NAME}.json").write_text(rows.document(FACTS), encoding="utf-8")
    return write_page(tmp_path)


@pytest.mark.parametrize("width", [1200, 400])
def test_verdicts_figures_and_plots_are_on_one_page(browser: Browser, page_of_two: Path, width: int) -> None:
    with watched(browser, page_of_two, width) as (page, troubles):
        overview = page.locator("#overview").inner_text()
        assert "holds in part" in overview
        assert "E3 fgsm-table" in overview
        assert "28.9 % (28.9 … 28.9) at ε = 0.08" in page.locator("#fgsm-table").inner_text()
        assert page.locator("#fine-tuning .plot svg").count() == 4
        assert all(box.bounding_box() for box in page.locator(".plot svg").all())
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.get_by_role("link", name="E7 fine-tuning").click()
        assert page.url.endswith("#fine-tuning")
        assert troubles == []
