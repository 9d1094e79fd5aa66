"""Every format that weights come in, each written by the program that writes it."""

from __future__ import annotations

import argparse
import collections
import io
import pickle  # noqa: TID251 - users have such files
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from retouch.errors import UnreadableWeights
from retouch.weights import read, save
from tests.weights.toys import CARD, Toy, same, toy

Write = Callable[[object, Path], object]


def write_zip(thing: object, path: Path) -> None:
    torch.save(thing, path)


def write_legacy(thing: object, path: Path) -> None:
    torch.save(thing, path, _use_new_zipfile_serialization=False)


def write_pickle(protocol: int) -> Write:
    return lambda thing, path: path.write_bytes(pickle.dumps(thing, protocol))


WRITERS: dict[str, tuple[Write, str]] = {
    "torch zip": (write_zip, "torch zip"),
    "torch legacy": (write_legacy, "torch legacy"),
    **{f"pickle {number}": (write_pickle(number), "pickle") for number in range(6)},
}
every_writer = pytest.mark.parametrize(("write", "kind"), WRITERS.values(), ids=WRITERS)


@every_writer
def test_a_state_dict_comes_back_bit_for_bit(write: Write, kind: str, tmp_path: Path) -> None:
    state = toy().state_dict()
    write(state, tmp_path / "net.pth")
    contents = read(tmp_path / "net.pth")
    assert contents.format == kind
    assert same(contents.tensors, state)
    assert contents.card is None
    assert contents.foreign == ()


@every_writer
def test_a_whole_network_is_read_without_its_class(write: Write, kind: str, tmp_path: Path) -> None:
    write(toy(), tmp_path / "net.pth")
    data = (tmp_path / "net.pth").read_bytes().replace(b"tests.weights.toys", b"tests.weights.gone")
    (tmp_path / "net.pth").write_bytes(data)
    contents = read(tmp_path / "net.pth")
    assert same(contents.tensors, toy().state_dict())
    assert "tests.weights.gone.Toy" in contents.foreign


DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
)


@every_writer
def test_every_type_and_stride_of_number(write: Write, kind: str, tmp_path: Path) -> None:
    numbers = torch.arange(60).reshape(3, 4, 5)
    state = {str(dtype): (numbers % 7).to(dtype) for dtype in DTYPES}
    state |= {f"{name}.turned": tensor.permute(2, 0, 1) for name, tensor in state.items()}
    state |= {
        "part": numbers[1, 1:, ::2],
        "scalar": torch.tensor(3.5),
        "none": torch.zeros(0, 4),
        "bias": nn.Parameter(torch.ones(3)),
    }
    write(state, tmp_path / "net.pth")
    found = read(tmp_path / "net.pth").tensors
    assert same(found, {name: tensor.detach() for name, tensor in state.items()})


def test_types_that_only_untyped_storages_have(tmp_path: Path) -> None:
    state = {
        "small": torch.arange(8).to(torch.float8_e4m3fn).view(torch.uint8).view(torch.float8_e4m3fn),
        "unsigned": torch.arange(8).to(torch.uint16),
    }
    torch.save(state, tmp_path / "net.pth")
    found = read(tmp_path / "net.pth").tensors
    assert found["small"].dtype == torch.float8_e4m3fn
    assert torch.equal(found["small"].float(), torch.arange(8).float())
    assert torch.equal(found["unsigned"], state["unsigned"])


@every_writer
def test_tensors_with_attributes_of_their_own(write: Write, kind: str, tmp_path: Path) -> None:
    tensor = torch.arange(3.0)
    tensor.note = "mine"  # type: ignore[attr-defined]
    write({"weight": tensor}, tmp_path / "net.pth")
    assert torch.equal(read(tmp_path / "net.pth").tensors["weight"], torch.arange(3.0))


@every_writer
def test_numbers_are_aligned_as_processors_want_them(write: Write, kind: str, tmp_path: Path) -> None:
    write(
        {f"{'n' * size}": torch.arange(size, dtype=torch.float64) for size in range(1, 9)},
        tmp_path / "net.pth",
    )
    assert all(tensor.data_ptr() % 8 == 0 for tensor in read(tmp_path / "net.pth").tensors.values())


def test_big_endian_archives(tmp_path: Path) -> None:
    state = {
        "a": torch.arange(6.0),
        "b": torch.arange(6).to(torch.complex64),
        "c": torch.tensor([1, 2], dtype=torch.int8),
    }
    torch.save(state, tmp_path / "little.pth")
    with (
        zipfile.ZipFile(tmp_path / "little.pth") as little,
        zipfile.ZipFile(tmp_path / "big.pth", "w") as big,
    ):
        for name in little.namelist():
            data = little.read(name)
            if name.endswith("byteorder"):
                data = b"big"
            if "/data/" in name and len(data) > 2:
                data = np.frombuffer(data, "<f4").astype(">f4").tobytes()
            big.writestr(name, data)
    assert same(read(tmp_path / "big.pth").tensors, state)


def test_safetensors_of_ours_and_of_others(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = toy().state_dict()
    save(tmp_path / "ours.safetensors", state, CARD)
    ours = read(tmp_path / "ours.safetensors")
    assert same(ours.tensors, sorted_like(state, ours.tensors))
    assert (ours.card, ours.format) == (CARD, "safetensors")
    save_file(state, tmp_path / "theirs.safetensors", metadata={"format": "pt", "epoch": "3"})
    theirs = read(tmp_path / "theirs.safetensors")
    assert theirs.card is None
    assert theirs.options["epoch"] == "3"


@pytest.mark.parametrize("spare", range(0, 256, 8))
def test_a_safetensors_header_of_any_length(spare: int, tmp_path: Path) -> None:
    # The file begins with the header's length, whose first byte may be that of a pickle, 0x80.
    from safetensors.torch import save_file

    save_file(toy().state_dict(), tmp_path / "net.safetensors", metadata={"note": "x" * spare})
    assert read(tmp_path / "net.safetensors").format == "safetensors"


def test_a_part_may_be_the_beginning_of_the_names(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    flat = {f"{name}.{key}": tensor for name in "ab" for key, tensor in toy(ord(name)).state_dict().items()}
    save_file(flat, tmp_path / "flat")
    torch.save(flat, tmp_path / "bare")
    torch.save({"epoch": 3, "state_dict": flat}, tmp_path / "wrapped")
    wanted = toy(ord("b")).state_dict()
    for name in ("flat", "bare", "wrapped"):
        found = read(tmp_path / name, part="b").tensors
        assert same(sorted_like(found, wanted), wanted), name
        with pytest.raises(UnreadableWeights, match="no part 'c'"):
            read(tmp_path / name, part="c")


def sorted_like(state: dict[str, Tensor], order: dict[str, Tensor]) -> dict[str, Tensor]:
    """The order of safetensors is its own."""
    assert set(state) == set(order)
    return {name: state[name] for name in order}


@pytest.mark.parametrize("how", ["script", "trace"])
def test_torchscript_gives_its_tensors(how: str, tmp_path: Path) -> None:
    toys = toy().eval()
    network = nn.Sequential(toys.first, toys.norm, toys.last).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jit: Any = torch.jit  # noqa: TID251 - users have such files
        made = jit.script(network) if how == "script" else jit.trace(network, torch.zeros(1, 3, 8, 8))
        jit.save(made, tmp_path / "net.pt")
        jit.save(jit.freeze(jit.script(network)), tmp_path / "frozen.pt")
    contents = read(tmp_path / "net.pt")
    assert contents.format == "TorchScript"
    assert same(contents.tensors, network.state_dict())
    frozen = list(read(tmp_path / "frozen.pt").tensors.values())
    assert any(torch.equal(tensor, toys.last.weight) for tensor in frozen)


Wrap = Callable[[dict[str, Tensor]], object]

WRAPPED: dict[str, Wrap] = {
    "state_dict": lambda state: {
        "epoch": 3,
        "state_dict": state,
        "optimizer": {"state": {0: {"exp": torch.ones(2)}}},
    },
    "params_ema before params": lambda state: {"params": {"x": torch.ones(1)}, "params_ema": state},
    "generator": lambda state: {"generator": state, "discriminator": {"x": torch.ones(1)}},
    "two levels": lambda state: {"model": {"netG": state, "netD": {"x": torch.ones(1)}}},
    "the only one": lambda state: {"whatever": {"inner": state}, "epoch": 1},
    "a list": lambda state: [state],
    "module.": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "_orig_mod.": lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
    "both": lambda state: {f"module._orig_mod.module.{name}": tensor for name, tensor in state.items()},
    "inside": lambda state: {
        name.replace("first.", "first._orig_mod."): item for name, item in state.items()
    },
    "averaged": lambda state: {
        "n_averaged": torch.tensor(3),
        **{f"module.{name}": item for name, item in state.items()},
    },
    "numpy": lambda state: {name: tensor.numpy() for name, tensor in state.items()},
    "ordered": lambda state: {"state_dict": collections.OrderedDict(state)},
    "counted": lambda state: {"state_dict": collections.defaultdict(None, state)},
    "parallel": lambda state: nn.ModuleDict({"module": filled(state)}),
}


def filled(state: dict[str, Tensor]) -> nn.Module:
    network = Toy(4)
    network.load_state_dict(state)
    return network


@pytest.mark.parametrize("write", [write_zip, write_legacy, write_pickle(2)])
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_the_network_is_found_in_its_wrapping(wrap: Wrap, write: Write, tmp_path: Path) -> None:
    state = toy().state_dict()
    write(wrap(state), tmp_path / "net.pth")
    assert same(read(tmp_path / "net.pth").tensors, state)


@every_writer
def test_what_lies_beside_becomes_options(write: Write, kind: str, tmp_path: Path) -> None:
    beside: dict[str, Any] = {
        "state_dict": toy().state_dict(),
        "epoch": 12,
        "best": np.float32(0.5),
        "opt": argparse.Namespace(netG="unet_256", no_dropout=True, lr=0.0002),
        "config": {"norm": "batch", "path": Path("somewhere"), "deep": {"er": 1}},
        "when": collections.Counter("aab"),
        "device": torch.device("cpu"),
        "set": {1, 2},
    }
    write(beside, tmp_path / "net.pth")
    contents = read(tmp_path / "net.pth")
    assert same(contents.tensors, toy().state_dict())
    wanted = {"epoch": "12", "netG": "unet_256", "no_dropout": "True", "lr": "0.0002", "norm": "batch"}
    assert wanted.items() <= contents.options.items()
    assert "argparse.Namespace" in contents.foreign


def test_a_part_of_several_networks_is_chosen_by_name(tmp_path: Path) -> None:
    torch.save({"G_A": toy(1).state_dict(), "G_B": toy(2).state_dict()}, tmp_path / "both.pth")
    assert "G_A.first.weight" in read(tmp_path / "both.pth").tensors
    assert same(read(tmp_path / "both.pth", part="G_B").tensors, toy(2).state_dict())
    with pytest.raises(UnreadableWeights, match=r"no part 'G_C'; at this place it has 'G_A', 'G_B'"):
        read(tmp_path / "both.pth", part="G_C")


def test_tied_tensors_keep_both_names(tmp_path: Path) -> None:
    shared = torch.arange(4.0)
    torch.save({"a": shared, "b": shared, "c": shared[1:3]}, tmp_path / "net.pth")
    assert same(read(tmp_path / "net.pth").tensors, {"a": shared, "b": shared, "c": shared[1:3]})


def test_the_tar_of_2016(tmp_path: Path) -> None:
    write_tar(
        tmp_path / "old.t7", {"first.weight": torch.arange(12.0).reshape(3, 4), "bias": torch.arange(3)}
    )
    contents = read(tmp_path / "old.t7")
    assert contents.format == "torch tar"
    assert same(contents.tensors, {"first.weight": torch.arange(12.0).reshape(3, 4), "bias": torch.arange(3)})


class _Reference:
    def __init__(self, key: int) -> None:
        self.key = key


def write_tar(path: Path, state: dict[str, Tensor]) -> None:
    """Write as PyTorch 0.1.9 did: storages, tensors that view them, and a pickle that names the tensors."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: object) -> int | None:
            return thing.key if isinstance(thing, _Reference) else None

    kinds = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}
    storages, tensors, names = io.BytesIO(), io.BytesIO(), io.BytesIO()
    for file in (storages, tensors):
        pickle.dump(len(state), file, 2)
    for key, tensor in enumerate(state.values()):
        pickle.dump((100 + key, "cpu", kinds[tensor.dtype]), storages, 2)
        storages.write(struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes())
        pickle.dump((200 + key, 100 + key, torch.FloatTensor), tensors, 2)
        sides = struct.pack(f"<{2 * tensor.ndim}q", *tensor.shape, *tensor.stride())
        tensors.write(struct.pack("<q", tensor.ndim) + sides + struct.pack("<q", 0))
    pickle.dump([], storages, 2)
    Pickler(names, 2).dump({name: _Reference(200 + key) for key, name in enumerate(state)})
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, file in {
            "sys_info": io.BytesIO(b"x"),
            "pickle": names,
            "tensors": tensors,
            "storages": storages,
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(file.getvalue())
            archive.addfile(info, io.BytesIO(file.getvalue()))


def test_reading_costs_no_copy_of_the_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    torch.save({"weight": torch.zeros(64 << 20, dtype=torch.uint8)}, tmp_path / "big.pth")
    torch.save({"weight": torch.zeros(4, dtype=torch.uint8)}, tmp_path / "small.pth")
    read(tmp_path / "small.pth")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    contents = read(tmp_path / "big.pth")
    assert contents.tensors["weight"].numel() == 64 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10  # KiB


def test_writing_into_what_was_read_leaves_the_file_alone(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "net.pth")
    before = (tmp_path / "net.pth").read_bytes()
    read(tmp_path / "net.pth").tensors["weight"].fill_(1)
    assert (tmp_path / "net.pth").read_bytes() == before


def test_a_link_to_weights_is_followed(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "net.pth")
    (tmp_path / "link.pth").symlink_to(tmp_path / "net.pth")
    assert list(read(tmp_path / "link.pth").tensors) == ["weight"]
