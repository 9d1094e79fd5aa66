"""How soon does the studio stand, how much memory does it hold, and what does an edit cost beyond itself?

    python benchmarks/studio.py --gradio /tmp/gradio/bin/python

With ``--gradio`` (a Python that has gradio 6) a page made with Gradio takes turns with the studio: three
pictures, a slider, a button, a result. It edits nothing; it is there to be started and shown.
"""

from __future__ import annotations

import argparse
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from record import HOUSE, keep

sys.path.insert(0, str(HOUSE))

from tests.studio.browser.desk import TRACED, longest_tasks
from tests.studio.living import Studio, descendants, resident, until
from tests.studio.made import box, library, photo

TARGETS = {
    "studio: first page, s": 1.0,
    "studio: ready, s": 5.0,
    "studio: first page in Chromium, s": 1.0,
}
"""What was promised, on an idle machine with two cores."""

CHROMIUM = os.environ.get("RETOUCH_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

GRADIO = """
import sys
import gradio as gr
with gr.Blocks() as page:
    photos = [gr.Image(type="filepath", format="png", label=name) for name in ("Source", "Target", "Mask")]
    share = gr.Slider(0, 1, 0.5, label="Share")
    result = gr.Image(format="png", label="Result")
    gr.Button("Run").click(lambda *given: given[0], [*photos, share], result)
page.queue(default_concurrency_limit=1)
page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)
"""

Figures = dict[str, list[float]]


def main() -> None:
    """Measure, print the table, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9, help="starts of each")
    parser.add_argument("--gradio", type=Path, default=None, help="a Python that has gradio")
    told = parser.parse_args()
    figures: Figures = defaultdict(list)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for turn in range(told.runs + 1):
            seen: Figures = defaultdict(list)
            start_studio(browser, seen)
            if told.gradio:
                start_gradio(browser, seen, told.gradio)
            if turn:  # the first one warms the disk cache
                for name, values in seen.items():
                    figures[name] += values
        use(browser, figures)
        browser.close()
    rows = {name: summed(values) for name, values in figures.items()}
    show(rows)
    packages = ("fastapi", "uvicorn", "pydantic", "playwright", "torch")
    version = _version(told.gradio, "gradio") if told.gradio else "not run"
    keep("studio", {"runs": told.runs, "targets": TARGETS, "gradio": version, "results": rows}, packages)


def start_studio(browser: Browser, figures: Figures) -> None:
    """Start a studio and take the times until its page answers, is shown, and edits can begin."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        began = time.perf_counter()
        studio.start()
        figures["studio: first page, s"].append(time.perf_counter() - began)
        studio.ready()
        figures["studio: ready, s"].append(time.perf_counter() - began)
        try:
            with page_in(browser) as page:
                loaded = load(page, studio.url, "body[data-ready]")
            figures["studio: first page in Chromium, s"].append(loaded["seconds"])
            figures["studio: requests of the first page"].append(loaded["requests"])
            figures["studio: kB of the first page"].append(loaded["kB"])
            figures["studio: server idle, MB"].append(resident(studio.process.pid))
            figures["studio: reader idle, MB"].append(resident(studio.reader()))
            figures["studio: worker idle, MB"].append(resident(studio.worker()))
        finally:
            studio.stop()


def start_gradio(browser: Browser, figures: Figures, python: Path) -> None:
    """The same of a page made with Gradio."""
    port = _free_port()
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(python), "-c", GRADIO, str(port)],
        env={**os.environ, **quiet},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url), "Gradio's page")
        figures["gradio: first page, s"].append(time.perf_counter() - began)
        with page_in(browser) as page:
            loaded = load(page, url, "button:has-text('Run')")
        figures["gradio: first page in Chromium, s"].append(loaded["seconds"])
        figures["gradio: requests of the first page"].append(loaded["requests"])
        figures["gradio: kB of the first page"].append(loaded["kB"])
        family = [process.pid, *descendants(process.pid)]
        figures["gradio: server idle, MB"].append(sum(resident(pid) for pid in family))
    finally:
        process.terminate()
        process.wait()


def use(browser: Browser, figures: Figures) -> None:
    """What an edit costs beyond itself, how a large photo comes in, and what memory stays."""
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder) / "work") as studio:
        studio.ready()
        overhead(studio, Path(folder), figures)
        large = twelve_megapixels()
        for _ in range(5):
            began = time.perf_counter()
            brought = studio.upload(large, "camera.jpg")
            figures["12-MP JPEG: upload, s"].append(time.perf_counter() - began)
            view = studio.client.get(f"/v1/pictures/{brought['id']}/view", params={"side": 1600})
            assert view.status_code == 200, view.text
            figures["12-MP JPEG: upload and view, s"].append(time.perf_counter() - began)
        for _ in range(3):
            with page_in(browser) as page:
                page.goto(f"{studio.url}/inpaint")
                page.wait_for_selector("body[data-ready]")
                browser.start_tracing(page=page, categories=TRACED)
                bring_and_draw(page, large)
                by_clock, by_processor = longest_tasks(browser.stop_tracing())
                figures["12-MP JPEG: longest task of the page, ms"].append(by_clock)
                figures["12-MP JPEG: longest task of the page, CPU ms"].append(by_processor)
        for name, pid in (
            ("server", studio.process.pid),
            ("reader", studio.reader()),
            ("worker", studio.worker()),
        ):
            figures[f"studio: {name} after use, MB"].append(resident(pid))


def overhead(studio: Studio, folder: Path, figures: Figures) -> None:
    """An edit through the API, from order to file, against the library's own call and save."""
    options: dict[str, Any] = {"mask": box(8, 6, 40, 30), "red": 0.4}
    data = photo(1)
    picture = studio.upload(data)["id"]

    def by_api() -> bytes:
        name = studio.edit("recolor", photo=picture, **options)["id"]
        while studio.job(name)["state"] != "done":
            time.sleep(0.001)
        return studio.result(name)

    def by_library() -> bytes:
        return library("recolor", folder, {"photo": data, **options})

    for turn in range(41):
        api, mine = _timed(by_api), _timed(by_library)
        if turn:
            figures["64×48 edit: library, ms"].append(1000 * mine)
            figures["64×48 edit: API, ms"].append(1000 * api)
            figures["64×48 edit: beyond the library, ms"].append(1000 * (api - mine))


def bring_and_draw(page: Page, large: bytes) -> None:
    """Bring a large photo in, and draw on it."""
    file = {"name": "camera.jpg", "mimeType": "image/jpeg", "buffer": large}
    page.locator('input[type=file][data-option="photo"]').set_input_files(file)  # type: ignore[arg-type]
    # Who has brought a photo in is shown the next step: the drawing.
    page.wait_for_selector("[data-easel][data-shown]")
    place = page.locator("[data-easel] canvas:visible").last.bounding_box()
    assert place
    page.locator("[data-easel]:visible").get_by_role("button", name="Brush", exact=True).click()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 2 + 60, place["y"] + place["height"] / 2 + 40, steps=100)
    page.mouse.up()


def twelve_megapixels() -> bytes:
    """A photo of 4000×3000 pixels, with the noise of a camera."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 256, (150, 200, 3), np.uint8))
    smooth = np.asarray(coarse.resize((4000, 3000), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(smooth + generator.integers(-6, 7, smooth.shape, np.int16), 0, 255)
    stream = io.BytesIO()
    Image.fromarray(noisy.astype(np.uint8)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


@contextmanager
def page_in(browser: Browser) -> Iterator[Page]:
    """A tab of a browser that was never here before."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def load(page: Page, url: str, shown: str) -> Mapping[str, float]:
    """Open a page and wait until it can be used; how long that took, and what it asked for."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    sizes: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(shown)
    return {"seconds": time.perf_counter() - began, "requests": len(sizes), "kB": sum(sizes) / 1000}


def summed(values: Sequence[float]) -> dict[str, float]:
    """Median, spread and extremes of some figures."""
    low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {"median": median, "iqr": high - low, "min": min(values), "max": max(values), "n": len(values)}


def show(rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print the table."""
    print(f"{'':<46}{'median':>10}{'IQR':>9}{'target':>8}")
    for name, row in rows.items():
        target = TARGETS.get(name)
        verdict = "" if target is None else f"{target:>8g} {'met' if row['median'] < target else 'MISSED'}"
        print(f"{name:<46}{row['median']:>10.3f}{row['iqr']:>9.3f}{verdict}")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def _version(python: Path, package: str) -> str:
    words = [str(python), "-c", f"from importlib.metadata import version; print(version({package!r}))"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
