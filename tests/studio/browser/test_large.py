"""A photo of twelve megapixels leaves the page at ease."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.studio.browser.desk import TRACED, Desk, longest_tasks
from tests.studio.made import CYAN, MAGENTA

LONGEST = 200.0
"""Milliseconds of work in one piece: for longer, the page would be felt to stall."""

BLOCK = "() => { const end = performance.now() + 2000; while (performance.now() < end); }"


@pytest.fixture(scope="module")
def twelve_megapixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of 4000×3000 pixels with noise and marks, as a camera writes it."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(60, 180, (75, 100, 3), np.uint8))
    smooth = np.asarray(coarse.resize((4000, 3000), Image.Resampling.BICUBIC))
    picture = Image.fromarray(smooth + generator.integers(0, 40, smooth.shape, np.uint8))
    for (x, y), colour in (((800, 600), MAGENTA), ((3200, 2400), CYAN)):
        picture.paste(colour, (x - 40, y - 40, x + 41, y + 41))
    path = tmp_path_factory.mktemp("camera") / "camera.jpg"
    picture.save(path, "JPEG", quality=92)
    return path


def test_twelve_megapixels_do_not_stall_the_page(
    browser: Browser, desk: Desk, twelve_megapixels: Path
) -> None:
    desk.open("inpaint")
    browser.start_tracing(page=desk.page, categories=TRACED)
    desk.choose("photo", twelve_megapixels)
    desk.step("mask")
    box = desk.canvas().bounding_box()
    assert box
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    desk.tool("Brush")
    desk.page.mouse.move(across, down)
    desk.page.mouse.down()
    desk.page.mouse.move(across + 80, down + 40, steps=60)
    desk.page.mouse.up()
    desk.tool("Zoom in")
    desk.tool("Fit")
    _, longest = longest_tasks(browser.stop_tracing())
    assert longest < LONGEST
    widest = "() => Math.max(0, ...[...document.images].map((one) => one.naturalWidth))"
    assert desk.page.evaluate(widest) <= 1600
    largest = (
        "() => Math.max(...[...document.querySelectorAll('canvas')].map((one) => one.width * one.height))"
    )
    assert desk.page.evaluate(largest) < 4_000_000, "a canvas as large as the photo"


def test_a_stall_is_seen(browser: Browser, desk: Desk) -> None:
    """The measure of the test above can fail."""
    desk.open("")
    browser.start_tracing(page=desk.page, categories=TRACED)
    desk.page.evaluate(BLOCK)
    by_clock, by_processor = longest_tasks(browser.stop_tracing())
    assert by_clock >= 1900
    assert by_processor > 60


@pytest.mark.slow
def test_twelve_megapixels_are_edited(desk: Desk, twelve_megapixels: Path) -> None:
    desk.open("inpaint")
    desk.choose("photo", twelve_megapixels)
    desk.step("mask")
    lie = desk.lie(((800, 600), (3200, 2400)))
    desk.tool("Brush")
    desk.drag(lie, (1500, 1500), (1600, 1500), steps=20)
    job = desk.done()
    assert (job["result"]["picture"]["width"], job["result"]["picture"]["height"]) == (4000, 3000)
    expect(desk.page.locator("[data-result]")).to_be_visible()
    Image.open(io.BytesIO(desk.download())).verify()
