"""The studio's page as a person uses it: by what is written on it, with a mouse and a keyboard."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Error,
    FilePayload,
    Locator,
    Response,
    Route,
    expect,
)

from tests.studio.living import Studio
from tests.studio.made import CYAN, MAGENTA, Marks


@dataclass(frozen=True)
class Lie:
    """How a picture lies on the screen: pixel (x, y) is at (left + x·scale, top + y·scale).

    Both count from the corner of a pixel, so that the middle of the first is at ½.
    """

    left: float
    top: float
    scale: float

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the picture is on the screen."""
        return self.left + x * self.scale, self.top + y * self.scale


class Desk:
    """One tab of the browser, and a record of what went wrong in it."""

    def __init__(self, context: BrowserContext, studio: Studio) -> None:
        self.studio = studio
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()
        self.requested: list[str] = []
        self.order: dict[str, Any] = {}
        self.saved_name = ""
        self.page.on("console", self._hear)
        self.page.on("pageerror", self._fault)
        context.route(lambda url: not self._ours(url), self._strayed)
        devtools = context.new_cdp_session(self.page)
        devtools.send("Network.enable")
        devtools.on("Network.requestWillBeSent", lambda event: self.requested.append(event["request"]["url"]))
        devtools.on("Network.webSocketCreated", lambda event: self.requested.append(event["url"]))

    def check_quiet(self) -> None:
        """No error, no warning, and nothing that was asked of another machine."""
        unexpected = [line for line in self.complaints if not any(word in line for word in self.expected)]
        assert not unexpected, unexpected
        strange = {url for url in self.requested if not self._ours(url)}
        assert not strange, strange
        assert self.requested, "the record of requests records nothing"

    def open(self, task: str, verb: str = "") -> None:
        """Go to a task's page, and to one of its edits."""
        self.page.goto(f"{self.studio.url}/{task}" + (f"?edit={verb}" if verb else ""))
        self.settle()

    def settle(self) -> None:
        """Wait until the page knows what the studio can do."""
        self.page.wait_for_selector("body[data-ready]")

    def well(self, option: str) -> Locator:
        """The place of a picture that the edit takes."""
        return self.page.locator(f'[data-well="{option}"]')

    def option(self, name: str) -> Locator:
        """The control of an option."""
        return self.page.locator(f'[data-option="{name}"]')

    def choose(self, option: str, data: bytes | Path, name: str = "") -> None:
        """Bring a picture in by the file dialog; bytes, unlike a file, pass through the page's thread."""
        self.step_of(option)
        with self.page.expect_file_chooser() as dialog:
            self.well(option).get_by_role("button", name="Choose").click()
        with self._brought():
            dialog.value.set_files(data if isinstance(data, Path) else payload(data, name or f"{option}.png"))

    def drop(self, option: str, data: bytes, name: str = "") -> None:
        """Bring a picture in by dragging its file onto its place."""
        self.step_of(option)
        bag = self.page.evaluate_handle(
            """([bytes, name]) => {
                const bag = new DataTransfer();
                const data = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
                bag.items.add(new File([data], name, { type: "image/png" }));
                return bag;
            }""",
            [base64.b64encode(data).decode(), name or f"{option}.png"],
        )
        well = self.well(option)
        with self._brought():
            for event in ("dragenter", "dragover", "drop"):
                well.dispatch_event(event, {"dataTransfer": bag})

    @contextmanager
    def _brought(self) -> Iterator[None]:
        """Wait until the studio has the picture, and the page shows it or goes on to the next step."""
        with self.page.expect_response(lambda answer: "/v1/pictures?" in answer.url) as coming:
            yield
        assert coming.value.status == 201, coming.value.text()
        self.page.wait_for_function("() => !document.querySelector('[data-upload]')")

    def step_of(self, option: str) -> None:
        """Show the place of a picture, where the page shows one step at a time."""
        if not self.well(option).is_visible():
            self.step("photos")

    def step(self, name: str) -> None:
        """Go to one of the steps: photos, mask, place, result."""
        self.page.locator(f'[data-step="{name}"]').click()

    def set(self, name: str, value: object) -> None:
        """Give an option a value."""
        control = self.option(name)
        if not control.is_visible():
            self.page.locator("details", has=control).locator("summary").first.click()
        kind = control.evaluate("control => control.tagName + ':' + control.type")
        if kind.startswith("SELECT"):
            control.select_option(str(value))
        elif kind.endswith(":checkbox"):
            control.set_checked(bool(value))
        else:
            control.fill(str(value))
            control.press("Tab")

    def run(self) -> str:
        """Press Run, and return the name of the job that this began; ``order`` is what was asked for."""
        button = self.page.get_by_role("button", name="Run", exact=True)
        with self.page.expect_response(lambda answer: "/v1/edits/" in answer.url) as asked:
            button.click()
        return self._begun(asked.value)

    def _begun(self, answer: Response) -> str:
        assert answer.status == 202, answer.text()
        self.order = answer.request.post_data_json or {}
        name = str(answer.json()["id"])
        self.studio.begun.append(name)
        expect(self.job(name)).to_be_visible()
        return name

    def job(self, name: str) -> Locator:
        """What the page shows of a job."""
        return self.page.locator(f'[data-job="{name}"]')

    def reaches(self, name: str, state: str) -> None:
        """Wait until the page shows a job in a state."""
        states = f"{state}|done|failed|cancelled"
        expect(self.job(name)).to_have_attribute("data-state", re.compile(states), timeout=60_000)
        seen = self.job(name).get_attribute("data-state")
        assert seen == state, self.studio.job(name)

    def cancel(self) -> None:
        """Press Cancel."""
        self.page.wait_for_timeout(700)  # a Cancel that has just appeared takes no press
        self.page.get_by_role("button", name="Cancel", exact=True).click()

    def done(self) -> dict[str, Any]:
        """Run the edit to its end, and return the job."""
        name = self.run()
        self.reaches(name, "done")
        expect(self.page.locator("[data-result]")).to_be_visible()
        return self.studio.job(name)

    def download(self, form: str = "") -> bytes:
        """Press Download, and return the file that came."""
        if form:
            self.page.get_by_label("Format", exact=True).select_option(form)
        with self.page.expect_download() as coming:
            self.page.locator("[data-download]").click()
        self.saved_name = coming.value.suggested_filename
        return coming.value.path().read_bytes()

    def compared(self, percent: int) -> NDArray[np.uint8]:
        """Move the slider between before and after, and see what is shown."""
        slider = self.page.get_by_label("Compare", exact=True)
        slider.fill(str(percent))
        return self.seen(self.page.locator("[data-result]").first)

    def seen(self, element: Locator | None = None) -> NDArray[np.uint8]:
        """The pixels on the screen, of the page or of one element."""
        data = element.screenshot() if element else self.page.screenshot()
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def canvas(self) -> Locator:
        """What one draws on."""
        canvas = self.page.locator("[data-easel] canvas:visible").last
        expect(canvas).to_be_visible()
        self.page.wait_for_selector("[data-easel][data-shown]")
        return canvas

    def lie(self, marks: Marks) -> Lie:
        """Find on the screen how the picture lies there, by its marks."""
        magenta, cyan = marks
        box = self.canvas().bounding_box()
        assert box
        screen = self.seen()
        left, top = round(box["x"]), round(box["y"])
        inside = screen[top : top + round(box["height"]), left : left + round(box["width"])]
        first, second = middle(inside, MAGENTA), middle(inside, CYAN)
        scale = (second[0] - first[0]) / (cyan[0] - magenta[0])
        upright = (second[1] - first[1]) / (cyan[1] - magenta[1])
        assert abs(scale / upright - 1) < 0.03, f"the picture is drawn askew: {scale} by {upright}"
        return Lie(
            left + first[0] - scale * (magenta[0] + 0.5), top + first[1] - scale * (magenta[1] + 0.5), scale
        )

    def tool(self, name: str) -> None:
        """Take a tool of the easel."""
        self.page.locator("[data-easel]:visible").get_by_role("button", name=name, exact=True).click()

    def drag(self, lie: Lie, *way: tuple[float, float], steps: int = 6) -> None:
        """Press the mouse at a place of the picture, move it along others, and let go."""
        self.page.mouse.move(*lie.on_screen(*way[0]))
        self.page.mouse.down()
        for place in way[1:]:
            self.page.mouse.move(*lie.on_screen(*place), steps=steps)
        self.page.mouse.up()

    def clicks(self, lie: Lie, *places: tuple[float, float]) -> None:
        """Click at places of the picture, one right after the other."""
        for place in places:
            self.page.mouse.click(*lie.on_screen(*place))

    def _ours(self, url: str) -> bool:
        return url.startswith((self.studio.url + "/", "blob:", "data:", "about:"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _fault(self, error: Error) -> None:
        self.complaints.append(f"exception: {error}")

    def _strayed(self, route: Route) -> None:
        self.complaints.append(f"asked for {route.request.url}")
        route.abort()


def middle(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[float, float]:
    """The middle (x, y) of what has a colour, counted from the corner of the first pixel."""
    near = np.abs(pixels.astype(np.int16) - np.array(colour)).max(axis=2) < 60
    assert near.sum() >= 4, f"nothing on the screen is {colour}"
    rows, columns = np.nonzero(near)
    return float(columns.mean()) + 0.5, float(rows.mean()) + 0.5


TRACED = ["toplevel", "__metadata"]
"""What Chromium is asked to record for :func:`longest_tasks`."""


def longest_tasks(trace: bytes) -> tuple[float, float]:
    """How long the page was deaf at most, in milliseconds.

    Args:
        trace: what Chromium recorded.

    Returns:
        By the clock, and by the processor: other work on the machine lengthens only the first.
    """
    events = json.loads(trace)["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event
        for event in events
        if event["ph"] == "X" and event["name"].endswith("RunTask") and (event["pid"], event["tid"]) in main
    ]
    assert tasks, "nothing was recorded"
    return max(task["dur"] for task in tasks) / 1000, max(task.get("tdur", 0) for task in tasks) / 1000


def script(name: str) -> str:
    """A question to the page, from a file beside this one."""
    return Path(__file__).with_name(f"{name}.js").read_text()


def payload(data: bytes, name: str) -> FilePayload:
    """A file for the file dialog."""
    return FilePayload(name=name, mimeType="application/octet-stream", buffer=data)
