"""Photos changed along directions."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retouch.errors import InputError, RetouchError, UnknownName, UnreadableWeights
from retouch.tasks.invert.edit import arrays
from retouch.tasks.invert.edit.directing import direction_of
from retouch.tasks.invert.edit.latent import SUFFIX, Latent
from retouch.tasks.invert.edit.model import Model
from retouch.tasks.invert.edit.sample import sample
from retouch.tasks.invert.edit.vary import vary
from retouch.tasks.invert.method import directions
from retouch.tasks.invert.method.whitening import whitening
from tests.tasks.invert import films
from tests.tasks.invert.films import cells, shown


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return films.stylegan2(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def latent(model: str) -> Latent:
    return Latent.read(sample(model=model, count=1, noise="random").companions[SUFFIX])


@pytest.fixture
def axis(tmp_path: Path) -> str:
    """A file with the direction along the third number of a style, twice too long."""
    np.save(tmp_path / "axis.npy", 2 * np.eye(8, dtype=np.float32)[2:3])
    return str(tmp_path / "axis.npy")


@pytest.mark.parametrize("direction", ["sefa:1", "white:1"])
def test_the_picture_in_the_middle_is_the_photos_own_bit_for_bit(
    direction: str, model: str, latent: Latent
) -> None:
    sheet = vary(latent, model=model, steps=5, strength=2, direction=direction)
    pictures = cells(sheet)
    assert np.array_equal(pictures[2], shown(latent, model))
    assert all(np.abs(pictures[end] - pictures[2]).max() > 0.01 for end in (0, 4))
    assert sheet.animation is not None
    shots = [frame.astype(np.float32) / 255 for frame in sheet.animation.frames]
    # there and back, with neither end twice
    for shot, place in zip(shots, [0, 1, 2, 3, 4, 3, 2, 1], strict=True):
        assert np.abs(shot - pictures[place]).max() <= 0.51 / 255


def test_one_standard_deviation_is_what_the_styles_have(model: str, latent: Latent, axis: str) -> None:
    loaded = Model.load(model)
    deviation = directions.drawn(loaded.network).std(dim=0)[2]
    found = vary(latent, model=model, direction=axis, strength=1.5, steps=1)
    moved = Latent.read(found.companions[SUFFIX])
    wanted = latent.rows + 1.5 * deviation * torch.eye(8)[2]
    assert torch.allclose(moved.rows, wanted, rtol=1e-4, atol=1e-4)
    assert found.report["spread"] == pytest.approx(float(deviation), rel=1e-4)
    assert moved.facts["direction"] == "axis.npy"
    assert (moved.space, moved.codes) == ("w+", None)
    assert np.array_equal(shown(moved, model), found.pixels)
    assert found.animation is None


def test_strengths_are_spaced_from_less_to_more(model: str, latent: Latent, axis: str) -> None:
    loaded = Model.load(model)
    deviation = directions.drawn(loaded.network).std(dim=0)[2]
    for number, cell in enumerate(cells(vary(latent, model=model, direction=axis, strength=3, steps=4))):
        strength = (-3, -1, 1, 3)[number]
        moved = replace(latent, rows=latent.rows + strength * deviation * torch.eye(8)[2])
        assert np.allclose(cell, shown(moved, model), atol=1e-4)


def test_rows_that_are_not_named_stay(model: str, latent: Latent) -> None:
    moved = Latent.read(vary(latent, model=model, rows="0-1,4", steps=1).companions[SUFFIX])
    changed = (moved.rows != latent.rows).any(dim=1)
    assert changed.tolist() == [True, True, False, False, True, False]


@pytest.mark.parametrize("name", ["sefa:1", "sefa:8", "pca:1", "pca:3", "SeFa", " pca : 2 "])
def test_directions_of_the_generator(name: str, model: str, latent: Latent) -> None:
    loaded = Model.load(model)
    styles = directions.drawn(loaded.network)
    way, _, number = name.lower().replace(" ", "").partition(":")
    found = directions.pca(styles) if way == "pca" else directions.sefa(loaded.network, styles)
    at = int(number or 1) - 1
    moved = Latent.read(vary(latent, model=model, direction=name, steps=1, strength=-2).companions[SUFFIX])
    wanted = latent.rows - 2 * found.spreads[at] * found.vectors[at]
    assert torch.allclose(moved.rows, wanted, atol=1e-5)
    assert moved.noise is not None


def test_whitened_directions_stay_among_the_styles_that_are_known(model: str, latent: Latent) -> None:
    white = whitening(Model.load(model).network)  # type: ignore[arg-type]
    found = vary(latent, model=model, direction="white:2", steps=1, strength=-2.5, rows="0-2")
    moved = Latent.read(found.companions[SUFFIX])
    assert torch.equal(moved.rows[3:], latent.rows[3:])
    apart = (white.coordinates(moved.rows) - white.coordinates(latent.rows))[:3]
    axis = white.directions[:, -2]
    wanted = torch.zeros(8)
    wanted[-2] = -2.5 * axis[axis.abs().argmax()].sign()
    assert torch.allclose(apart, wanted.expand(3, 8), atol=1e-3)
    assert found.report["spread"] == pytest.approx(float(white.spread[-2]), rel=1e-4)
    far, straight = (
        vary(latent, model=model, direction=name, steps=2, strength=6) for name in ("white:1", "pca:1")
    )
    assert float(far.report["prior"]) < float(straight.report["prior"]) / 2


def test_a_dcgan_has_directions_of_its_first_layer(tmp_path: Path) -> None:
    model = films.dcgan(tmp_path)
    latent = Latent.read(sample(model=model, count=1).companions[SUFFIX])
    moved = Latent.read(vary(latent, model=model, direction="sefa:2", steps=1).companions[SUFFIX])
    assert float((moved.rows - latent.rows).norm()) == pytest.approx(3, rel=0.1)  # z is normal
    assert np.array_equal(cells(vary(latent, model=model, steps=3))[1], shown(latent, model))
    for name in ("pca:1", "white:1"):
        with pytest.raises(InputError, match=r"is a DCGAN, whose noise varies alike .* direction='sefa:1'"):
            vary(latent, model=model, direction=name)


def npz(path: Path, **values: Any) -> Path:
    np.savez(path, **values)
    return path


def tensors(path: Path, **values: Any) -> Path:
    save_file(values, path)
    return path


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: npz(folder / "a.npz", direction=np.eye(8)[2], other=np.zeros(3)),
        lambda folder: npz(folder / "a.npz", anything=np.eye(8, dtype=np.float16)[2:3]),
        lambda folder: npz(folder / "a.npz", direction=np.asfortranarray(np.tile(np.eye(8)[2], (6, 1)))),
        lambda folder: tensors(folder / "a.safetensors", direction=torch.eye(8)[2], more=torch.zeros(2)),
        lambda folder: tensors(folder / "a.safetensors", boundary=torch.eye(8)[2:3]),
        lambda folder: tensors(
            folder / "a.safetensors", direction=1e30 * torch.eye(8)[2].expand(6, 8).contiguous()
        ),
    ],
)
def test_files_of_directions(write: Callable[[Path], Path], model: str, axis: str, tmp_path: Path) -> None:
    loaded = Model.load(model)
    found = direction_of(str(write(tmp_path)), loaded, range(6))
    wanted = direction_of(axis, loaded, range(6))
    assert torch.allclose(found.offset, wanted.offset, atol=1e-5)
    assert found.spread == pytest.approx(wanted.spread, rel=1e-5)


def test_the_length_of_a_direction_in_a_file_counts_for_nothing(model: str, tmp_path: Path) -> None:
    loaded = Model.load(model)
    vector = np.array([3.0, 4, 0, 0, 0, 0, 0, 12])
    found = direction_of(str(npz(tmp_path / "a.npz", direction=vector)), loaded, [1])
    unit = torch.tensor(vector / 13).float()  # √(9 + 16 + 144) = 13
    spread = float((directions.drawn(loaded.network) @ unit).std())
    assert found.spread == pytest.approx(spread, rel=1e-4)
    assert torch.allclose(found.offset[1], spread * unit, atol=1e-4)


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/retouch-was-here",)


def lying(shape: tuple[int, ...], data: bytes = b"\0" * 32) -> bytes:
    """An array whose header announces more than there is."""
    file = io.BytesIO()
    head = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
    return file.getvalue() + data


def zipped(path: Path, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("direction.npy", data)
    return path


PYTHON_2 = "{'descr': '<f4', 'fortran_order': False, 'shape': (8L,)}"


def headed(text: str) -> bytes:
    """An array with a header of any kind, and nothing behind it."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def broken(path: Path, compression: int) -> Path:
    """An archive whose compressed bytes are damaged."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("direction.npy", " ".join(map(str, range(400))))
    data = bytearray(path.read_bytes())
    data[60:100] = b"\xff" * 40
    path.write_bytes(data)
    return path


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda folder: npz(folder / "a.npz", direction=np.array([Evil()], object)), "no array of numbers"),
        (lambda folder: zipped(folder / "a.npz", lying((10**12,))), "announces"),
        (lambda folder: zipped(folder / "a.npz", lying((-1, 8))), "announces|cannot be read"),
        (lambda folder: zipped(folder / "a.npz", b"\0" * (65 << 20)), "are read"),
        (lambda folder: put(folder / "a.npy", lying((8, 10**9))), "announces"),
        (lambda folder: put(folder / "a.npy", b"\x93NUMPY\x03\x00"), "format"),
        (lambda folder: put(folder / "a.npy", b""), "cannot be read"),
        (lambda folder: put(folder / "a.npy", headed("{'shape': (")), "has a header that is none"),
        (lambda folder: put(folder / "a.npy", headed("-" * 9000 + "1")), "has a header that is none"),
        (lambda folder: put(folder / "a.npy", headed("1+" * 4000 + "1")), "cannot be read"),
        (lambda folder: put(folder / "a.npy", headed(PYTHON_2)), "announces"),
        (lambda folder: broken(folder / "a.npz", zipfile.ZIP_DEFLATED), "cannot be read"),
        (lambda folder: broken(folder / "a.npz", zipfile.ZIP_LZMA), "numpy does not write"),
        (lambda folder: put(folder / "a.npz", b"PK\x03\x04 and no more"), "cannot be read"),
        (lambda folder: npz(folder / "a.npz", a=np.eye(8)[0], b=np.eye(8)[1]), "'a', 'b', and none is"),
        (lambda folder: npz(folder / "a.npz", direction=np.zeros(8)), "is zero or no number"),
        (lambda folder: npz(folder / "a.npz", direction=np.full(8, np.nan)), "is zero or no number"),
        (lambda folder: npz(folder / "a.npz", direction=np.full(8, 1e300)), "is zero or no number"),
        (lambda folder: npz(folder / "a.npz", direction=np.ones(9)), r"is \(9,\), and tiny-0 takes \(8,"),
        (lambda folder: put(folder / "a.safetensors", b"\xff" * 40), "a.safetensors"),
        (lambda folder: folder / "gone.npz", "does not exist; pass direction='sefa:1'"),
        (lambda folder: folder, "does not exist"),
    ],
)  # fmt: skip
def test_files_that_hold_no_direction(
    write: Callable[[Path], Path], message: str, model: str, latent: Latent, tmp_path: Path
) -> None:
    with pytest.raises(RetouchError, match=message):
        vary(latent, model=model, direction=str(write(tmp_path)))
    assert not Path("/tmp/retouch-was-here").exists()


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        file.truncate(arrays.MAX_BYTES + 1)
    with pytest.raises(UnreadableWeights, match="more than the"):
        arrays.arrays(path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"direction": "sefe:1"}, UnknownName, "unknown direction 'sefe:1'; did you mean sefa:1"),
        ({"direction": "sefa:0"}, InputError, "tiny-0 has sefa:1 to sefa:8"),
        ({"direction": "pca:9"}, InputError, "tiny-0 has pca:1 to pca:8"),
        ({"direction": "sefa:99999999"}, RetouchError, "sefa:99999999"),
        ({"direction": 3}, InputError, "direction=3"),
        ({"direction": "a\0b"}, UnreadableWeights, "does not exist"),
        ({"rows": "6"}, InputError, "rows='6'; this generator has rows 0"),
        ({"rows": "5"}, InputError, "the rows 5 have no weights"),
        ({"steps": 0}, InputError, "steps=0"),
        ({"strength": float("inf")}, InputError, "strength"),
        ({"seconds": -1}, InputError, "seconds"),
        ({"seed": True}, InputError, "seed"),
    ],
)
def test_what_cannot_be_meant(
    options: dict[str, Any], error: type[Exception], message: str, model: str, latent: Latent
) -> None:
    with pytest.raises(error, match=message):
        vary(latent, **{"model": model, **options})


def test_a_generator_with_labels(tmp_path: Path) -> None:
    model = films.stylegan2(tmp_path, classes=2)
    latent = Latent.read(sample(model=model, count=1, label=1).companions[SUFFIX])
    loaded = Model.load(model)
    moved = Latent.read(vary(latent, model=model, direction="pca:1", steps=1, strength=1).companions[SUFFIX])
    of_the_class = directions.pca(directions.drawn(loaded.network, label=loaded.label(1)))
    assert torch.allclose(
        moved.rows - latent.rows, of_the_class.spreads[0] * of_the_class.vectors[0], atol=1e-5
    )
    other = vary(latent, model=model, direction="pca:1", steps=1, strength=1, label=0)
    assert not torch.allclose(Latent.read(other.companions[SUFFIX]).rows, moved.rows, atol=1e-3)
    with pytest.raises(InputError, match="pass label=0 to 1"):
        vary(replace(latent, label=None), model=model)
    with pytest.raises(InputError, match="classes 0 to 1"):
        vary(latent, model=model, label=2)
