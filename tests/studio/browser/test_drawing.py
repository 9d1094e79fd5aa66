"""Where the mouse goes is what is drawn: masks, a patch that is dragged, a place, a coloured scribble."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from retouch.image import Drawing, Mask
from tests.studio.browser.desk import Desk, payload
from tests.studio.living import Studio
from tests.studio.made import box, library, marked

SIZE = (300, 400)
MARKS = ((60, 50), (340, 250))


@pytest.fixture
def begun(desk: Desk) -> Desk:
    """A photo on the easel of the page that takes things out."""
    desk.open("inpaint")
    desk.choose("photo", marked(3, SIZE, MARKS))
    desk.step("mask")
    return desk


def drawn(desk: Desk) -> dict[str, Any]:
    """The mask as the page saves it."""
    with desk.page.expect_download() as coming:
        desk.tool("Save mask")
    saved: dict[str, Any] = json.loads(coming.value.path().read_bytes())
    return saved


def mask_of(drawing: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Where a drawing edits, as the library has it."""
    return np.asarray(Mask.of(Drawing.parse(drawing), SIZE).numpy())


def near(stroke: dict[str, Any], *places: tuple[float, float], within: float = 0.6) -> None:
    np.testing.assert_allclose(stroke["points"], places, atol=within)


def test_sixty_clicks_make_sixty_corners(begun: Desk) -> None:
    """One right after the other: none is lost."""
    lie = begun.lie(MARKS)
    begun.tool("Polygon")
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    # A radius that changes, so that no corner lies on the line between its neighbours.
    corners = [
        (200 + (80 + 20 * (n % 2)) * np.cos(t), 150 + (80 + 20 * (n % 2)) * np.sin(t))
        for n, t in enumerate(turns)
    ]
    begun.clicks(lie, *corners)
    begun.page.keyboard.press("Enter")
    (stroke,) = drawn(begun)["strokes"]
    assert stroke["kind"] == "polygon"
    near(stroke, *corners)


def test_a_lasso_goes_where_the_mouse_goes(begun: Desk) -> None:
    lie = begun.lie(MARKS)
    begun.tool("Lasso")
    begun.drag(lie, (100, 100), (300, 100), (200, 220), steps=40)
    saved = drawn(begun)
    (stroke,) = saved["strokes"]
    assert stroke["kind"] == "polygon"
    found, wanted = (
        mask_of(saved),
        mask_of({**saved, "strokes": [{**stroke, "points": [[100, 100], [300, 100], [200, 220]]}]}),
    )
    assert wanted.sum() > 5000
    assert np.abs(found - wanted).sum() < 0.03 * wanted.sum()


def test_a_brush_and_an_eraser(begun: Desk) -> None:
    lie = begun.lie(MARKS)
    begun.tool("Brush")
    begun.drag(lie, (100, 150), (300, 150), steps=50)
    begun.tool("Eraser")
    begun.drag(lie, (200, 100), (200, 200), steps=50)
    saved = drawn(begun)
    painted, erased = saved["strokes"]
    assert (painted["kind"], painted.get("erase", False)) == ("brush", False)
    assert (erased["kind"], erased["erase"]) == ("brush", True)
    near({"points": [painted["points"][0], painted["points"][-1]]}, (100, 150), (300, 150))
    mask = mask_of(saved)
    assert mask[150, 110] == 1
    assert mask[150, 290] == 1
    assert mask[150, 200] == 0


def test_fast_moves_are_all_kept(begun: Desk) -> None:
    """1500 moves without a pause make one stroke through all their places."""
    lie = begun.lie(MARKS)
    begun.tool("Brush")
    begun.drag(lie, (20, 20), (380, 280), steps=1500)
    (stroke,) = drawn(begun)["strokes"]
    points = np.asarray(stroke["points"])
    gaps = np.hypot(*np.diff(points, axis=0).T)
    assert gaps.max() < 6
    near({"points": [points[0], points[-1]]}, (20, 20), (380, 280))


def test_undo_redo_and_clear(begun: Desk) -> None:
    lie = begun.lie(MARKS)
    begun.tool("Rectangle")
    begun.drag(lie, (80, 80), (120, 120))
    begun.drag(lie, (200, 80), (260, 120))
    both = drawn(begun)["strokes"]
    assert len(both) == 2
    begun.tool("Undo")
    assert drawn(begun)["strokes"] == both[:1]
    begun.tool("Redo")
    assert drawn(begun)["strokes"] == both
    begun.tool("Clear")
    begun.tool("Undo")
    assert drawn(begun)["strokes"] == both


def test_invert_grow_and_feather_are_the_librarys(begun: Desk, studio: Studio, tmp_path: Path) -> None:
    lie = begun.lie(MARKS)
    begun.tool("Rectangle")
    begun.drag(lie, (100, 100), (300, 200))
    easel = begun.page.locator("[data-easel]:visible")
    easel.get_by_label("Grow").fill("5")
    easel.get_by_label("Feather").fill("7")
    begun.tool("Invert")
    saved = drawn(begun)
    assert (saved["invert"], saved["grow"], saved["feather"]) == (True, 5, 7)
    picture = studio.upload(marked(3, SIZE, MARKS))["id"]
    made = studio.told(studio.client.post("/v1/masks", json={"picture": picture, "drawing": saved}), 201)
    Mask.of(Drawing.parse(saved), SIZE).save(tmp_path / "mask.png")
    assert (
        studio.client.get(f"/v1/pictures/{made['id']}/file").content == (tmp_path / "mask.png").read_bytes()
    )


def test_a_mask_saved_and_opened_again_is_the_same(begun: Desk) -> None:
    lie = begun.lie(MARKS)
    begun.tool("Lasso")
    begun.drag(lie, (100, 100), (300, 100), (200, 220), steps=15)
    begun.tool("Brush")
    begun.drag(lie, (50, 200), (350, 220), steps=15)
    first = drawn(begun)
    begun.tool("Clear")
    expect(begun.page.get_by_text("Nothing drawn yet")).to_be_visible()
    with begun.page.expect_file_chooser() as dialog:
        begun.tool("Open mask")
    dialog.value.set_files(payload(json.dumps(first).encode(), "mask.json"))
    expect(begun.page.get_by_text("Nothing drawn yet")).to_be_hidden()
    assert drawn(begun) == first


def test_the_mask_is_where_it_is_seen_after_zoom_and_pan(begun: Desk) -> None:
    begun.lie(MARKS)
    begun.tool("Zoom in")
    near_middle = begun.canvas().bounding_box()
    assert near_middle
    begun.page.mouse.move(
        near_middle["x"] + near_middle["width"] / 2, near_middle["y"] + near_middle["height"] / 2
    )
    begun.page.mouse.wheel(0, -100)
    begun.tool("Zoom out")
    begun.tool("Rectangle")
    lie = begun.lie(MARKS)
    begun.drag(lie, (150, 120), (250, 180))
    near_points = sorted(map(tuple, drawn(begun)["strokes"][0]["points"]))
    np.testing.assert_allclose(near_points, [(150, 120), (250, 180)], atol=0.6)
    begun.tool("Fit")
    lie = begun.lie(MARKS)
    begun.drag(lie, (150, 220), (250, 260))
    np.testing.assert_allclose(
        sorted(drawn(begun)["strokes"][1]["points"]), [(150, 220), (250, 260)], atol=0.6
    )


def test_a_drawn_mask_edits_what_the_library_edits(begun: Desk, tmp_path: Path) -> None:
    lie = begun.lie(MARKS)
    begun.tool("Polygon")
    begun.clicks(lie, (150, 100), (250, 110), (240, 180), (160, 190))
    begun.page.keyboard.press("Enter")
    begun.tool("Brush")
    begun.drag(lie, (240, 150), (280, 150), steps=9)
    begun.done()
    options = {**begun.order, "photo": marked(3, SIZE, MARKS)}
    assert begun.download() == library("inpaint", tmp_path, options)


def test_a_patch_is_dragged_to_its_place(desk: Desk, tmp_path: Path) -> None:
    source, target = marked(1, SIZE, MARKS), marked(2, SIZE, MARKS)
    desk.open("blend")
    desk.choose("source", source)
    desk.choose("target", target)
    desk.step("mask")
    lie = desk.lie(MARKS)
    desk.tool("Rectangle")
    desk.drag(lie, (150, 110), (220, 190))
    desk.step("place")
    desk.page.wait_for_selector("[data-easel=place][data-shown]")
    lie = desk.lie(MARKS)
    before = desk.seen(desk.canvas())
    # What was cut out lies in the middle at first.
    desk.drag(lie, (200, 150), (250, 130), steps=12)
    assert (desk.seen(desk.canvas()) != before).any(), "nothing moves on the screen"
    desk.done()
    order = desk.order
    assert order["mask_on"] == "source"
    # Where the source's own corner lies: the cut's middle (185, 150) came to (250, 130).
    np.testing.assert_allclose(order["at"], (250 - 185, 130 - 150), atol=1.01)
    options = {**order, "source": source, "target": target}
    assert desk.download() == library("blend", tmp_path, options)


def test_a_scribble_is_painted_in_colour(desk: Desk, studio: Studio, tmp_path: Path) -> None:
    desk.open("invert", "draw")
    desk.step("paint")
    canvas = desk.canvas()
    expect(canvas).to_be_visible()
    box = canvas.bounding_box()
    assert box
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    desk.page.locator("[data-easel=paint]").locator("input[type=color]").fill("#cc2244")
    desk.tool("Brush")
    for shift in (-40, 0, 40):
        desk.page.mouse.move(across - 60, down + shift)
        desk.page.mouse.down()
        desk.page.mouse.move(across + 60, down + shift + 10, steps=12)
        desk.page.mouse.up()
    desk.set("evaluations", 3)
    desk.set("starts", 2)
    desk.done()
    painted = studio.client.get(f"/v1/pictures/{desk.order['scribble']}/file").content
    sheet = np.asarray(Image.open(io.BytesIO(painted)).convert("RGBA"))
    strokes = sheet[sheet[..., 3] == 255]
    assert len(strokes) > 100
    assert (strokes[:, :3] == (0xCC, 0x22, 0x44)).all(axis=1).mean() > 0.95
    assert (sheet[..., 3] == 0).any()
    assert desk.download() == library("draw", tmp_path, {**desk.order, "scribble": painted})


def test_a_mask_of_the_wrong_picture_is_said_kindly(begun: Desk) -> None:
    begun.expected = ("422",)
    wrong = {**box(10, 10, 50, 50), "size": [31, 17]}
    with begun.page.expect_file_chooser() as dialog:
        begun.tool("Open mask")
    dialog.value.set_files(payload(json.dumps(wrong).encode(), "mask.json"))
    expect(begun.page.get_by_role("alert").filter(has_text="31")).to_be_visible()
