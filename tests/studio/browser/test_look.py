"""How every page looks at two widths, light and dark; RETOUCH_SCREENSHOTS names a folder for the pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from retouch import catalog
from tests.studio.browser.desk import Desk, script
from tests.studio.living import Studio, until
from tests.studio.made import marked

PAGES = ("", *dict.fromkeys(edit.task for edit in catalog.EDITS))
MARKS = ((60, 50), (340, 250))
WIDTHS = (1280, 390)


def keep(desk: Desk, name: str) -> None:
    """Write what is seen into the folder that was named, for a person to look at."""
    if folder := os.environ.get("RETOUCH_SCREENSHOTS", ""):
        Path(folder).mkdir(parents=True, exist_ok=True)
        desk.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("task", PAGES, ids=lambda task: task or "home")
def test_a_page_fits_its_window(desk: Desk, task: str, width: int) -> None:
    desk.page.set_viewport_size({"width": width, "height": 844 if width < 600 else 900})
    desk.open(task)
    keep(desk, f"{task or 'home'}-{width}")
    assert desk.page.evaluate(script("fits")) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_in_use_fits_its_window(desk: Desk, width: int) -> None:
    desk.page.set_viewport_size({"width": width, "height": 844 if width < 600 else 900})
    desk.open("inpaint")
    desk.choose("photo", marked(3, (300, 400), MARKS))
    desk.step("mask")
    desk.tool("Rectangle")
    desk.drag(desk.lie(MARKS), (120, 100), (250, 200))
    keep(desk, f"inpaint-mask-{width}")
    assert desk.page.evaluate(script("fits")) == []
    desk.done()
    desk.compared(50)
    keep(desk, f"inpaint-result-{width}")
    assert desk.page.evaluate(script("fits")) == []
    desk.page.get_by_role("button", name="Results").click()
    keep(desk, f"gallery-{width}")
    assert desk.page.evaluate(script("fits")) == []


def test_dark_and_still(context: BrowserContext, studio: Studio) -> None:
    """Who asked for dark and for no motion gets both."""
    desk = Desk(context, studio)
    desk.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    desk.open("inpaint")
    keep(desk, "inpaint-dark-1280")
    until(lambda: desk.seen()[2:6, 2:6].mean() < 96, "a dark page", 5)
    desk.page.emulate_media(color_scheme="light")
    until(lambda: desk.seen()[2:6, 2:6].mean() > 160, "a light page", 5)
    moving = desk.page.evaluate(
        "document.getAnimations().filter((one) => one.effect.getComputedTiming().activeDuration > 1).length"
    )
    assert moving == 0
    desk.check_quiet()
