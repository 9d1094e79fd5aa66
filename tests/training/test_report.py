from __future__ import annotations

import base64
import re
import secrets
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.image import Picture
from retouch.training import report
from retouch.training.charts import Curve, Scale, chart, ticks
from retouch.training.logs import CsvLog, PictureFiles
from retouch.training.report import write_report
from retouch.weights import Card, save

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"


class Page(HTMLParser):
    """Collects what a page shows and loads, and checks that its tags close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        assert not [name for name in given if name.startswith("on")], (tag, attrs)
        self.loads += [str(given[name]) for name in ("src", "href", "srcset", "data") if name in given]
        if tag not in ("meta", "img", "input", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data

    @property
    def pictures(self) -> list[bytes]:
        uris = [load for load in self.loads if load.startswith("data:image/")]
        return [base64.b64decode(uri.split(",", 1)[1]) for uri in uris]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run as the engine leaves it."""
    run = tmp_path / "my <run>"
    run.mkdir()
    log, samples = CsvLog(run / "log.csv"), PictureFiles(run / "samples")
    for images in range(100, 3001, 100):
        log.scalars(
            images,
            {
                "l1": 3000 / images,
                "judging": 0.3,
                "images_per_second": 5.0,
                "waiting": 0.2,
                "seconds": images * 3.0,
            },
        )
    for images in (1000, 2000, 3000):
        log.scalars(images, {"validation_l1": 0.1 + images / 1e5, "validation_train_l1": 100 / images})
        samples.picture(images, "validation", torch.rand(3, 16, 24))
    log.close()
    record = {
        "recipe": "pix2pix",
        "data": "shared/data/maps",
        "command": "retouch train pix2pix --data 'a b'",
        "options": {"engine": {"batch": 4, "average": 0.0}, "l1": 100.0},
        "environment": {"python": "3.11", "processor": "a fast one", "gpu": None},
        "training_pictures": {"pictures": 400, "size": [256, 256]},
        "validation_pictures": None,
    }
    (run / "run.yaml").write_text(yaml.safe_dump(record))
    (run / "warnings.txt").write_text("2000\tthe data is slow\n3000\tthe data is slow\nno number here\n")
    scores: dict[str, Any] = {"eval": {"l1": 0.25, "psnr": 14.0}, "batch": {"l1": 0.125, "psnr": 15.0}}
    card = Card(
        "m",
        "translate",
        "unet",
        images_seen=2000,
        settings={"inference": "batch", "dropout": False, "inference_scores": scores},
        metrics=({"name": "l1", "value": 0.12, "protocol": "RGB 8 bit", "n": 17},),
    )
    save(run / "best.safetensors", {"weight": torch.zeros(3)}, card)
    return run


def test_the_page_tells_everything_about_a_run(run: Path) -> None:
    page = Page(write_report(run))
    for expected in (
        "my <run>", "pix2pix", "shared/data/maps", "3,000 images seen in 2 h 30 min",
        "Validation L1", "0.12", "with the best weights; 0.05 on training pictures",
        "20 %", "the data is slow (after 3,000 images)", "no number here",
        "The dashed line is where the best weights were saved, after 2,000 images",
        "Loss: judging", "Images per second", "Waiting for data, % of the time",
        "RGB 8 bit, 17 pictures", "Applying best.safetensors: inference scores", "14.0",
        "retouch train pix2pix --data 'a b'", "options: engine", "a fast one", "256, 256",
    ):  # fmt: skip
        assert expected in page.text, expected
    assert page.text.count("the data is slow") == 1
    assert len(page.pictures) == 3
    assert Picture.open(page.pictures[-1]).size == (16, 24)


def test_the_page_loads_nothing(run: Path) -> None:
    page = Page(write_report(run))
    assert all(load.startswith("data:") for load in page.loads)
    assert not re.search(r"https?:|url\((?!#)|@import|//cdn", page.source)
    assert page.source.count("<script") == 1


def test_train_and_validation_share_a_chart_and_their_gap_is_shaded(run: Path) -> None:
    page = Page(write_report(run))
    charts = re.findall(r'<figure class="chart">.*?</figure>', page.source, re.DOTALL)
    (shared,) = [item for item in charts if '<polyline class="validation"' in item]
    assert '<polyline class="training"' in shared
    assert '<polygon class="gap"' in shared
    assert 'class="best"' in shared


def test_an_empty_folder_still_has_a_page(tmp_path: Path) -> None:
    page = Page(write_report(tmp_path))
    assert "There is nothing in the log yet." in page.text
    assert "h2" not in page.tags


@pytest.mark.parametrize("missing", ["log.csv", "run.yaml", "samples", "warnings.txt", "best.safetensors"])
def test_a_page_is_made_from_what_there_is(run: Path, missing: str) -> None:
    (run / missing).rename(run.parent / "elsewhere")
    assert "my <run>" in Page(write_report(run)).text


@pytest.mark.parametrize(
    "name", ["log.csv", "run.yaml", "warnings.txt", "best.safetensors", "samples/00003000-validation.jpg"]
)
@pytest.mark.parametrize("damage", [b"", b"\0\xff\xfe{[:", b"- 1\n- 2\n", secrets.token_bytes(2000)])
def test_a_damaged_file_does_not_hinder_the_page(run: Path, name: str, damage: bytes) -> None:
    (run / name).write_bytes(damage)
    assert "my <run>" in Page(write_report(run)).text


def test_everything_foreign_is_escaped(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    for images in (1, 2):
        log.scalars(images, {HOSTILE: 1.0, f"validation_{HOSTILE}": 1.0, f"validation_train_{HOSTILE}": 1.0})
    log.close()
    nested = {HOSTILE: HOSTILE, "list": [HOSTILE, {HOSTILE: HOSTILE}], "deep": {HOSTILE: {HOSTILE: HOSTILE}}}
    rows = {"one": {HOSTILE: HOSTILE}, HOSTILE: {HOSTILE: 1}}
    record = {"recipe": HOSTILE, "data": HOSTILE, "command": HOSTILE, "options": nested, HOSTILE: rows}
    record |= {"environment": {"processor": HOSTILE, "gpu": HOSTILE}, "other": HOSTILE}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(record))
    (tmp_path / "warnings.txt").write_text(f"12\t{HOSTILE}\n")
    metric: dict[str, Any] = {"name": HOSTILE, "value": 1.0, "protocol": HOSTILE, "n": 1}
    card = Card(HOSTILE, HOSTILE, HOSTILE, settings={HOSTILE: HOSTILE}, metrics=(metric,))
    save(tmp_path / "best<b>.safetensors", {"weight": torch.zeros(3)}, card)
    (tmp_path / "samples").mkdir()
    Picture.of(torch.zeros(1, 3, 4, 4)).save(tmp_path / "samples" / "1-a<b onload=x>'.png")
    page = Page(write_report(tmp_path))
    assert "<img src=x" not in page.source
    assert page.source.count("<script") == 1
    assert "<b onload" not in page.source


def test_pictures_are_bounded_in_number_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = PictureFiles(tmp_path / "samples", suffix=".png")
    for images in range(100, 3100, 100):
        files.picture(images, "validation", torch.rand(3, 64, 96))
    page = Page(write_report(tmp_path))
    assert len(page.pictures) == report.MOST_FRAMES
    shown = re.findall(r'data-at="([\d,]+) images"', page.source)
    assert (shown[0], shown[-1]) == ("100", "3,000")
    assert page.source.count(" hidden>") == report.MOST_FRAMES - 1
    monkeypatch.setattr(report, "MOST_BYTES", 40_000)
    page = Page(write_report(tmp_path))
    assert 0 < sum(len(picture) * 4 / 3 for picture in page.pictures) <= 40_000
    assert Picture.open(page.pictures[0]).height < 64


def test_the_page_is_replaced_as_a_whole(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write_report(run)
    before = page.read_bytes()
    names = sorted(path.name for path in run.iterdir())

    def fail(self: Path, target: Path) -> Path:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        write_report(run)
    assert page.read_bytes() == before
    assert sorted(path.name for path in run.iterdir()) == names


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**7), st.floats(-1e12, 1e12)),
        min_size=1,
        max_size=50,
        unique_by=lambda p: p[0],
    ),
    st.lists(st.floats(-1e-12, 1e12), max_size=50),
)
def test_any_figures_make_a_chart_inside_its_frame(
    points: list[tuple[int, float]], other: list[float]
) -> None:
    curves = [Curve("training", "training", sorted(points))]
    if other:
        curves.append(Curve("validation", "validation", list(enumerate(other))))
    drawn = chart("x", curves, mark=5.0)
    assert "nan" not in drawn
    assert "inf" not in drawn
    for at in re.findall(r"[ \"](-?[\d.]+),-?[\d.]+", "".join(re.findall(r'points="(.*?)"', drawn))):
        assert 0 <= float(at) <= 480


@pytest.mark.parametrize("low", [0.0, -3.0, 1e-7, 123456.0])
@pytest.mark.parametrize("width", [1e-6, 0.37, 1.0, 12_000.0])
def test_ticks_are_round_and_inside(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 3 <= len(found) <= 12
    assert all(low - 1e-9 * width <= value <= low + width * (1 + 1e-9) for value in found)


def test_a_logarithmic_scale_is_used_for_figures_over_many_powers() -> None:
    falling = [(float(number), 1000 * 0.5**number) for number in range(20)]
    assert "<text" in chart("x", [Curve("t", "training", falling)])
    places = [Scale(0.01, 100, 200, 0, logarithmic=True).at(value) for value in (0.01, 1, 100)]
    assert places == pytest.approx([200, 100, 0])
