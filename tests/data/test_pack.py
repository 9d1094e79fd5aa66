"""What is packed is what was there: same bytes, same names, same examples, same weights in the end."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from retouch import data, training
from retouch.cli import data as data_command
from retouch.cli import main
from retouch.data import layouts
from retouch.data.listing import Split
from retouch.data.shards import index, packing
from retouch.data.shards.packing import LAYOUTS, pack
from retouch.errors import Cancelled, DataError, InputError, RetouchError, UnknownName
from retouch.image import Picture
from retouch.progress import Progress
from retouch.tasks.translate.recipe import Colourise, CycleGAN, Pix2Pix
from retouch.training.checkpoint import read_state
from tests.data.made import fill, halves, noise, write


def side_by_side(root: Path) -> str:
    halves(root / "train", 5)
    halves(root / "val", 2, first=20)
    halves(root / "test" / "deep.er", 2, first=30)
    return str(root)


def two_folders(root: Path) -> str:
    fill(root / "A" / "train", 4)
    fill(root / "B" / "train", 4, first=10)
    fill(root / "A" / "val", 1, first=40)
    fill(root / "B" / "val", 1, first=50)
    return str(root)


def lone(root: Path) -> str:
    fill(root / "input", 12)
    fill(root / "target", 9, first=20)
    write(root / "target" / "other.png", noise(77))
    return str(root)


def named_sides(root: Path) -> str:
    for number in range(4):
        write(root / "A" / f"{number}_A.png", noise(number))
        write(root / "B" / f"{number}_b.png", noise(number + 9))
    return str(root)


def by_order(root: Path) -> str:
    for number in range(4):
        write(root / "train_A" / f"{number}-x.png", noise(number))
        write(root / "train_B" / f"{number}-y.png", noise(number + 9))
    return str(root)


def two_sets(root: Path) -> str:
    fill(root / "trainA", 5)
    for number in range(3):
        write(root / "trainB" / f"other {number}.png", noise(number + 50))
    return str(root)


def singles(root: Path) -> str:
    for number, name in enumerate(["a.b.png", "100%25.bmp", "x/y.tif", "ünï/z.PNG", "x" * 120 + ".png"]):
        write(root / name, noise(number))
    Path(root / "notes.txt").write_text("no picture")
    return str(root)


def table(root: Path) -> str:
    fill(root / ".hidden", 4)
    rows = [f".hidden/00{n}.png,./.hidden/../.hidden/00{n + 1}.png,{'val' if n else ''}" for n in range(3)]
    (root / "list.csv").write_text(
        "\n".join(["input,target,split", *rows, f"{root}/.hidden/001.png,.hidden/000.png,"])
    )
    return str(root / "list.csv")


def comma(root: Path) -> str:
    fill(root / "one", 5)
    fill(root / "two", 5, first=10)
    return f"{root / 'one'},{root / 'two'}"


def drawn(root: Path) -> str:
    del root
    return "synthetic:facades?count=4&size=32"


webdataset = pytest.importorskip("webdataset")

Made = Callable[[Path], str]
EVERY: list[Made] = [
    *(side_by_side, two_folders, lone, named_sides, by_order, two_sets, singles, table, comma, drawn)
]


def examples(source: str, kind: str) -> list[Any]:
    """Everything that training can see of a source: names, fingerprint and pixels of every split."""
    openers: dict[str, Callable[[Split], Any]] = {
        "pairs": lambda split: data.pairs(source, split, augment=True, size=8),
        "unpaired": lambda split: data.unpaired(source, split, augment=True, size=8),
        "singles": lambda split: data.singles(source, split, augment=True, size=8),
    }
    found: list[Any] = []
    for split in (*data.splits(source), "all"):
        opened = openers[kind](split)
        seen = [opened.example(number, 5) for number in range(len(opened))]
        pixels = [{role: values.numpy().tobytes() for role, values in each.items()} for each in seen]
        found.append((split, list(opened.names), pixels, opened.describe()["count"]))
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("made", EVERY, ids=lambda made: made.__name__)
def test_packed_is_as_before(tmp_path: Path, made: Made, layout: packing.Layout) -> None:
    source, out = made(tmp_path / "given"), tmp_path / "packed"
    try:
        done = pack(source, out, layout=layout, shard_bytes=10_240)
    except RetouchError:
        # Only what cannot be opened so cannot be packed so.
        if layout in ("pairs", "unpaired"):
            with pytest.raises(RetouchError):
                examples(source, layout)
            return
        raise
    assert sum(done.archives.values()) == len(list(out.glob("*.tar"))) == len(list(out.glob("*.index")))
    kind = done.layout
    if kind == "pairs" and made is singles:
        kind = "singles"
    expected = examples(source, kind)
    if made is table:
        # A name in an archive has no slash in front.
        expected = [
            (split, [name.replace("//", "/").lstrip("/") for name in names], *rest)
            for split, names, *rest in expected
        ]
    assert examples(str(out), kind) == expected
    if layout == "auto" and made in (side_by_side, two_folders, lone, comma, singles):
        for other in ("unpaired", "singles"):
            if made not in (singles, comma) or other == ("singles" if made is singles else "unpaired"):
                assert examples(str(out), other) == examples(source, other), other


def test_packing_twice_gives_the_same_bytes_in_archives_of_the_size(tmp_path: Path) -> None:
    fill(tmp_path / "given", 8, height=40, width=60)
    source = tmp_path / "given"
    for name in ("one", "two"):
        pack(source, tmp_path / name, shard_bytes=10_240)
    pack(tmp_path / "one", tmp_path / "three", shard_bytes=10_240)
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.tar")}
        for name in ("one", "two", "three")
    ]
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) > 3
    assert all(len(content) <= 10_240 for content in contents[0].values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given", "one", "three", "two"]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_tar_and_webdataset_read_what_is_packed(tmp_path: Path) -> None:
    source = lone(tmp_path / "given")
    packed = tmp_path / "packed"
    pack(source, packed)
    (tmp_path / "plain").mkdir()
    subprocess.run(["tar", "xf", packed / "train-000000.tar"], cwd=tmp_path / "plain", check=True)
    for number in range(12):
        for side in ("input", "target")[: 1 if number > 8 else 2]:
            ours = tmp_path / "plain" / f"{number:03}.{side}.png"
            assert ours.read_bytes() == (tmp_path / "given" / side / f"{number:03}.png").read_bytes()
    urls = [str(path) for path in sorted(packed.glob("*.tar"))]
    samples = {item["__key__"]: item for item in webdataset.WebDataset(urls, shardshuffle=False)}
    assert sorted(samples) == sorted([*(f"{number:03}" for number in range(12)), "other"])
    assert {key for key in samples["003"] if "__" not in key} == {"input.png", "target.png"}
    stream = webdataset.WebDataset(urls, shardshuffle=False).select(
        lambda item: len(samples[item["__key__"]]) > 4
    )
    one, other = next(iter(stream.decode("rgb8").to_tuple("input.png", "target.png")))
    assert np.array_equal(one, noise(0))
    assert np.array_equal(other, noise(20))


def test_threads_and_ranks_read_what_one_reads(tmp_path: Path) -> None:
    fill(tmp_path / "given", 23)
    pack(tmp_path / "given", tmp_path / "packed", shard_bytes=10_240)
    opened = data.singles(tmp_path / "packed", "all", augment=True, size=8, cache_bytes=0)

    def batches(workers: int, batch: int, rank: int, world: int, start: int = 0) -> list[torch.Tensor]:
        with data.stream(
            opened, batch=batch, seed=3, rank=rank, world=world, workers=workers, start=start
        ) as stream:
            return [next(stream)["image"] for _ in range(12)]

    whole = batches(0, 6, 0, 1)
    for workers in (1, 4):
        ranks = [batches(workers, 2, rank, 3) for rank in range(3)]
        assert all(
            torch.equal(torch.cat(parts), one)
            for parts, one in zip(zip(*ranks, strict=True), whole, strict=True)
        )
    later = batches(2, 6, 0, 1, start=30)
    assert all(torch.equal(one, other) for one, other in zip(whole[5:], later, strict=False))


TINY = {
    "engine.images": 8,
    "engine.validate_every": 4,
    "engine.tensorboard": False,
    "engine.average": 8.0,
    "engine.device": "cpu",
    "pictures.size": 16,
}
NARROW = {"generator.kind": "unet", "generator.depth": 3, "generator.width": 4, "discriminator.width": 4}
RECIPES: dict[str, tuple[type[training.Recipe], dict[str, object], Made, packing.Layout]] = {
    "side-by-side": (Pix2Pix, {**NARROW, "discriminator.layers": 1}, side_by_side, "auto"),
    "pairs": (Pix2Pix, {**NARROW, "discriminator.layers": 1}, lone, "auto"),
    "two-sets": (CycleGAN, {**NARROW, "discriminator.layers": 1}, two_sets, "auto"),
    "singles": (Colourise, {**NARROW, "discriminator.layers": 1}, singles, "auto"),
    "table": (Pix2Pix, {**NARROW, "discriminator.layers": 1}, table, "pairs"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("pairs", "two-sets", "singles") else pytest.mark.slow)
        for name in RECIPES
    ],
)
def test_a_run_on_archives_ends_with_the_same_weights(tmp_path: Path, name: str) -> None:
    kind, options, made, layout = RECIPES[name]
    source = made(tmp_path / "given")
    pack(source, tmp_path / "packed", layout=layout, shard_bytes=10_240)
    recipe = training.changed(kind(), {**TINY, **options})
    for data_set, run in ((source, "one"), (str(tmp_path / "packed"), "two")):
        training.train(recipe, data_set, tmp_path / run)
    one, two = (read_state(tmp_path / run)["networks"] for run in ("one", "two"))
    assert all(torch.equal(value, two[net][key]) for net in one for key, value in one[net].items())
    for path in (tmp_path / "one").glob("*.safetensors"):
        ours, theirs = load_file(path), load_file(tmp_path / "two" / path.name)
        assert all(torch.equal(ours[key], theirs[key]) for key in ours.keys() | theirs.keys())


def test_what_cannot_be_packed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = side_by_side(tmp_path / "given")
    with pytest.raises(UnknownName, match="layout"):
        pack(source, tmp_path / "out", layout="sideways")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="too small"):
        pack(source, tmp_path / "out", shard_bytes=10_239)
    with pytest.raises(DataError, match="does not exist"):
        pack(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(DataError, match="has no pairs"):
        pack("synthetic:seasons?count=2&size=16", tmp_path / "out", layout="pairs")
    write(tmp_path / "full" / "1.png", noise(1))
    listed = tmp_path / "given" / "twice.csv"
    listed.write_text("input\nfull/1.png\nfull/../full/1.png\n")
    write(tmp_path / "given" / "full" / "1.png", noise(1))
    with pytest.raises(DataError, match=r"two pictures would both be called 'full/1%2Epng\.png'"):
        pack(listed, tmp_path / "out", layout="singles")
    for taken in (tmp_path / "full", tmp_path / "full" / "1.png"):
        with pytest.raises(DataError, match="not an empty folder"):
            pack(source, taken)

    def stop(event: Progress) -> None:
        if event.done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        pack(source, tmp_path / "out", progress=stop)
    victim = next((tmp_path / "given" / "train").iterdir())
    victim.chmod(0)
    if os.geteuid():
        with pytest.raises(DataError, match="may not be read"):
            pack(source, tmp_path / "out")
    monkeypatch.setattr(
        tarfile.TarFile, "addfile", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(DataError, match="cannot be written: No space left"):
        pack(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "given"]


def test_a_folder_that_cannot_be_written_has_no_index_and_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(side_by_side(tmp_path / "given"), tmp_path / "packed")
    for path in (tmp_path / "packed").glob("*.index"):
        path.unlink()
    index.index.cache_clear()
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "read-only")))
    assert len(data.pairs(tmp_path / "packed", "train", augment=False)) == 5
    assert not list((tmp_path / "packed").glob("*.index"))


def test_files_are_copied_byte_by_byte(tmp_path: Path) -> None:
    random.seed(1)
    write(tmp_path / "given" / "1.png", noise(1))
    Picture.of(noise(2)).save(tmp_path / "given" / "2.jpg")
    (tmp_path / "given" / "3.webp").write_bytes(random.randbytes(1234))
    pack(tmp_path / "given", tmp_path / "packed", layout="singles")
    with tarfile.open(tmp_path / "packed" / "train-000000.tar") as tar:
        for name in ("1.png", "2.jpg", "3.webp"):
            member = tar.extractfile(name)
            assert member is not None
            assert member.read() == (tmp_path / "given" / name).read_bytes()
    assert layouts.single(tmp_path / "packed").splits["train"].a.keys() == {"1", "2", "3"}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "given" / "trainA", 3)
    fill(tmp_path / "given" / "trainB", 3, first=9)
    words = ["data", "pack", str(tmp_path / "given"), "-o", str(tmp_path / "out"), "--json"]
    assert main([*words, "--shard-size", "10KiB"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "output": str(tmp_path / "out"),
        "source": str(tmp_path / "given"),
        "layout": "pairs",
        "archives": {"train": 1},
        "samples": {"train": 3},
        "pictures": 6,
        "bytes": 10_240,
    }
    assert main(["data", "check", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"]["train"]["count"] == 3
    for size in ("1", "10KB", "x", "-5", "1e9", "5QB"):
        assert main([*words[:4], str(tmp_path / "other"), "--shard-size", size]) == 2
        assert "bytes" in capsys.readouterr().err
    for size, number in (("1GB", 10**9), ("1.5MiB", 3 << 19), ("20000", 20_000), ("2t", 2 * 10**12)):
        assert data_command._bytes(size) == number
