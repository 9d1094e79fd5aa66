"""Whatever is sent: the right refusal, in words, and the studio goes on with nothing left behind."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.studio import hostile
from tests.studio.living import Studio, alive, studio_in, until
from tests.studio.made import box, photo

LIMIT = 2_000_000
"""Bytes that the studio of these tests takes in one upload."""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a true weights file, which the studio's owner did not allow."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "secret.safetensors").write_bytes(_bundled().read_bytes())
    return folder


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """The folder that was allowed; a link in it leads out."""
    folder = tmp_path_factory.mktemp("allowed")
    (folder / "mine.safetensors").write_bytes(_bundled().read_bytes())
    (folder / "link.safetensors").symlink_to(outside / "secret.safetensors")
    (folder / "out").symlink_to(outside)
    return folder


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, allowed: Path) -> Iterator[Studio]:
    """A studio with small limits."""
    folder = tmp_path_factory.mktemp("studio") / "work"
    with studio_in(
        folder, "--max-upload", str(LIMIT // 1_000_000), "--allow-weights", str(allowed)
    ) as started:
        yield started


@pytest.fixture(scope="module")
def picture(studio: Studio) -> str:
    """A good picture that lies there all the time."""
    return str(studio.upload(photo())["id"])


@pytest.fixture(autouse=True)
def _unharmed(studio: Studio, picture: str) -> Iterator[None]:
    """After each attack: the same server answers, it has its children, and nothing was left."""
    before = studio.files()
    yield
    assert alive(studio.process.pid)
    assert studio.client.get(f"/v1/pictures/{picture}").status_code == 200
    until(lambda: studio.client.get("/v1/health").json()["ready"], "ready again")
    until(lambda: set(studio.files()) == set(before), f"the files as before: {sorted(before)}", 5)


def refused(answer: httpx.Response, statuses: set[int] | int, names: str = "") -> dict[str, Any]:
    """Check that an answer is a problem document, and say what it holds."""
    wanted = {statuses} if isinstance(statuses, int) else statuses
    assert answer.status_code in wanted, f"{answer.status_code} {answer.text:.500}"
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.headers
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:retouch:error:"), problem
    assert problem["title"]
    detail = problem["detail"]
    assert 10 < len(detail) < 2000, detail
    assert names in detail, detail
    assert "Traceback" not in answer.text
    assert "access-control-allow-origin" not in answer.headers
    return problem


@pytest.mark.parametrize("kind", hostile.FILES)
def test_a_file_that_is_no_picture(studio: Studio, kind: str) -> None:
    data = hostile.FILES[kind]()
    assert len(data) < LIMIT
    answer = studio.client.post("/v1/pictures", params={"name": "cat.png"}, content=data)
    problem = refused(answer, hostile.UNREADABLE)
    assert str(studio.folder) not in problem["detail"], "the message gives the folder away"


def test_a_tiff_that_points_at_itself_is_read_once(studio: Studio) -> None:
    answer = studio.client.post("/v1/pictures", params={"name": "loop.tiff"}, content=hostile.looping_tiff())
    if answer.status_code == 201:
        assert studio.client.delete(f"/v1/pictures/{answer.json()['id']}").status_code == 204
    else:
        refused(answer, hostile.UNREADABLE)


def test_a_file_over_the_limit_is_refused_while_it_comes(studio: Studio) -> None:
    answer = studio.client.post("/v1/pictures?name=x.png", content=photo() + bytes(LIMIT))
    refused(answer, 413)


def test_an_announced_size_over_the_limit_is_refused_before_it_comes(studio: Studio) -> None:
    head = hostile.request("POST", "/v1/pictures?name=x.png", {"Content-Length": str(10 << 30)})
    assert hostile.status_of(hostile.spoken(studio.url, _ours(studio, head))) == 413


def test_a_body_without_end_is_refused_at_the_limit(studio: Studio) -> None:
    head = hostile.request("POST", "/v1/pictures?name=x.png", {"Transfer-Encoding": "chunked"})
    chunk = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    said = hostile.spoken(studio.url, _ours(studio, head), *[chunk] * (2 * LIMIT // 65_536))
    assert hostile.status_of(said) == 413


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_body_shorter_than_announced(studio: Studio, share: float) -> None:
    body = photo()
    head = hostile.request("POST", "/v1/pictures?name=x.png", {"Content-Length": str(len(body))})
    hostile.spoken(studio.url, _ours(studio, head), body[: int(len(body) * share)], close=True)


def test_a_body_longer_than_announced_is_not_taken_for_a_picture(studio: Studio) -> None:
    body = photo()
    head = hostile.request("POST", "/v1/pictures?name=x.png", {"Content-Length": "100"})
    said = hostile.spoken(studio.url, _ours(studio, head), body, patience=2)
    assert hostile.status_of(said) in hostile.UNREADABLE
    assert said.count(b"HTTP/1.1 2") == 0


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "99999999999999999999999999", "0" * 20 + "120000000"])
def test_a_length_that_is_no_length(studio: Studio, length: str) -> None:
    head = hostile.request("POST", "/v1/pictures?name=x.png", {"Content-Length": length})
    assert 400 <= hostile.status_of(hostile.spoken(studio.url, _ours(studio, head), b"x", close=True)) < 500


def test_both_lengths_at_once_are_no_smuggling(studio: Studio) -> None:
    headers = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    head = hostile.request("POST", "/v1/pictures?name=x.png", headers)
    inner = hostile.request("GET", "/v1/health", {})
    said = hostile.spoken(studio.url, _ours(studio, head), b"0\r\n\r\n", _ours(studio, inner), patience=2)
    assert 400 <= hostile.status_of(said) < 500
    assert said.count(b"HTTP/1.1 2") == 0, "what lay in the body was taken for a request"


def test_a_packed_body_is_not_unpacked(studio: Studio) -> None:
    import gzip

    packed = gzip.compress(photo())
    answer = studio.client.post("/v1/pictures", content=packed, headers={"Content-Encoding": "gzip"})
    refused(answer, {400, 415, 422})


@pytest.mark.parametrize("kind", hostile.NAMES)
def test_a_name_is_never_a_path(studio: Studio, tmp_path: Path, kind: str) -> None:
    name = hostile.NAMES[kind]
    address = quote(name.encode() if isinstance(name, str) else name, safe="")
    answer = studio.client.post(f"/v1/pictures?name={address}", content=photo(7))
    if answer.status_code != 201:
        refused(answer, {400, 414, 422})
        return
    brought = answer.json()
    shown = brought["name"]
    assert 0 < len(shown) <= 255
    assert not re.search(r"[/\\\0-\x1f\x7f]", shown)
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in shown), repr(shown)
    file = studio.client.get(f"/v1/pictures/{brought['id']}/file")
    assert file.content == photo(7)
    assert "set-cookie" not in file.headers
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"\.\./|\.\.\\|[\r\n]", file.headers["content-disposition"])
    assert all(shown not in path for path in studio.files()), "the name from outside is a name in the folder"
    assert studio.client.delete(f"/v1/pictures/{brought['id']}").status_code == 204
    assert studio.client.get(f"/v1/pictures/{brought['id']}").status_code in (404, 410)


BODIES: dict[str, bytes | str] = {
    "huge": b'{"photo": "' + b"x" * 8_500_000 + b'"}',
    "deep list": b"[" * 100_000,
    "deep object": b'{"photo":' * 50_000 + b"1" + b"}" * 50_000,
    "deep mask": b'{"photo": "PICTURE", "mask": {"strokes": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    "list": b"[]",
    "text": b'"photo"',
    "null": b"null",
    "nothing": b"",
    "cut": b'{"photo": ',
    "not UTF-8": b'{"photo": "\xff\xfe"}',
    "lone surrogate": b'{"photo": "\\ud800"}',
    "lone surrogate as option": '{"photo": "PICTURE", "mask": MASK, "\\ud800": 1}',
    "UTF-16": '{"photo": "x"}'.encode("utf-16"),
    "unknown option": '{"photo": "PICTURE", "mask": MASK, "tolerence": "exact"}',
    "missing photo": '{"mask": MASK}',
    "NaN": '{"photo": "PICTURE", "mask": MASK, "alpha": NaN}',
    "Infinity": '{"photo": "PICTURE", "mask": MASK, "alpha": Infinity}',
    "overflow": '{"photo": "PICTURE", "mask": MASK, "alpha": 1e999}',
    "long integer": '{"photo": "PICTURE", "mask": MASK, "alpha": ' + "9" * 10_000 + "}",
    "number as text": '{"photo": "PICTURE", "mask": MASK, "alpha": "0.2; rm -rf"}',
    "flag as number": '{"photo": "PICTURE", "mask": MASK, "alpha": true}',
    "choice that is none": '{"photo": "PICTURE", "mask": MASK, "tolerance": "visul"}',
    "photo as path": '{"photo": "/etc/passwd", "mask": MASK}',
    "photo as relative path": '{"photo": "../../../etc/passwd", "mask": MASK}',
    "photo as address": '{"photo": "http://127.0.0.1:9/x.png", "mask": MASK}',
    "photo as data": '{"photo": "data:image/png;base64,AAAA", "mask": MASK}',
    "photo as object": '{"photo": {"path": "/etc/passwd"}, "mask": MASK}',
    "photo as number": '{"photo": 0, "mask": MASK}',
    "photo as list": '{"photo": ["PICTURE"], "mask": MASK}',
    "guessed photo": '{"photo": "' + "0" * 32 + '", "mask": MASK}',
    "NUL in photo": '{"photo": "PICTURE\\u0000", "mask": MASK}',
    "mask as path": '{"photo": "PICTURE", "mask": "/etc/passwd"}',
    "progress": '{"photo": "PICTURE", "mask": MASK, "progress": "print"}',
    "dunder": '{"photo": "PICTURE", "mask": MASK, "__class__": "x"}',
}


@pytest.mark.parametrize("kind", BODIES)
def test_an_order_that_cannot_be_meant(studio: Studio, picture: str, kind: str) -> None:
    given = BODIES[kind]
    body = given.encode() if isinstance(given, str) else given
    mask = json.dumps(box(5, 5, 20, 20)).encode()
    body = body.replace(b"PICTURE", picture.encode()).replace(b"MASK", mask)
    headers = {"Content-Type": "application/json"}
    answer = studio.client.post("/v1/edits/relight", content=body, headers=headers)
    refused(answer, {400, 404, 413, 422})
    if kind == "unknown option":
        assert "tolerance" in answer.json()["detail"], "the nearest known option is not named"
    if kind in ("overflow", "number as text"):
        assert answer.json()["field"] == "alpha"
    assert "sys." not in answer.text, "a hint for whoever writes Python, not for whoever sends JSON"


def drawing(**changes: object) -> dict[str, object]:
    return {**box(1, 1, 9, 9), **changes}


def stroke(**changes: object) -> dict[str, object]:
    return drawing(strokes=[{"kind": "brush", "points": [[5, 5]], "radius": 3, "erase": False, **changes}])


DRAWINGS: dict[str, object] = {
    "no drawing": {"strokes": []},
    "another version": drawing(version=99),
    "strokes as text": drawing(strokes="x"),
    "unknown kind": stroke(kind="path"),
    "no radius": stroke(radius=None),
    "negative radius": stroke(radius=-1),
    "endless radius": stroke(radius=1e300),
    "point far away": stroke(points=[[1e300, 0]]),
    "point of one": stroke(points=[[1]]),
    "points as text": stroke(points="1,2 3,4"),
    "too many points": stroke(points=[[1.5, 2.5]] * 220_000),
    "too many strokes": drawing(strokes=[{"kind": "rectangle", "points": [[0, 0], [1, 1]]}] * 60_000),
    "endless grow": drawing(grow=1e300),
    "endless feather": drawing(feather=1e300),
    "unknown member": drawing(colour="red"),
}


@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_drawing_that_cannot_be_meant(studio: Studio, picture: str, kind: str) -> None:
    body = {"picture": picture, "drawing": DRAWINGS[kind]}
    refused(studio.client.post("/v1/masks", json=body), {400, 413, 422})


@pytest.mark.parametrize("size", [[10**9, 10**9], [0, 5], [-1, 5], [5], "5x5", [5.5, 5]])
def test_a_mask_of_a_size_that_cannot_be(studio: Studio, size: object) -> None:
    refused(studio.client.post("/v1/masks", json={"size": size, "drawing": drawing()}), {400, 413, 422})


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "~/.bashrc",
        "file:///etc/passwd",
        "http://127.0.0.1:9/weights.safetensors",
        "\\\\host\\share\\x.safetensors",
        "/proc/self/environ",
        "/dev/zero",
        "OUTSIDE/secret.safetensors",
        "ALLOWED/link.safetensors",
        "ALLOWED/out/secret.safetensors",
        "ALLOWED/../outside0/secret.safetensors",
        "ALLOWED/mine.safetensors\0.png",
        "ALLOWED",
        "x" * 400 + "/x.safetensors",
    ],
)
@pytest.mark.parametrize("option", ["restore.model", "stylize.features"])
def test_weights_only_from_where_the_owner_allowed(
    studio: Studio, picture: str, allowed: Path, outside: Path, path: str, option: str
) -> None:
    verb, name = option.split(".")
    named = path.replace("ALLOWED", str(allowed)).replace("OUTSIDE", str(outside))
    pictures = {"photo": picture} if verb == "restore" else {"content": picture, "style": picture}
    refused(studio.client.post(f"/v1/edits/{verb}", json={**pictures, name: named}), {403, 422})


def test_allowed_weights_are_taken(studio: Studio, picture: str, allowed: Path) -> None:
    """So that the refusals before mean something."""
    job = studio.ended(
        studio.edit("restore", photo=picture, model=str(allowed / "mine.safetensors"), noise=10)["id"]
    )
    assert job["state"] == "done", job
    assert studio.client.delete(f"/v1/pictures/{job['result']['picture']['id']}").status_code == 204


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("restore", {"device": "cuda:99"}),
        ("restore", {"device": "meta"}),
        ("reconstruct", {"start": "/etc/passwd"}),
        ("restore", {"noise": -1e300}),
        ("restore", {"model": "x" * 400}),
    ],
)
def test_options_that_reach_for_more(studio: Studio, picture: str, verb: str, options: Any) -> None:
    answer = studio.client.post(f"/v1/edits/{verb}", json={"photo": picture, **options})
    if answer.status_code == 202:
        job = studio.ended(answer.json()["id"])
        assert job["state"] == "failed", job
        assert job["error"]["type"].startswith("urn:retouch:error:")
        assert 400 <= job["error"]["status"] < 500, job["error"]
    else:
        refused(answer, {400, 403, 404, 422})


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("GET", "/v1/pictures/" + "0" * 32, {404}),
        ("GET", "/v1/pictures/" + "0" * 32 + "/file", {404}),
        ("GET", "/v1/pictures/..%2f..%2fetc%2fpasswd/file", {404, 422}),
        ("GET", "/v1/pictures/%2e%2e/file", {404, 422}),
        ("GET", "/v1/pictures/a%00b", {404, 422}),
        ("GET", "/v1/pictures/" + "x" * 5000, {404, 414, 422}),
        ("GET", "/v1/pictures", {404, 405}),
        ("GET", "/v1/jobs/" + "0" * 32, {404}),
        ("GET", "/v1/jobs/" + "0" * 32 + "/events", {404}),
        ("GET", "/v1/jobs/" + "0" * 32 + "/result", {404}),
        ("POST", "/v1/jobs/" + "0" * 32 + "/cancel", {404}),
        ("GET", "/v1/jobs", {400, 404, 405, 422}),
        ("GET", "/v1/jobs/PICTURE", {404}),
        ("GET", "/v1/pictures/PICTURE/view?side=0", {422}),
        ("GET", "/v1/pictures/PICTURE/view?side=-1", {422}),
        ("GET", "/v1/pictures/PICTURE/view?side=1e9", {422}),
        ("GET", "/v1/pictures/PICTURE/view?side=99999999999999999999", {422}),
        ("GET", "/v1/pictures/PICTURE/file?format=exe", {400, 422}),
        ("GET", "/v1/pictures/PICTURE/file?format=../../x", {400, 422}),
        ("GET", "/v1/pictures/PICTURE/file?format=safetensors", {400, 422}),
        ("POST", "/v1/edits/nothing", {404}),
        ("POST", "/v1/edits/restore?format=html", {400, 422}),
        ("POST", "/v1/samples/..%2f..%2fetc%2fpasswd", {404, 422}),
        ("PUT", "/v1/pictures/PICTURE", {405}),
        ("PATCH", "/v1/edits", {405}),
        ("TRACE", "/v1/health", {405, 400, 501}),
        ("GET", "/docs", {404}),
        ("GET", "/redoc", {404}),
        ("GET", "/page/", {404}),
        ("GET", "/page/..%2f__init__.py", {404}),
        ("GET", "/page/%2e%2e/%2e%2e/catalog.py", {404}),
        ("GET", "/page/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd", {404}),
        ("GET", "/page//etc/passwd", {404}),
        ("GET", "/page/a%00b.js", {404}),
        ("GET", "/no/such/page", {404}),
    ],
)
def test_an_address_that_leads_nowhere(
    studio: Studio, picture: str, method: str, path: str, statuses: set[int]
) -> None:
    host, path = studio.url.removeprefix("http://"), path.replace("PICTURE", picture)
    body = {"Content-Type": "application/json", "Content-Length": "2", "Connection": "close"}
    said = hostile.spoken(studio.url, hostile.request(method, path, body, b"{}", host=host))
    head, _, text = said.partition(b"\r\n\r\n")
    assert hostile.status_of(said) in statuses, said[:500]
    assert b"root:" not in text
    assert b"import" not in text
    if path.startswith("/v1/") and hostile.status_of(said) not in (400, 501):
        assert b"application/problem+json" in head
        assert json.loads(text)["detail"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:PORT", "127.0.0.1.evil.example:PORT", "", "169.254.169.254"]
)
@pytest.mark.parametrize("path", ["/", "/v1/health", "/openapi.json", "/page/app.js"])
def test_another_host_is_not_served(studio: Studio, host: str, path: str) -> None:
    """A page whose name was turned to 127.0.0.1 (DNS rebinding) reads nothing."""
    port = studio.url.rpartition(":")[2]
    ask = hostile.request("GET", path, {"Connection": "close"}, host=host.replace("PORT", port))
    assert hostile.status_of(hostile.spoken(studio.url, ask)) in (400, 403, 421)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
@pytest.mark.parametrize("path", ["/v1/pictures?name=x.png", "/v1/edits/restore", "/v1/samples/cat"])
def test_another_origin_changes_nothing(studio: Studio, origin: str, path: str) -> None:
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    refused(studio.client.post(path, content=photo(), headers=headers), 403)


def test_another_origin_deletes_and_cancels_nothing(studio: Studio, picture: str) -> None:
    headers = {"Origin": "http://evil.example"}
    refused(studio.client.delete(f"/v1/pictures/{picture}", headers=headers), 403)
    refused(studio.client.post(f"/v1/jobs/{'0' * 32}/cancel", headers=headers), 403)


def test_no_answer_lets_another_origin_read(studio: Studio, picture: str) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        studio.client.options("/v1/pictures", headers=asked),
        studio.client.get(f"/v1/pictures/{picture}", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_of_another_page_is_no_order(studio: Studio, picture: str, kind: str) -> None:
    """What a plain HTML form can send without asking."""
    headers = {"Content-Type": kind}
    body = json.dumps({"photo": picture}).encode()
    refused(studio.client.post("/v1/edits/restore", content=body, headers=headers), {400, 415, 422})


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0" * 1000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n",
        b"GET /" + b"x" * (1 << 20) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["tls", "half", "version", "nul", "header", "line", "blank", "http2"],
)
def test_what_is_not_http(studio: Studio, said: bytes) -> None:
    assert 400 <= hostile.status_of(hostile.spoken(studio.url, said, close=True)) < 500


def test_a_hundred_lines_that_say_nothing_keep_nobody_out(studio: Studio) -> None:
    host, _, port = studio.url.removeprefix("http://").partition(":")
    lines = [socket.create_connection((host, int(port)), 10) for _ in range(100)]
    try:
        for line in lines:
            line.sendall(b"POST /v1/pictures?name=x.png HTTP/1.1\r\nHost: ")
        started = time.perf_counter()
        assert studio.client.get("/v1/health").status_code == 200
        assert time.perf_counter() - started < 2
    finally:
        for line in lines:
            line.close()


def test_slow_bodies_keep_nobody_out(studio: Studio) -> None:
    """Ten uploads trickle in; a good one is taken meanwhile."""
    over = threading.Event()
    head = hostile.request("POST", "/v1/pictures?name=x.png", {"Content-Length": "100000"})
    host, _, port = studio.url.removeprefix("http://").partition(":")

    def trickle() -> None:
        with socket.create_connection((host, int(port)), 10) as line:
            line.sendall(_ours(studio, head))
            while not over.wait(0.05):
                line.sendall(b"x")

    threads = [threading.Thread(target=trickle) for _ in range(10)]
    for thread in threads:
        thread.start()
    try:
        started = time.perf_counter()
        brought = studio.upload(photo(3))
        assert time.perf_counter() - started < 5
    finally:
        over.set()
        for thread in threads:
            thread.join(10)
    studio.client.delete(f"/v1/pictures/{brought['id']}")


def _ours(studio: Studio, head: bytes) -> bytes:
    return head.replace(b"Host: localhost", b"Host: " + studio.url.removeprefix("http://").encode())


def _bundled() -> Path:
    from retouch import catalog

    return Path(catalog.__file__).parent / "tasks" / "restore" / "weights" / "denoise.safetensors"
