"""Networks in 8 bits: what is written, what it costs, and that nobody is told."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retouch.errors import (
    InputError,
    MissingDependency,
    OutputExists,
    SizeMismatch,
    UnreadablePicture,
    UnwritablePicture,
    WeightsError,
)
from retouch.export import Quality, eight_bits, pair, quantise, writing
from retouch.export.examples import Example, examples
from retouch.export.quality import Floats, measured
from retouch.image import write
from retouch.progress import Progress
from tests.export.test_pictures import photo
from tests.export.test_writing import never
from tests.export.toys import toy

COUNT = 5


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Pictures of several sizes, and the same enlarged twice as targets."""
    places = tmp_path / "small", tmp_path / "large"
    for place in places:
        place.mkdir()
    for number in range(COUNT):
        pixels = (255 * photo((20 + number, 30))).astype(np.uint8)
        picture = Image.fromarray(pixels)
        picture.save(places[0] / f"{number}.png")
        picture.resize((60, 40 + 2 * number), Image.Resampling.BICUBIC).save(places[1] / f"{number}.jpg")
    (places[0] / "notes.txt").write_text("no picture")
    return places


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "net.xml"


def test_two_files_and_what_they_cost(folders: tuple[Path, Path], out: Path, tmp_path: Path) -> None:
    events: list[Progress] = []
    # It is a picture that sets the 8 bits, and nothing is measured by its target.
    (folders[1] / "0.jpg").write_bytes(b"no picture")
    done = quantise(toy("upscaler", tmp_path), out, folders[0], targets=folders[1], progress=events.append)
    assert [(event.stage, event.fraction) for event in events][2:] == [
        ("comparing", 0.4), ("calibrating", 0.6), ("writing", 0.8), ("written", 1.0),
    ]  # fmt: skip
    assert sorted(path.name for path in out.parent.iterdir()) == ["net.bin", "net.xml"]
    assert done.paths == (out, out.with_suffix(".bin"))
    assert done.sizes == tuple(path.stat().st_size for path in done.paths)
    assert (done.calibrated, done.quality.pictures) == (3, 2)
    assert 25 < done.quality.worst <= done.quality.psnr < 80
    quality = done.quality
    assert quality.float_psnr is not None
    assert quality.int8_psnr is not None
    assert abs(quality.float_psnr - quality.int8_psnr) < 1
    assert quality.alike == 0
    assert quality.float_ssim is not None
    assert 0 < quality.float_ssim < 1
    with eight_bits.silenced() as (openvino, _):
        core = openvino.Core()
        model = core.read_model(out)
        assert "FakeQuantize" in {operation.get_type_name() for operation in model.get_ops()}
        assert json.loads(model.get_rt_info(["retouch", "card"]).astype(str))["name"] == "toy"
        made = core.compile_model(model, "CPU")({"picture": photo((17, 23)).transpose(2, 0, 1)[None]})[0]
    assert made.shape == (1, 3, 34, 46)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("LaMa Fourier", "Fourier transforms was off"),
        ("LaMa regular", "takes a mask with every picture"),
        ("DCGAN", "makes pictures of noise"),
        ("StyleGAN2", "makes pictures of noise"),
        ("VGG", "gives no picture"),
        ("encoder", "gives numbers"),
    ],
)
def test_what_8_bits_spoil_is_refused_before_the_work(
    name: str, reason: str, folders: tuple[Path, Path], out: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(eight_bits, "content_of", never)
    with pytest.raises(InputError, match=f"which is not for 8 bits: .*{reason}.*; export it as ONNX"):
        quantise(toy(name, tmp_path), out, folders[0])
    assert not list(out.parent.iterdir())


def test_a_file_that_is_there_is_safe(folders: tuple[Path, Path], out: Path) -> None:
    out.with_suffix(".bin").write_bytes(b"theirs")
    with pytest.raises(OutputExists):
        quantise("upscale-x4", out, folders[0])
    assert [path.name for path in out.parent.iterdir()] == ["net.bin"]


def test_bad_folders_are_refused_before_the_work(
    folders: tuple[Path, Path], out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eight_bits, "content_of", never)
    network = toy("upscaler", tmp_path)
    with pytest.raises(InputError, match="nowhere is no folder; give a folder of pictures"):
        quantise(network, out, tmp_path / "nowhere")
    with pytest.raises(InputError, match="out holds 0 pictures"):
        quantise(network, out, out.parent)
    with pytest.raises(SizeMismatch, match=r"1\.png is 21×30, and the network makes 42×60 of 1\.png"):
        quantise(network, out, folders[0], targets=folders[0])
    (folders[1] / "3.jpg").unlink()
    with pytest.raises(InputError, match=r"lacks the targets of 1 pictures, first 3\.png; name targets like"):
        quantise(network, out, folders[0], targets=folders[1])
    with pytest.raises(InputError, match=r"must end in \.xml; call it net\.xml"):
        quantise(network, out.with_suffix(".onnx"), folders[0])
    Image.new("RGB", (30, 5)).save(folders[0] / "0.png")
    with pytest.raises(InputError, match=r"0\.png has 5×30 pixels; give pictures of 11 or more"):
        quantise(network, out, folders[0])
    (folders[0] / "0.png").write_bytes(b"no picture")
    with pytest.raises(UnreadablePicture):
        quantise(network, out, folders[0])


@pytest.mark.parametrize("lacking", ["openvino", "nncf"])
def test_a_missing_library_is_named(
    lacking: str, folders: tuple[Path, Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == lacking else find(name, *rest)
    )
    monkeypatch.setattr(writing, "graph_of", never)
    with pytest.raises(MissingDependency, match=rf'{lacking}, which is not.*"retouch\[openvino\]"'):
        quantise("upscale-x4", out, folders[0])


def shown(folder: Path, count: int, targets: Path | None = None, scale: int = 1) -> list[Example]:
    paths = sorted(folder.iterdir())[:count]
    return [Example(path, targets and targets / f"{path.stem}.jpg", scale) for path in paths]


def test_one_picture_at_a_time_is_held(folders: tuple[Path, Path]) -> None:
    held: list[weakref.ref[Floats]] = []

    def network(pictures: Floats) -> Floats:
        assert sum(made() is not None for made in held) < 4, "the pictures before the last one are still held"
        made = pictures.repeat(2, 2).repeat(2, 3)
        held.append(weakref.ref(made))
        return made

    quality = measured(shown(folders[0], COUNT, folders[1], 2), network, network)
    assert len(held) == 2 * COUNT
    assert quality.pictures == COUNT


def test_nothing_is_read_before_it_is_wanted(folders: tuple[Path, Path]) -> None:
    found = examples(*folders, 2)
    for path in folders[0].iterdir():
        path.unlink()
    with pytest.raises(UnreadablePicture):
        found[0].picture()
    assert [example.target is not None for example in found] == [False, True, False, True, False]


def test_pictures_that_come_out_alike_count_as_100_decibels(folders: tuple[Path, Path]) -> None:
    def alike(pictures: Floats) -> Floats:
        return pictures

    def darker(pictures: Floats) -> Floats:
        return pictures - np.float32(0.1 if pictures.shape[2] == 20 else 0)

    quality = measured(shown(folders[0], 2), alike, darker)
    assert quality.worst == pytest.approx(20, abs=1e-3)
    assert quality.psnr == pytest.approx(60, abs=1e-3)
    assert quality.alike == 1
    assert measured(shown(folders[0], 2), alike, alike).psnr == 100.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_refused(value: float, folders: tuple[Path, Path]) -> None:
    def spoiled(pictures: Floats) -> Floats:
        made = pictures.copy()
        made[0, 2, 3, 4] = value
        return made

    with pytest.raises(WeightsError, match=r"values that are no numbers of 0\.png.*use the ONNX file"):
        measured(shown(folders[0], 1), lambda pictures: pictures, spoiled)


def test_flat_pictures_make_a_note_and_numbers(out: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def measured_alike(*_: object) -> tuple[tuple[bytes, bytes], Quality]:
        return (b"network", b"numbers"), Quality(3, 70.0, 40.0, 2)

    monkeypatch.setattr(eight_bits, "_computed", measured_alike)
    pictures = tmp_path / "flat"
    pictures.mkdir()
    for name in "ab":
        Image.new("RGB", (12, 12)).save(pictures / f"{name}.png")
    done = quantise(toy("gray DnCNN", tmp_path), out, pictures)
    assert done.notes[-1].startswith("2 of 3 pictures come out alike in 8 bits and in floating point; each")
    assert done.notes[-1].endswith("counts as 100 dB")


@pytest.mark.parametrize("killed_at", range(3))
def test_killed_while_it_overwrites_no_two_networks_are_mixed(
    killed_at: int, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = out, out.with_suffix(".bin")
    for path in paths:
        path.write_bytes(b"old")
    steps = iter(range(9))

    def step(real: Any) -> Any:
        def taken(self: Path, *words: Any, **more: Any) -> Any:
            if next(steps) >= killed_at:
                raise KeyboardInterrupt  # from now on nothing more is done, as after a kill
            return real(self, *words, **more)

        return taken

    def drafted(files: Any, **_: object) -> None:
        for path, data in files.items():
            path.write_bytes(data)
        monkeypatch.setattr(Path, "replace", step(Path.replace))
        monkeypatch.setattr(Path, "unlink", step(Path.unlink))

    monkeypatch.setattr(write, "put_all", drafted)
    with pytest.raises(KeyboardInterrupt):
        pair.put_pair(paths, (b"new", b"new"), overwrite=True)
    monkeypatch.undo()
    if out.exists():
        assert out.read_bytes() == paths[1].read_bytes()
    assert out.exists() == (killed_at == 0)


def test_a_pair_is_replaced_and_stays_as_private(out: Path) -> None:
    paths = out, out.with_suffix(".bin")
    paths[0].write_bytes(b"old")
    paths[0].chmod(0o600)
    pair.put_pair(paths, (b"network", b"numbers"), overwrite=True)
    assert [path.read_bytes() for path in paths] == [b"network", b"numbers"]
    assert paths[0].stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in out.parent.iterdir()) == ["net.bin", "net.xml"]


def test_a_disk_that_refuses_leaves_the_old_pair(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = out, out.with_suffix(".bin")
    for path in paths:
        path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retouch.image.write._write_draft", full)
    with pytest.raises(UnwritablePicture, match="No space left"):
        pair.put_pair(paths, (b"network", b"numbers"), overwrite=True)
    assert [path.read_bytes() for path in sorted(out.parent.iterdir())] == [b"old", b"old"]


def test_of_a_new_pair_the_numbers_appear_first(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(write, "put_all", lambda files, **_: seen.extend(path.name for path in files))
    pair.put_pair((out, out.with_suffix(".bin")), (b"network", b"numbers"), overwrite=False)
    assert seen == ["net.bin", "net.xml"]


WATCHED = """
import socket, sys, time
from pathlib import Path

before, network, output, folder, asked = sys.argv[1:]

def refuse(*words, **_):
    # In a file: what reports does so from a process of its own.
    with open(asked, "a") as file:
        file.write(f"{words!r}\\n")
    raise OSError("no network here")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.create_connection = refuse

if before == "open":
    import nncf  # as a program that wants to report may have done

    nncf.telemetry.wrapper.telemetry.start_session("ov")
    time.sleep(4)
    print(Path(asked).exists())
    Path(asked).unlink(missing_ok=True)
from retouch.export import quantise

quantise(network, output, folder)
time.sleep(4)
print(Path(asked).exists(), "openvino_telemetry" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["closed", "open"])
def test_nobody_is_told(before: str, folders: tuple[Path, Path], out: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    hidden = {"PYTEST_CURRENT_TEST", "CI", "NNCF_CI", "NNCF_DEV", "TF_BUILD", "JENKINS_URL"}
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [
        sys.executable,
        "-c",
        WATCHED,
        before,
        toy("upscaler", tmp_path),
        out,
        folders[0],
        tmp_path / "asked",
    ]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert lines == (["False False"] if before == "closed" else ["True", "False True"])
    if before == "closed":
        assert not list(home.rglob("*openvino*"))
