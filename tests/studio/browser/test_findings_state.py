"""What a hostile first user found: two clicks for one, two tabs at once, and a browser that is full."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Request, expect

from tests.studio.browser.desk import Desk, payload
from tests.studio.living import Studio
from tests.studio.made import photo

TASK = "retouch.studio.1.task."
FULL = """(room) => {
    const put = Storage.prototype.setItem;
    Storage.prototype.setItem = function (key, text) {
        if (text.length > room) throw new DOMException("no room", "QuotaExceededError");
        put.call(this, key, text);
    };
}"""
"""The browser's store has so much room left, as far as the page can see."""


def beside(desk: Desk, context: BrowserContext, studio: Studio, task: str) -> Desk:
    """Another tab of the same browser."""
    other = Desk(context, studio)
    other.expected = desk.expected
    other.open(task)
    return other


def name_in(desk: Desk) -> Any:
    """The photo that a page shows."""
    return desk.well("photo").locator(".well-facts strong")


def begin_long(desk: Desk) -> str:
    """Begin an edit that ends only when it is stopped."""
    desk.open("stylize", "reconstruct")
    desk.choose("photo", photo(4, (128, 128)))
    desk.set("steps", 5000)
    return desk.run()


def test_the_second_click_of_a_double_click_cancels_nothing(desk: Desk) -> None:
    desk.open("stylize", "reconstruct")
    desk.choose("photo", photo(4, (128, 128)))
    desk.set("steps", 5000)
    posts: list[str] = []
    desk.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    desk.page.evaluate(
        """() => {
            const cancel = document.querySelector("[data-cancel]");
            new MutationObserver(() => cancel.hidden || cancel.click())
                .observe(cancel, { attributes: true, attributeFilter: ["hidden"] });
        }"""
    )
    name = desk.run()
    desk.reaches(name, "running")
    assert not [url for url in posts if url.endswith("/cancel")]


def test_cancel_asks_once_and_says_so_until_it_is_done(desk: Desk) -> None:
    name = begin_long(desk)
    desk.reaches(name, "running")
    asked: list[Request] = []
    # The server never hears of it, so that the job goes on telling of its progress.
    desk.page.route("**/cancel", lambda route: asked.append(route.request))
    desk.cancel()
    cancel = desk.page.locator("[data-cancel]")
    expect(cancel).to_have_attribute("aria-disabled", "true")
    for _ in range(2):
        cancel.dispatch_event("click")
    stage = desk.job(name).locator("[data-stage]")
    bar = desk.job(name).locator(".job-bar-fill")
    expect(bar).not_to_have_attribute("style", bar.get_attribute("style") or "")
    expect(stage).to_have_text("Stopping…")
    assert len(asked) == 1
    desk.page.unroute_all(behavior="ignoreErrors")


def test_a_broken_store_is_said_and_bricks_nothing(desk: Desk) -> None:
    desk.open("")
    for text in ('{"jobs":null}', '{"drawings":[],"state":{"jobs":null}}', "no JSON"):
        desk.page.evaluate("([key, text]) => localStorage.setItem(key, text)", [TASK + "blend", text])
        desk.open("inpaint")
        expect(desk.page.locator("[data-banner=broken-blend]")).to_contain_text("Blend")
        expect(desk.well("photo")).to_be_visible()
    desk.open("blend")
    expect(desk.page.locator("[data-banner=broken-blend]")).to_have_count(0)


def test_a_page_that_cannot_be_shown_can_be_started_afresh(desk: Desk) -> None:
    desk.expected = ("TypeError",)
    desk.open("")
    picture = {"id": "0" * 32, "name": "a.png", "kind": "picture", "view": 5, "bytes": 1}
    text = json.dumps({"drawings": [], "state": {"slots": {"main": picture}, "step": "photos"}})
    desk.page.evaluate("([key, text]) => localStorage.setItem(key, text)", [TASK + "restore", text])
    desk.open("restore")
    desk.page.get_by_role("button", name="Start afresh").click()
    expect(desk.well("photo")).to_have_attribute("data-filled", "false")
    desk.open("restore")
    expect(desk.well("photo")).to_have_attribute("data-filled", "false")


def test_a_catalog_that_cannot_be_read_is_said(desk: Desk) -> None:
    desk.expected = ("500",)
    said = {"title": "Internal error", "status": 500, "detail": "the catalog is upside down"}
    desk.page.route("**/v1/edits", lambda route: route.fulfill(status=500, json=said))
    desk.page.goto(desk.studio.url)
    expect(desk.page.get_by_role("alert")).to_contain_text("upside down")


NEVER_AT_REST = """
async () => {
  const { remember } = await import("/page/memory.js");
  for (let count = 0; count < 40; count += 1) {
    remember("restless", { count }, () => null);
    await new Promise((later) => setTimeout(later, 20));
  }
  return Object.keys(sessionStorage).some((key) => key.endsWith("restless"));
}
"""


def test_what_never_rests_is_kept(desk: Desk) -> None:
    desk.open("stylize")
    assert desk.page.evaluate(NEVER_AT_REST)


def test_few_streams_over_all_tabs_and_cancel_gets_through(
    desk: Desk, context: BrowserContext, studio: Studio
) -> None:
    """A browser has six connections for all tabs; streams that hold them would stop everything."""
    streams: list[str] = []
    context.on(
        "request", lambda asked: streams.append(asked.url) if asked.resource_type == "eventsource" else None
    )
    name = begin_long(desk)
    desk.reaches(name, "running")
    others = [beside(desk, context, studio, "stylize") for _ in range(3)]
    for other in others:
        other.reaches(name, "running")
    assert 1 <= len(streams) <= 2
    others[-1].cancel()
    for tab in (desk, *others):
        tab.reaches(name, "cancelled")
        tab.check_quiet()


def test_two_tabs_keep_their_own_work_and_share_the_results(
    desk: Desk, context: BrowserContext, studio: Studio
) -> None:
    desk.open("blend", "tile")
    desk.choose("photo", photo(1), "first.png")
    desk.done()
    desk.step("photos")
    desk.page.wait_for_function("() => Object.keys(localStorage).some((key) => key.endsWith('task.blend'))")
    other = beside(desk, context, studio, "blend")
    other.step("photos")
    expect(name_in(other)).to_have_text("first.png")
    other.choose("photo", photo(2), "second.png")
    count = desk.page.locator("#tools .count")
    expect(count).to_have_text("1")
    other.done()
    expect(count).to_have_text("2")
    desk.set("axes", "horizontal")
    for tab, name in ((desk, "first.png"), (other, "second.png")):
        tab.page.reload()
        tab.settle()
        tab.step("photos")
        expect(name_in(tab)).to_have_text(name)
        expect(tab.page.locator("#tools .count")).to_have_text("2")


def test_delete_in_the_gallery_keeps_what_is_in_use(desk: Desk, studio: Studio) -> None:
    desk.open("blend", "tile")
    desk.choose("photo", photo(9))
    used = desk.done()["result"]["picture"]["id"]
    desk.page.get_by_role("button", name="Use as input").click()
    shown = desk.done()["result"]["picture"]["id"]
    desk.page.get_by_role("button", name="Results").click()
    gallery = desk.page.get_by_role("dialog", name="Results")
    gallery.locator(f'[data-delete="{used}"]').click()
    expect(gallery.locator(f'[data-gallery="{used}"]')).to_have_count(0)
    expect(gallery.get_by_role("status")).to_contain_text("in use in Blend")
    expect(gallery.locator(f'[data-delete="{shown}"]')).to_be_focused()
    assert studio.client.get(f"/v1/pictures/{used}").status_code == 200
    gallery.locator(f'[data-delete="{shown}"]').press("Enter")
    expect(gallery.get_by_role("button", name="Close")).to_be_focused()
    assert studio.client.get(f"/v1/pictures/{shown}").status_code in (404, 410)
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator(f'[data-result="{shown}"]')).to_have_count(0)
    expect(desk.page.locator(".moments li")).to_have_count(2)


def test_a_lost_picture_costs_only_its_own_step(desk: Desk, studio: Studio) -> None:
    desk.expected = ("404", "410")
    desk.open("blend", "tile")
    desk.choose("photo", photo(10))
    first = desk.done()
    lost = desk.order["photo"]
    desk.page.get_by_role("button", name="Use as input").click()
    desk.done()
    desk.page.get_by_role("button", name="Use as input").click()
    expect(desk.page.locator(".moments li")).to_have_count(3)
    assert studio.client.delete(f"/v1/pictures/{lost}").status_code == 204
    desk.page.reload()
    desk.settle()
    expect(desk.page.locator(".moments li")).to_have_count(2)
    desk.page.get_by_role("button", name="Undo edit").click()
    desk.done()
    assert desk.order["photo"] == first["result"]["picture"]["id"]


def test_a_gallery_of_a_studio_that_is_gone_empties_itself(desk: Desk, studio: Studio) -> None:
    desk.expected = ("404", "410")
    desk.open("blend", "tile")
    desk.choose("photo", photo(12))
    made = desk.done()["result"]["picture"]["id"]
    assert studio.client.delete(f"/v1/pictures/{made}").status_code == 204
    desk.open("")
    expect(desk.page.locator("#tools .count")).to_have_text("")


def test_a_full_store_is_said(desk: Desk) -> None:
    desk.open("restore")
    desk.page.evaluate(FULL, 0)
    desk.choose("photo", photo(3))
    expect(desk.page.locator("[data-banner=full]")).to_contain_text("will not survive a reload")


def test_a_store_that_gets_full_loses_the_oldest_steps_first(desk: Desk) -> None:
    desk.open("restore")
    desk.page.evaluate(FULL, 6000)
    kept = desk.page.evaluate(
        """async () => {
            const { remember } = await import("/page/memory.js");
            const { shorter, stateOf } = await import("/page/state.js");
            const { unpacked } = await import("/page/packing.js");
            const state = stateOf(null, "denoise");
            const label = (number) => String(number).padEnd(1000, "-");
            const moment = (number) => ({ label: label(number), slots: {}, masks: {}, jobs: {}, at: {} });
            state.past = { entries: [0, 1, 2, 3, 4, 5, 6, 7].map(moment), index: 6 };
            remember("task.none", state, shorter);
            await new Promise((resolve) => setTimeout(resolve, 400));
            const { past } = unpacked(sessionStorage.getItem("retouch.studio.1.task.none"));
            return [past.entries.map((entry) => Number.parseInt(entry.label)), past.index, state.past.index];
        }"""
    )
    assert kept == [[3, 4, 5, 6, 7], 3, 6]
    expect(desk.page.locator("[data-banner=full]")).to_contain_text("oldest steps")


def test_a_drawing_is_kept_once(desk: Desk) -> None:
    desk.open("")
    size, back = desk.page.evaluate(
        """async () => {
            const { packed, unpacked } = await import("/page/packing.js");
            const points = Array.from({ length: 1000 }, (_, place) => [place, place]);
            const masks = { "main:mask": { drawing: { strokes: [{ points }] } } };
            const entries = Array.from({ length: 30 }, () => structuredClone(masks));
            const state = { masks, past: { entries } };
            const text = packed(state);
            return [text.length / JSON.stringify(points).length,
                JSON.stringify(unpacked(text)) === JSON.stringify(state)];
        }"""
    )
    assert size < 1.5
    assert back


@pytest.mark.parametrize("part", ["picture", "value"])
def test_an_error_goes_with_its_cause(desk: Desk, part: str) -> None:
    desk.expected = ("422",)
    desk.open("invert", "draw")
    desk.choose("scribble", photo(11, (64, 64)))
    desk.reaches(desk.run(), "failed")
    problem = desk.page.locator("[data-problem]")
    expect(problem).to_be_visible()
    if part == "picture":
        desk.choose("scribble", photo(12, (64, 64)))
    else:
        desk.set("seed", 3)
    expect(problem).to_be_hidden()


def test_a_file_that_is_too_large_is_not_sent(desk: Desk) -> None:
    health = desk.studio.client.get("/v1/health").json()
    health["limits"]["bytes"] = 100
    desk.page.route("**/v1/health", lambda route: route.fulfill(json=health))
    desk.open("restore")
    sent: list[str] = []
    desk.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    files = payload(photo(3), "large.png")
    desk.page.locator('input[type=file][data-option="photo"]').set_input_files(files)
    expect(desk.well("photo").get_by_role("alert")).to_have_text(
        re.compile(r"large\.png is .* at most 100 B can")
    )
    assert not sent


def test_the_same_words_are_told_again(desk: Desk) -> None:
    desk.open("")
    changes = desk.page.evaluate(
        """async () => {
            const { announce } = await import("/page/notices.js");
            const region = document.getElementById("announcements");
            const said = [];
            new MutationObserver(() => region.textContent && said.push(region.textContent))
                .observe(region, { childList: true, characterData: true, subtree: true });
            for (let turn = 0; turn < 2; turn += 1) {
                announce("Cancelled");
                await new Promise((resolve) => setTimeout(resolve, 200));
            }
            return said;
        }"""
    )
    assert changes == ["Cancelled", "Cancelled"]
