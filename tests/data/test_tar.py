"""Archives from anywhere: read in any order, never unpacked, and refused in words when they are hostile."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import tarfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retouch import data
from retouch.data import layouts
from retouch.data.shards import headers, index, naming
from retouch.data.shards.headers import entries
from retouch.data.shards.index import Archive
from retouch.data.shards.naming import archives, expanded, member_name, named
from retouch.errors import DataError, InputError
from tests.data.made import fill, noise, write

webdataset = pytest.importorskip("webdataset")

Files = dict[str, bytes]


def png(seed: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(noise(seed)).save(file, "PNG")
    return file.getvalue()


def archive(path: Path, files: Files, form: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def odd(path: Path, change: Callable[[tarfile.TarInfo], None], content: bytes = b"") -> Path:
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("1.png")
        info.size = len(content)
        change(info)
        tar.addfile(info, io.BytesIO(content) if content else None)
    return path


names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=130
).filter(lambda name: name not in (".", ".."))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(
        st.lists(names, min_size=1, max_size=3).map("/".join), st.binary(max_size=1500), max_size=6
    ),
    form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_everything_that_tarfile_writes_is_found(tmp_path: Path, files: Files, form: int) -> None:
    path = archive(tmp_path / "a.tar", files, form)
    if not files:
        with pytest.raises(DataError, match="empty tar archive"):
            list(entries(path))
        return
    whole = path.read_bytes()
    found = {item.name: whole[item.offset : item.offset + item.size] for item in entries(path)}
    assert found == files


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_an_error_of_ours_or_none(tmp_path: Path, data: st.DataObject) -> None:
    path = archive(tmp_path / "a.tar", {"1.png": b"x" * 700, "long" * 40 + ".png": b"y"}, tarfile.PAX_FORMAT)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, 4000))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        found = list(entries(path))
    except DataError:
        return
    assert all(item.offset + item.size <= path.stat().st_size for item in found)


def test_an_archive_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", {"1.png": b"x" * 700, "2.png": b"y" * 600})
    whole = path.read_bytes()
    end = 2 * (512 + 1024)
    for size in (511, 512, 513, 1100, 1536, 2048, 2600, end, end + 100):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"is cut off|no tar archive"):
            list(entries(path))
    path.write_bytes(whole[: end + 512])
    assert [item.name for item in entries(path)] == ["1.png", "2.png"]


def link(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, "/etc/passwd"

    return change


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (b"V", "a member of an unknown kind"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
    ],
)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes, said: str) -> None:
    path = odd(tmp_path / "a.tar", link(kind))
    with pytest.raises(DataError, match=f"holds {said} \\('1.png'\\)"):
        list(entries(path))


def test_sparse_files_of_gnu_tar_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "1.png").open("wb") as file:
        file.truncate(1 << 20)
    for form in ("gnu", "posix"):
        words = ["tar", "cSf", "a.tar", f"--format={form}", "1.png"]
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
        with pytest.raises(DataError, match="a sparse file"):
            list(entries(tmp_path / "a.tar"))


@pytest.mark.parametrize(
    "name",
    [
        *("../1.png", "/etc/1.png", "a/../../1.png", "a/.."),
        *(
            "%2E%2E/1.png",
            "%2E%2E%2F%2E%2E%2Fevil.png",
            "%2Fetc%2F1.png",
            "a/%2E.%2F1.input.png",
            "%2E%2E.png",
        ),
    ],
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "a.tar", {name: png(1)})
    with pytest.raises(DataError, match="leads out of it"):
        data.singles(path, "train", augment=False)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.tar", "a.tar.index"]


def test_headers_and_names_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = odd(tmp_path / "huge.tar", lambda info: setattr(info, "type", b"x"), b"9" * (2 << 20))
    with pytest.raises(DataError, match="header of 2,097,152 bytes"):
        list(entries(huge))
    long = archive(tmp_path / "long.tar", {"n" * 5000 + ".png": b""})
    with pytest.raises(DataError, match="header of 5,005 bytes, more than the limit of 4,097"):
        list(entries(long))
    pax = archive(tmp_path / "pax.tar", {"é" * 3000 + ".png": b""}, tarfile.PAX_FORMAT)
    with pytest.raises(DataError, match="a name of 6,004 bytes"):
        list(entries(pax))
    many = archive(tmp_path / "many.tar", {f"{number}.png": b"" for number in range(11)})
    monkeypatch.setattr(headers, "MOST_MEMBERS", 10)
    with pytest.raises(DataError, match="holds more than 10 files"):
        list(entries(many))
    monkeypatch.setattr(headers, "MOST_MEMBERS", 1000)
    monkeypatch.setattr(headers, "MOST_TEXT", 50)
    with pytest.raises(DataError, match="cut it into several"):
        list(entries(many))


def test_a_size_beyond_the_file_asks_for_no_memory(tmp_path: Path) -> None:
    # GNU's base 256 says 2**60 bytes; the header before it is an extended one of 2**40.
    for kind, size in ((b"0", 1 << 60), (b"x", 1 << 40), (b"L", 1 << 40), (b"0", (1 << 70) - 1)):
        path = tmp_path / "a.tar"
        info = tarfile.TarInfo("1.png")
        info.type, info.size = kind, size
        path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
        tracemalloc.start()
        with pytest.raises(DataError, match=r"cut off|damaged"):
            list(entries(path))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


def test_other_files_are_told_from_archives(tmp_path: Path) -> None:
    plain = archive(tmp_path / "a.tar", {"1.png": png(1)})
    packed = tmp_path / "b.tar"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(DataError, match=r"b\.tar is compressed"):
        data.singles(packed, "train", augment=False)
    with pytest.raises(DataError, match=r"a\.tar\.gz is compressed"):
        data.singles(tmp_path / "a.tar.gz", "train", augment=False)
    for content in (b"", b"hello", bytes(100), os.urandom(2000)):
        packed.write_bytes(content)
        with pytest.raises(DataError, match="no tar archive"):
            data.singles(packed, "train", augment=False)
    with pytest.raises(DataError, match=r"none.tar does not exist"):
        data.singles(tmp_path / "none.tar", "train", augment=False)
    only_words = archive(tmp_path / "c.tar", {"1.txt": b"x", ".hidden.png": b"", "__MACOSX/1.png": b""})
    with pytest.raises(DataError, match="holds no pictures in its 1 tar archives"):
        data.singles(only_words, "train", augment=False)


def test_a_picture_that_is_none_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", {"1.png": b"no picture", "2.png": png(2)})
    opened = data.singles(path, "all", augment=False, size=8)
    with pytest.raises(DataError, match=r"a\.tar/1\.png: .*data check"):
        opened.example(0, 0)
    opened.example(1, 0)
    report = data.check(path)
    assert [(item.kind, item.names) for item in report.findings if item.level == "error"] == [
        ("corrupt", ("a.tar/1.png",))
    ]


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    whole = bytearray(png(1))
    whole[16:24] = struct.pack(">II", 40_000, 40_000)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    path = archive(tmp_path / "a.tar", {"1.png": bytes(whole)})
    with pytest.raises(DataError, match="pixels"):
        data.singles(path, "all", augment=False, size=8).example(0, 0)


def test_the_same_picture_twice_is_refused(tmp_path: Path) -> None:
    for first, second in (("1.png", "1.jpg"), ("1.a.png", "1.input.png")):
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as tar:
            for name in (first, second):
                tar.addfile(tarfile.TarInfo(name))
        with pytest.raises(DataError, match=f"holds '{first}' and '{second}'"):
            layouts.single(path)


def test_archives_that_use_the_same_names_get_their_own_in_front(tmp_path: Path) -> None:
    for number in range(2):
        archive(tmp_path / f"part-{number}.tar", {"000.png": png(number), f"{number + 1}.png": png(9)})
    listing = layouts.single(tmp_path)
    assert list(listing.splits["train"].a) == ["part-0/000", "part-0/1", "part-1/000", "part-1/2"]


def test_archives_with_the_same_file_name_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, folder in enumerate(("x/a", "x/b", "x")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        archive(tmp_path / folder / "train-0.tar", {"000.png": png(number), f"{number}.png": png(9)})
    wanted = [
        f"{folder}/train-0/{name}" for folder, name in (("a", "0"), ("a", "000"), ("b", "000"), ("b", "1"))
    ]
    monkeypatch.chdir(tmp_path)
    for top in (str(tmp_path), "."):
        assert list(layouts.single(f"{top}/x/{{a,b}}/train-0.tar").splits["train"].a) == wanted
    assert list(layouts.single("x/{,a/}train-0.tar").splits["train"].a) == [
        *("a/train-0/0", "a/train-0/000", "train-0/000", "train-0/2"),
    ]
    with pytest.raises(DataError, match=r"both hold a picture 'train-0/000'; name each archive once"):
        layouts.single("x/a/{train-0,train-0}.tar")
    archive(tmp_path / "x" / "a.tar", {"train-0/0.png": png(1)})
    archive(tmp_path / "x" / "b.tar", {"train-0/0.png": png(1)})
    with pytest.raises(DataError, match=r"x/a\.tar.*both hold a picture 'a/train-0/0'"):
        layouts.single("x/{a/train-0,b/train-0,a,b}.tar")


def test_splits_are_in_the_names_of_archives_or_of_folders(tmp_path: Path) -> None:
    archive(tmp_path / "train-000.tar", {"test/1.png": png(1)})
    archive(tmp_path / "Validation_0.tar", {"./2.png": png(2)})
    archive(tmp_path / "others.tar", {"test/3.png": png(3), "dev/4.png": png(4), "z5.png": png(5)})
    listing = layouts.single(tmp_path)
    assert {split: list(sides.a) for split, sides in listing.splits.items()} == {
        "train": ["test/1", "z5"],
        "val": ["2", "4"],
        "test": ["3"],
    }


def test_what_webdataset_writes_is_read(tmp_path: Path) -> None:
    with webdataset.TarWriter(str(tmp_path / "train-000000.tar")) as sink:
        for number in range(4):
            sample = {
                "__key__": f"sub.dir/{number:03}",
                "input.png": png(number),
                "target.PNG": png(9 - number),
            }
            sink.write({**sample, "json": {"number": number}, "cls": number})
    opened = data.pairs(tmp_path, "all", augment=False, size=None, load_size=None)
    assert list(opened.names) == [f"sub.dir/{number:03}" for number in range(4)]
    made = opened.example(1, 0)
    for role, seed in (("input", 1), ("target", 8)):
        assert np.array_equal(np.rint(made[role].numpy() * 255).transpose(1, 2, 0), noise(seed))
    (tmp_path / "s").mkdir()
    with webdataset.ShardWriter(str(tmp_path / "s" / "%04d.tar"), maxcount=2, verbose=0) as sink:
        for number in range(5):
            sink.write({"__key__": f"{number:03}", "png": png(number)})
    source = str(tmp_path / "s" / "{0000..0002}.tar")
    assert list(data.singles(source, "all", augment=False).names) == [f"{number:03}" for number in range(5)]


def test_the_index_is_made_again_when_it_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a.tar", {"1.png": png(1)})
    beside = tmp_path / "a.tar.index"
    made: list[Path] = []

    def counted(path: Path) -> Iterator[headers.Entry]:
        made.append(path)
        return entries(path)

    monkeypatch.setattr(index, "entries", counted)

    def listed() -> list[str]:
        index.index.cache_clear()
        return [item.name for item in index.index(Archive.of(path))]

    assert listed() == listed() == ["1.png"]
    assert len(made) == 1
    kept = beside.read_text()
    fine = json.loads(kept)
    for content in (
        *("", kept[:40], kept[:30] + "[" * 100_000, kept.replace("index 1", "index 2")),
        *(json.dumps({**fine, "files": files}) for files in ([["1.png", 512]], [["1.png", 512, 10**9]], [1])),
        *(json.dumps({**fine, "files": [["1.png", *place]]}) for place in ((-512, 10), (512, -1), (0, 9))),
        json.dumps({**fine, "files": [["1.png", 512.5, 1]]}),
    ):
        made.clear()
        beside.write_text(content)
        assert listed() == ["1.png"]
        assert len(made) == 1, content[:80]
        assert beside.read_text() == kept
    archive(path, {"2.png": png(1)})
    os.utime(path, ns=(1, fine["changed"] + 1))
    assert listed() == ["2.png"]


def test_what_is_no_index_of_ours_is_left_alone(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", {"1.png": png(1)})
    beside = tmp_path / "a.tar.index"

    def listed() -> list[str]:
        index.index.cache_clear()
        return [item.name for item in index.index(Archive.of(path))]

    for content in ("offset,name\n512,1.png\n", "{", "[]", "[" * 100_000, "{}", '{"form": "another"}'):
        beside.write_text(content)
        assert listed() == ["1.png"]
        assert beside.read_text() == content
    beside.unlink()
    for target in ("/dev/zero", str(tmp_path / "not there yet")):
        beside.symlink_to(target)
        assert listed() == ["1.png"]
        assert str(beside.readlink()) == target
        beside.unlink()
    beside.mkdir()
    assert listed() == ["1.png"]
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.tar", "a.tar.index"]


def test_few_indexes_are_kept_in_memory(tmp_path: Path) -> None:
    index.index.cache_clear()
    for number in range(40):
        archive(tmp_path / f"{number}.tar", {f"{number}.png": b"x"})
    assert len(layouts.single(tmp_path).splits["train"].a) == 40
    assert index.index.cache_info().currsize <= 16


def test_an_archive_that_changes_while_it_is_used_is_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", {"1.png": png(1), "2.png": png(2)})
    opened = data.singles(path, "all", augment=False, size=8, cache_bytes=0)
    opened.example(0, 0)
    archive(path, {"3.png": png(3), "4.png": png(4)})
    os.utime(path, ns=(5, 5))
    with pytest.raises(DataError, match="was changed while it was in use"):
        opened.example(0, 0)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        opened.example(0, 0)


def test_a_folder_with_pictures_beside_archives_is_one_of_pictures(tmp_path: Path) -> None:
    archive(tmp_path / "a.tar", {"1.png": png(1)})
    assert archives(tmp_path) == [tmp_path / "a.tar"]
    write(tmp_path / "own.png", noise(3))
    assert archives(tmp_path) is None
    fill(tmp_path / "empty", 0)
    assert archives(tmp_path / "nowhere") is None


def test_patterns() -> None:
    assert expanded("s/{000..002}.tar") == ["s/000.tar", "s/001.tar", "s/002.tar"]
    assert expanded("{b,a}{2..1}") == ["b2", "b1", "a2", "a1"]
    for pattern in ("{0..1", "0..1}", "{{0..1}}"):
        with pytest.raises(InputError, match="do not match"):
            expanded(pattern)
    for pattern in ("{0..999999999999}", "{1..400}{1..400}"):
        with pytest.raises(InputError, match="more than 100,000"):
            expanded(pattern)


def test_missing_archives_of_a_pattern_are_counted(tmp_path: Path) -> None:
    archive(tmp_path / "0.tar", {"1.png": png(1)})
    with pytest.raises(DataError, match=r"2 of the 3 archives .* first .*1\.tar"):
        data.singles(str(tmp_path / "{0..2}.tar"), "train", augment=False)


@settings(max_examples=200, deadline=None)
@given(st.lists(names, min_size=1, max_size=3).map("/".join), st.sampled_from(["", "input", "b"]))
def test_any_name_comes_back_from_an_archive(name: str, role: str) -> None:
    written = member_name(name, role, ".png")
    found = named(Path("a.tar"), written)
    assert found == (name, naming.ROLES.get(role, ""))
    key, extension = webdataset.tariterators.base_plus_ext(written) if "\n" not in written else ("", "")
    assert "\n" in written or (extension == f"{role}.png".lstrip(".") and written == f"{key}.{extension}")


def test_names_that_an_archive_cannot_hold_are_made_plain() -> None:
    for name, plain in (
        ("/disk/./.a/7.v", "disk/./.a/7.v"),
        ("../a//../../b", "b"),
        ("//a/../../b/7", "b/7"),
    ):
        assert named(Path("a.tar"), member_name(name, "a", ".png")) == (plain, "a")
