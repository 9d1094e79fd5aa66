"""What a person brings in is never lost, and never lands where it was not meant."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Route, expect

from tests.studio.browser.desk import Desk, payload
from tests.studio.made import box, photo

SIZE = (60, 80)


def drawing(size: tuple[int, int] = SIZE) -> bytes:
    """A mask as it is saved, of one box."""
    return json.dumps({**box(10, 10, 40, 30), "size": size}).encode()


def open_mask(desk: Desk, data: bytes, name: str) -> None:
    """Open a mask file beside the options."""
    desk.page.locator('input[type=file][data-option="mask"]').set_input_files(payload(data, name))


def said(desk: Desk, option: str) -> Locator:
    """What the panel says of an option."""
    return desk.page.locator(f'.panel [data-field="{option}"]')


def throw(desk: Desk, data: bytes, name: str, onto: str = "#bench") -> None:
    """Drop a file somewhere on the page."""
    bag = desk.page.evaluate_handle(
        """([bytes, name]) => {
            const bag = new DataTransfer();
            const data = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
            bag.items.add(new File([data], name));
            return bag;
        }""",
        [base64.b64encode(data).decode(), name],
    )
    desk.page.locator(onto).first.dispatch_event("drop", {"dataTransfer": bag})


def held(desk: Desk, *names: str) -> Callable[[str], None]:
    """Keep these uploads from the studio until they are let go, one by one."""
    waiting: dict[str, Route] = {}

    def hold(route: Route) -> None:
        name = route.request.url.partition("name=")[2]
        if name in names:
            waiting[name] = route
        else:
            route.continue_()

    desk.page.route("**/v1/pictures?name=*", hold)

    def let(name: str) -> None:
        while name not in waiting:
            desk.page.wait_for_timeout(20)
        waiting[name].continue_()

    return let


def saved(desk: Desk) -> dict[str, Any]:
    """The mask on the easel."""
    with desk.page.expect_download() as coming:
        desk.tool("Save mask")
    mask: dict[str, Any] = json.loads(coming.value.path().read_bytes())
    return mask


def begun(desk: Desk, verb: str = "fill") -> None:
    """A photo on the page of an edit with a mask, and its first step."""
    desk.open("blend", verb)
    desk.choose("photo", photo(1, SIZE), "a.png")
    desk.step("photos")


def test_a_broken_mask_file_is_refused_before_it_is_kept(desk: Desk) -> None:
    begun(desk)
    for name, data in {
        "bare.json": b'{"retouch": "drawing", "version": 1, "invert": true}',
        "size.json": json.dumps({**box(1, 1, 9, 9), "size": 5}).encode(),
        "other.json": b'{"one": 1}',
        "cut.json": b'{"retouch": "draw',
    }.items():
        open_mask(desk, data, name)
        expect(said(desk, "mask").get_by_role("alert")).to_be_visible()
        expect(said(desk, "mask")).to_contain_text("Nothing drawn yet")
    desk.page.reload()
    desk.settle()
    expect(desk.well("photo")).to_have_attribute("data-filled", "true")
    open_mask(desk, drawing(), "good.json")
    expect(said(desk, "mask")).to_contain_text("1 shape")
    expect(said(desk, "mask").get_by_role("alert")).to_be_hidden()


def test_a_drawing_of_another_size_is_said_at_once(desk: Desk) -> None:
    begun(desk)
    open_mask(desk, drawing((100, 120)), "mask.json")
    expect(said(desk, "mask").get_by_role("alert")).to_contain_text("120 × 100")
    expect(said(desk, "mask")).to_contain_text("Nothing drawn yet")


def test_a_drawing_opened_before_its_photo_keeps_its_size(desk: Desk) -> None:
    desk.open("blend", "fill")
    open_mask(desk, drawing(), "mask.json")
    expect(said(desk, "mask")).to_contain_text("1 shape")
    desk.choose("photo", photo(1, SIZE))
    expect(said(desk, "mask")).to_contain_text("1 shape")
    desk.run()
    assert desk.order["mask"]["size"] == list(SIZE)
    desk.choose("photo", photo(2, (50, 50)))
    expect(said(desk, "mask")).to_contain_text("Nothing drawn yet")


def test_a_mask_picture_of_another_size_is_said_at_once(desk: Desk) -> None:
    begun(desk)
    open_mask(desk, photo(2, (100, 120)), "mask.png")
    expect(said(desk, "mask").get_by_role("alert")).to_contain_text("120 × 100 pixels, and the photo 80 × 60")
    expect(said(desk, "mask")).to_contain_text("Nothing drawn yet")


def test_an_entry_of_a_list_keeps_its_own_drawing(desk: Desk) -> None:
    desk.open("stylize")
    desk.choose("content", photo(1, SIZE))
    desk.page.get_by_text("More options").click()
    for corner in (10, 40):
        said(desk, "masks").get_by_role("button", name="Draw one").click()
        desk.canvas()
        throw(desk, json.dumps({**box(corner, 5, corner + 20, 25), "size": SIZE}).encode(), "one.json")
        expect(desk.page.locator(".easel-status")).to_contain_text("1 stroke")
    desk.page.get_by_role("tab", name="Style region 1").click()
    desk.canvas()
    said(desk, "masks").get_by_role("button", name="Remove Style region 1").click()
    expect(desk.page.get_by_role("tab", name="Style region 2")).to_have_count(0)
    desk.page.get_by_role("tab", name="Style region 1").click()
    desk.canvas()
    assert saved(desk)["strokes"][0]["points"] == [[40, 5], [60, 25]]
    desk.tool("Invert")
    desk.page.reload()
    desk.settle()
    desk.canvas()
    kept = saved(desk)
    assert kept["invert"]
    assert kept["strokes"][0]["points"] == [[40, 5], [60, 25]]


def test_a_drop_beside_the_wells_replaces_nothing(desk: Desk) -> None:
    begun(desk)
    open_mask(desk, drawing(), "mask.json")
    throw(desk, photo(2, SIZE), "b.png")
    expect(desk.page.locator("[data-banner=drop]")).to_contain_text("replace")
    expect(desk.well("photo")).to_contain_text("a.png")
    expect(said(desk, "mask")).to_contain_text("1 shape")


def test_a_mask_that_is_dropped_on_the_drawing_is_a_mask(desk: Desk) -> None:
    begun(desk)
    desk.step("mask")
    desk.canvas()
    throw(desk, drawing(), "mask.json", "[data-easel] canvas")
    expect(said(desk, "mask")).to_contain_text("1 shape")
    throw(desk, photo(2, (50, 50)), "b.png", "[data-easel] canvas")
    expect(desk.page.locator(".easel-alert")).to_contain_text("50 × 50")
    throw(desk, photo(2, SIZE), "c.png", "[data-easel] canvas")
    expect(said(desk, "mask")).to_contain_text("File c.png")
    desk.page.get_by_role("button", name="Undo edit").click()
    expect(said(desk, "mask")).to_contain_text("1 shape")


def test_a_photo_that_was_replaced_or_removed_comes_back(desk: Desk) -> None:
    begun(desk)
    open_mask(desk, drawing(), "mask.json")
    desk.choose("photo", photo(2, (50, 50)), "b.png")
    desk.step("photos")
    expect(desk.well("photo")).to_contain_text("b.png")
    expect(said(desk, "mask")).to_contain_text("Nothing drawn yet")
    desk.well("photo").get_by_role("button", name="Remove").click()
    undo = desk.page.get_by_role("button", name="Undo edit")
    undo.click()
    expect(desk.well("photo")).to_contain_text("b.png")
    undo.click()
    expect(desk.well("photo")).to_contain_text("a.png")
    expect(said(desk, "mask")).to_contain_text("1 shape")


def test_another_photo_is_a_step_of_its_own(desk: Desk) -> None:
    desk.open("blend", "tile")
    desk.choose("photo", photo(1, SIZE), "a.png")
    desk.done()
    desk.page.get_by_role("button", name="Use as input").first.click()
    desk.page.get_by_role("button", name="Undo edit").click()
    desk.choose("photo", photo(2, SIZE), "b.png")
    history = desk.page.get_by_role("region", name="History")
    expect(history.get_by_role("button", name="Step")).to_have_count(2)
    expect(history.get_by_role("button", name="Step 2: Chosen: b.png")).to_have_attribute(
        "aria-current", "step"
    )
    expect(desk.page.get_by_role("button", name="Redo edit")).to_have_attribute("aria-disabled", "true")


def test_a_sample_to_start_with_can_be_undone(desk: Desk) -> None:
    begun(desk, "recolor")
    open_mask(desk, drawing(), "mask.json")
    desk.page.goto(f"{desk.studio.url}/blend?edit=recolor&example")
    desk.settle()
    desk.page.get_by_role("button", name="Undo edit").click()
    desk.step("photos")
    expect(desk.well("photo")).to_contain_text("a.png")
    expect(said(desk, "mask")).to_contain_text("1 shape")


def test_an_upload_lands_where_it_was_begun(desk: Desk) -> None:
    desk.open("blend", "blend")
    let = held(desk, "a.png")
    desk.page.locator('input[type=file][data-option="target"]').set_input_files(payload(photo(1), "a.png"))
    desk.page.get_by_role("tab", name="Flatten").click()
    let("a.png")
    expect(desk.well("photo")).to_contain_text("a.png")
    desk.page.get_by_role("tab", name="Blend", exact=True).click()
    expect(desk.well("target")).to_contain_text("a.png")


def test_the_later_of_two_uploads_counts(desk: Desk) -> None:
    desk.expected = ("ERR_",)
    begun(desk)
    let = held(desk, "slow.png", "quick.png")
    field = desk.page.locator('input[type=file][data-option="photo"]')
    field.set_input_files(payload(photo(1), "slow.png"))
    expect(desk.page.get_by_role("button", name="Stop uploading slow.png")).to_be_visible()
    desk.page.get_by_role("button", name="Run", exact=True).click()
    expect(desk.page.locator("[data-problem]")).to_contain_text("slow.png")
    field.set_input_files(payload(photo(2, SIZE), "quick.png"))
    let("quick.png")
    desk.page.wait_for_function("() => !document.querySelector('[data-upload]')")
    desk.step("photos")
    expect(desk.well("photo")).to_contain_text("quick.png")


def test_an_upload_is_stopped(desk: Desk) -> None:
    desk.expected = ("ERR_",)
    begun(desk)
    held(desk, "b.png")
    desk.page.locator('input[type=file][data-option="photo"]').set_input_files(payload(photo(2), "b.png"))
    desk.page.get_by_role("button", name="Stop uploading b.png").click()
    expect(desk.well("photo")).to_contain_text("a.png")
    expect(desk.well("photo").get_by_role("alert")).to_be_hidden()


def test_nothing_painted_leads_to_painting(desk: Desk) -> None:
    desk.open("invert", "draw")
    desk.step("photos")
    desk.page.get_by_role("button", name="Run", exact=True).click()
    expect(desk.page.locator("[data-problem]")).to_contain_text("Paint something first")
    expect(desk.page.locator('[data-step="paint"]')).to_have_attribute("aria-selected", "true")


def test_the_focus_goes_where_the_page_goes(desk: Desk) -> None:
    desk.open("blend", "tile")
    desk.page.keyboard.press("Tab")
    assert desk.page.evaluate("() => document.activeElement.textContent").startswith("Skip")
    desk.choose("photo", photo(1, SIZE), "a.png")
    desk.choose("photo", photo(2, SIZE), "b.png")
    first = desk.page.get_by_role("button", name="Step 1")
    first.focus()
    desk.page.keyboard.press("Enter")
    expect(first).to_be_focused()
    expect(desk.well("photo")).to_contain_text("a.png")
    desk.done()
    desk.page.get_by_role("button", name="Use as input").focus()
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("[data-step=photos]")).to_be_focused()


def test_the_first_enter_sets_a_corner(desk: Desk) -> None:
    begun(desk)
    desk.step("mask")
    desk.canvas().focus()
    for key in ("Enter", "Shift+ArrowRight", "Enter", "Shift+ArrowDown", "Enter", "Enter"):
        desk.page.keyboard.press(key)
    (stroke,) = saved(desk)["strokes"]
    assert stroke["points"] == [[40, 30], [50, 30], [50, 40]]
