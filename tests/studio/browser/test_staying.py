"""What a person does not lose: by a reload, by a change of mind, by a studio that was started again."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.studio.browser.desk import Desk
from tests.studio.living import Studio
from tests.studio.made import library, marked, photo

MARKS = ((20, 16), (76, 56))


def test_a_reload_in_the_middle_of_a_job(desk: Desk) -> None:
    desk.open("stylize", "reconstruct")
    desk.choose("photo", photo(4, (128, 128)))
    desk.set("steps", 5000)
    name = desk.run()
    desk.reaches(name, "running")
    desk.page.reload()
    desk.settle()
    desk.reaches(name, "running")
    expect(desk.job(name).get_by_role("progressbar")).to_be_visible()
    expect(desk.option("steps")).to_have_value("5000")
    desk.cancel()
    desk.reaches(name, "cancelled")


def test_a_reload_after_the_job(desk: Desk, tmp_path: Path) -> None:
    data = photo(5, (64, 96))
    desk.open("blend", "tile")
    desk.choose("photo", data)
    desk.set("axes", "horizontal")
    desk.done()
    desk.page.reload()
    desk.settle()
    expect(desk.page.locator("[data-result]").first).to_be_visible()
    assert desk.download() == library("tile", tmp_path, {"photo": data, "axes": "horizontal"})
    desk.step("photos")
    expect(desk.well("photo")).to_have_attribute("data-filled", "true")
    expect(desk.option("axes")).to_have_value("horizontal")


def test_a_reload_keeps_the_drawing(desk: Desk) -> None:
    desk.open("inpaint")
    desk.choose("photo", marked(3, (72, 96), MARKS))
    desk.step("mask")
    desk.tool("Rectangle")
    desk.drag(desk.lie(MARKS), *MARKS)
    desk.page.reload()
    desk.settle()
    desk.done()
    assert len(desk.order["mask"]["strokes"]) == 1


def test_a_job_ends_while_the_page_is_closed(desk: Desk) -> None:
    desk.open("stylize", "reconstruct")
    desk.choose("photo", photo(6))
    desk.set("steps", 20)
    name = desk.run()
    desk.page.goto("about:blank")
    desk.studio.ended(name)
    desk.open("stylize", "reconstruct")
    expect(desk.page.locator("[data-result]").first).to_be_visible()


def test_an_edit_is_undone_and_done_again(desk: Desk, studio: Studio, tmp_path: Path) -> None:
    """A result becomes the input of the next edit; Undo edit goes back to what was before."""
    data = photo(8, (64, 96))
    desk.open("blend", "tile")
    desk.choose("photo", data)
    first = desk.done()
    desk.page.get_by_role("button", name="Use as input").first.click()
    second = desk.done()
    assert second["options"]["photo"] == first["result"]["picture"]["id"]
    once = library("tile", tmp_path, {"photo": data})
    twice = library("tile", tmp_path, {"photo": once})
    assert desk.download() == twice
    desk.page.get_by_role("button", name="Undo edit").click()
    assert desk.download() == once
    desk.page.get_by_role("button", name="Redo edit").click()
    assert desk.download() == twice


def test_the_gallery_has_all_results(desk: Desk) -> None:
    desk.open("blend", "tile")
    desk.choose("photo", photo(9))
    made = [desk.done()["result"]["picture"]["id"] for _ in range(2)]
    desk.page.get_by_role("button", name="Results").click()
    gallery = desk.page.get_by_role("dialog", name="Results")
    for picture in made:
        expect(gallery.locator(f'[data-gallery="{picture}"]')).to_be_visible()
    gallery.locator(f'[data-gallery="{made[0]}"]').get_by_role("button", name="Delete").click()
    expect(gallery.locator(f'[data-gallery="{made[0]}"]')).to_have_count(0)
    assert desk.studio.client.get(f"/v1/pictures/{made[0]}").status_code in (404, 410)


def test_a_picture_that_is_gone_is_said_kindly(desk: Desk, studio: Studio) -> None:
    desk.expected = ("404", "410")
    desk.open("blend", "tile")
    desk.choose("photo", photo(10))
    desk.page.wait_for_function("() => Object.keys(localStorage).length > 0")
    desk.done()
    picture = desk.order["photo"]
    assert studio.client.delete(f"/v1/pictures/{picture}").status_code == 204
    desk.page.reload()
    desk.settle()
    expect(desk.page.locator("[data-banner=gone]")).to_be_visible()


def test_a_file_that_is_no_picture_is_said_in_the_librarys_words(desk: Desk) -> None:
    desk.expected = ("422", "415", "400")
    desk.open("restore")
    desk.page.locator('input[type=file][data-option="photo"]').set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture at all"}
    )
    alert = desk.well("photo").get_by_role("alert")
    expect(alert).to_contain_text("notes.txt")
    expect(desk.well("photo")).to_have_attribute("data-filled", "false")


def test_a_failed_edit_says_why(desk: Desk) -> None:
    desk.expected = ("422",)
    desk.open("invert", "draw")
    desk.choose("scribble", photo(11, (64, 64)))
    name = desk.run()
    desk.reaches(name, "failed")
    expect(desk.page.locator("[data-problem]").first).to_contain_text("transparen")


def test_a_sample_to_start_with(desk: Desk) -> None:
    desk.open("restore")
    desk.well("photo").get_by_role("button", name="Samples").click()
    desk.page.get_by_role("dialog").get_by_role("button").filter(has_text="cat").first.click()
    expect(desk.well("photo")).to_have_attribute("data-filled", "true")
    job = desk.done()
    assert job["result"]["picture"]["width"] == 451


def test_a_studio_that_went_away_is_said(desk: Desk) -> None:
    """Its requests fail here; the page tries again and recovers."""
    desk.expected = ("ERR_", "Failed to load", "fetch")
    desk.open("restore")
    desk.page.context.set_offline(True)
    desk.page.locator('input[type=file][data-option="photo"]').set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": photo(3)}
    )
    expect(
        desk.page.locator("[data-banner=away]").or_(desk.well("photo").get_by_role("alert")).first
    ).to_be_visible()
    desk.page.context.set_offline(False)
    expect(desk.page.locator("[data-banner=away]")).to_be_hidden(timeout=20_000)
