"""Pickles built to take for ever, or all memory, and broken ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch

from retouch.weights.opcodes import MAX_OPCODES
from tests.weights.forged import archive_of, legacy, refused, string, view

BOMBS = {
    "deep lists": b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
    "deep tuples": b"\x80\x02)" + b"\x85" * 50_000 + b".",
    "deep dicts": b"\x80\x02" + b"}N" * 30_000 + b"}" + b"s" * 30_000 + b".",
    "deep marks": b"\x80\x02" + b"(" * 50_000 + b".",
    "doubling": b"\x80\x02]" + b"".join(b"q\x00h\x00h\x00\x86" for _ in range(20_000)) + b".",
    "doubling keys": b"\x80\x02)" + b"q\x00h\x00\x86" * 60 + b"q\x01}h\x01Ns.",
    "doubling tensors": b"\x80\x02"
    + view(0, (1,), (1,))[2:-1]
    + b"q\0" + b"}" + string("a") + b"h\0s" + string("b") + b"h\0sq\0" * 1
    + b"".join(b"}" + string("a") + b"h\0s" + string("b") + b"h\0sq\0" for _ in range(60)) + b".",
    "a loop": b"\x80\x02]q\0h\0a.",
    "a loop with tensors": b"\x80\x02}q\0" + string("me") + b"h\0s" + view(0, (1,), (1,))[3:],
    "wide": b"\x80\x02]" + b"(" + b"N" * 100_000 + b"e.",
    "text multiplied": b"\x80\x02X\x00\x00\x40\x00" + b"a" * (4 << 20) + b"q\x01c_codecs\nencode\nq\x00"
    + b"h\x00h\x01X\x06\0\0\0latin1\x86R" * 20_000 + b".",
    "a huge text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
    "huge bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x.",
    "a negative length": b"\x80\x03\x8e" + b"\xff" * 8 + b".",
    "a long number": b"\x80\x02\x8b" + struct.pack("<I", 3 << 20) + b"\x01" * (3 << 20) + b".",
    "a long decimal": b"L" + b"9" * 1_000_000 + b"L\n.",
    "colliding keys": b"\x80\x02}(" + b"".join(
        b"\x8a\x10" + (index * ((1 << 61) - 1)).to_bytes(16, "little") + b"N" for index in range(60_000)
    ) + b"u.",
    "memo": b"\x80\x02N" + b"r\xff\xff\xff\xff" * 10_000 + b".",
    "negative memo": b"Np-5\n.",
    "forgotten memo": b"\x80\x02h\x07.",
    "an extension": b"\x80\x02\x82\x01.",
    "a buffer": b"\x80\x05\x97.",
    "an odd dict": b"\x80\x02}(K\x01u.",
    "an append to None": b"\x80\x02NNa.",
    "no end": b"\x80\x02}" + b"0}" * 100,
    "an empty stack": b"\x80\x02.",
    "a strange escape": b"V\\u12\n.",
    "a strange string": b"S'\\x4'\n.",
    "no text": b"\x80\x02X\x02\0\0\0\xff\xff.",
    "a persistent text": b"Phello\n.",
    "a call of nothing": b"\x80\x02NNR.",
    "a tensor of nothing": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "an encoding": b"\x80\x02c_codecs\nencode\n(X\x01\0\0\0aX\x03\0\0\0zipt" + b"R.",
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("form", ["pickle", "zip", "legacy"])
def test_an_endless_or_broken_pickle_is_refused(bomb: bytes, form: str, tmp_path: Path) -> None:
    forms = {"pickle": lambda: bomb, "zip": lambda: archive_of(bomb), "legacy": lambda: legacy(bomb)}
    (tmp_path / "net.pth").write_bytes(forms[form]())
    refused(tmp_path / "net.pth")


@pytest.mark.parametrize("step", [b"\x8f", b"("])
def test_a_pickle_of_too_many_steps_is_refused(step: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"\x80\x04N" + step * MAX_OPCODES + b".")
    refused(tmp_path / "net.pth", "more than 1,500,000 steps")


@pytest.mark.parametrize(
    "number", [b"\x80\x02\x8b" + struct.pack("<I", 200) + b"\x01" * 200 + b".", b"L" + b"9" * 300 + b"L\n."]
)
def test_a_number_of_hundreds_of_digits_is_refused(number: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"(" * (number[:1] == b"L") + number)
    refused(tmp_path / "net.pth", "has an integer of")


def test_sharing_cannot_make_the_search_for_tensors_endless(tmp_path: Path) -> None:
    inner = {str(index): None for index in range(60_000)}
    root = {str(index): inner for index in range(60_000)} | {
        "w": torch.zeros(1),
        "state": {"w": torch.ones(1)},
    }
    torch.save(root, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "many times larger")
