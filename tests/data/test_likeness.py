from __future__ import annotations

import numpy as np
import pytest

from retouch.data.likeness import alike, joined, look_of
from tests.data.made import noise


def planes(seed: int, scale: float = 1.0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(128 + (noise(seed, 48, 48).transpose(2, 0, 1) - 128.0) * scale, np.uint8)


def test_the_same_picture_is_found_among_others_at_any_size_and_depth() -> None:
    looks = [look_of(planes(seed)) for seed in range(700)]
    small = planes(650)[:, ::2, ::2]
    deep = planes(3).astype(np.uint16) * 257
    assert alike([look_of(small), look_of(deep), look_of(planes(900))], looks) == [(0, 650), (1, 3)]
    assert [pair[0] for pair in alike(looks, looks)] == list(range(700))


@pytest.mark.parametrize("flat", [0.0, 0.04])
def test_flat_pictures_are_not_compared(flat: float) -> None:
    one, other = look_of(planes(1, flat)), look_of(planes(1))
    assert one.flat
    assert not other.flat
    assert alike([one], [one]) == alike([one], [other]) == alike([other], [one]) == []
    assert joined([one, other]).flat


def test_the_same_light_and_shade_with_other_details_is_not_alike() -> None:
    ramp = np.linspace(0, 200, 48)[:, None] + np.zeros((3, 48, 48))
    details = [
        np.random.default_rng(seed).integers(-30, 31, (1, 16, 16)).repeat(3, 1).repeat(3, 2)
        for seed in (1, 2)
    ]
    first, second = (look_of((ramp + 28 + detail * 0.4).astype(np.uint8)) for detail in details)
    assert float(first.thumbnail @ second.thumbnail) > 0.98
    assert alike([first], [second]) == []


def test_nothing_is_like_nothing() -> None:
    assert alike([], [look_of(planes(1))]) == alike([look_of(planes(1))], []) == []
