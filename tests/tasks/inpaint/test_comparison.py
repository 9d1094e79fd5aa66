"""What an evaluation writes down: tables, differences, and the gallery of the worst."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from retouch.errors import InputError, UnwritablePicture
from retouch.tasks.inpaint.recipe.comparison import Comparison
from retouch.tasks.inpaint.recipe.figures import TOTAL, Figure, Sample
from retouch.tasks.inpaint.recipe.gallery import PAGE, PICTURES, Gallery


def figure(method: str, metric: str, value: float | None, **more: Any) -> Figure:
    better = {"hole_l1": "lower", "seam": "nearest"}.get(metric, "higher")
    usual: dict[str, Any] = {"holes": "thin", "area": TOTAL, "n": 9, "better": better}
    usual |= {"protocol": f"how {metric}", "circumstances": "on what"}
    return Figure(method=method, metric=metric, value=value, **(usual | more))


SMALL = Comparison(
    figures=(
        figure("net", "hole_psnr", 24.5, deviation=1.25, low=23.0, high=26.0),
        figure("net", "hole_l1", 0.0512),
        figure("net", "seam", -0.4, ideal=0.1),
        figure("telea", "hole_psnr", 22.0),
        figure("telea", "hole_l1", 0.05),
        figure("telea", "seam", -3.0, ideal=0.1),
        figure("net", "hole_psnr", None, area="0-10%", n=2, missing="2 pictures, and at least 3 are needed"),
    ),
    samples=(
        Sample("a", "thin", 0.1, "net", {"hole_psnr": 25.0}),
        Sample("a", "thin", 0.1, "telea", {"hole_psnr": 22.0}),
        Sample("b", "thin", 0.2, "net", {"hole_psnr": 20.0}),
        Sample("b", "thin", 0.2, "telea", {"hole_psnr": 21.0}),
        Sample("c", "thin", 0.3, "net", {"hole_psnr": 30.0}),
    ),
    notes=("thin: 1 pictures left out (x)",),
    trained=("net",),
)


def test_the_text_stars_the_best_of_each_column() -> None:
    lines = SMALL.text().splitlines()
    assert lines[0] == "thin holes"
    assert lines[1].split() == ["method", "n", "hole_psnr", "↑", "hole_l1", "↓", "seam", "→"]
    # −3 is lower than −0.4, and further from the 0.1 of the true pictures.
    assert lines[2].split() == ["net", "9", "24.50*", "0.0512", "-0.4000*"]
    assert lines[3].split() == ["telea", "9", "22.00", "0.0500*", "-3.000"]
    assert lines[4].split() == ["(true", "pictures)", "0.1000"]
    assert lines[5:] == ["", "thin: 1 pictures left out (x)"]
    assert all(line == line.rstrip() for line in lines)


def test_the_best_of_one_is_not_starred() -> None:
    assert "*" not in Comparison(SMALL.figures[:3]).text()
    other = figure("telea", "hole_psnr", None, missing="gone")
    assert "*" not in Comparison((SMALL.figures[0], other)).text()
    assert "thin, total: no hole_psnr: gone" in Comparison((SMALL.figures[0], other)).text()


def test_the_document_has_spread_sizes_protocols_and_reasons() -> None:
    text = SMALL.markdown()
    assert "| total | net | 9 | **24.50** ± 1.250 | 0.0512 | **-0.4000** |" in text
    assert "| 0-10% | net | 2 | – |" in text
    assert "- `seam`: how seam\n" in text
    assert "- thin: on what\n" in text
    assert "- thin, 0-10%: no hole_psnr: 2 pictures, and at least 3 are needed" in text
    assert "- thin: 1 pictures left out (x)" in text
    rows = [line for line in text.splitlines() if line.startswith("| total")]
    head = next(line for line in text.splitlines() if line.startswith("| area"))
    assert {row.count("|") for row in rows} == {head.count("|")}
    assert "a\\|b &lt;i>" in Comparison((figure("a|b\n<i>", "hole_psnr", 1.0),)).markdown()


def test_differences_are_taken_picture_by_picture() -> None:
    # 25 − 22 = 3 and 20 − 21 = −1; the third picture has no partner.
    (found,) = SMALL.differences(["net"], ["hole_psnr"])
    assert (found.method, found.other, found.holes, found.n) == ("net", "telea", "thin", 2)
    assert found.value == pytest.approx(1.0)
    assert (found.low, found.high) == (-1.0, 3.0)
    assert "| thin | net | telea | +1.0000 (-1.0000 … +3.0000) |" in SMALL.markdown()
    assert SMALL.differences(["net"], ["lpips"]) == []
    assert SMALL.differences([], ["hole_psnr"]) == []


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def test_the_long_table_has_everything_of_each_figure() -> None:
    found = rows(SMALL.tsv())
    assert len(found) == 7
    assert found[0]["value"] == "24.5"
    assert found[0]["protocol"] == "how hole_psnr"
    assert (found[0]["low"], found[0]["high"], found[0]["deviation"]) == ("23.0", "26.0", "1.25")
    assert (found[6]["value"], found[6]["missing"]) == ("", "2 pictures, and at least 3 are needed")


def test_the_wide_table_has_lama_s_columns() -> None:
    first, second, third = rows(SMALL.wide_tsv())
    assert list(first)[:6] == ["holes", "area", "method", "n", "hole_psnr_mean", "hole_psnr_std"]
    assert (first["hole_psnr_mean"], first["hole_psnr_std"], first["hole_l1_std"]) == ("24.5", "1.25", "")
    assert (second["method"], second["seam_mean"]) == ("telea", "-3.0")
    assert (third["area"], third["n"], third["hole_psnr_mean"]) == ("0-10%", "2", "")


def test_every_picture_is_there_to_be_read() -> None:
    found = rows(SMALL.samples_tsv())
    assert found[2] == {
        "name": "b",
        "holes": "thin",
        "area": "0.200000",
        "method": "net",
        "hole_psnr": "20.0",
    }
    everything = json.loads(SMALL.json())
    assert everything["figures"][6]["value"] is None
    assert everything["pictures"][1]["values"] == {"hole_psnr": 22.0}
    assert everything["notes"] == list(SMALL.notes)


def test_a_figure_is_found_by_its_names() -> None:
    assert SMALL.figure("telea", "thin", "hole_l1").value == 0.05
    assert SMALL.figure("net", "thin", "hole_psnr", "0-10%").n == 2
    with pytest.raises(KeyError):
        SMALL.figure("net", "thick", "hole_l1")


def test_a_card_gets_the_totals_of_one_method() -> None:
    first, *others = SMALL.for_card("net")
    assert first == {"name": "hole_psnr (thin)", "value": 24.5, "protocol": "how hole_psnr; on what", "n": 9}
    assert [one["name"] for one in others] == ["hole_l1 (thin)", "seam (thin)"]


def offered(
    gallery: Gallery, badness: dict[str, float], kind: str = "thin", measure: str = "hole_l1"
) -> None:
    """Show a picture for each name, filled by two methods."""
    for number, (name, value) in enumerate(badness.items()):
        true, hole = torch.full((1, 3, 20, 30), 0.25), torch.zeros(1, 1, 20, 30)
        hole[..., :10, :] = 1
        filled: dict[str, Tensor] = {"net": true + number / 255, "telea": true}
        values = {"net": {measure: value}, "telea": {measure: 0.5}}
        gallery.offer(kind, name, true, hole, filled, values, watched=["net"])


def test_the_gallery_keeps_the_worst_of_each_kind_and_no_more() -> None:
    gallery = Gallery(2)
    offered(gallery, {"a": 0.1, "b": 0.4, "c": 0.2, "d": 0.3, "e": 0.4})
    offered(gallery, {"a": 0.7}, kind="thick")
    assert [(case.holes, case.name) for case in gallery.cases()] == [
        ("thin", "b"),
        ("thin", "e"),
        ("thick", "a"),
    ]
    case = gallery.cases()[0]
    assert case.title == "thin holes, b, 50% of the picture: net has hole_l1 0.400"
    assert list(case.pictures) == ["hole", "net\nhole_l1 0.400", "telea\nhole_l1 0.500", "true"]
    hole, net, _, true = case.pictures.values()
    assert hole[0, 0].tolist() == [128, 128, 128]
    assert hole[19, 0].tolist() == true[0, 0].tolist() == [64, 64, 64]
    assert net[0, 0].tolist() == [65, 65, 65]


def test_the_gallery_goes_by_lpips_where_it_is_measured() -> None:
    gallery = Gallery(1)
    offered(gallery, {"a": 0.1, "b": 0.05}, measure="lpips")
    assert [(case.name, case.measure) for case in gallery.cases()] == [("a", "lpips")]
    none = Gallery(1)
    offered(none, {"a": 0.1}, measure="ssim")
    assert none.cases() == []


def test_the_gallery_is_a_page_and_a_contact_sheet_for_each_kind(tmp_path: Path) -> None:
    gallery = Gallery(3)
    offered(gallery, {"a": 0.1, "<b>\n&": 0.4})
    offered(gallery, {"a": 0.2}, kind="masks:/x/y")
    page, *sheets = gallery.write(tmp_path / "out")
    assert page == tmp_path / "out" / PAGE
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r'<img src="([^"]+)" alt="([^"]+)"', text)
    assert len(shown) == 3 * 4
    assert all((page.parent / source).is_file() for source, _ in shown)
    assert len(list((page.parent / PICTURES).iterdir())) == 12
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert [sheet.name for sheet in sheets] == ["worst-0-thin.png", "worst-1-masks-x-y.png"]
    with Image.open(sheets[0]) as sheet, Image.open(sheets[1]) as other:
        pixels = np.asarray(sheet)
        assert sheet.height - 6 == 2 * (other.height - 6)
    # The second column holds what the network made, the last the true picture.
    assert (pixels[23:43, 204:234] == 65).all()
    assert (pixels[23:43, 600:630] == 64).all()
    assert (pixels < 64).all(axis=2).any(), "captions are written"
    assert math.isclose(pixels[0, 0].mean(), 255)


def test_a_large_picture_is_small_on_the_sheet(tmp_path: Path) -> None:
    gallery = Gallery(1)
    true, hole = torch.rand(1, 3, 30, 700), torch.ones(1, 1, 30, 700)
    gallery.offer("thin", "wide", true, hole, {"net": true}, {"net": {"hole_l1": 0.1}}, watched=["net"])
    _, sheet = gallery.write(tmp_path)
    with Image.open(sheet) as image:
        assert image.width < 700


def test_nothing_is_written_when_nothing_was_kept(tmp_path: Path) -> None:
    gallery = Gallery(0)
    offered(gallery, {"a": 0.1})
    assert gallery.write(tmp_path / "out") == []
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="worst is -1"):
        Gallery(-1)
    (tmp_path / "file").write_text("")
    full = Gallery(1)
    offered(full, {"a": 0.1})
    with pytest.raises(UnwritablePicture, match="choose another folder"):
        full.write(tmp_path / "file")
