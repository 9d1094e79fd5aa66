"""Files over HTTP: what comes back is what was sent, what is refused leaves nothing, names are only names."""

from __future__ import annotations

import asyncio
import io
import socket
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.datastructures import State

from retouch.image import Mask, Picture, samples
from retouch.image.drawing import Drawing
from retouch.studio.answers import disposition, media_type
from retouch.studio.failures import Unavailable
from retouch.studio.parts import Parts
from retouch.studio.routes.samples import _looked_at as looked_at
from tests.studio.living import Studio, until
from tests.studio.made import png

DRAWING = {
    "retouch": "drawing",
    "version": 1,
    "size": [300, 451],
    "strokes": [{"kind": "brush", "points": [[50, 50], [90, 90.5]], "radius": 12}],
    "feather": 4,
}
CAT = samples.path("cat").read_bytes()


@pytest.fixture(scope="module")
def cat(studio: Studio) -> dict[str, Any]:
    return studio.upload(CAT, "cat.jpg")


def files_in(studio: Studio) -> set[str]:
    """What the studio keeps, beside its lock and what jobs use."""
    assert studio.folder is not None
    (work,) = studio.folder.iterdir()
    return {path.name for path in work.iterdir() if path.is_file() and path.name != "lock"}


def test_a_file_comes_back_bit_for_bit(studio: Studio, cat: dict[str, Any]) -> None:
    assert cat["name"] == "cat.jpg"
    assert (cat["kind"], cat["width"], cat["height"], cat["mode"], cat["bits"]) == (
        "picture",
        451,
        300,
        "RGB",
        8,
    )
    assert (cat["format"], cat["bytes"]) == ("JPEG", len(CAT))
    answer = studio.client.get(cat["url"])
    assert answer.content == CAT
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == "attachment; filename=cat.jpg"
    assert studio.told(studio.client.get(f"/v1/pictures/{cat['id']}")) == cat
    assert studio.client.get(cat["url"], params={"format": "jpeg"}).content == CAT, (
        "its own format is no new file"
    )


def test_a_size_is_that_of_the_picture_as_it_is_seen(studio: Studio) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (40, 30), "red").save(file, "JPEG", exif=exif)
    turned = studio.upload(file.getvalue(), "turned.jpg")
    assert (turned["width"], turned["height"]) == (30, 40)
    shown = Image.open(io.BytesIO(studio.client.get(turned["view"]).content))
    assert shown.size == (30, 40)


@pytest.mark.parametrize(
    ("side", "size"), [(100, (100, 67)), (451, (451, 300)), (8192, (451, 300)), (1, (1, 1))]
)
def test_a_view_is_at_most_so_large_and_never_enlarged(
    studio: Studio, cat: dict[str, Any], side: int, size: tuple[int, int]
) -> None:
    answer = studio.client.get(cat["view"], params={"side": side})
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    shown = Image.open(io.BytesIO(answer.content))
    assert (shown.size, shown.mode) == (size, "RGB")


def test_what_a_client_has_is_not_sent_again(studio: Studio, cat: dict[str, Any]) -> None:
    for path in (cat["view"], cat["url"], f"{cat['url']}?format=png"):
        first = studio.client.get(path)
        again = studio.client.get(path, headers={"If-None-Match": f'W/"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert studio.client.get(path, headers={"If-None-Match": '"x"'}).content == first.content
        assert studio.client.get(path, headers={"Range": "bytes=0-9"}).content == first.content


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "avif", "tif", "bmp"])
def test_another_format_is_the_librarys_own_file(
    studio: Studio, cat: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    answer = studio.client.get(cat["url"], params={"format": kind})
    assert answer.headers["content-type"] == media_type(kind)
    assert answer.headers["content-disposition"] == f"attachment; filename=cat.{kind}"
    if kind != "jpg":
        assert answer.content == Picture.open(samples.path("cat")).save(tmp_path / f"cat.{kind}").read_bytes()


@pytest.mark.parametrize(("name", "first"), [("jpeg", "jpg"), ("JPE", "jpg"), ("tiff", "tif")])
def test_a_format_has_all_its_names(studio: Studio, name: str, first: str) -> None:
    url = studio.upload(png(Image.new("RGB", (9, 7), "red")), "red.png")["url"]
    wanted = studio.client.get(url, params={"format": first})
    answer = studio.client.get(url, params={"format": name})
    assert answer.status_code == 200
    assert (answer.content, answer.headers["etag"]) == (wanted.content, wanted.headers["etag"])
    assert answer.headers["content-disposition"] == f"attachment; filename=red.{first}"


@pytest.mark.parametrize(
    ("kind", "said"), [("gif", "does not move"), ("exe", "unknown format 'exe'; did you mean")]
)
def test_a_format_that_it_has_not_is_said(studio: Studio, cat: dict[str, Any], kind: str, said: str) -> None:
    answer = studio.client.get(cat["url"], params={"format": kind})
    assert (answer.status_code, answer.json()["field"]) == (422, "format")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "kept", "header"),
    [
        ("../../etc/passwd", "passwd", "attachment; filename=passwd"),
        ("C:\\photos\\a b.png", "a b.png", "attachment; filename=a_b.png; filename*=UTF-8''a%20b.png"),
        (
            'x"; filename=y.exe',
            'x"; filename=y.exe',
            "attachment; filename=x___filename_y.exe; filename*=UTF-8''",
        ),
        ("line\r\nSet-Cookie: a=b", "lineSet-Cookie: a=b", "attachment; filename=lineSet-Cookie__a_b;"),
        ("猫.jpg", "猫.jpg", "attachment; filename=_.jpg; filename*=UTF-8''%E7%8C%AB.jpg"),
        ("..", "unnamed", "attachment; filename=unnamed"),
        ("", "unnamed", "attachment; filename=unnamed"),
    ],
)
def test_a_name_is_only_a_name(studio: Studio, name: str, kept: str, header: str) -> None:
    stored = studio.upload(CAT, name)
    assert stored["name"] == kept
    answer = studio.client.get(stored["url"])
    assert answer.headers["content-disposition"].startswith(header)
    assert "set-cookie" not in answer.headers
    studio.client.delete(f"/v1/pictures/{stored['id']}").raise_for_status()


def test_a_disposition_is_one_line_of_ascii() -> None:
    assert disposition("a.png", kind="inline") == "inline; filename=a.png"
    for name in ("\ud800.png", "é\n\0.png", "a" * 500):
        header = disposition(name)
        assert header.isascii()
        assert header.isprintable()


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"", 422, "InputError"),
        (b"hello", 422, "UnreadablePicture"),
        (CAT[:5000], 422, "UnreadablePicture"),
        (b'{"retouch": "drawing", "version": 1, "strokes": []}', 422, "UnreadablePicture"),
        (b"\x10\0\0\0\0\0\0\0{" + b" " * 40, 422, "UnreadableWeights"),
    ],
)
def test_a_refused_file_leaves_nothing(studio: Studio, content: bytes, status: int, kind: str) -> None:
    before = files_in(studio)
    answer = studio.client.post("/v1/pictures", params={"name": "x.png"}, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:retouch:error:{kind}"
    assert str(studio.folder) not in answer.text
    assert files_in(studio) == before


def test_a_form_is_told_how_to_send_a_file(studio: Studio) -> None:
    answer = studio.client.post("/v1/pictures", files={"file": CAT})
    assert answer.status_code == 415
    assert "--data-binary" in answer.json()["detail"]


def test_an_upload_that_breaks_off_leaves_nothing(studio: Studio) -> None:
    before = files_in(studio)
    host, port = studio.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        head = f"POST /v1/pictures?name=x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n"
        line.sendall(head.encode() + CAT[:10_000])
        until(lambda: files_in(studio) != before, "the beginning of the file")
    until(lambda: files_in(studio) == before, "the file's removal")


def test_a_removed_file_is_gone_and_one_that_never_was_is_unknown(studio: Studio) -> None:
    stored = studio.upload(CAT, "cat.jpg")
    assert studio.client.get(stored["view"]).status_code == 200
    before = files_in(studio)
    answer = studio.client.delete(f"/v1/pictures/{stored['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(before - files_in(studio)) == 2, "the file and its view"
    for path in (f"/v1/pictures/{stored['id']}", stored["url"], stored["view"]):
        assert studio.client.get(path).status_code == 410
    for name in ("0" * 32, "x", quote("../../lock", safe=""), "lock", "%00"):
        for end in ("", "/file", "/view"):
            assert studio.client.get(f"/v1/pictures/{name}{end}").status_code == 404, name


def test_a_drawing_becomes_the_mask_that_the_library_makes_of_it(
    studio: Studio, cat: dict[str, Any], tmp_path: Path
) -> None:
    expected = Mask.of(Drawing.parse(DRAWING), (300, 451)).save(tmp_path / "mask.png").read_bytes()
    orders: list[dict[str, Any]] = [
        {"drawing": DRAWING},
        {"drawing": DRAWING, "picture": cat["id"]},
        {"drawing": {**DRAWING, "size": None}, "size": [300, 451]},
    ]
    for order in orders:
        made = studio.told(studio.client.post("/v1/masks", json=order), 201)
        assert (made["width"], made["height"], made["mode"]) == (451, 300, "L")
        assert studio.client.get(made["url"]).content == expected


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"drawing": {**DRAWING, "size": None}}, 422, "drawing"),
        ({"size": [10, 10]}, 422, "drawing"),
        ({"size": [0, 10]}, 422, "size"),
        ({"size": [10]}, 422, "size"),
        ({"drawing": {**DRAWING, "size": None}, "size": [10**6, 10**6]}, 413, None),
        ({"picture": "0" * 32}, 422, "picture"),
        ({"picture": "x"}, 422, "picture"),
        ({"drawing": {**DRAWING, "strokes": [{"kind": "blot", "points": []}]}}, 422, "drawing"),
        ({"drawing": 3}, 422, "drawing"),
        ({"more": 1}, 422, "more"),
    ],
)
def test_a_mask_that_cannot_be_drawn_is_refused(
    studio: Studio, change: dict[str, Any], status: int, field: str | None
) -> None:
    answer = studio.client.post("/v1/masks", json={"drawing": DRAWING, **change})
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json()["field"] == field


def test_samples_are_taken_as_if_they_were_uploaded(studio: Studio) -> None:
    listed = {item["name"]: item for item in studio.client.get("/v1/samples").json()}
    assert set(samples.names()) <= set(listed)
    assert listed["astronaut"]["tasks"][:1] == ["blend"]
    assert listed["starry-night"]["tasks"] == ["stylize"]
    for name in ("cat", "scribble"):
        item = listed[name]
        taken = studio.told(studio.client.post(f"/v1/samples/{name}"), 201)
        assert (taken["width"], taken["height"]) == (item["width"], item["height"])
        shown = studio.client.get(item["url"])
        assert shown.headers["content-type"].startswith("image/")
        assert shown.content == studio.client.get(taken["url"]).content
    assert studio.client.get(listed["cat"]["url"]).content == CAT
    for name in ("kat", quote("../photos/cat", safe="")):
        assert studio.client.post(f"/v1/samples/{name}").status_code == 404
        assert studio.client.get(f"/v1/samples/{name}/file").status_code == 404


def test_samples_are_looked_at_once_however_many_ask() -> None:
    looks = list[str]()

    class Looking:
        busy = True

        def inspect(self, path: Path, name: str) -> Future[dict[str, object]]:
            looks.append(name)
            answer = Future[dict[str, object]]()
            if self.busy:
                answer.set_exception(Unavailable("the studio has too much to do"))
            else:
                answer.set_result({"width": len(looks), "height": 1})
            return answer

    async def ask() -> None:
        state, parts = State(), cast("Parts", SimpleNamespace(reader=(reader := Looking())))
        with pytest.raises(Unavailable):
            await looked_at(state, parts)
        # What failed is tried again; what is there is not looked for any more.
        reader.busy = False
        looks.clear()
        answers = await asyncio.gather(*(looked_at(state, parts) for _ in range(60)))
        assert all(answer == answers[0] for answer in answers)

    asyncio.run(ask())
    assert len(looks) == len(set(looks)) > 10


def test_alpha_and_sixteen_bits_pass_through(studio: Studio) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    file = io.BytesIO()
    Image.fromarray((pixels >> 8).astype(np.uint8)).convert("RGBA").save(file, "PNG")
    stored = studio.upload(file.getvalue(), "a.png")
    assert (stored["mode"], stored["bits"]) == ("RGBA", 8)
    assert studio.client.get(stored["url"]).content == file.getvalue()


def test_nothing_reads_a_body_into_memory(studio: Studio) -> None:
    """The server's memory stays as it is while it takes in a file of 60 MB."""
    noise = np.random.default_rng(0).integers(0, 256, (4000, 5000, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "BMP")
    status = Path(f"/proc/{studio.process.pid}/status")
    if not status.exists():
        pytest.skip("reads /proc")

    def peak() -> int:
        return int(
            next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]
        )

    before = peak()
    with httpx.Client(base_url=studio.url, timeout=120, trust_env=False) as client:
        client.post("/v1/pictures", params={"name": "noise.bmp"}, content=file.getvalue()).raise_for_status()
    assert peak() - before < 20_000, "KiB"
