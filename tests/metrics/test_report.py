"""The report's three forms and its intervals."""

from __future__ import annotations

import csv
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.errors import InputError
from retouch.metrics import Report, Row, bootstrap_interval, interval_of_mean

FEW = settings(max_examples=20, deadline=None)

REPORT = Report(
    (
        Row("psnr", math.inf, "higher", 2, "dB", 30.0, math.inf),
        Row("swd", 12.3456, "lower", 2, "levels\t64, 32"),
    ),
    ("a\tb.png", "c.png"),
    {"psnr": (30.0, math.inf)},
)


def test_text() -> None:
    assert REPORT.text().splitlines() == [
        "metric     value  95 % interval  n  protocol",
        "psnr    ↑    inf    30.00 … inf  2  dB",
        "swd     ↓  12.35              –  2  levels\t64, 32",
    ]


def test_tsv_reads_back() -> None:
    rows = list(csv.DictReader(REPORT.tsv().splitlines(), delimiter="\t"))
    assert rows[0]["metric"] == "psnr"
    assert float(rows[0]["value"]) == math.inf
    assert rows[1]["low"] == rows[1]["high"] == ""
    assert rows[1]["protocol"] == "levels\t64, 32"
    assert float(rows[1]["value"]) == 12.3456
    per_picture = list(csv.DictReader(REPORT.per_picture_tsv().splitlines(), delimiter="\t"))
    assert [row["name"] for row in per_picture] == ["a\tb.png", "c.png"]
    assert float(per_picture[0]["psnr"]) == 30


def test_json_is_strict() -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    read = json.loads(REPORT.json(), parse_constant=refuse)
    assert read["rows"][0]["value"] is None
    assert read["rows"][0]["low"] == 30
    assert read["rows"][1]["value"] == 12.3456
    assert read["pictures"] == [{"name": "a\tb.png", "psnr": 30}, {"name": "c.png", "psnr": None}]


def test_rows_by_name_and_for_a_card() -> None:
    assert REPORT["swd"].n == 2
    with pytest.raises(KeyError, match="fid"):
        REPORT["fid"]
    assert REPORT.for_card() == ({"name": "swd", "value": 12.3456, "protocol": "levels\t64, 32", "n": 2},)


def test_interval_of_many_normal_values_is_the_textbooks() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low, high = interval_of_mean(values.tolist())
    half = 1.96 * float(values.std()) / math.sqrt(400)
    assert low == pytest.approx(float(values.mean()) - half, abs=0.1 * half)
    assert high == pytest.approx(float(values.mean()) + half, abs=0.1 * half)


@FEW
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.integers(0, 100))
def test_interval_lies_inside_the_values_and_is_seeded(values: list[float], seed: int) -> None:
    low, high = interval_of_mean(values, seed=seed, resamples=200)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert (low, high) == interval_of_mean(values, seed=seed, resamples=200)


def test_infinite_values_do_not_become_nan() -> None:
    low, high = interval_of_mean([30.0, 31.0, 32.0, 33.0, math.inf])
    assert 30 <= low < 33
    assert high == math.inf
    assert interval_of_mean([math.inf, math.inf]) == (math.inf, math.inf)


def test_every_resample_draws_as_many_as_there_are() -> None:
    def count(counts: torch.Tensor) -> torch.Tensor:
        assert counts.shape[1] == 7
        return counts.sum(dim=1)

    assert bootstrap_interval(7, count, resamples=50) == (7, 7)


def test_nothing_to_resample() -> None:
    with pytest.raises(InputError, match="0 pictures"):
        interval_of_mean([])
    with pytest.raises(InputError, match="0 resamples"):
        interval_of_mean([1.0], resamples=0)
