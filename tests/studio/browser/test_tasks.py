"""One whole visit to each task's page: bring in, draw, run, watch, cancel, compare, take home."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from retouch import catalog
from tests.studio.browser.desk import Desk
from tests.studio.living import Studio
from tests.studio.made import Marks, library, marked, photo

SIZE = (72, 96)
MARKS: Marks = ((20, 16), (76, 56))
"""Where the marks of a picture of that size (H, W) are, in pixels (x, y)."""


@dataclass(frozen=True)
class Visit:
    """What a person does on a task's page.

    Args:
        task: the page.
        verb: the edit, the page's first.
        wells: the pictures that it takes.
        masked: a rectangle is drawn on the first of them.
        quick: options with which the edit is soon done.
        slow: options with which it takes long, to be cancelled; none where no options make it slow.
        large: the size (H, W) of a picture that makes it slow.
        same_size: the result can lie over the picture that it was made of.
    """

    task: str
    verb: str
    wells: tuple[str, ...] = ("photo",)
    masked: bool = False
    quick: Mapping[str, object] = field(default_factory=dict)
    slow: Mapping[str, object] = field(default_factory=dict)
    large: tuple[int, int] = SIZE
    same_size: bool = True


VISITS = (
    Visit("blend", "blend", ("source", "target"), masked=True),
    # a hole of several sizes: refinement leaves one that is seen whole as it is
    Visit(
        "inpaint", "inpaint", masked=True, quick={"seam": "feather"}, slow={"refine": 1000}, large=(864, 1152)
    ),
    Visit("translate", "translate", slow={"tile": 64}, large=(1024, 1024)),
    Visit("restore", "restore", quick={"noise": 20}, slow={"ensemble": True}, large=(1024, 1024)),
    Visit(
        "stylize",
        "stylize",
        ("content", "style"),
        quick={"preset": "draft", "strength": 0.8},
        slow={"preset": "best", "steps": 5000},
    ),
    Visit(
        "invert",
        "invert",
        quick={"evaluations": 4, "starts": 1},
        slow={"evaluations": 20000, "starts": 1},
        same_size=False,
    ),
)


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.task)
def test_a_visit(desk: Desk, studio: Studio, tmp_path: Path, visit: Visit) -> None:
    given = {well: marked(number, SIZE, MARKS) for number, well in enumerate(visit.wells, 10)}
    desk.open(visit.task)
    if visit.slow:
        cancel_a_long_one(desk, visit)
    for number, (well, data) in enumerate(given.items()):
        (desk.choose if number == 0 else desk.drop)(well, data)
    if visit.masked:
        draw_a_box(desk)
    for name, value in visit.quick.items():
        desk.set(name, value)
    if not visit.slow:
        cancel_one_that_waits(desk, studio)
    job = desk.done()
    assert job["edit"] == visit.verb
    options = dict(desk.order)
    for name, value in visit.quick.items():
        assert options[name] == value
    for well, data in given.items():
        assert studio.client.get(f"/v1/pictures/{options[well]}/file").content == data
        options[well] = data
    if visit.masked:
        near(options["mask"], *MARKS)
    downloaded = desk.download()
    assert desk.saved_name.endswith(".png")
    assert downloaded == library(visit.verb, tmp_path, options)
    (compare if visit.same_size else beside)(desk)
    as_jpeg(desk, studio, job)


def cancel_a_long_one(desk: Desk, visit: Visit) -> None:
    """Begin an edit that takes minutes, see it work, and stop it."""
    scale = visit.large[0] // SIZE[0]
    (x0, y0), (x1, y1) = MARKS
    marks = ((x0 * scale, y0 * scale), (x1 * scale, y1 * scale))
    for well in visit.wells:
        desk.choose(well, marked(5, visit.large, marks, 9 * scale))
    if visit.masked:
        draw_a_box(desk, marks)
    before = {name: control_value(desk, name) for name in visit.slow}
    for name, value in visit.slow.items():
        desk.set(name, value)
    name = desk.run()
    desk.reaches(name, "running")
    bar = desk.job(name).get_by_role("progressbar")
    expect(bar).to_be_visible()
    expect(desk.job(name).locator("[data-stage]")).to_have_text(re.compile(r"\w+"))
    desk.cancel()
    desk.reaches(name, "cancelled")
    assert desk.studio.job(name)["state"] == "cancelled"
    for name, value in before.items():
        desk.set(name, value)
    for well in visit.wells:
        desk.step_of(well)
        desk.well(well).get_by_role("button", name="Remove").click()


def cancel_one_that_waits(desk: Desk, studio: Studio) -> None:
    """See an edit wait behind someone else's, and take it back."""
    other = studio.upload(photo(1, (256, 256)))["id"]
    long = studio.edit("reconstruct", photo=other, steps=5000)["id"]
    studio.running(long)
    name = desk.run()
    desk.reaches(name, "queued")
    expect(desk.job(name).locator("[data-position]")).to_contain_text("next")
    desk.cancel()
    desk.reaches(name, "cancelled")
    studio.cancel(long)
    studio.ended(long)


def draw_a_box(desk: Desk, marks: Marks = MARKS) -> None:
    """Draw the rectangle whose corners are the marks."""
    desk.step("mask")
    lie = desk.lie(marks)
    desk.tool("Rectangle")
    desk.drag(lie, *marks)


def near(drawing: Mapping[str, Any], *corners: tuple[int, int]) -> None:
    """Check that a drawing is one rectangle with its corners where the mouse was."""
    (stroke,) = drawing["strokes"]
    assert stroke["kind"] == "rectangle"
    np.testing.assert_allclose(sorted(stroke["points"]), sorted(corners), atol=0.6)


def control_value(desk: Desk, name: str) -> object:
    """What a control says now."""
    control = desk.option(name)
    if control.evaluate("control => control.type === 'checkbox'"):
        return control.is_checked()
    return control.input_value()


def compare(desk: Desk) -> None:
    """The slider shows one picture at each end, and at its middle one on the left and one on the right."""
    after, half, before = (desk.compared(percent) for percent in (0, 50, 100))
    changed = np.abs(after.astype(int) - before).max(axis=2) > 8
    assert changed.sum() > 100, "before and after look the same"
    rows, columns = np.nonzero(changed)
    here = half[rows, columns].astype(int)
    like_before = np.abs(here - before[rows, columns]).sum(axis=1) < np.abs(here - after[rows, columns]).sum(
        axis=1
    )
    left, right = columns < half.shape[1] * 0.45, columns > half.shape[1] * 0.55
    # The handle and the words lie over a part of it.
    assert not left.any() or like_before[left].mean() > 0.6
    assert not right.any() or like_before[right].mean() < 0.4
    assert left.any() or right.any()


def beside(desk: Desk) -> None:
    """A result of another size stands beside what it was made of."""
    for words in ("Before", "After"):
        figure = desk.page.locator("[data-result] figure", has_text=words)
        expect(figure).to_be_visible()
        assert figure.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def as_jpeg(desk: Desk, studio: Studio, job: Mapping[str, Any]) -> None:
    """Another format is what the API converts to."""
    picture = job["result"]["picture"]["id"]
    converted = studio.client.get(f"/v1/pictures/{picture}/file", params={"format": "jpg"}).content
    assert desk.download("jpg") == converted
    assert converted[:2] == b"\xff\xd8"


def test_every_task_has_its_page(desk: Desk) -> None:
    desk.open("")
    links = desk.page.get_by_role("navigation", name="Tasks").get_by_role("link")
    tasks = list(dict.fromkeys(edit.task for edit in catalog.EDITS))
    assert sorted(links.all_inner_texts(), key=str.lower) == sorted(
        (task.title() for task in tasks), key=str.lower
    )
    for task in tasks:
        desk.page.get_by_role("navigation", name="Tasks").get_by_role("link", name=task.title()).click()
        desk.page.wait_for_url(f"**/{task}*")
        expect(desk.page.get_by_role("heading", level=1)).to_have_text(task.title())
