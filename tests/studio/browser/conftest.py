"""A real Chromium before a real studio; a message in the console or a request to elsewhere fails a test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from tests.studio.browser.desk import Desk
from tests.studio.living import Studio, studio_in

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Where the browser is: named by RETOUCH_CHROMIUM, or Debian's."""
    named = os.environ.get("RETOUCH_CHROMIUM", "")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or ""


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """What drives the browser."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One browser for all tests."""
    path = chromium()
    if not path or not Path(path).exists():
        reason = (
            "no Chromium to open the studio's page in: install it (Debian: apt-get install chromium) "
            "or name one in RETOUCH_CHROMIUM"
        )
        if os.environ.get("RETOUCH_NEEDS_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio for all tests with a browser."""
    expect.set_options(timeout=20_000)
    with studio_in(tmp_path_factory.mktemp("studio") / "work") as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that was never here before."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, service_workers="block", accept_downloads=True
    )
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def desk(context: BrowserContext, studio: Studio) -> Iterator[Desk]:
    """The studio's page, as a person sits before it."""
    desk = Desk(context, studio)
    try:
        yield desk
    finally:
        studio.rest()
    desk.check_quiet()
