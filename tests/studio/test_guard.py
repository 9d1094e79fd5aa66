"""Who gets through to the studio: by name, by origin, by token, with how large and how slow a body."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from retouch.studio import guard
from retouch.studio.failures import StoreFull
from retouch.studio.guard import HEADERS, Guard
from retouch.studio.problems import Problem
from retouch.studio.settings import Settings

TOKEN = "a-token-of-some-length"
LOCAL = Settings(port=8700, json_bytes=1000, upload_bytes=5000, silence=0.2, pace=1000.0)
SHARED = replace(LOCAL, host="0.0.0.0", token=TOKEN, names=("studio.example.org",))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body."""
    try:
        body = await Request(scope, receive).body()
    except Problem as problem:
        await problem.response()(scope, receive, send)
        return
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


def asked(settings: Settings, method: str = "GET", path: str = "/", **kept: Any) -> httpx.Response:
    headers = kept.pop("headers", {})
    base = kept.pop("base", "http://127.0.0.1:8700")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Guard(echo, settings))
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, headers=headers, **kept)

    return asyncio.run(ask())


def refusal(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["type"].startswith("urn:retouch:error:")
    return str(document["detail"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8700", "localhost:8700", "LOCALHOST", "[::1]:8700", "localhost.:80"]
)
def test_the_studio_knows_its_names(host: str) -> None:
    assert asked(LOCAL, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "10.0.0.7:8700", "", "localhost@evil", "[::1", "a b", "x:y"],
)
def test_another_name_is_misdirected(host: str) -> None:
    answer = asked(LOCAL, headers={"Host": host})
    assert answer.status_code == 421
    assert "is not the name of this studio; open http://127.0.0.1:8700/" in refusal(answer)


def test_two_hosts_are_none() -> None:
    headers = [("Host", "localhost:8700"), ("Host", "evil.example")]
    assert asked(LOCAL, headers=headers).status_code == 421


def test_a_shared_studio_is_found_by_numbers_and_by_allowed_names_alone() -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for host in ("192.168.1.5:8700", "studio.example.org", "localhost"):
        assert asked(SHARED, headers={"Host": host, **bearer}).status_code == 200
    assert asked(SHARED, headers={"Host": "evil.example", **bearer}).status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:1234", "http://127.0.0.1:8701", "file://", "http://["],
)
def test_another_sites_page_changes_nothing(method: str, origin: str) -> None:
    answer = asked(LOCAL, method, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "only the studio's own page may send it" in refusal(answer)
    assert asked(LOCAL, "GET", headers={"Origin": origin}).status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_own_page_and_programs_may_send() -> None:
    assert asked(LOCAL, "POST", headers={"Origin": "http://127.0.0.1:8700"}).status_code == 200
    assert asked(LOCAL, "POST").status_code == 200
    proxied = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://studio.example.org"}
    assert asked(SHARED, "POST", headers=proxied).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_says_whence_is_believed(site: str) -> None:
    assert asked(LOCAL, "POST", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert asked(LOCAL, "POST", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_sites_page_gives_the_api_no_work(method: str, site: str) -> None:
    assert asked(LOCAL, method, "/v1/samples", headers={"Sec-Fetch-Site": site}).status_code == 403
    for path in ("/", "/inpaint", "/page/app.js"):
        assert asked(LOCAL, method, path, headers={"Sec-Fetch-Site": site}).status_code == 200
    for own in ("same-origin", "none"):
        assert asked(LOCAL, method, "/v1/samples", headers={"Sec-Fetch-Site": own}).status_code == 200


def test_without_the_token_nothing_is_told() -> None:
    for path in ("/", "/v1/health", "/page/app.js", "/openapi.json"):
        answer = asked(SHARED, path=path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "this studio needs its token" in refusal(answer)


@pytest.mark.parametrize(
    "given", [f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN[:-1]}", "é"]
)
def test_a_wrong_token_is_none(given: str) -> None:
    assert asked(SHARED, headers={"Authorization": given.encode()}).status_code == 401


def test_the_right_token_opens() -> None:
    assert asked(SHARED, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asked(SHARED, headers={"Authorization": f"bearer  {TOKEN}"}).status_code == 200


def test_a_token_in_the_address_becomes_a_cookie_that_scripts_do_not_see() -> None:
    answer = asked(SHARED, path=f"/blend?token={TOKEN}&edit=tile")
    assert (answer.status_code, answer.headers["location"]) == (303, "/blend?edit=tile")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    # By a link in a mail, too: a browser would leave a "strict" one out on the way from there.
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    kept = cookie.split(";")[0]
    assert asked(SHARED, headers={"Cookie": kept}).status_code == 200
    assert asked(SHARED, headers={"Cookie": f"other=1; {kept}; more=2"}).status_code == 200
    assert asked(SHARED, headers={"Cookie": kept[:-1] + ("0" if kept[-1] != "0" else "1")}).status_code == 401
    # The cookie of a studio with another token is worth nothing here.
    assert asked(replace(SHARED, token="another-token"), headers={"Cookie": kept}).status_code == 401
    secure = asked(SHARED, path=f"/?token={TOKEN}", base="https://studio.example.org")
    assert "Secure" in secure.headers["set-cookie"]


@pytest.mark.parametrize("other", ['pref={"x":1}', "a=b c", "x", "é=1", '"', "retouch-8700=old", ";;="])
def test_a_cookie_of_another_program_locks_nobody_out(other: str) -> None:
    kept = asked(SHARED, path=f"/?token={TOKEN}").headers["set-cookie"].split(";")[0]
    for header in (f"{other}; {kept}", f"{kept}; {other}"):
        assert asked(SHARED, headers={"Cookie": header.encode()}).status_code == 200
    assert asked(SHARED, headers={"Cookie": other.encode()}).status_code == 401


def test_very_many_fields_are_no_token() -> None:
    answer = asked(SHARED, path="/?" + "&".join(["a=1"] * 60))
    assert answer.status_code == 401
    assert "this studio needs its token" in refusal(answer)


def test_a_token_in_the_address_is_for_the_page_alone() -> None:
    assert asked(SHARED, path=f"/v1/health?token={TOKEN}").status_code == 401
    assert asked(SHARED, "POST", path=f"/?token={TOKEN}").status_code == 401
    assert asked(SHARED, path="/?token=wrong").status_code == 401


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_the_way_to_the_cookie_leads_to_no_other_site(path: str) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    # By hand, because clients tidy such a path up.
    query = f"token={TOKEN}".encode()
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": headers}
    asyncio.run(Guard(echo, SHARED)(scope, receive, send))
    assert sent[0]["status"] == 303
    assert re.fullmatch(rb"/[a-z].*", dict(sent[0]["headers"])[b"location"])


@pytest.mark.parametrize(
    ("path", "limit"), [("/v1/masks", 1000), ("/v1/pictures", 5000), ("/v1/pictures/x", 1000)]
)
def test_a_body_is_limited_announced_or_not(path: str, limit: int) -> None:
    async def chunks(size: int) -> Any:
        for start in range(0, size, 700):
            yield b"x" * min(700, size - start)

    assert asked(LOCAL, "POST", path, content=b"x" * limit).text == f"{limit} bytes"
    assert asked(LOCAL, "POST", path, content=chunks(limit)).text == f"{limit} bytes"
    announced = asked(LOCAL, "POST", path, content=b"x" * (limit + 1))
    assert announced.status_code == 413
    assert f"the body is {limit + 1:,} bytes, more than the limit of {limit:,}" in refusal(announced)
    streamed = asked(LOCAL, "POST", path, content=chunks(limit + 1))
    assert streamed.status_code == 413
    assert f"more than the limit of {limit:,}" in refusal(streamed)


def test_a_body_with_two_lengths_is_refused() -> None:
    answer = asked(
        LOCAL, "POST", headers={"Content-Length": "3", "Transfer-Encoding": "chunked"}, content=b"abc"
    )
    assert answer.status_code == 400
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["0" * 20 + "2000", "+5", "0x5", "5 5", "five", ""])
def test_a_length_that_is_no_number_of_bytes_is_refused(length: str) -> None:
    answer = asked(LOCAL, "POST", "/v1/masks", headers={"Content-Length": length}, content=b"x" * 2000)
    assert answer.status_code == 400
    assert "send the number of bytes" in refusal(answer)
    assert answer.headers["connection"] == "close"


def test_more_than_was_announced_is_counted_too() -> None:
    for length in ("0", "1"):
        answer = asked(LOCAL, "POST", "/v1/masks", headers={"Content-Length": length}, content=b"x" * 2000)
        assert answer.status_code == 413


def spoken(settings: Settings, messages: Iterator[Message | float]) -> tuple[int, bytes]:
    """Send a body message by message; a number is a pause before the next."""

    async def receive() -> Message:
        for message in messages:
            if isinstance(message, float):
                await asyncio.sleep(message)
                continue
            return message
        await asyncio.sleep(3600)
        raise AssertionError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/pictures",
        "query_string": b"",
        "headers": headers,
    }
    asyncio.run(Guard(echo, settings)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_falls_silent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_DRAINING", 0.1)
    status, body = spoken(LOCAL, iter([part(b"x")]))
    assert status == 408
    assert b"no byte of the body came for 0.2 seconds" in body


def test_a_body_that_drips_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_DRAINING", 0.1)
    drops = (item for _ in range(100) for item in (0.05, part(b"x")))
    status, body = spoken(LOCAL, drops)
    assert status == 408
    assert b"bytes a second, and at least 1000 are needed" in body


def test_a_body_that_is_only_slow_passes() -> None:
    parts = [item for _ in range(8) for item in (0.05, part(b"x" * 300))]
    assert spoken(LOCAL, iter([*parts, part(b"", more=False)])) == (200, b"2400 bytes")


def test_every_answer_tells_the_browser_to_be_careful() -> None:
    answers = [
        asked(LOCAL),
        asked(LOCAL, headers={"Host": "evil.example"}),
        asked(LOCAL, "POST", headers={"Origin": "null"}),
        asked(LOCAL, "POST", content=b"x" * 2000),
        asked(SHARED),
        asked(SHARED, path=f"/?token={TOKEN}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 421, 403, 413, 401, 303]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyError("/home/secret"), 500, "a bug in retouch"),
        (StoreFull("there is no room in the folder"), 507, "there is no room in the folder"),
    ],
)
def test_what_goes_wrong_before_the_api_is_a_problem_too(error: Exception, status: int, said: str) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Guard(broken, LOCAL))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700") as client:
            return await client.get("/")

    answer = asyncio.run(ask())
    assert answer.status_code == status
    assert said in refusal(answer)
    assert "secret" not in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_there_are_no_websockets() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    asyncio.run(Guard(echo, LOCAL)({"type": "websocket", "headers": []}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_address_is_one_that_can_be_opened() -> None:
    assert LOCAL.address == "http://127.0.0.1:8700/"
    assert SHARED.address == f"http://127.0.0.1:8700/?token={TOKEN}"
    assert replace(LOCAL, host="::1").address == "http://[::1]:8700/"
    assert (LOCAL.local, SHARED.local, replace(LOCAL, names=("x",)).local) == (True, False, False)
    assert Settings(folder=Path("x")).local
