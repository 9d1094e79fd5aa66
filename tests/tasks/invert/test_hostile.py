"""Files that look like NVlabs' and are made to do harm."""

from __future__ import annotations

import os
import pickle  # noqa: TID251 - to build files, never to open them
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retouch import weights
from retouch.errors import UnreadableWeights, WeightsError
from retouch.tasks.invert.upstream import LAYOUTS
from retouch.tasks.invert.upstream.fitting import ARCHITECTURES
from tests.tasks.invert import nvfiles
from tests.tasks.invert.test_upstream import ADA, made, snapshot

HEADS: tuple[object, ...] = (0x1950A86A20F9469CFC6C, 1001, {})
"""What old files of torch begin with."""


class Attack:
    """Unpickling this makes a folder."""

    def __init__(self, target: Path) -> None:
        self.command = f"mkdir {target}"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


class Given:
    """Pickled as a call of a function, whatever it is."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], self.call[1:]


class Stated:
    """Pickled as a numpy scalar of any type."""

    def __init__(self, kind: object, data: object) -> None:
        self.kind, self.data = kind, data

    def __reduce__(self) -> tuple[Any, ...]:
        return type(np.float64(1)).__reduce__(np.float64(1))[0], (self.kind, self.data)


def put(file: Path, value: object, protocol: int = 4) -> Path:
    file.write_bytes(nvfiles.pickled(value, protocol))
    return file


def opened(path: Path) -> weights.Loaded:
    return weights.load(path, architectures=ARCHITECTURES, layouts=LAYOUTS)


def refused(path: Path, match: str) -> None:
    started = time.process_time()
    with pytest.raises(WeightsError, match=match) as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert time.process_time() - started < 10


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["beside", "in the state", "in the keywords", "as a tensor"])
def test_code_in_the_pickle_is_not_run(place: str, protocol: int, tmp_path: Path) -> None:
    target = tmp_path / "made"
    held = snapshot(made(), ADA)
    state = held["G_ema"].meta["state"]
    if place == "beside":
        held["augment_pipe"] = Attack(target)
    elif place == "in the state":
        state["activation"] = Attack(target)
    elif place == "in the keywords":
        state["_init_kwargs"]["z_dim"] = Attack(target)
    else:
        state["_buffers"]["noise"] = Attack(target)
    refused(put(tmp_path / "a.pkl", held, protocol), r"(posix|nt)\.system.*nothing of it was run")
    assert not target.exists()


def test_code_in_the_bytes_of_a_storage_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "made"
    inner = b"".join(pickle.dumps(item, 2) for item in (*HEADS, Attack(target), []))
    held = snapshot(made(), ADA)
    storage = Given(torch.storage._load_from_bytes, inner)
    tensor = Given(torch._utils._rebuild_tensor_v2, storage, 0, (1,), (1,), False, {})
    held["G_ema"].meta["state"]["_modules"]["mapping"].meta["state"]["_buffers"]["w_avg"] = tensor
    refused(put(tmp_path / "a.pkl", held), r"system.*nothing of it was run")
    assert not target.exists()


def test_the_source_in_the_file_is_only_counted(tmp_path: Path) -> None:
    target = tmp_path / "made"
    held = snapshot(made(), ADA)
    held["G_ema"].meta["module_src"] = f"import os\nos.mkdir({str(target)!r})\nclass Generator: pass\n"
    found = opened(put(tmp_path / "a.pkl", held))
    assert found.card.architecture == "stylegan2"
    assert not target.exists()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (np.dtype("O"), b"12345678"),
        (np.dtype("f8"), b"123"),
        (np.dtype("f8"), b"1" * 100_000),
        (np.dtype("f8"), [1]),
        ("f8", b"12345678"),
    ],
    ids=["objects", "short", "long", "no bytes", "no type"],
)
def test_a_numpy_scalar_that_lies(kind: object, data: object, tmp_path: Path) -> None:
    held = snapshot(made(), ADA)
    held["G_ema"].meta["state"]["weight_gain"] = Stated(kind, data)
    refused(put(tmp_path / "a.pkl", held), "scalar")


@pytest.mark.parametrize("count", [-1, 17, 1 << 40, 1 << 62, 10**30])
def test_a_storage_that_lies_about_its_size(count: int, tmp_path: Path) -> None:
    identity = ("storage", torch.FloatStorage, "0", "cpu", count, None)

    class Referring(pickle.Pickler):
        def persistent_id(self, thing: object) -> object:
            return identity if thing is Ellipsis else None

    import io

    body = io.BytesIO()
    Referring(body, 2).dump(Ellipsis)
    raw = (count & (1 << 63) - 1).to_bytes(8, "little") + bytes(64)
    heads = b"".join(pickle.dumps(item, 2) for item in HEADS)
    inner = heads + body.getvalue() + pickle.dumps(["0"], 2) + raw
    held = snapshot(made(), ADA)
    storage = Given(torch.storage._load_from_bytes, inner)
    tensor = Given(torch._utils._rebuild_tensor_v2, storage, 0, (16,), (1,), False, {})
    held["G_ema"].meta["state"]["_modules"]["mapping"].meta["state"]["_buffers"]["w_avg"] = tensor
    refused(put(tmp_path / "a.pkl", held), "announce|storage|number")


def test_a_network_of_endless_depth(tmp_path: Path) -> None:
    deep = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}X\x05\0\0\0state}"
    deep += b"X\x08\0\0\0_modules}X\x01\0\0\0a"
    shut = b"sss\x85R"
    for depth in (100, 20_000):
        file = tmp_path / "a.pkl"
        file.write_bytes(b"\x80\x03" + deep * depth + b"N" + shut * depth + b".")
        refused(file, "no tensors|steps|many times|without end|deep")


@pytest.mark.parametrize("opener", [b"(", b"]", b"}K\0", b"cdnnlib.util\nEasyDict\n"])
def test_anything_a_hundred_thousand_deep_or_a_million(opener: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.pkl"
    closer = {b"(": b"t", b"]": b"a", b"}K\0": b"s"}.get(opener, b"\x85R")
    depth = 1_000_000 if opener == b"]" else 100_000
    file.write_bytes(b"\x80\x04" + opener * depth + b"N" + closer * depth + b".")
    refused(file, "cannot be used")


def test_a_module_that_holds_itself(tmp_path: Path) -> None:
    held = snapshot(made(), ADA)
    modules = held["G_ema"].meta["state"]["_modules"]
    modules["loop"] = nvfiles.Persistent("Loop", {"_modules": modules})
    refused(put(tmp_path / "a.pkl", held), "without end|many times")


def test_keywords_that_share_one_another_are_not_unfolded(tmp_path: Path) -> None:
    bomb: object = "x"
    for _ in range(60):
        bomb = [bomb] * 50
    held = snapshot(made(), ADA)
    held["G_ema"].meta["state"]["_init_kwargs"]["z_dim"] = bomb
    started = time.process_time()
    with pytest.raises(UnreadableWeights, match="many times"):
        opened(put(tmp_path / "a.pkl", held))
    assert time.process_time() - started < 10


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    whole = nvfiles.pickled(snapshot(made(), ADA))
    file = tmp_path / "a.pkl"
    for share in (0.001, 0.1, 0.5, 0.9, 0.9999):
        file.write_bytes(whole[: int(len(whole) * share)])
        refused(file, "ends in the middle|are there in all|missing")
