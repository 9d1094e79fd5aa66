"""Files appear complete or not at all, and nothing that should stay is touched."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retouch.errors import InputError, OutputExists, UnknownName, UnwritablePicture
from retouch.image import Picture, drafts, write
from tests.image import made

PICTURE = Picture.of(made.noise((6, 7, 3)))
SUFFIXES = [".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".PNG", ".Jpg"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_suffix_decides_the_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    assert PICTURE.save(path) == path
    kind = Picture.of(path).file.format
    assert kind == {"JPG": "JPEG", "TIF": "TIFF"}.get(suffix[1:].upper(), suffix[1:].upper())
    assert made.names_in(tmp_path) == [path.name]


def test_format_can_be_named(tmp_path: Path) -> None:
    assert Picture.of(PICTURE.save(tmp_path / "a.dat", format="jpg")).file.format == "JPEG"
    with pytest.raises(UnknownName, match="PNG"):
        PICTURE.save(tmp_path / "b.png", format="PGN")


@pytest.mark.parametrize("name", ["a.gif", "a.xyz", "a", "a.", ".png"])
def test_unknown_suffix_names_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnwritablePicture, match=r"\.png, \.jpg"):
        PICTURE.save(tmp_path / name)
    assert made.names_in(tmp_path) == []


def test_missing_folder_and_folder_as_output(tmp_path: Path) -> None:
    with pytest.raises(UnwritablePicture, match="does not exist; make it first"):
        PICTURE.save(tmp_path / "no" / "a.png")
    folder = tmp_path / "folder.png"
    folder.mkdir()
    with pytest.raises(UnwritablePicture, match="is a folder"):
        PICTURE.save(folder)
    with pytest.raises(UnwritablePicture, match="device or a pipe"):
        PICTURE.save("/dev/null", format="PNG")
    with pytest.raises(UnwritablePicture, match="cannot be written"):
        PICTURE.save(tmp_path / ("x" * 300 + ".png"))
    with pytest.raises(UnwritablePicture):
        PICTURE.save(tmp_path / "nul\0.png")
    assert made.names_in(tmp_path) == ["folder.png"]


def test_existing_file_is_kept_unless_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")
    with pytest.raises(OutputExists, match="--overwrite"):
        PICTURE.save(path, overwrite=False)
    assert path.read_text() == "precious"
    PICTURE.save(path)
    assert Picture.of(path).size == PICTURE.size
    assert made.names_in(tmp_path) == ["a.png"]


@pytest.mark.parametrize("links", [True, False])
def test_file_that_appears_meanwhile_is_kept(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    encode = write.encoded

    def slow(*args: object, **options: object) -> bytes:
        path.write_text("precious")
        return encode(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(write, "encoded", slow)
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    with pytest.raises(OutputExists):
        PICTURE.save(path, overwrite=False)
    assert path.read_text() == "precious"
    assert made.names_in(tmp_path) == ["a.png"]


def test_file_systems_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    path = PICTURE.save(tmp_path / "a.png", overwrite=False)
    assert Picture.of(path).size == PICTURE.size
    assert made.names_in(tmp_path) == ["a.png"]


def test_input_may_be_the_output(tmp_path: Path) -> None:
    path = PICTURE.save(tmp_path / "a.png")
    opened = Picture.of(path)
    opened.edited(np.zeros((6, 7, 3), np.float32)).save(path)
    assert not Picture.of(path).samples.any()


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(28, "No space left on device"), MemoryError()]
)
@pytest.mark.parametrize("step", ["open", "write", "replace"])
def test_no_draft_stays_behind(
    error: BaseException, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")

    def fail(*_: object, **__: object) -> None:
        raise error

    if step == "open":
        monkeypatch.setattr(os, "fdopen", fail)
    elif step == "write":
        monkeypatch.setattr(os, "write", fail)
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    wanted = UnwritablePicture if isinstance(error, OSError) else type(error)
    with pytest.raises(wanted):
        PICTURE.save(path)
    monkeypatch.undo()
    assert path.read_text() == "precious"
    assert made.names_in(tmp_path) == ["a.png"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_mode_of_the_file_respects_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        for overwrite in (True, False):
            path = PICTURE.save(tmp_path / f"a{overwrite}.png", overwrite=overwrite)
            assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    finally:
        os.umask(before)


def test_link_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "real.png"
    real.write_text("old")
    link = tmp_path / "link.png"
    link.symlink_to(real)
    PICTURE.save(link)
    assert link.is_symlink()
    assert Picture.of(real).size == PICTURE.size


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_protected_places(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")
    path.chmod(0o444)
    with pytest.raises(UnwritablePicture, match="protected"):
        PICTURE.save(path)
    tmp_path.chmod(0o555)
    with pytest.raises(UnwritablePicture, match="protected"):
        PICTURE.save(tmp_path / "b.png")
    tmp_path.chmod(0o755)


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "private.png"
    path.write_text("old")
    for mode in (0o600, 0o664):
        path.chmod(mode)
        PICTURE.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert Picture.of(path).size == PICTURE.size


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_no_empty_file_stays_behind_without_links(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(UnwritablePicture if isinstance(error, OSError) else type(error)):
        PICTURE.save(tmp_path / "a.png", overwrite=False)
    assert made.names_in(tmp_path) == []


@pytest.mark.parametrize("quality", [0, 101, -5, "high", 50.5])
def test_quality_out_of_range(quality: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 \\(small\\) to 100"):
        PICTURE.save(tmp_path / "a.jpg", quality=quality)


def test_a_writer_leaves_the_draft_of_another_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    replace = Path.replace

    def meanwhile(draft: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        drafts._sweep.cache_clear()
        with monkeypatch.context() as killed:
            # The other one gets no further than half of its draft.
            killed.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("gone")))
            killed.setattr(Path, "unlink", lambda *_, **__: None)
            with pytest.raises(UnwritablePicture):
                write.put_all({path: b"half"}, overwrite=True, tag="one")
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", meanwhile)
    write.put_all({path: b"whole"}, overwrite=True, tag="one")
    assert path.read_bytes() == b"whole"


def test_drafts_of_killed_writers_are_taken_away(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own = drafts.draft_name("one-0")
    gone = own.replace(f"-{os.getpid()}-", f"-{ended.pid}-")
    away = [own.replace(drafts._here(), f"{number:08x}") for number in range(2)]
    names = [own, gone, *away, drafts.draft_name(), "mine.tmp"]
    for name in names:
        (tmp_path / name).write_bytes(b"half a pict")
    then = time.time() - 7200
    os.utime(tmp_path / away[0], (then, then))
    write.put_all({tmp_path / "a.png": b"whole"}, overwrite=False, tag="one")
    kept = {own, away[1], names[-2], "mine.tmp", "a.png"}
    assert {path.name for path in tmp_path.iterdir()} == kept
