"""Files made to do harm: each must end in one clear error, soon, with little memory and nothing run."""

from __future__ import annotations

import io
import os
import pickle  # noqa: TID251 - the attack
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retouch.errors import UnreadableWeights, WeightsError
from retouch.weights import read, save
from tests.weights.forged import archive_of, legacy, nested, refused, storage, string, view
from tests.weights.toys import CARD, toy

# Code


class Attack:
    """Unpickling this makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def outer(target: Path) -> object:
    return Attack(target)


def beside(target: Path) -> object:
    return {"state_dict": toy().state_dict(), "extra": Attack(target)}


def among(target: Path) -> object:
    return {**toy().state_dict(), "x": Attack(target)}


def _pickled(protocol: int) -> Callable[[object, Path], object]:
    return lambda thing, path: path.write_bytes(pickle.dumps(thing, protocol))


SAVERS: dict[str, Callable[[object, Path], object]] = {
    "zip": torch.save,
    "legacy": lambda thing, path: torch.save(thing, path, _use_new_zipfile_serialization=False),
    **{f"pickle {protocol}": _pickled(protocol) for protocol in range(6)},
}


@pytest.mark.parametrize("write", SAVERS.values(), ids=SAVERS)
@pytest.mark.parametrize("hide", [outer, beside, among])
def test_code_in_the_pickle_is_not_run(
    hide: Callable[[Path], object], write: Callable[[object, Path], object], tmp_path: Path
) -> None:
    target, path = tmp_path / "made", tmp_path / "net.pth"
    write(hide(target), path)
    refused(path, r"asks Python to call (posix|nt|os)\.mkdir")
    assert not target.exists()


def test_the_attack_would_work_elsewhere(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(outer(tmp_path / "made")))
    assert (tmp_path / "made").exists()


CALLS = {
    "GLOBAL REDUCE": b"cposix\nmkdir\n(%AtR.",
    "STACK_GLOBAL REDUCE": b"\x80\x04" + string("posix") + string("mkdir") + b"\x93%A\x85R.",
    "INST": b"(%Aiposix\nmkdir\n.",
    "OBJ": b"(cposix\nmkdir\n%Ao.",
    "NEWOBJ": b"\x80\x02cposix\nmkdir\n%A\x85\x81.",
    "NEWOBJ_EX": b"\x80\x04cposix\nmkdir\n%A\x85}\x92.",
    "BUILD": b"\x80\x02cposix\nmkdir\n%A\x85R}b.",
    "getattr": b"c__builtin__\ngetattr\n(c__builtin__\n__import__\n(X\x02\0\0\0ostRX\x05\0\0\0mkdirtR(%AtR.",
    "eval": b"c__builtin__\neval\n(X\x10\0\0\0__import__('os')tR.",
}


@pytest.mark.parametrize("code", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("form", ["pickle", "zip", "nested"])
def test_every_opcode_that_runs_code_only_notes_it(code: bytes, form: str, tmp_path: Path) -> None:
    path, target = tmp_path / "net.pth", tmp_path / "made"
    attack = code.replace(b"%A", string(str(target)))
    if form == "pickle":
        path.write_bytes(attack)
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", attack)
    else:
        path.write_bytes(nested(legacy(attack)))
    refused(path, "asks Python to call|cannot take")
    assert not target.exists()


def test_code_in_the_bytes_of_a_storage_is_not_run(tmp_path: Path) -> None:
    path, target = tmp_path / "net.pkl", tmp_path / "made"
    data = pickle.dumps({"weight": torch.arange(3.0)})
    path.write_bytes(data)
    assert torch.equal(read(path).tensors["weight"], torch.arange(3.0))
    attack = b"cposix\nmkdir\n(" + string(str(target)) + b"tR."
    path.write_bytes(nested(legacy(attack)))
    refused(path, r"asks Python to call posix\.mkdir")
    path.write_bytes(nested(nested(legacy(attack))))
    refused(path)
    inner = nested(legacy(b"N."))
    path.write_bytes(nested(legacy(inner)))
    refused(path, "nests torch files")
    assert not target.exists()


# Lies about sizes


def test_an_honest_view_is_read(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(archive_of(view(1, (3,), (1,))))
    assert read(tmp_path / "net.pth").tensors["w"].shape == (3,)


LIES = {
    "too long": (0, (5,), (1,)),
    "offset": (2, (3,), (1,)),
    "stride": (0, (2,), (4,)),
    "negative offset": (-1, (3,), (1,)),
    "negative stride": (3, (3,), (-1,)),
    "negative size": (0, (-1, -3), (1, 1)),
    "repeated": (0, (1 << 20, 1 << 20), (0, 0)),
    "overlapping": (0, (3, 2), (1, 1)),
    "huge": (0, (1 << 50,), (1,)),
    "overflowing": (0, (1 << 40, 1 << 40), (1, 1)),
    "huge and empty": (0, (0, 1 << 59), (1, 1)),
    "many sides": (0, (1,) * 17, (1,) * 17),
    "other strides": (0, (2, 2), (1,)),
    "a float": (0, (2.0,), (1,)),
    "a bool": (0, (True,), (1,)),
    "a text": (0, ("2",), (1,)),
    "beyond 64 bits": (1 << 70, (1,), (1,)),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_view_outside_its_storage_is_refused(lie: tuple[Any, Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(archive_of(view(*lie)))
    refused(path, "tensor|repeat")
    key = pickle.dumps(["0"], 2)
    path.write_bytes(legacy(view(*lie), None, key + struct.pack("<q", 4) + bytes(16)))
    refused(path, "tensor|repeat")


@pytest.mark.parametrize("count", [5, 1 << 40, 1 << 70, -1, -(1 << 62)])
def test_a_storage_that_announces_more_than_it_has_is_refused(count: int, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(archive_of(view(0, (4,), (1,), storage(count=count))))
    refused(path, "are announced and 16 are there|describes a tensor storage")
    for told in (count, 4):
        size = struct.pack("<q", max(min(told, (1 << 62)), -(1 << 62)))
        path.write_bytes(
            legacy(view(0, (4,), (1,), storage(count=count)), None, pickle.dumps(["0"], 2) + size + bytes(16))
        )
        refused(path)


@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "1", "0/../0"])
def test_a_storage_elsewhere_is_refused(key: str, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(archive_of(view(0, (4,), (1,), storage(key=key))))
    refused(tmp_path / "net.pth", "missing or compressed")


@pytest.mark.parametrize(
    ("shift", "count", "fits"), [(2, 2, True), (3, 2, False), (-1, 2, False), (0, 1 << 40, False)]
)
def test_a_part_of_a_storage_of_2017(shift: int, count: int, fits: bool, tmp_path: Path) -> None:
    part = pickle.dumps(("1", shift, count), 2)[2:-1]
    stored = storage()[:-2] + part + b"tQ"
    raw = pickle.dumps(["0"], 2) + struct.pack("<q4f", 4, 1, 2, 3, 4)
    (tmp_path / "net.pth").write_bytes(legacy(view(0, (2,), (1,), stored), None, raw))
    if fits:
        assert read(tmp_path / "net.pth").tensors["w"].tolist() == [3, 4]
    else:
        refused(tmp_path / "net.pth", "a part of a storage")


def test_an_unknown_kind_of_storage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(archive_of(view(0, (4,), (1,), storage("QUInt8Storage"))))
    refused(tmp_path / "net.pth", "QUInt8Storage, which retouch does not read")


def test_many_views_of_one_storage_cannot_multiply_it(tmp_path: Path) -> None:
    name = b"ctorch._utils\n_rebuild_tensor_v2\nq\0("
    rest = b"K\0J\0\0\x10\0\x85K\1\x85\x89}tRq\1s"
    first = b"\x80\x02}" + string("w") + name + storage(count=1 << 20) + rest
    more = b"".join(string(f"w{index}") + b"h\1s" for index in range(2000))
    (tmp_path / "net.pth").write_bytes(archive_of(first + more + b".", **{"0": bytes(4 << 20)}))
    refused(tmp_path / "net.pth", "many times larger than the file")


@pytest.mark.parametrize("length", [0, 1, 1 << 20, 1 << 40, (1 << 64) - 1])
def test_a_safetensors_header_that_lies_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save(path, toy(), CARD)
    data = path.read_bytes()
    path.write_bytes(struct.pack("<Q", length) + data[8:])
    refused(path)


@pytest.mark.parametrize(
    "header",
    [
        '{"w":{"dtype":"F32","shape":[1000000000,1000000000],"data_offsets":[0,16]}}',
        '{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,17]}}',
        '{"w":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}',
        '{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,4000000000000]}}',
        '{"w":{"dtype":"F99","shape":[4],"data_offsets":[0,16]}}',
        '{"w":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}',
        '{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"v":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
        '{"__metadata__":{"retouch":"{}"},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
        '{"__metadata__":{"retouch":3},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
        '{"__metadata__":{}}',
        "{" * 5000,
        '{"a":' + "[" * 100_000,
    ],
)
def test_a_broken_safetensors_header_is_refused(header: str, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(16))
    refused(path)


# Archives


def test_a_compressed_entry_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", view(0, (1 << 23,), (1,), storage(count=1 << 23)))
        archive.writestr("archive/data/0", bytes(1 << 25))
    refused(path, "compressed")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", view(0, (1 << 23,), (1,), storage(count=1 << 23)))
        archive.writestr("archive/data/0", bytes(1 << 25), zipfile.ZIP_DEFLATED)
    refused(path, "compressed")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("archive/data/0", "twice"),
        ("../outside", "leads out"),
        ("/absolute", "leads out"),
        ("archive/../../x", "leads out"),
        ("C:/windows", "leads out"),
        ("other/data.pkl", "not one that torch"),
    ],
)
def test_names_that_trick_are_refused(name: str, match: str, tmp_path: Path) -> None:
    made = io.BytesIO(archive_of(view(0, (4,), (1,))))
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(name, bytes(16))
    (tmp_path / "net.pth").write_bytes(made.getvalue())
    refused(tmp_path / "net.pth", match)
    assert [path.name for path in tmp_path.iterdir()] == ["net.pth"]


def test_an_entry_with_two_sizes_is_refused(tmp_path: Path) -> None:
    data = bytearray(archive_of(view(0, (4,), (1,))))
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, 5)
    (tmp_path / "net.pth").write_bytes(data)
    refused(tmp_path / "net.pth", "has two sizes")


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    refused(tmp_path / "net.pth", "not one that torch")


@pytest.mark.parametrize(
    ("place", "value"),
    [(-22 + 8, 0xFFFF), (-22 + 10, 0xFFFF), (-22 + 12, 1 << 20), (-22 + 16, 1 << 20), (-22 + 4, 1)],
)
def test_a_zip_directory_that_lies_is_refused(place: int, value: int, tmp_path: Path) -> None:
    data = bytearray(archive_of(view(0, (4,), (1,))))
    struct.pack_into("<I" if value > 0xFFFF else "<H", data, len(data) + place, value)
    (tmp_path / "net.pth").write_bytes(data)
    if place == -22 + 8:
        read(tmp_path / "net.pth")  # the count on this disk, which nothing depends on
    else:
        refused(tmp_path / "net.pth")


# Damage


def every_kind(folder: Path) -> dict[str, bytes]:
    """One small file of every format."""
    state = {"a": torch.arange(3.0), "b.c": torch.ones(2, 2, dtype=torch.bfloat16)}
    for name, write in SAVERS.items():
        write({"state_dict": state, "epoch": 3}, folder / name)
    save(folder / "safetensors", state, CARD)
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    return found


@pytest.mark.parametrize("kind", [*SAVERS, "safetensors"])
def test_a_truncated_file_is_refused_wherever_it_is_cut(kind: str, tmp_path: Path) -> None:
    data = every_kind(tmp_path)[kind]
    path = tmp_path / "net.pth"
    step = max(1, len(data) // 100)
    for size in [*range(0, len(data), step), *range(len(data) - 8, len(data))]:
        path.write_bytes(data[:size])
        refused(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 1 << 30), kind=st.sampled_from([*SAVERS, "safetensors"]))
def test_a_corrupt_file_is_read_or_refused(seed: int, kind: str, tmp_path: Path) -> None:
    kinds = _KINDS or _KINDS.setdefault("all", every_kind(tmp_path))
    rng = random.Random(seed)
    data = bytearray(_KINDS["all"][kind] if kinds else b"")
    for _ in range(rng.choice((1, 2, 8))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path = tmp_path / "net.pth"
    path.write_bytes(data)
    try:
        contents = read(path)
    except WeightsError:
        return
    assert all(tensor.numel() <= len(data) for tensor in contents.tensors.values())


_KINDS: dict[str, dict[str, bytes]] = {}


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=st.binary(max_size=300),
    head=st.sampled_from([b"", b"\x80\x02", b"PK\3\4", b"\x80\x04\x95", b"(", b"}"]),
)
def test_corrupt_noise_is_refused(data: bytes, head: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(head + data)
    with pytest.raises(UnreadableWeights):
        read(tmp_path / "net.pth")


# Not files, and files of others


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"\n\n<html>404</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"\x89PNG\r\n\x1a\n0000", "a picture"),
        (b"\x89HDF\r\n\x1a\n", "Keras"),
        (b"hello", "no kind that retouch reads"),
        (b"\0" * 100, "no kind that retouch reads"),
        (b"x", "no kind that retouch reads"),
    ],
)
def test_another_kind_of_file_is_named(data: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(data)
    refused(tmp_path / "net.pth", match)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")
    refused(tmp_path / "missing.pth", "cannot be opened")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "cannot be opened")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    refused(tmp_path / "dangling", "cannot be opened")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file")
    refused(Path("/dev/zero"), "not a regular file")
    with pytest.raises(UnreadableWeights, match="cannot be opened"):
        read("a\0b")
