"""Fetching from a real server, on this machine, that behaves and misbehaves as servers do."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from retouch.errors import Cancelled, DownloadFailed, InputError
from retouch.progress import Progress
from retouch.weights import read
from retouch.weights.fetch import fetch, fetched, home, is_offline, place_of
from retouch.weights.registry import PUBLISHED, Published
from tests.weights.toys import toy


def _file() -> bytes:
    made = io.BytesIO()
    torch.save({**toy().state_dict(), "filling": torch.zeros(200_000)}, made)
    return made.getvalue()


FILE = _file()
SHA = hashlib.sha256(FILE).hexdigest()


class Server:
    """What is served, how it fails, and what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/good.pth": FILE}
        self.tag: str | None = '"one"'
        self.ranges = True
        self.breaks: list[int] = []
        """Bytes after which the next answers break off."""
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.asked.append((handler.path, asked))
        data = self.files.get(handler.path)
        if data is None:
            handler.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if asked and handler.headers.get("If-Range") not in (None, self.tag):
            start = 0
        if start >= len(data):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        if self.tag:
            handler.send_header("ETag", self.tag)
        handler.end_headers()
        end = start + self.breaks.pop(0) if self.breaks else len(data)
        handler.wfile.write(data[start:end])
        if end < len(data):
            handler.close_connection = True


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    behaviour = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("RETOUCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RETOUCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        behaviour.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=functools.partial(listening.serve_forever, 0.01), daemon=True)
        thread.start()
        yield behaviour
        listening.shutdown()
        thread.join()


def entry(server: Server, *paths: str, sha256: str | None = SHA, size: int | None = None) -> Published:
    urls = tuple(server.url + path for path in paths or ("/good.pth",))
    return Published("a-toy", "translate", urls, "be kind", "none", sha256, size)


def left(item: Published) -> list[str]:
    return sorted(path.name for path in place_of(item).parent.iterdir())


def test_a_file_is_fetched_once(server: Server) -> None:
    item = entry(server)
    events: list[Progress] = []
    got = fetch(item, accept_licence=True, progress=events.append)
    assert got.path == place_of(item)
    assert got.path.read_bytes() == FILE
    assert (got.sha256, got.vouched, got.downloaded) == (SHA, True, len(FILE))
    assert (events[0].done, events[-1].done, events[-1].total) == (0, len(FILE), len(FILE))
    assert left(item) == ["a-toy.pth"]
    assert fetch(item).downloaded == 0
    assert server.asked == [("/good.pth", None)]


def test_the_licence_comes_first(server: Server) -> None:
    with pytest.raises(InputError, match="terms of its own: be kind; add --accept-licence"):
        fetch(entry(server))
    assert server.asked == []


def test_offline_says_where_to_put_the_file(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    item = entry(server)
    monkeypatch.setenv("RETOUCH_OFFLINE", "1")
    with pytest.raises(DownloadFailed) as caught:
        fetch(item, accept_licence=True)
    assert f"get {item.urls[0]} in another way and put it at {place_of(item)}" in str(caught.value)
    assert server.asked == []
    place_of(item).parent.mkdir(parents=True)
    place_of(item).write_bytes(FILE)
    assert fetch(item).downloaded == 0


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("yes", True), ("0", False), ("", False), ("no", False)]
)
def test_offline_is_a_switch(value: str, offline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETOUCH_OFFLINE", value)
    assert is_offline() == offline


@pytest.mark.parametrize("sha256", [SHA, None])
def test_a_broken_connection_goes_on_where_it_stopped(sha256: str | None, server: Server) -> None:
    server.breaks = [300_000, 200_000]
    got = fetch(entry(server, sha256=sha256), accept_licence=True)
    assert got.path.read_bytes() == FILE
    assert server.asked == [
        ("/good.pth", None),
        ("/good.pth", "bytes=300000-"),
        ("/good.pth", "bytes=500000-"),
    ]
    assert got.downloaded == len(FILE)


def test_a_cancelled_download_goes_on_in_the_next_call(server: Server) -> None:
    def stop(event: Progress) -> None:
        if event.done > 300_000:
            raise Cancelled

    item = entry(server)
    with pytest.raises(Cancelled):
        fetch(item, accept_licence=True, progress=stop)
    assert not place_of(item).exists()
    got = fetch(item, accept_licence=True)
    assert got.path.read_bytes() == FILE
    assert 0 < got.downloaded < len(FILE)


def cut(item: Published, data: bytes) -> None:
    """Leave a download unfinished."""
    place = place_of(item)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_name(f".{place.name}.part").write_bytes(data)


def test_a_file_that_changed_meanwhile_starts_again(server: Server) -> None:
    item = entry(server, sha256=None)
    server.breaks = [300_000, 0]
    with pytest.raises(DownloadFailed, match="broke off"):
        fetch(item, accept_licence=True)
    other = io.BytesIO()
    torch.save({"weight": torch.ones(200_000)}, other)
    server.files["/good.pth"], server.tag = other.getvalue(), '"two"'
    assert fetch(item, accept_licence=True).path.read_bytes() == other.getvalue()


def test_a_server_that_cannot_resume_sends_it_all_again(server: Server) -> None:
    server.ranges, server.breaks = False, [300_000]
    got = fetch(entry(server), accept_licence=True)
    assert got.path.read_bytes() == FILE
    assert got.downloaded == len(FILE) + 300_000


def test_rubbish_from_an_earlier_try_is_thrown_away(server: Server) -> None:
    item = entry(server)
    for rubbish in (b"x" * 1000, FILE + b"more", b"x" * len(FILE)):
        cut(item, rubbish)
        got = fetch(item, accept_licence=True)
        assert got.path.read_bytes() == FILE
        assert left(item) == ["a-toy.pth"]
        got.path.unlink()


def test_a_whole_draft_needs_no_more_bytes(server: Server) -> None:
    item = entry(server)
    cut(item, FILE)
    assert fetch(item, accept_licence=True).downloaded == 0


def test_mirrors_are_asked_in_order(server: Server) -> None:
    server.files["/bad.pth"] = FILE[:-1] + b"!"
    got = fetch(entry(server, "/gone.pth", "/bad.pth", "/good.pth", "/never.pth"), accept_licence=True)
    assert got.path.read_bytes() == FILE
    assert [path for path, _ in server.asked] == ["/gone.pth", "/bad.pth", "/good.pth"]


def test_when_nobody_has_it_every_reason_is_given(server: Server) -> None:
    server.files["/bad.pth"] = b"x" * 100
    item = dataclasses.replace(
        entry(server, "/gone.pth", "/bad.pth"),
        urls=(f"{server.url}/gone.pth", f"{server.url}/bad.pth", "http://127.0.0.1:9/x"),
    )
    with pytest.raises(DownloadFailed) as caught:
        fetch(item, accept_licence=True)
    message = str(caught.value)
    assert "404" in message
    assert f"not {SHA}" in message
    assert "refused" in message.lower()
    assert f"put it at {place_of(item)}" in message
    assert left(item) == []


def test_a_file_of_another_size_is_refused_before_it_comes(server: Server) -> None:
    with pytest.raises(DownloadFailed, match=r"offers .* bytes and the file has 10"):
        fetch(entry(server, size=10), accept_licence=True)


def test_without_a_checksum_the_first_download_sets_it(server: Server) -> None:
    item = entry(server, sha256=None)
    got = fetch(item, accept_licence=True)
    assert (got.vouched, got.sha256) == (False, SHA)
    assert left(item) == ["a-toy.pth", "a-toy.pth.sha256"]
    got.path.unlink()
    other = io.BytesIO()
    torch.save(toy(2).state_dict(), other)
    server.files["/good.pth"] = other.getvalue()
    with pytest.raises(DownloadFailed, match=f"not {SHA}"):
        fetch(item, accept_licence=True)
    server.files["/good.pth"] = FILE
    assert fetch(item, accept_licence=True).sha256 == SHA


def test_a_web_page_instead_of_weights_is_not_kept(server: Server) -> None:
    server.files["/good.pth"] = b"<html>please log in</html>"
    item = entry(server, sha256=None)
    with pytest.raises(DownloadFailed, match="a web page"):
        fetch(item, accept_licence=True)
    assert left(item) == []


@pytest.mark.parametrize("sha256", [SHA, None])
def test_a_file_that_was_damaged_later_is_said(sha256: str | None, server: Server) -> None:
    item = entry(server, sha256=sha256)
    got = fetch(item, accept_licence=True)
    got.path.write_bytes(FILE[:-1])
    with pytest.raises(DownloadFailed, match="delete it and fetch it again"):
        fetch(item)


def test_a_folder_that_takes_no_files_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(DownloadFailed, match="set RETOUCH_HOME"):
        fetch(entry(server), accept_licence=True)


def test_where_files_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETOUCH_HOME", "/somewhere")
    assert home() == Path("/somewhere/weights")
    monkeypatch.delenv("RETOUCH_HOME")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home() == tmp_path / "retouch" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert home() == Path.home() / ".cache" / "retouch" / "weights"
    monkeypatch.setattr("sys.platform", "darwin")
    assert home() == Path.home() / "Library" / "Caches" / "retouch" / "weights"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert home() == tmp_path / "retouch" / "weights"


def test_the_registry_is_complete_and_unambiguous(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETOUCH_HOME", str(tmp_path))
    assert (
        len(PUBLISHED)
        == len({item.name for item in PUBLISHED})
        == len({place_of(item) for item in PUBLISHED})
        == 68
    )
    assert all(item.urls and item.licence and item.paper and item.task for item in PUBLISHED)
    for item in PUBLISHED:
        assert item.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", item.sha256), item.name
        assert all(re.fullmatch(r"https?://[\w./~-]+", url) for url in item.urls), item.name
        # Those that name their files by the beginning of the checksum must agree with us.
        if (named := re.search(r"-([0-9a-f]{8})\.pth$", item.urls[0])) and item.sha256:
            assert item.sha256.startswith(named[1]), item.name
    assert fetched() == {}
    place_of(PUBLISHED[3]).parent.mkdir()
    place_of(PUBLISHED[3]).write_bytes(FILE)
    assert fetched() == {PUBLISHED[3].name: place_of(PUBLISHED[3])}
    assert read(place_of(PUBLISHED[3])).tensors
