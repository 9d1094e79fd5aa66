"""The API as a whole: it describes itself, refuses in one form, and its documentation is true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from retouch import catalog
from retouch.image import Picture, samples
from retouch.studio.guard import HEADERS
from retouch.studio.pages import FOLDER
from tests.studio.living import Studio

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}


@pytest.fixture(scope="module")
def described(studio: Studio) -> dict[str, Any]:
    document: dict[str, Any] = studio.told(studio.client.get("/openapi.json"))
    return document


def test_every_edit_is_a_route_with_its_options(studio: Studio, described: dict[str, Any]) -> None:
    listed = studio.client.get("/v1/edits").json()
    assert [item["name"] for item in listed] == [edit.name for edit in catalog.EDITS]
    for edit, item in zip(catalog.EDITS, listed, strict=True):
        route = described["paths"][f"/v1/edits/{edit.name}"]["post"]
        assert (route["operationId"], route["summary"]) == (edit.name, edit.summary)
        reference = route["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        form = described["components"]["schemas"][reference.rpartition("/")[2]]
        assert list(form["properties"]) == [option.name for option in edit.options()]
        assert studio.told(studio.client.get(f"/v1/edits/{edit.name}")) == item
        assert (item["moving"], item["companions"]) == (edit.moving, list(edit.companions))


def test_every_reference_of_the_description_leads_somewhere(described: dict[str, Any]) -> None:
    def references(plain: Any) -> set[str]:
        if isinstance(plain, dict):
            own = {plain["$ref"]} if isinstance(plain.get("$ref"), str) else set()
            return own.union(*(references(item) for item in plain.values()))
        return set().union(*map(references, plain)) if isinstance(plain, list) else set()

    for reference in references(described):
        assert reference.rpartition("/")[2] in described["components"]["schemas"]
        assert reference.startswith("#/components/schemas/")


def test_every_refusal_is_declared_as_a_problem(described: dict[str, Any]) -> None:
    for path, routes in described["paths"].items():
        for method, route in routes.items():
            refusals = {code: answer for code, answer in route["responses"].items() if code[0] in "45"}
            assert {"400", "401", "403", "413", "421", "500"} <= set(refusals), (path, method)
            for code, answer in refusals.items():
                assert answer["content"] == {"application/problem+json": {"schema": PROBLEM}}, (
                    path,
                    method,
                    code,
                )


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/nothing", 404, "NotFound"),
        ("GET", "/v1/pictures/", 404, "NotFound"),
        ("GET", "/docs", 404, "NotFound"),
        ("GET", "/redoc", 404, "NotFound"),
        ("GET", "/page/", 404, "NotFound"),
        ("GET", "/page/nothing.js", 404, "NotFound"),
        ("GET", "/page/..%2fapp.py", 404, "NotFound"),
        ("GET", "/page/%2e%2e/app.py", 404, "NotFound"),
        ("POST", "/", 405, "MethodNotAllowed"),
        ("PUT", "/v1/health", 405, "MethodNotAllowed"),
        ("DELETE", "/v1/edits", 405, "MethodNotAllowed"),
        ("POST", "/v1/edits/blnd", 404, "UnknownName"),
        ("GET", "/v1/edits/blnd", 404, "UnknownName"),
        ("POST", "/v1/edits/blend", 415, "UnsupportedMediaType"),
        ("GET", "/v1/jobs", 422, "InputError"),
        ("GET", "/v1/pictures/x/view?side=many", 422, "InputError"),
    ],
)
def test_a_refusal_is_a_problem_document(
    studio: Studio, method: str, path: str, status: int, kind: str
) -> None:
    answer = studio.client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    document = answer.json()
    assert (document["type"], document["status"]) == (f"urn:retouch:error:{kind}", status)
    assert document["detail"]
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 422, "the body is empty"),
        (b"{", 400, "the body is no JSON"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b'{"alpha": NaN}', 400, "NaN is no JSON number"),
        (b'{"alpha": %s}' % (b"9" * 10_000), 400, "a number of very many digits"),
        (b"\xff\xfe", 400, "not in UTF-8"),
        (b"[]", 422, "the body is []; send an object with the options of fill"),
        (b"null", 422, "the body is null"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    studio: Studio, content: bytes, status: int, said: str
) -> None:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    answer = studio.client.post("/v1/edits/fill", content=content, headers=kind)
    assert answer.status_code == status
    assert answer.json()["field"] == "body"
    assert said in answer.json()["detail"]


def test_the_page_is_there_for_every_task(studio: Studio) -> None:
    index = (FOLDER / "index.html").read_bytes()
    for path in ("/", *(f"/{task}" for task in dict.fromkeys(edit.task for edit in catalog.EDITS))):
        answer = studio.client.get(path)
        assert (answer.content, answer.headers["cache-control"]) == (index, "no-cache")
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert studio.client.head(path).status_code == 200
    assert studio.client.get("/favicon.ico").status_code == 204


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.*")), ids=lambda path: path.name)
def test_the_pages_files_are_given_out_as_what_they_are(studio: Studio, file: Path) -> None:
    answer = studio.client.get(f"/page/{file.relative_to(FOLDER).as_posix()}")
    assert answer.content == file.read_bytes()
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
    assert answer.headers["content-type"].startswith(kinds.get(file.suffix, "image/"))
    again = studio.client.get(str(answer.url), headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_health_names_what_the_page_needs(studio: Studio) -> None:
    health = studio.ready()
    assert [device["name"] for device in health["devices"]] == ["cpu"]
    assert "png" in health["formats"]["picture"]
    assert "gif" in health["formats"]["animation"]
    assert health["limits"]["bytes"] == 200_000_000
    assert health["limits"]["pixels"] == 200_000_000


def test_the_python_of_the_guide_works(studio: Studio, tmp_path: Path) -> None:
    (block,) = re.findall(r"```py\n(.*?)```", GUIDE, re.DOTALL)
    shutil.copy(samples.path("cat"), tmp_path / "cat.jpg")
    script = block.replace("http://127.0.0.1:8700", studio.url)
    assert script != block
    subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", script], cwd=tmp_path, check=True, timeout=120
    )
    line = [
        sys.executable,
        "-m",
        "retouch.cli",
        "restore",
        "cat.jpg",
        "--noise",
        "10",
        "-o",
        "mine.png",
        "--quiet",
    ]
    here = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src"),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run(line, cwd=tmp_path, check=True, timeout=120, env=here)
    assert (tmp_path / "clean.png").read_bytes() == (tmp_path / "mine.png").read_bytes()


def test_the_calls_of_the_guide_work(studio: Studio, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    shutil.copy(samples.path("cat"), tmp_path / "cat.jpg")
    photo = studio.upload(samples.path("cat").read_bytes(), "cat.jpg")["id"]
    job = studio.edit("tile", photo=photo)["id"]
    studio.ended(job)
    text = "\n".join(re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL))
    calls = re.findall(r"^\$ (curl (?:[^\n]*\\\n|[^\n]*strokes\":\n)*[^\n]*)", text, re.MULTILINE)
    calls = [call for call in calls if "127.0.0.1:8700" in call]
    assert len(calls) == 9
    environment = {**os.environ, "PHOTO": photo, "JOB": job}
    for call in calls:
        line = call.replace("http://127.0.0.1:8700", studio.url).replace("curl ", "curl -sS --fail ", 1)
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert Picture.open(tmp_path / "result.webp").size == (300, 451)
    assert max(Picture.open(tmp_path / "small.png").size) == 320


def test_every_call_of_the_api_is_in_the_guide(described: dict[str, Any]) -> None:
    told = set(re.findall(r"`(?:GET|POST|DELETE)? ?(/v1/[^`?]*)", GUIDE))
    for path in described["paths"]:
        known = re.sub(r"^/v1/edits/[a-z]+$", "/v1/edits/{name}", path)
        assert known in told or known == "/v1/samples/{name}/file", path


def test_another_site_cannot_use_a_running_studio(studio: Studio) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = httpx.post(f"{studio.url}/v1/samples/cat", headers=headers, trust_env=False)
        assert answer.status_code in (403, 421)
        assert "access-control-allow-origin" not in answer.headers
