"""The keyboard alone is enough, and a screen reader finds its way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from retouch import catalog
from tests.studio.browser.desk import Desk, payload, script
from tests.studio.made import box, library, photo

TASKS = tuple(dict.fromkeys(edit.task for edit in catalog.EDITS))
FOCUSED = "document.activeElement"


def tab_to(desk: Desk, wanted: str, *, presses: int = 120) -> None:
    """Press Tab until the focus is on what a selector names."""
    for _ in range(presses):
        desk.page.keyboard.press("Tab")
        if desk.page.evaluate(f"wanted => {FOCUSED}.matches(wanted)", wanted):
            ring = desk.page.evaluate(script("ring"))
            assert ring, f"the focus on {wanted} is not to be seen"
            return
    raise AssertionError(f"{presses} times Tab do not reach {wanted}")


def test_a_whole_edit_by_keyboard(desk: Desk, tmp_path: Path) -> None:
    data = photo(21, (64, 96))
    desk.open("")
    tab_to(desk, 'nav a[href^="/blend"]')
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url("**/blend*")
    desk.settle()
    tab_to(desk, '[role=tab][data-edit][aria-selected="true"]')
    for _ in range(len([edit for edit in catalog.EDITS if edit.task == "blend"])):
        if desk.page.evaluate(f"{FOCUSED}.dataset.edit") == "tile":
            break
        desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator('[role=tab][data-edit="tile"]')).to_have_attribute("aria-selected", "true")
    desk.page.locator('[data-well="photo"]').wait_for()
    with desk.page.expect_file_chooser() as dialog:
        tab_to(desk, '[data-well="photo"] button, [data-well="photo"] input[type=file]')
        desk.page.keyboard.press("Enter")
    dialog.value.set_files(payload(data, "photo.png"))
    expect(desk.well("photo")).to_have_attribute("data-filled", "true")
    tab_to(desk, '[data-option="axes"]')
    desk.page.keyboard.press("h")
    expect(desk.option("axes")).to_have_value("horizontal")
    with desk.page.expect_response(lambda answer: "/v1/edits/tile" in answer.url) as asked:
        tab_to(desk, "button[data-run], button:is([type=submit])")
        desk.page.keyboard.press("Enter")
    name = asked.value.json()["id"]
    desk.reaches(name, "done")
    tab_to(desk, "input[type=range][aria-label=Compare], [data-result] input[type=range]")
    before = desk.page.evaluate(f"{FOCUSED}.value")
    desk.page.keyboard.press("ArrowRight")
    assert desk.page.evaluate(f"{FOCUSED}.value") != before
    tab_to(desk, "[data-download]")
    with desk.page.expect_download() as coming:
        desk.page.keyboard.press("Enter")
    saved = coming.value.path().read_bytes()
    assert saved == library("tile", tmp_path, {"photo": data, "axes": "horizontal"})


def test_a_mask_by_keyboard(desk: Desk) -> None:
    """A mask is opened from a file, grown and inverted without a mouse."""
    desk.open("inpaint")
    desk.choose("photo", photo(22, (64, 96)))
    desk.step("mask")
    desk.canvas()
    with desk.page.expect_file_chooser() as dialog:
        tab_to(desk, "[data-easel] button[aria-label='Open mask'], [data-easel] button[data-tool='open']")
        desk.page.keyboard.press("Enter")
    dialog.value.set_files(payload(json.dumps(box(10, 10, 40, 40)).encode(), "mask.json"))
    desk.done()
    assert len(desk.order["mask"]["strokes"]) == 1


@pytest.mark.parametrize("task", ["", *TASKS])
def test_everything_has_a_name(desk: Desk, task: str) -> None:
    """What can be used has a name and a role, headings go down by one, and ids are single."""
    desk.open(task)
    faults = desk.page.evaluate(script("names"))
    assert faults == []
