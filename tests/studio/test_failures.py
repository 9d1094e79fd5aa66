"""Errors that cross from one process to another are the same on the other side."""

from __future__ import annotations

import json

import pytest

from retouch import errors
from retouch.errors import InputError, RetouchError, SizeMismatch, UnknownName
from retouch.studio import failures
from retouch.studio.failures import InternalError, QueueFull, plain, raised

CLASSES = [
    value
    for home in (errors, failures)
    for value in vars(home).values()
    if isinstance(value, type) and issubclass(value, RetouchError)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_crosses(kind: type[RetouchError]) -> None:
    error = kind("choice", "a", ["b"]) if kind is UnknownName else kind("got a, wanted b; give b")
    again = raised(json.loads(json.dumps(plain(error))))
    assert type(again) is kind
    assert str(again) == str(error)


def test_a_class_that_nobody_knows_crosses_as_its_parent() -> None:
    class Skewed(SizeMismatch):
        pass

    assert plain(Skewed("x")) == {"type": "SizeMismatch", "detail": "x"}


@pytest.mark.parametrize("name", ["Exception", "SystemExit", "_CLASSES", "nothing"])
def test_no_name_makes_anything_else(name: str) -> None:
    assert type(raised({"type": name, "detail": "x"})) is InternalError


def test_a_message_is_one_line() -> None:
    assert plain(InputError("a\nb")) == {"type": "InputError", "detail": "a b"}


def test_a_full_queue_says_when_to_come_back() -> None:
    assert QueueFull("x", 7).retry_after == 7
    assert isinstance(raised(plain(QueueFull("x"))), QueueFull)
