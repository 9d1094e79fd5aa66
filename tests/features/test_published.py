"""A published file is read only when its bytes are the published ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from retouch.errors import UnreadableWeights
from retouch.features.published import PublishedFile, read_published


def test_reads_by_path_and_by_folder(tmp_path: Path) -> None:
    place = tmp_path / "net.safetensors"
    save_file({"a.weight": torch.arange(3.0)}, place)
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    file = PublishedFile(place.name, digest, "https://example.org/net", "CC0")
    for path in (place, tmp_path, str(tmp_path)):
        assert read_published(path, file)["a.weight"].tolist() == [0, 1, 2]


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "net.safetensors"
    save_file({"a.weight": torch.arange(3.0)}, place)
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    place.write_bytes(place.read_bytes()[:-1] + b"\1")
    with pytest.raises(
        UnreadableWeights, match=f"has {digest}; .* download it again from https://example.org/net"
    ):
        read_published(place, PublishedFile(place.name, digest, "https://example.org/net", "CC0"))


def test_a_missing_file_says_where_to_put_it(tmp_path: Path) -> None:
    file = PublishedFile("net.pth", "0" * 64, "https://example.org/net", "CC0")
    with pytest.raises(
        UnreadableWeights, match=r"needs net.pth \(CC0\); download it from https://example.org/net"
    ):
        read_published(tmp_path / "net.pth", file)
