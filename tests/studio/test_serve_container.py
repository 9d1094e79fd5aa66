"""The container file: what it copies is there, what it runs can be run, and it holds no secret."""

from __future__ import annotations

import fnmatch
import inspect
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from retouch.cli import main
from retouch.cli.serve import serve as serve_command
from retouch.studio import serve
from tests.studio.living import ROOT

HOME = "/var/cache/retouch"


def instructions() -> list[tuple[str, str]]:
    """The instructions of the file: word and rest, continued lines joined."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def of(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def arguments(word: str) -> list[str]:
    """The last instruction of a name that takes a list of words."""
    found: list[str] = json.loads(of(word)[-1])
    return found


def test_the_order_is_one_that_a_builder_takes() -> None:
    words = [word for word, _ in instructions()]
    known = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    known |= {"ENTRYPOINT", "CMD"}
    assert set(words) <= known
    assert words[0] == "FROM"
    assert of("FROM") == ["python:3.11-slim"]
    assert words[-1] == "CMD"


def test_what_is_copied_is_there_and_not_left_out() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*", "everything is left out that is not named"
    let_in = {rule.removeprefix("!") for rule in rules if rule[0] == "!"}
    copied = {source for rest in of("COPY") for source in rest.split()[:-1]}
    assert copied == let_in
    for source in copied:
        assert (ROOT / source).exists()
        assert not any(fnmatch.fnmatch(source, rule) for rule in rules[1:] if rule[0] != "!")
    # What the build of the package reads.
    assert {"pyproject.toml", "README.md", "LICENSE", "constraints.txt", "src"} == copied


def test_the_install_is_the_pinned_one() -> None:
    (install,) = [rest for rest in of("RUN") if "pip install" in rest]
    words = shlex.split(install.partition("&&")[0])
    assert words[:4] == ["python", "-m", "pip", "install"]
    assert words[words.index("-c") + 1] == "constraints.txt"
    assert words[-1] == ".[serve]"
    assert "--no-cache-dir" in words


def test_it_runs_as_somebody_without_rights_and_writes_where_it_may() -> None:
    user, _, group = of("USER")[-1].partition(":")
    assert int(user) >= 1000, "Kubernetes' runAsNonRoot wants a number"
    assert int(group) >= 1000
    (made,) = [rest for rest in of("RUN") if "useradd" in rest]
    assert f"--uid {user}" in made
    settings = dict(each.partition("=")[::2] for rest in of("ENV") for each in shlex.split(rest))
    assert settings["NUMBA_CACHE_DIR"] == HOME
    for place in (HOME, of("WORKDIR")[-1]):
        assert re.search(rf"install .*-o retouch.* {place}\b", made)


def test_what_is_compiled_beforehand_is_an_edit_that_works() -> None:
    (warm,) = [rest for rest in of("RUN") if rest.startswith("python -c")]
    assert [word for word, rest in instructions()].index("USER") < instructions().index(("RUN", warm))
    command = [sys.executable, *shlex.split(warm)[1:]]
    subprocess.run(command, check=True, timeout=100, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})


def test_there_is_no_secret_in_it() -> None:
    told = [rest for word, rest in instructions() if word in ("ENV", "ARG")]
    assert not any(re.search("token|secret|password|key", each, re.IGNORECASE) for each in told)
    assert "--token" not in arguments("CMD")


def test_the_command_is_one_that_the_command_line_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(serve, "serve", lambda settings, opened: seen.append(settings))
    monkeypatch.setenv("RETOUCH_TOKEN", "from-a-secret")
    assert arguments("ENTRYPOINT") == ["retouch"]
    assert main(arguments("CMD")) == 0
    (settings,) = seen
    assert (settings.host, settings.token, settings.page) == ("0.0.0.0", "from-a-secret", False)
    assert [str(settings.port)] == of("EXPOSE")
    assert str(settings.folder) == of("WORKDIR")[-1]
    assert settings.grace > 0
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_who_stops_the_container_waits_for_the_grace() -> None:
    (run,) = re.findall(r"^\$ podman run .*$", (ROOT / "docs" / "serve.md").read_text(), re.MULTILINE)
    found = re.search(r"--stop-timeout (\d+) ", run)
    assert found, "podman would kill it after 10 seconds"
    grace = inspect.signature(serve_command).parameters["grace"].default
    assert int(found.group(1)) >= grace + 10


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server that answers everything alike; its port, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


def probed(port: int) -> int:
    """Run the health check; its exit code."""
    check = of("HEALTHCHECK")[-1]
    words = json.loads(check[check.index("CMD") + 4 :])
    assert words[0] == "python"
    code = words[2]
    assert ":8700/" in code
    command = [sys.executable, "-I", words[1], code.replace(":8700/", f":{port}/")]
    return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=60).returncode


def test_the_health_check_tells_life_from_death() -> None:
    with answering(200) as (port, asked):
        assert probed(port) == 0
        assert asked == ["/v1/health/live"]
    with answering(503) as (port, _):
        assert probed(port) != 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert probed(taken.getsockname()[1]) != 0
