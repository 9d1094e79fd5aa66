"""A latent and its file: what is written is rendered again, and what is hostile is refused."""

from __future__ import annotations

import contextlib
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from retouch.errors import InputError, RetouchError, UnreadableWeights, WeightsError
from retouch.tasks.invert.edit import latent_file
from retouch.tasks.invert.edit.foreign import read as read_foreign
from retouch.tasks.invert.edit.latent import SUFFIX, Latent
from tests.tasks.invert.edit import toys


def latent(**changes: Any) -> Latent:
    noise = [
        torch.randn(side, side, generator=torch.Generator().manual_seed(side)) for side in (4, 8, 8, 16, 16)
    ]
    options: dict[str, Any] = {"space": "w+", "noise": noise, "seed": 7, "facts": {"losses": [1.0, 0.5]}}
    return Latent.of(toys.model(), toys.codes(), **{**options, **changes})


def head(**changes: Any) -> dict[str, Any]:
    """What a file says, with changes."""
    found = latent_file.read(latent().encoded()).head
    said = {
        "version": 1,
        "model": found.model,
        "sha256": found.digest,
        "kind": found.kind,
        "side": found.side,
        "space": found.space,
        "noise": "const",
        "seed": 0,
        "label": None,
        "facts": {},
        "retouch": "1",
    }
    return {**said, **changes}


def file(said: object, tensors: dict[str, torch.Tensor] | None = None) -> bytes:
    made: bytes = save(
        tensors if tensors is not None else {"rows": torch.zeros(6, 8)},
        metadata={latent_file.KEY: said if isinstance(said, str) else json.dumps(said)},
    )
    return made


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    first = latent()
    path = first.save(tmp_path / f"one{SUFFIX}")
    again = Latent.read(path)
    assert torch.equal(again.rows, first.rows)
    assert isinstance(again.noise, tuple)
    assert isinstance(first.noise, tuple)
    assert all(torch.equal(one, two) for one, two in zip(again.noise, first.noise, strict=True))
    assert replace(again, rows=first.rows, noise=first.noise) == first
    assert again.encoded() == first.encoded() == path.read_bytes()


def test_it_is_rendered_bit_for_bit_the_same_after_reading() -> None:
    model, first = toys.model(), latent()
    made = first.render(model)
    assert torch.equal(Latent.read(first.encoded()).render(model), made)
    assert (made - Latent.of(model, toys.codes()).render(model)).abs().max() > 0.01
    picture = Latent.read(first.encoded()).picture(model)
    assert np.array_equal(picture.samples, first.picture(model).samples)


@pytest.mark.parametrize("noise", [None, "none"])
def test_noise_that_is_no_maps_is_kept_as_a_word(noise: Any) -> None:
    first = latent(noise=noise)
    again = Latent.read(first.encoded())
    assert again.noise == noise
    assert len(first.encoded()) < 2000
    assert torch.equal(again.render(toys.model()), toys.model().render(toys.codes(), noise))


def test_a_dcgans_is_its_z() -> None:
    model = toys.dcgan()
    z = toys.codes(of=model)
    again = Latent.read(Latent.of(model, z, space="z").encoded())
    assert torch.equal(again.rows, z[0])
    assert torch.equal(again.render(model), model.render(z))


def test_one_of_another_generator_is_refused_by_name() -> None:
    other = toys.model(1)
    with pytest.raises(InputError, match=r"found with the generator 'toy'.*sha256 .*; pass the weights file"):
        latent().render(other)
    with pytest.raises(InputError, match=r"found with the generator 'faces'.*; pass model='faces' or the"):
        replace(latent(), model="faces").render(other)
    with pytest.raises(InputError, match=r"latent is \(5, 8\)"):
        Latent.of(toys.model(), torch.zeros(5, 8))
    with pytest.raises(InputError, match="maps of noise"):
        latent(noise=[torch.zeros(4, 4)])


def test_a_head_that_lies_about_its_generator_is_refused() -> None:
    for lying, said in (
        (replace(latent(), side=32), "stylegan2 of 32 pixels, and toy is a stylegan2 of 16"),
        (replace(latent(), label=3), "class 3, and toy has no classes"),
    ):
        with pytest.raises(InputError, match=said):
            lying.render(toys.model())


def test_numbers_that_no_picture_comes_of_are_refused() -> None:
    huge = replace(latent(), rows=torch.full((6, 8), 3e38))
    with pytest.raises(InputError, match="NaN or infinity of this latent, whose numbers reach 3e"):
        huge.picture(toys.model())


def test_what_cannot_be_written_says_so() -> None:
    with pytest.raises(WeightsError, match="cannot be written"):
        latent(facts={"psnr": float("nan")}).encoded()
    with pytest.raises(WeightsError, match="NaN or infinity"):
        latent(codes=torch.full((6, 8), float("inf"))).encoded()


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "later version": ({"version": 2}, "update retouch"),
    "no version": ({"version": None}, "version"),
    "truth as version": ({"version": True}, "version"),
    "no text": ({"model": 3}, "model"),
    "control characters": ({"model": "a\x1b[31m"}, "model"),
    "digest": ({"sha256": "z" * 64}, "sha256"),
    "short digest": ({"sha256": "a" * 63}, "sha256"),
    "kind": ({"kind": ["stylegan2"]}, "kind"),
    "side": ({"side": 1 << 20}, "side"),
    "space": ({"space": {}}, "space"),
    "noise": ({"noise": "random"}, "noise"),
    "maps that are not there": ({"noise": "maps"}, "holds 0 maps"),
    "seed": ({"seed": -1}, "seed"),
    "label": ({"label": "x"}, "label"),
    "facts": ({"facts": []}, "facts"),
    "deep facts": ({"facts": {"a": [[[[[[[[[[1]]]]]]]]]]}}, "facts"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_head_that_cannot_be_is_refused(name: str) -> None:
    changes, said = HOSTILE[name]
    latent_file.read(file(head()))
    with pytest.raises(UnreadableWeights, match=said):
        latent_file.read(file(head(**changes)))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "rows are missing"),
        ({"rows": torch.zeros(8)}, "rows are"),
        ({"rows": torch.zeros(6, 8, dtype=torch.float16)}, "rows are"),
        ({"rows": torch.zeros(6, 8, dtype=torch.float64)}, "not of F32 or F16"),
        ({"rows": torch.full((6, 8), float("nan"))}, "NaN"),
        ({"rows": torch.zeros(2, 1 << 15)}, "more than any generator takes"),
        ({"rows": torch.zeros(6, 0)}, "which no part"),
        ({"rows": torch.zeros(6, 8), "extra": torch.zeros(1)}, "extra"),
        ({"rows": torch.zeros(6, 8), "codes": torch.zeros(3, dtype=torch.float16)}, "codes"),
        ({"rows": torch.zeros(6, 8), "noise.00": torch.zeros(4, 4, dtype=torch.float16)}, "holds 1 maps"),
    ],
)
def test_tensors_that_no_latent_has_are_refused(tensors: dict[str, torch.Tensor], said: str) -> None:
    with pytest.raises(UnreadableWeights, match=said):
        latent_file.read(file(head(), tensors))


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        ({"noise.01": torch.zeros(4, 4, dtype=torch.float16)}, "one is missing"),
        ({"noise.00": torch.zeros(4, 8, dtype=torch.float16)}, "must be a square"),
        ({"noise.00": torch.zeros(4, 4)}, "must be a square"),
    ],
)
def test_maps_of_noise_that_cannot_be_are_refused(maps: dict[str, torch.Tensor], said: str) -> None:
    with pytest.raises(UnreadableWeights, match=said):
        latent_file.read(file(head(noise="maps"), {"rows": torch.zeros(6, 8), **maps}))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no safetensors"),
        (b"\x89PNG\r\n\x1a\n....", "no safetensors"),
        (struct.pack("<Q", 1 << 40) + b"{" + b" " * 20, "no safetensors"),
        (struct.pack("<Q", 1 << 20) + b"{}", "announces"),
        (struct.pack("<Q", 2) + b"{}", "not one of a latent"),
        (struct.pack("<Q", 4) + b"{x:}", "header is broken"),
        (struct.pack("<Q", 1 << 20) + b'{"a":' + b"[" * ((1 << 20) - 5), "header is broken"),
        (save({"rows": torch.zeros(6, 8)}), "not one of a latent"),
        (save({"rows": torch.zeros(6, 8)}, metadata={"retouch": "{}"}), "not one of a latent"),
        (file("[1]"), "no JSON object"),
        (file("{"), "no JSON"),
        (file('{"version": NaN}'), "no JSON"),
        (file("[" * 100_000), "no JSON"),
        (file('{"version": ' + "9" * 5000 + "}"), "no JSON"),
    ],
)
def test_a_file_that_is_no_latent_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableWeights, match=said):
        latent_file.read(data)


@given(place=st.integers(0, 5000), value=st.integers(0, 255), cut=st.integers(0, 5000))
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_gives_a_latent_or_a_clean_error(place: int, value: int, cut: int) -> None:
    data = bytearray(latent().encoded())
    data[place % len(data)] = value
    del data[max(len(data) - cut % 40, 0) :]
    with contextlib.suppress(RetouchError):
        Latent.read(bytes(data)).render(toys.model())


def test_a_file_that_is_missing_a_folder_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableWeights, match="cannot be read"):
        Latent.read(tmp_path / "none.latent.safetensors")
    with pytest.raises(UnreadableWeights, match="not a regular file"):
        Latent.read(tmp_path)
    large = tmp_path / f"large{SUFFIX}"
    with large.open("wb") as opened:
        opened.truncate(latent_file.MAX_BYTES + 1)
    with pytest.raises(UnreadableWeights, match="at most"):
        Latent.read(large)


def test_latents_of_other_programs_are_read(tmp_path: Path) -> None:
    model, rows = toys.model(), toys.codes(3)
    np.savez(tmp_path / "projected_w.npz", w=rows.numpy())
    torch.save(rows.contiguous(), tmp_path / "0.pt")
    np.save(tmp_path / "w.npy", rows[0, 0].numpy())
    maps = [conv.noise_const[None, None] for conv in toys.network().synthesis.convolutions()]
    torch.save(
        {"face.png": {"img": torch.zeros(1, 3, 4, 4), "latent": rows[0].contiguous(), "noise": maps}},
        tmp_path / "r.pt",
    )
    made = model.render(rows)
    for name in ("projected_w.npz", "0.pt", "w.npy", "r.pt"):
        found = read_foreign(tmp_path / name, model)
        assert found.space == "w+"
        assert (found.render(model) - made).abs().max() < 2e-3, name
        if name != "r.pt":
            assert torch.equal(found.rows, rows[0])
    assert read_foreign(tmp_path / "r.pt", model).noise is not None


def test_latents_of_other_programs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model = toys.model()
    np.savez(tmp_path / "w.npz", w=np.zeros((1, 18, 512), np.float32))
    np.savez(tmp_path / "two.npz", a=np.zeros(8, np.float32), b=np.zeros(8, np.float32))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.full(8, np.nan, np.float32))
    with pytest.raises(InputError, match=r"\(1, 18, 512\).*takes \(6, 8\)"):
        read_foreign(tmp_path / "w.npz", model)
    for name, said in (("two.npz", "none is called"), ("objects.npy", "none|numbers"), ("nan.npy", "NaN")):
        with pytest.raises(UnreadableWeights, match=said):
            read_foreign(tmp_path / name, model)
    with pytest.raises(UnreadableWeights, match="cannot be read"):
        read_foreign(tmp_path / "missing.npz", model)
