"""The studio's files: limits, what goes first, and what nobody else may see."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.errors import PictureTooLarge
from retouch.studio import folder as work_folder
from retouch.studio.failures import Gone, StoreFull, Unavailable, UnknownHandle
from retouch.studio.store import STILL, Limits, Store
from retouch.studio.stored import shown_name

STEPS = ("put", "use", "drop", "hold", "free", "derive")
FACTS = {"kind": "picture", "width": 1, "height": 1, "mode": "L", "bits": 8, "format": "PNG"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with_limits = Store(tmp_path, Limits(upload=100, folder=300, block=1))
    yield with_limits
    with_limits.close()


def put(store: Store, size: int = 100, name: str = "a.png", letter: bytes = b"x") -> str:
    with store.begin(name) as incoming:
        incoming.write(letter * size)
        return incoming.finish(FACTS).handle


def held_bytes(store: Store) -> int:
    return sum(path.stat().st_size for path in store.folder.iterdir() if path.is_file())


def test_a_file_comes_back_as_it_came(store: Store) -> None:
    with store.begin("../../etc/passwd.png") as incoming:
        incoming.write(b"ab")
        incoming.write(b"c")
        assert incoming.bytes == 3
        assert incoming.path.read_bytes() == b"abc"
        stored = incoming.finish(FACTS)
    assert store.path(stored.handle).read_bytes() == b"abc"
    assert store.get(stored.handle) == stored
    assert (stored.name, stored.bytes, dict(stored.facts)) == ("passwd.png", 3, FACTS)
    assert abs(stored.created - time.time()) < 60


def test_handles_are_random_and_paths_are_made_of_them_alone(store: Store) -> None:
    handles = {put(store, 1, "same.png") for _ in range(50)}
    assert len(handles) == 50
    for handle in handles:
        assert re.fullmatch("[0-9a-f]{32}", handle)
        assert store.path(handle) == store.folder / handle


def test_the_folder_is_private_and_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.folder.parent == tmp_path.resolve()
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    put(store)
    store.room()
    store.close()
    store.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Unavailable, match="start it again"):
        store.begin("late.png")


def test_it_is_removed_at_exit_without_close(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from retouch.studio.store import Store; "
    code += "store = Store(Path(sys.argv[1])); store.room(); assert store.folder.exists()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


def test_an_upload_may_be_as_large_as_the_limit_and_no_larger(store: Store) -> None:
    with store.begin("a.png") as incoming:
        incoming.write(b"x" * 100)
        with pytest.raises(PictureTooLarge, match=r"more than 100 bytes.*--max-upload"):
            incoming.write(b"x")
        assert not incoming.path.exists()
    assert store.bytes == 0
    assert store.path(put(store, 100)).stat().st_size == 100


def test_what_is_abandoned_leaves_nothing(store: Store) -> None:
    with store.begin("a.png") as incoming:
        incoming.write(b"x" * 90)
        assert store.bytes == 90
    incoming.abandon()
    assert (store.bytes, held_bytes(store)) == (0, 0)


def test_the_longest_unused_goes_first(store: Store) -> None:
    first, second, third = put(store), put(store), put(store)
    store.get(first)
    fourth = put(store)
    assert [store.get(handle).handle for handle in (first, third, fourth)] == [first, third, fourth]
    with pytest.raises(Gone, match="removed"):
        store.path(second)
    assert not (store.folder / second).exists()
    assert store.bytes == held_bytes(store) == 300


def test_what_is_held_stays_even_when_it_is_the_oldest(store: Store) -> None:
    first, second = put(store), put(store)
    with store.holding(first):
        put(store)
        put(store)
        store.get(first)
        with pytest.raises(Gone):
            store.get(second)
    put(store)
    put(store)
    put(store)
    with pytest.raises(Gone):
        store.get(first)


def test_a_store_full_of_held_files_says_so(store: Store) -> None:
    with store.holding(put(store), put(store), put(store)):
        with pytest.raises(StoreFull, match=r"300 bytes.*cancel"), store.begin("b.png") as incoming:
            incoming.write(b"x")
        assert store.bytes == 300
    assert store.get(put(store)).bytes == 100


def test_gone_is_not_the_same_as_never_there(store: Store) -> None:
    handle = put(store)
    store.drop(handle)
    for call in (store.get, store.path, store.still, store.drop, store.hold):
        with pytest.raises(Gone):
            call(handle)
        with pytest.raises(UnknownHandle, match="no file") as caught:
            call("0" * 32)
        assert not isinstance(caught.value, Gone)
    for hostile in ("../lock", "lock", "", "/etc/passwd", "\0"):
        with pytest.raises(UnknownHandle):
            store.path(hostile)


def test_what_is_dropped_while_it_is_held_stays_until_it_is_let_go(store: Store) -> None:
    handle = put(store)
    path = store.path(handle)
    store.hold(handle)
    store.hold(handle)
    store.drop(handle)
    with pytest.raises(Gone):
        store.get(handle)
    store.let_go(handle)
    assert path.exists()
    assert store.known(handle) is not None
    store.let_go(handle)
    assert not path.exists()
    assert store.known(handle) is None
    assert store.bytes == 0


def test_holding_several_holds_none_when_one_is_missing(store: Store) -> None:
    handle = put(store)
    with pytest.raises(UnknownHandle):
        store.hold(handle, "0" * 32)
    store.drop(handle)
    assert store.known(handle) is None


def test_what_is_derived_lives_and_dies_with_its_file(store: Store) -> None:
    handle = put(store, 50)
    assert store.derived(handle, "view-8.png") is None
    for size in (30, 20):
        draft = store.draft(".png")
        draft.write_bytes(b"v" * size)
        path = store.attach(handle, "view-8.png", draft)
    assert path == store.derived(handle, "view-8.png")
    assert path.read_bytes() == b"v" * 20
    assert store.bytes == held_bytes(store) == 70
    assert store.still(handle) == store.path(handle)
    store.drop(handle)
    assert (store.bytes, held_bytes(store)) == (0, 0)
    draft.write_bytes(b"v")
    with pytest.raises(Gone):
        store.attach(handle, "view-8.png", draft)
    assert not draft.exists()


def test_an_animation_has_a_still(store: Store) -> None:
    handle = put(store)
    draft = store.draft(".png")
    draft.write_bytes(b"s")
    assert store.attach(handle, STILL, draft) == store.still(handle) != store.path(handle)


@pytest.mark.parametrize("key", ["../x", "a/b", "", "a b", "ä.png", "a\0"])
def test_a_key_is_no_path(store: Store, key: str) -> None:
    draft = store.draft()
    draft.write_bytes(b"")
    with pytest.raises(ValueError, match="file's name"):
        store.attach(put(store, 1), key, draft)


def test_what_was_made_in_the_folder_is_adopted_with_the_limit(store: Store) -> None:
    first = put(store)
    made = store.room() / "result.png"
    made.write_bytes(b"r" * 250)
    stored = store.adopt(made, "r.png", FACTS)
    assert not made.exists()
    assert store.path(stored.handle).read_bytes() == b"r" * 250
    with pytest.raises(Gone):
        store.get(first)
    too_much = store.draft()
    too_much.write_bytes(b"r" * 301)
    with pytest.raises(StoreFull):
        store.adopt(too_much, "r.png", FACTS)


def test_a_folder_that_takes_no_files_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(StoreFull, match="choose another with --folder"):
        Store(file / "inside")


def test_a_full_disk_is_said_and_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    incoming = store.begin("a.png")
    incoming._file.close()

    class Full:
        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(incoming, "_file", Full())
    with pytest.raises(StoreFull, match="disk of the studio is full"):
        incoming.write(b"x")
    assert (store.bytes, held_bytes(store)) == (0, 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 5)),
        max_size=40,
    )
)
def test_the_bytes_counted_are_those_on_the_disk(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    store = Store(tmp_path_factory.mktemp("s"), Limits(upload=100, folder=250, block=1))
    handles: list[str] = []
    held: list[str] = []
    try:
        for step, number in steps:
            try:
                if step == "put":
                    handles.append(put(store, 20 * number))
                elif step == "free" and held:
                    store.let_go(held.pop())
                elif handles:
                    handle = handles[number % len(handles)]
                    if step == "hold":
                        store.hold(handle)
                        held.append(handle)
                    elif step == "derive":
                        draft = store.draft()
                        draft.write_bytes(b"d" * 30)
                        store.attach(handle, f"view-{number % 2}", draft)
                    else:
                        (store.get if step == "use" else store.drop)(handle)
            except (Gone, StoreFull):
                pass
            assert store.bytes == held_bytes(store) <= 250
            assert store._files == sum(1 for path in store.folder.iterdir() if path.name != "lock")
            assert all((store.folder / handle).exists() for handle in held)
    finally:
        store.close()


@given(st.text(max_size=400))
def test_a_shown_name_is_harmless(name: str) -> None:
    shown = shown_name(name)
    assert 0 < len(shown) <= 120
    assert shown.isprintable()
    assert not set("/\\") & set(shown)
    assert not shown.startswith(".")
    assert shown_name(shown) == shown


def test_a_long_name_keeps_its_ending() -> None:
    assert shown_name("n" * 500 + ".jpg") == "n" * 116 + ".jpg"


HOLD = """
import sys, time
from pathlib import Path
from retouch.studio.store import Store
store = Store(Path(sys.argv[1]))
store.room()
print(store.folder, flush=True)
time.sleep(60)
"""


def test_what_a_dead_server_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        dead, living = (Path(process.stdout.readline().strip()) for process in processes if process.stdout)
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        others = [tmp_path / "retouch-studio-notes", tmp_path / "photos", tmp_path / "retouch-studio-file"]
        others[0].mkdir()
        (others[0] / "keep.txt").write_text("mine", encoding="ascii")
        others[1].mkdir()
        others[2].write_bytes(b"")
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "lock").write_bytes(b"")
        link = tmp_path / "retouch-studio-link"
        link.symlink_to(outside)
        assert dead.exists()
        assert [work_folder._is_ours(path) for path in (dead, others[2], link)] == [True, False, False]
        store = Store(tmp_path)
        assert not dead.exists()
        assert living.exists()
        assert (others[0] / "keep.txt").exists()
        assert others[1].exists()
        assert others[2].exists()
        assert link.is_symlink()
        assert (outside / "lock").exists()
        store.close()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_folder_of_another_user_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / f"{work_folder.PREFIX}other"
    left.mkdir()
    (left / "lock").write_bytes(b"")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    work_folder.clean(tmp_path)
    assert left.exists()
    monkeypatch.undo()
    work_folder.clean(tmp_path)
    assert not left.exists()


def test_a_small_file_counts_as_what_it_takes_of_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path, Limits(folder=3 * 4096))
    try:
        first, *others = [put(store, size) for size in (1, 4096, 1)]
        assert store.bytes == 3 * 4096
        with store.begin("a.png") as incoming:
            for _ in range(4):
                incoming.write(b"x" * 1000)
            assert store.bytes == 3 * 4096
        with pytest.raises(Gone):
            store.get(first)
        assert [store.get(handle).handle for handle in others] == others
        for handle in others:
            store.drop(handle)
        assert store.bytes == 0
    finally:
        store.close()


def test_there_are_no_more_files_than_allowed(tmp_path: Path) -> None:
    store = Store(tmp_path, Limits(files=3))
    try:
        first, second = put(store), put(store)
        draft = store.draft()
        draft.write_bytes(b"d")
        store.attach(second, "view-1", draft)
        third = put(store)
        with pytest.raises(Gone):
            store.get(first)
        with store.holding(second, third):
            with pytest.raises(StoreFull, match="3 files are full"):
                put(store)
            assert len(list(store.folder.iterdir())) == 4
        store.drop(second)
        assert store.get(put(store)).handle != store.get(put(store)).handle
        assert store.get(third).handle == third
    finally:
        store.close()


def test_what_is_old_makes_room_on_a_disk_that_others_have_filled(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = put(store), put(store)
    room = (1 << 20) + 250
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: SimpleNamespace(free=max(room - held_bytes(store), 0))
    )
    third = put(store)
    assert [store.get(handle).handle for handle in (second, third)] == [second, third]
    with pytest.raises(Gone):
        store.get(first)


def test_what_cannot_be_moved_into_the_store_does_not_count(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = put(store, 10)
    drafts = [store.draft() for _ in range(2)]
    for draft in drafts:
        draft.write_bytes(b"d" * 20)

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreFull):
        store.attach(handle, "view-1", drafts[0])
    with pytest.raises(StoreFull):
        store.adopt(drafts[1], "a.png", FACTS)
    with store.begin("a.png") as incoming:
        incoming.write(b"x" * 30)
        with pytest.raises(StoreFull):
            incoming.finish(FACTS)
    assert (store.bytes, store._files) == (10, 1)


def test_the_lock_is_the_last_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.room()
    for _ in range(5):
        put(store)
    gone: list[str] = []
    unlink = os.unlink

    def noted(path: str | Path, *arguments: Any, **options: Any) -> None:
        gone.append(Path(path).name)
        unlink(path, *arguments, **options)

    monkeypatch.setattr(os, "unlink", noted)
    store.close()
    assert len(gone) == 6
    assert gone[-1] == "lock"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "age", "goes"),
    [
        ("retouch-studio-a1b2_3cd", ["0" * 32, f"{'1' * 32}.view-8.png", f"room-{'2' * 32}"], 7200, True),
        ("retouch-studio-a1b2_3cd", [], 7200, True),
        ("retouch-studio-a1b2_3cd", ["0" * 32], 60, False),
        ("retouch-studio-a1b2_3cd", ["0" * 32, "holiday.jpg"], 7200, False),
        ("retouch-studio-projects2", [], 7200, False),
        (".retouch-studio-a1b2_3cd", ["lock"], 7200, True),
        (".retouch-studio-a1b2_3cd", [], 7200, True),
        (".retouch-studio-a1b2_3cd", ["lock"], 60, False),
        ("retouch-studio-a1b2_3cd", ["lock", f"draft-{'0' * 32}.png"], 60, True),
    ],
)
def test_what_a_studio_left_that_was_killed_while_it_began_or_ended_goes(
    tmp_path: Path, name: str, content: list[str], age: float, goes: bool
) -> None:
    left = tmp_path / name
    left.mkdir()
    for each in content:
        (left / each).write_bytes(b"")
    then = time.time() - age
    os.utime(left, (then, then))
    work_folder.clean(tmp_path)
    assert left.exists() != goes
