"""Files that nobody's program would write, byte by byte."""

from __future__ import annotations

import io
import pickle  # noqa: TID251 - to forge pickles
import struct
import zipfile
from pathlib import Path

import pytest

from retouch.errors import UnreadableWeights
from retouch.weights import read


def refused(path: Path, match: str | None = None) -> None:
    with pytest.raises(UnreadableWeights, match=match) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def string(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def legacy(body: bytes, keys: object = (), raw: bytes = b"") -> bytes:
    """A file as torch before 1.6 wrote it, around any pickle."""
    head = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({}, 2)]
    return b"".join([*head, body, pickle.dumps(list(keys), 2) if isinstance(keys, tuple) else b"", raw])


def nested(inner: bytes) -> bytes:
    """A pickle of one tensor whose storage is a file of its own."""
    data = b"B" + struct.pack("<I", len(inner)) + inner
    storage = b"ctorch.storage\n_load_from_bytes\n" + data + b"\x85R"
    return (
        b"\x80\x03}"
        + string("w")
        + b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\0K\1\x85K\1\x85tRs."
    )


def storage(kind: str = "FloatStorage", key: str = "0", count: int = 4) -> bytes:
    return (
        b"(" + string("storage") + f"ctorch\n{kind}\n".encode() + string(key) + string("cpu")
        + pickle.dumps(count, 2)[2:-1] + b"tQ"
    )  # fmt: skip


def view(
    offset: int, size: tuple[object, ...], stride: tuple[object, ...], stored: bytes | None = None
) -> bytes:
    sides = [pickle.dumps(item, 2)[2:-1] for item in (offset, size, stride)]
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + (stored or storage()) + b"".join(sides) + b"\x89}tR"
    return b"\x80\x02}" + string("w") + call + b"s."


def archive_of(data: bytes, **files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        for name, content in (files or {"0": bytes(16)}).items():
            archive.writestr(f"archive/data/{name}", content)
    return made.getvalue()
