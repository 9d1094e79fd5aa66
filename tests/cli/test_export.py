"""``retouch export`` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retouch.cli.app import TOOLS
from tests.cli.conftest import Said, names
from tests.export.toys import toy

Say = Callable[..., Said]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Weights that are quickly traced."""
    return toy("gray DnCNN", tmp_path)


def test_differences_are_printed_and_the_file_is_there(say: Say, network: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    said = say("export", network, "-o", output)
    assert (said.code, said.err) == (0, "")
    *differences, last = said.out.splitlines()
    assert [line.split()[0] for line in differences] == ["2×3×48×48", "1×3×49×48", "3×3×37×51", "1×3×5×89"]
    assert all("differs from torch by" in line for line in differences)
    assert last.startswith(f"{output} (restore dncnn, {output.stat().st_size:,} bytes, largest difference ")

    said = say("export", network, "-o", output)
    assert said.code == 2
    assert "out.onnx" in said.err
    assert "overwrite" in said.err

    said = say("export", network, "-o", output, "--overwrite", "--json", "--quiet")
    assert said.code == 0
    assert said.facts["inputs"] == {"picture": ["batch", 3, "height", "width"]}
    assert said.facts["outputs"] == {"made": ["batch", 3, "height", "width"]}
    assert said.facts["largest"] == max(item["difference"] for item in said.facts["differences"]) < 1e-5
    assert said.facts["licence"] == "CC0"
    assert names(tmp_path) == ["out.onnx", "toy.safetensors"]


def test_above_the_tolerance_the_code_is_not_0_and_nothing_is_left(
    say: Say, network: Path, tmp_path: Path
) -> None:
    said = say("export", network, "-o", tmp_path / "out.onnx", "--tolerance", "1e-12")
    assert said.code == 2
    assert said.err.count("\n") == 1
    for size in ("2×3×48×48", "1×3×49×48", "3×3×37×51", "1×3×5×89"):
        assert f"at {size}" in said.err
    assert names(tmp_path) == ["toy.safetensors"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nix", "-o", "a.onnx"], "nix"),
        (["upscale-x4", "-o", "a.onnx", "--tolerance", "0"], "above 0"),
        (["upscale-x4", "-o", "a.onnx", "--tolerance", "much"], "not a number"),
        (["upscale-x4", "-o", "a.onnx", "--latent", "p"], "latent"),
        (["upscale-x4", "-o", "a.onnx", "--latent", "w"], "has no styles"),
        (["upscale-x4", "-o", "a.onnx", "--calibrate", "."], "--calibrate is for 8 bits; add --int8"),
        (["upscale-x4", "-o", "a.onnx", "--targets", "."], "--targets is for 8 bits; add --int8"),
        (["upscale-x4", "-o", "a.xml", "--int8"], "--int8 needs --calibrate DIR"),
        (["kaokore", "-o", "a.xml", "--int8", "--latent", "w", "--calibrate", "."], "--latent"),
        (["upscale-x4", "-o", "a.onnx", "--int8", "--calibrate", "."], "must end in .xml"),
        (["upscale-x4", "-o", "a.xml"], "must end in .onnx"),
        (["decoders", "-o", "a.onnx"], "paints from features"),
        (["upscale-x4"], "output"),
    ],
)
def test_bad_words_get_one_line(
    words: list[str], message: str, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = say("export", *words)
    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert names(tmp_path) == []


@pytest.mark.slow
def test_eight_bits(say: Say, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        soft = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8)).resize((40, 30))
        soft.save(tmp_path / "photos" / f"{number}.png")
    words = ["export", toy("upscaler", tmp_path), "-o", tmp_path / "out.xml", "--int8", "--calibrate"]
    said = say(*words, tmp_path / "photos")
    assert (said.code, said.err) == (0, "")
    assert "8 bits beside floating point:" in said.out
    assert "set by 2 pictures" in said.out
    said = say(*words, tmp_path / "photos", "--overwrite", "--json")
    assert set(said.facts["quality"]) == {"pictures", "psnr", "worst", "alike"}
    assert names(tmp_path) == ["out.bin", "out.xml", "photos", "toy.safetensors"]


def test_it_is_one_of_the_tools() -> None:
    assert "export" in TOOLS
    assert json.dumps(TOOLS["export"]).count(".") == 1
