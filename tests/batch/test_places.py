"""Files of this machine and objects of a store, by their addresses."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retouch.batch import Plan, places, plan, run, serial
from retouch.errors import (
    InputError,
    MissingDependency,
    OutputExists,
    PictureTooLarge,
    UnreadablePicture,
    UnwritablePicture,
)
from tests.batch.conftest import BOX, draw, rows

fsspec = pytest.importorskip("fsspec")

Todo = Callable[..., Plan]


@pytest.fixture
def store() -> Iterator[Any]:
    """A store in this process's memory."""
    found = fsspec.filesystem("memory", use_listings_cache=False)
    found.store.clear()
    yield found
    found.store.clear()


@pytest.fixture
def attic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store that is no object store: a file that is being written is there already."""
    from fsspec.implementations.local import LocalFileSystem
    from fsspec.registry import _registry

    class Attic(LocalFileSystem):  # type: ignore[misc]
        protocol = "attic"
        broken = False
        seen: list[str] = []  # noqa: RUF012

        def pipe_file(self, path: str, value: bytes, **told: Any) -> None:
            Attic.seen.append(path)
            half = value[: len(value) // 2] if Attic.broken else value
            super().pipe_file(path, half, **told)
            if Attic.broken:
                raise OSError("the ladder fell")

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(path).removeprefix("attic://")

    monkeypatch.setitem(_registry, "attic", Attic)
    return Attic


def test_a_batch_from_a_store_to_a_store(store: Any, photos: Path, tmp_path: Path, calls: object) -> None:
    for name in ("a.png", "day/d.png"):
        store.pipe_file(f"/bucket/in/{name}", (photos / name).read_bytes())
        store.pipe_file(f"/bucket/holes/{name}", draw(tmp_path / "hole.png", 5).read_bytes())
    store.pipe_file("/bucket/in/text.txt", b"no picture")
    store.pipe_file("/bucket/in/.hidden.png", b"")
    asked = plan(
        "darken",
        "memory://bucket/in",
        "memory://bucket/out",
        options={"steps": 0},
        files={"mask": "memory://bucket/holes/{folder}/{stem}.png"},
        ledger=tmp_path / "records",
    )
    tally = run(asked, serial)
    assert (tally.done, tally.failed) == (2, 0)
    assert store.find("/bucket/out") == ["/bucket/out/a.png", "/bucket/out/day/d.png"]
    assert [row["name"] for row in rows(tmp_path / "records")] == ["a.png", "day/d.png"]
    assert run(asked, serial).there == 2
    store.pipe_file("/bucket/in/a.png", (photos / "b.png").read_bytes())
    assert run(asked, serial).done == 1
    store.rm("/bucket/out/day/d.png")
    assert run(asked, serial).done == 1
    # From here, with the same bytes: the same pictures.
    here = tmp_path / "in" / "a.png"
    here.parent.mkdir()
    here.write_bytes((photos / "b.png").read_bytes())
    hole = tmp_path / "hole.png"
    local = plan("darken", here, tmp_path / "out", options={"steps": 0}, files={"mask": hole})
    run(local, serial)
    assert (tmp_path / "out" / "a.png").read_bytes() == store.cat_file("/bucket/out/a.png")


def test_a_manifest_in_a_store_names_what_lies_beside_it(
    store: Any, photos: Path, tmp_path: Path, calls: object
) -> None:
    store.pipe_file("/bucket/in/a.png", (photos / "a.png").read_bytes())
    store.pipe_file("/bucket/list.csv", f"photo\nin/a.png\n../x.png\n{photos / 'b.png'}\n".encode())
    asked = plan("darken", "memory://bucket/list.csv", tmp_path / "out", options={"steps": 0, "box": BOX})
    tally = run(asked, serial)
    assert (tally.done, tally.failed) == (1, 2)
    assert all("leads out of memory://bucket" in row.message for row in tally.failures)


def test_a_pattern_of_a_store(store: Any, photos: Path, tmp_path: Path, calls: object) -> None:
    for name in ("a.png", "day/d.png", "day/e.jpg"):
        store.pipe_file(f"/bucket/in/{name}", (photos / "a.png").read_bytes())
    told: dict[str, Any] = {"options": {"steps": 0, "box": BOX}}
    found = plan("darken", "memory://bucket/in/**/*.png", tmp_path / "out", **told)
    assert [item.name for item in found] == ["a.png", "day/d.png"]
    found = plan("darken", "memory://bucket/in/*/[a-d].*", tmp_path / "out", **told)
    assert [item.name for item in found] == ["day/d.png"]


def test_a_store_without_atomic_writes_gets_a_draft_and_a_move(
    attic: Any, photos: Path, tmp_path: Path, calls: object
) -> None:
    out = tmp_path / "loft"
    asked = plan(
        "darken", photos, f"attic://{out}", options={"steps": 0, "box": BOX}, ledger=tmp_path / "records"
    )
    attic.broken = True
    tally = run(asked, serial)
    assert (tally.done, tally.failed) == (0, 4)
    assert "cannot be written (the ladder fell)" in tally.failures[0].message
    assert [path for path in out.rglob("*") if path.is_file()] == []
    attic.broken = False
    assert run(asked, serial).done == 4
    assert all(".retouch-" in path for path in attic.seen)
    assert sorted(path.name for path in out.rglob("*.*")) == ["a.png", "b.png", "c.png", "d.png"]
    with pytest.raises(OutputExists):
        places.put({f"attic://{out}/a.png": b"x"}, overwrite=False, tag="t")


def test_no_more_is_read_than_allowed(store: Any, tmp_path: Path) -> None:
    store.pipe_file("/bucket/large.png", b"x" * 1001)
    (tmp_path / "large.png").write_bytes(b"x" * 1001)
    for address in ("memory://bucket/large.png", str(tmp_path / "large.png")):
        with pytest.raises(PictureTooLarge):
            places.read(address, 1000)
        assert len(places.read(address, 1001)) == 1001


@pytest.mark.parametrize(
    ("address", "kind", "why"),
    [
        ("memory://bucket/none.png", UnreadablePicture, "does not exist"),
        ("s3://bucket/a.png", MissingDependency, "Install s3fs"),
        ("nonsense://a", InputError, "Protocol not known"),
        ("zip://a.png::memory://b.zip", InputError, "chain of addresses"),
        ("file://otherhost/a.png", InputError, "another machine"),
    ],
)
def test_addresses_that_cannot_be_read(store: Any, address: str, kind: type[Exception], why: str) -> None:
    if address.startswith("s3") and _has("s3fs"):
        pytest.skip("s3fs is here")
    with pytest.raises(kind, match=why):
        places.read(address, 10)


def test_without_fsspec_an_address_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, photos: Path, tmp_path: Path
) -> None:
    whole = builtins.__import__

    def without(name: str, *told: Any, **named: Any) -> Any:
        if name.startswith("fsspec"):
            raise ImportError(name)
        return whole(name, *told, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    for told in (("s3://bucket/in", tmp_path / "out"), (photos, "s3://bucket/out")):
        with pytest.raises(MissingDependency, match=r'pip install "retouch\[remote\]"'):
            plan("fill", *told, options={"box": BOX})
    assert len(list(plan("fill", photos, tmp_path / "out", options={"box": BOX}))) == 4


def test_results_in_a_store_need_a_folder_for_the_record(photos: Path, store: Any) -> None:
    with pytest.raises(InputError, match="name a folder of this machine with --ledger"):
        plan("fill", photos, "memory://bucket/out", options={"box": BOX})


def test_local_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ä b.png").write_bytes(b"123")
    assert places.path_of("file:///a/%C3%A4%20b.png") == Path("/a/ä b.png")
    assert places.absolute("x/../ä b.png") == str(tmp_path / "ä b.png")
    assert places.read((tmp_path / "ä b.png").as_uri(), 5) == b"123"
    assert places.marked(str(tmp_path)) is None
    assert places.marked("\0") is None
    assert places.sha256_at(str(tmp_path / "none")) == ""
    assert not places.is_folder("\0")
    with pytest.raises(UnwritablePicture):
        places.put({str(tmp_path / "ä b.png" / "x.png"): b""}, overwrite=False, tag="t")


def test_a_draft_that_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    draft_name = ".retouch-tag-0.00000000-1-00000000.tmp"
    (tmp_path / draft_name).write_bytes(b"half a pict")
    os.utime(tmp_path / draft_name, (0, 0))
    places.put({str(tmp_path / "a.png"): b"whole"}, overwrite=False, tag="tag")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"whole"


def test_hidden_folders_and_links_to_folders_are_left_alone(photos: Path) -> None:
    draw(photos / ".trash" / "x.png", 1)
    draw(photos / ".y.png", 1)
    (photos / "loop").symlink_to(photos)
    assert list(places.walked(str(photos))) == ["a.png", "b.png", "c.png", "text.txt", "day/d.png"]


def test_a_folder_that_may_not_be_read_is_said(photos: Path) -> None:
    if os.geteuid() == 0:
        with pytest.raises(UnreadablePicture, match="cannot be read"):
            list(places.walked(str(photos / "none")))
        return
    (photos / "day").chmod(0)
    with pytest.raises(UnreadablePicture, match="cannot be read"):
        list(places.walked(str(photos)))


def _has(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None
