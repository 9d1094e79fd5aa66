"""Refusals: one form for all, with the status that says whose fault it is."""

from __future__ import annotations

import inspect
import json

import pytest

from retouch import errors
from retouch.errors import RetouchError, UnknownName
from retouch.studio import failures
from retouch.studio.failures import QueueFull
from retouch.studio.problems import MEDIA_TYPE, Problem, declared

KINDS = sorted(
    {
        kind
        for home in (errors, failures)
        for _, kind in inspect.getmembers(home, inspect.isclass)
        if issubclass(kind, RetouchError) and kind is not UnknownName
    },
    key=lambda kind: kind.__name__,
)
EXPECTED = {
    "Cancelled": 409, "DataError": 500, "Diverged": 500, "DownloadFailed": 422, "EmptyMask": 422, "Gone": 410,
    "InputError": 422, "InternalError": 500, "MissingDependency": 501, "NotConverged": 500,
    "OutOfMemory": 503,
    "OutputExists": 422, "PictureError": 422, "PictureTooLarge": 413, "QueueFull": 429, "ReaderDied": 422,
    "RetouchError": 500, "SizeMismatch": 422, "StoreFull": 507, "StudioError": 500, "TimedOut": 422,
    "TrainingError": 500, "Unavailable": 503, "UnknownHandle": 404, "UnknownWeights": 422,
    "UnreadablePicture": 422, "UnreadableWeights": 422, "UnwritablePicture": 422, "WeightsError": 422,
    "WorkerDied": 500,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_of_the_library_keeps_its_name_and_its_words(kind: type[RetouchError]) -> None:
    problem = Problem.of(kind("what was got, what was wanted"), field="mask")
    assert problem.document() == {
        "type": f"urn:retouch:error:{kind.__name__}",
        "title": problem.document()["title"],
        "status": EXPECTED[kind.__name__],
        "detail": "what was got, what was wanted",
        "field": "mask",
    }


def test_a_name_that_is_unknown_is_an_input_error() -> None:
    problem = Problem.of(UnknownName("edit", "blnd", ["blend", "tile"]))
    assert (problem.status, problem.document()["title"]) == (422, "Unknown name")
    assert problem.detail.startswith("unknown edit 'blnd'; did you mean blend")


def test_an_answer_is_a_problem_document() -> None:
    answer = Problem(409, "the job runs; wait", headers={"X-Y": "z"}).response()
    assert (answer.status_code, answer.media_type, answer.headers["x-y"]) == (409, MEDIA_TYPE, "z")
    assert json.loads(bytes(answer.body)) == {
        "type": "urn:retouch:error:NotReady",
        "title": "Not ready",
        "status": 409,
        "detail": "the job runs; wait",
    }
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_who_is_to_come_again_is_told_when() -> None:
    assert Problem.of(QueueFull("1000 edits wait", 42)).response().headers["retry-after"] == "42"
    assert Problem.of(failures.Unavailable("busy")).headers == {"Retry-After": "5"}
    assert Problem.of(MemoryError()).status == 503


def test_a_bug_says_nothing_of_the_inside() -> None:
    problem = Problem.of(KeyError("/home/secret"))
    assert (problem.status, problem.document()["type"]) == (500, "urn:retouch:error:InternalError")
    assert "secret" not in json.dumps(problem.document())


def test_half_of_a_surrogate_does_not_break_an_answer() -> None:
    assert b"?" in bytes(Problem(422, "got '\ud800'").response().body)


def test_what_every_route_answers_is_declared() -> None:
    told = declared(422)
    assert set(told) == {400, 401, 403, 408, 413, 421, 422, 500, 503}
    for answer in told.values():
        assert list(answer["content"]) == [MEDIA_TYPE]
