from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from retouch.errors import WeightsError
from retouch.weights import read, save, save_torch
from tests.weights.toys import CARD, same, toy


def test_wrappers_leave_no_trace_in_the_names(tmp_path: Path) -> None:
    wrapped = nn.ModuleDict({"module": nn.ModuleDict({"_orig_mod": toy()})})
    save(tmp_path / "a.safetensors", wrapped, CARD)
    assert set(read(tmp_path / "a.safetensors").tensors) == set(toy().state_dict())


def test_tied_turned_and_traced_tensors_are_written_as_they_look(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    state = {"a": base, "b": base, "c": base.T, "d": base[1:], "e": nn.Parameter(base)}
    save(tmp_path / "a.safetensors", state, CARD)
    found = read(tmp_path / "a.safetensors").tensors
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    save(tmp_path / "a.safetensors", toy(), CARD)
    save(tmp_path / "b.safetensors", toy(), CARD)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.safetensors", toy(1), CARD)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(WeightsError, match=r"cannot be written .No space left on device"):
            save(path, toy(2), CARD)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.safetensors"]
    save(path, toy(2), CARD)
    assert torch.equal(read(path).tensors["first.weight"], toy(2).first.weight)


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    for path in (save(tmp_path / "a.safetensors", toy(), CARD), save_torch(tmp_path / "a.pth", toy())):
        assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no tensors"):
        save(tmp_path / "a.safetensors", nn.ReLU(), CARD)
    with pytest.raises(WeightsError, match="cannot be written"):
        save(tmp_path / "missing" / "a.safetensors", toy(), CARD)
    (tmp_path / "folder").mkdir()
    with pytest.raises(WeightsError, match="cannot be written"):
        save(tmp_path / "folder", toy(), CARD)
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]


def test_the_format_of_torch_opens_with_weights_only(tmp_path: Path) -> None:
    save_torch(tmp_path / "a.pth", toy())
    found = torch.load(tmp_path / "a.pth", weights_only=True)  # noqa: TID251 - what other programs do
    assert same(found, toy().state_dict())
