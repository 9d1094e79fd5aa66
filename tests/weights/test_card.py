from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import retouch
from retouch.errors import UnreadableWeights
from retouch.weights import Card

FULL = Card(
    name="sketch-to-kaokore",
    task="translate",
    architecture="unet",
    sizes={"channels": 3, "levels": [1, 2], "norm": "batch"},
    value_range=(0.0, 1.0),
    multiple=32,
    scale=4,
    settings={"inference": "eval", "dropout": True, "strength": 0.5, "nothing": None},
    recipe="pix2pix",
    seed=3,
    images_seen=400_000,
    data="kaokore128",
    data_licence="CC BY-SA 4.0",
    licence="CC BY-SA 4.0",
    paper="arXiv:1611.07004",
    commit="0123abc",
    metrics=({"name": "PSNR", "value": 17.5, "protocol": "dev", "n": 100},),
    source_sha256="f" * 64,
    source_name="latest_net_G.pth",
)


def test_a_card_survives_the_round_trip() -> None:
    assert Card.from_json(FULL.to_json()) == FULL
    assert FULL.retouch == retouch.__version__
    assert "\n" not in FULL.to_json()


def test_fields_of_a_later_version_are_ignored() -> None:
    later = json.loads(FULL.to_json()) | {"mood": {"deep": [1]}}
    assert Card.from_json(json.dumps(later)) == FULL


def test_whole_numbers_are_bounds_too() -> None:
    card = json.loads(FULL.to_json()) | {"value_range": [-1, 1]}
    assert Card.from_json(json.dumps(card)).value_range == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 3),
        ("name", "x" * 201),
        ("name", "a\x1b[2Jb"),
        ("task", None),
        ("architecture", ["unet"]),
        ("sizes", [1]),
        ("sizes", {"": 1}),
        ("sizes", {"width": 1 << 40}),
        ("settings", {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}),
        ("value_range", [1.0, -1.0]),
        ("value_range", [0.0]),
        ("value_range", [True, 2]),
        ("value_range", ["a", "b"]),
        ("value_range", "01"),
        ("multiple", 0),
        ("multiple", True),
        ("multiple", 2.0),
        ("scale", 1000),
        ("seed", "1"),
        ("seed", 1 << 80),
        ("images_seen", 1.5),
        ("metrics", {"name": "PSNR"}),
        ("metrics", [3]),
        ("licence", "x" * 10_001),
        ("source_sha256", 0),
    ],
)
def test_a_field_that_cannot_mean_what_it_says_is_refused(field: str, value: object) -> None:
    told = json.loads(FULL.to_json()) | {field: value}
    with pytest.raises(UnreadableWeights, match=f"card's {field} is .*must be"):
        Card.from_json(json.dumps(told))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be a JSON object"),
        ("3", "must be a JSON object"),
        ('{"name": "a"}', "lacks task, architecture"),
        ('{"name": "a", "task": "b", "architecture": "c", "sizes": {"a": NaN}}', "card's sizes"),
        (" " * (1 << 20) + "{}", "characters"),
    ],
)
def test_what_is_no_card_is_refused(text: str, match: str) -> None:
    with pytest.raises(UnreadableWeights, match=match):
        Card.from_json(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from([field.name for field in dataclasses.fields(Card)]), json_values)
def test_any_value_of_any_field_is_a_card_or_a_clear_error(field: str, value: Any) -> None:
    told = json.loads(FULL.to_json()) | {field: value}
    try:
        card = Card.from_json(json.dumps(told))
    except UnreadableWeights:
        return
    assert Card.from_json(card.to_json()) == card
