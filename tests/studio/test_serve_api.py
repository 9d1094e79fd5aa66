"""``retouch serve`` as a process: no page, probes, a token, many clients, workers that die."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from retouch.catalog import EDITS
from tests.studio.living import kill, until
from tests.studio.made import box, library, photo
from tests.studio.serving import Server
from tests.studio.test_fuzz import fuzz
from tests.studio.test_load import visit

TOKEN = "a-secret-of-the-owner"
CLIENTS = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers that write JSON lines."""
    with Server(tmp_path_factory.mktemp("serve") / "work", "--workers", "2", "--log", "json") as started:
        started.wait_until_ready()
        yield started


def test_there_is_no_page(server: Server) -> None:
    for path in ("/", "/inpaint", "/page/app.js", "/favicon.ico"):
        answer = server.client.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
    paths = server.told(server.client.get("/openapi.json"))["paths"]
    assert {"/metrics", "/v1/health", "/v1/health/live", "/v1/health/ready", "/v1/jobs/{id}"} <= set(paths)
    assert {f"/v1/edits/{edit.name}" for edit in EDITS} <= set(paths)
    assert "503" in paths["/v1/health/ready"]["get"]["responses"]


def test_many_clients_get_each_their_own_and_the_metrics_add_up(server: Server, tmp_path: Path) -> None:
    before = server.metrics()
    with ThreadPoolExecutor(CLIENTS) as clients:
        visits = list(clients.map(lambda number: visit(server, number), range(CLIENTS)))
    for number, found in enumerate(visits):
        assert [edit for _, edit, _ in found] == ["recolor", "flatten", "tile", "relight"]
        assert found[2][2] == library("tile", tmp_path, {"photo": photo(number)})
    after = server.metrics()

    def more(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    for edit in ("recolor", "flatten", "tile", "relight"):
        assert more("retouch_jobs_total", edit=edit, state="queued") == CLIENTS
        assert more("retouch_jobs_total", edit=edit, state="done") == CLIENTS
        assert more("retouch_job_run_seconds_count", edit=edit) == CLIENTS
        assert more("retouch_requests_total", route=f"/v1/edits/{edit}", status="202") == CLIENTS
    assert more("retouch_jobs_total", state="failed") == 0
    assert more("retouch_job_wait_seconds_count") == 4 * CLIENTS
    assert more("retouch_requests_total", route="/v1/pictures", status="201") == CLIENTS
    assert more("retouch_requests_total", route="/v1/jobs/{id}/result", status="200") == 4 * CLIENTS
    assert more("retouch_request_seconds_count", route="/v1/pictures") == CLIENTS
    assert after.total("retouch_queue_length") == 0
    assert after.total("retouch_jobs_running") == 0
    assert after.total("retouch_folder_bytes") > before.total("retouch_folder_bytes")
    assert after.total("retouch_resident_bytes", process="worker") > 100e6
    routes = after.labels("retouch_requests_total", "route")
    handle = visits[0][0][0]
    assert not any(handle in route for route in routes)
    assert len(routes) < 40


@pytest.mark.slow
def test_both_workers_work(server: Server) -> None:
    picture = server.upload(photo(1, (256, 256)))["id"]
    jobs = [server.edit("reconstruct", photo=picture, steps=3000)["id"] for _ in range(3)]
    until(
        lambda: [server.job(job)["state"] for job in jobs] == ["running", "running", "queued"], "two at once"
    )
    device = server.ready()["devices"][0]
    assert (device["workers"], device["working"], device["running"]) == (2, 2, True)
    seen = server.metrics()
    assert seen.total("retouch_jobs_running", device="cpu") == 2
    assert seen.total("retouch_queue_length") == 1
    server.rest()


def test_a_worker_that_is_killed_costs_its_job_and_is_counted(server: Server) -> None:
    before = server.metrics().total("retouch_worker_restarts_total", device="cpu")
    picture = server.upload(photo(1, (256, 256)))["id"]
    jobs = [server.edit("reconstruct", photo=picture, steps=5000)["id"] for _ in range(2)]
    for job in jobs:
        server.running(job)
    kill(server.worker())
    until(lambda: any(server.job(job)["state"] == "failed" for job in jobs), "the failure")
    states = [server.job(job)["state"] for job in jobs]
    assert sorted(states) == ["failed", "running"]
    server.rest()
    until(
        lambda: server.metrics().total("retouch_worker_restarts_total", device="cpu") > before,
        "the count of it",
    )
    assert server.metrics().total("retouch_jobs_total", edit="reconstruct", state="failed") == 1
    until(lambda: server.ready()["devices"][0]["working"] == 2, "both workers")


def test_what_goes_to_the_log_has_no_handles(server: Server) -> None:
    picture = server.upload(photo(3))["id"]
    job = server.edit("tile", photo=picture)["id"]
    server.ended(job)
    server.client.get(f"/v1/jobs/{job}/{'x' * 50}")

    def logged() -> list[dict[str, object]]:
        return [json.loads(line) for line in server.lines if line.startswith("{")]

    until(lambda: any(line.get("route") == "none" for line in logged()), "the last line")
    done = [line for line in logged() if line.get("edit") == "tile" and line.get("state") == "done"]
    assert done
    assert {"time", "level", "logger", "message", "waited", "seconds", "device"} <= set(done[-1])
    assert picture not in server.said
    assert job not in server.said
    assert not any(line.get("route") == "/v1/health/live" for line in logged()), "probes are no news"


def test_every_line_is_json_whatever_comes(server: Server) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(b"GARBAGE\r\n\r\n")
        assert b"400" in line.recv(1000)
    until(lambda: "Invalid HTTP request" in server.said, "the line about it")
    for text in server.lines[1:]:
        assert json.loads(text)["level"], text
    assert server.said.count("Invalid HTTP request") == 1


@pytest.mark.slow
def test_a_probe_says_why_nothing_can_be_done(tmp_path: Path) -> None:
    with Server(tmp_path / "work", "--device", "cuda:77", "--log", "json") as server:
        until(lambda: server.client.get("/v1/health/live").status_code == 200, "alive")
        answer = server.client.get("/v1/health/ready")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["type"] == "urn:retouch:error:NotReady"
        until(lambda: server.client.get("/v1/health").json()["state"] == "broken", "that it is broken")
        trouble = server.client.get("/v1/health").json()["devices"][0]["trouble"]
        assert "cuda:77" in trouble
        assert "cannot be started" in server.client.get("/v1/health/ready").json()["detail"]
        assert server.metrics().total("retouch_ready") == 0


def test_a_token_opens_everything_but_the_probes(tmp_path: Path) -> None:
    words = ("--host", "0.0.0.0", "--log", "plain")
    with Server(tmp_path / "work", *words, RETOUCH_TOKEN=TOKEN) as server:
        for path in ("/v1/health/live", "/v1/health/ready"):
            assert server.client.get(path).status_code in (200, 503)
        for path in ("/metrics", "/v1/health", "/v1/edits", "/openapi.json", f"/metrics?token={TOKEN}"):
            assert server.client.get(path).status_code == 401, path
        refused = server.client.post("/v1/health/live")
        assert refused.status_code == 401
        assert "Authorization: Bearer" in refused.json()["detail"]
        assert "open the address" not in refused.json()["detail"], "there is no page to open"
        server.client.headers["Authorization"] = f"Bearer {TOKEN}"
        for path in ("/metrics", "/v1/health", "/v1/edits"):
            assert server.client.get(path).status_code == 200, path
        assert server.metrics().total("retouch_requests_total", status="401") == 6
        foreign = server.client.get("/metrics", headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
    assert TOKEN not in server.said


@pytest.mark.slow
def test_a_token_is_made_where_others_reach_the_server(tmp_path: Path) -> None:
    with Server(tmp_path / "work", "--host", "0.0.0.0") as server:
        until(lambda: server.said.count("\n") >= 2, "the token")
        address, said = server.said.split("\n")[:2]
        assert re.fullmatch(r"retouch serve: http://127\.0\.0\.1:[0-9]+/", address)
        token = said.removeprefix("token: ")
        assert len(token) >= 32
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/v1/health").status_code == 401
            assert client.get("/v1/health", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.slow
def test_small_pictures_of_one_size_are_done_together_when_asked(tmp_path: Path) -> None:
    with Server(tmp_path / "work", "--batch", "4") as server:
        server.wait_until_ready()
        first = server.upload(photo(9))["id"]
        long = server.edit("reconstruct", photo=first, steps=3000)["id"]
        server.running(long)
        pictures = [server.upload(photo(number, (32, 32)))["id"] for number in range(4)]
        jobs = [server.edit("restore", photo=picture, noise=10)["id"] for picture in pictures]
        bad = server.edit("inpaint", photo=pictures[0], mask=box(0, 0, 32, 32))["id"]
        server.cancel(long)
        for job in jobs:
            assert server.ended(job)["state"] == "done"
        assert server.ended(bad)["state"] == "failed"
        started = [server.job(job)["started"] for job in jobs]
        assert max(started) - min(started) < 0.1, "they were not begun together"


@pytest.mark.slow
def test_every_route_keeps_to_its_description(tmp_path: Path) -> None:
    with Server(tmp_path / "work", "--log", "json") as server:
        server.wait_until_ready()
        os.kill(server.worker(), signal.SIGSTOP)
        assert fuzz(server, 4) > 300
        assert "Traceback" not in server.said
