"""The API answers as it describes itself, whatever fits or breaks its description."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.studio.living import Studio, studio_in
from tests.studio.made import photo

EXAMPLES = 10
"""Requests to each route in each of the two ways; `make test-all` and a developer's run try more."""

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio whose worker stands still: what is ordered is taken, and waits."""
    with studio_in(tmp_path_factory.mktemp("studio") / "work") as started:
        os.kill(started.worker(), signal.SIGSTOP)
        yield started


def fuzz(studio: Studio, examples: int) -> int:
    """Send requests that fit each route's description, and requests that do not; how many it were."""
    schema = schemathesis.openapi.from_url(f"{studio.url}/openapi.json")
    picture = studio.upload(photo(1, (8, 8)))["id"]
    sent: list[str] = []
    faults: list[Exception] = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            # A handle that exists, so that what comes after the search for it is reached.
            handle = picture if mode is GenerationMode.POSITIVE else ""
            try:
                check_of(operation, mode, handle, examples, sent)()
            except Unsatisfiable:
                # Nothing of a route that takes nothing can be wrong.
                assert mode is GenerationMode.NEGATIVE, operation.label
            except Exception as error:
                faults.append(Exception(f"{operation.label}, {mode.value}: {error}"))
    if faults:
        raise ExceptionGroup("answers that the description does not have", faults)
    return len(sent)


def check_of(
    operation: Any, mode: GenerationMode, handle: str, examples: int, sent: list[str]
) -> Callable[[], None]:
    """The test of one route in one way."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        sent.append(operation.label)
        if handle and isinstance(case.body, dict) and "photo" in case.body:
            case.body["photo"] = handle
        case.call_and_validate(checks=CHECKS)

    return check


def test_every_route_keeps_to_its_description(studio: Studio) -> None:
    assert fuzz(studio, EXAMPLES) > 500
    assert "Traceback" not in studio.said


@pytest.mark.slow
def test_every_route_keeps_to_its_description_for_long(studio: Studio) -> None:
    assert fuzz(studio, 150) > 5000
    assert "Traceback" not in studio.said
