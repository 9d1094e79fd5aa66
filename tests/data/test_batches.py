from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch import data
from retouch.data.batches import order
from retouch.data.seeds import mixed
from retouch.errors import DataError, InputError


class Numbers:
    """Examples that tell their index and their seed."""

    def __init__(self, length: int, slow: float = 0.0) -> None:
        self.length, self.slow = length, slow
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.length

    def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        time.sleep(self.slow)
        self.asked.append(index)
        return {"index": torch.tensor([index]), "seed": torch.tensor([seed & 0xFFFFFF])}


def taken(stream: data.Stream, batches: int) -> list[tuple[int, int]]:
    found = []
    for _ in range(batches):
        batch = next(stream)
        found += list(zip(batch["index"].flatten().tolist(), batch["seed"].flatten().tolist(), strict=True))
    return found


SMALL = {"length": st.integers(1, 40), "batch": st.integers(1, 7), "world": st.integers(1, 5),
         "start": st.integers(0, 100), "seed": st.integers(-(2**63), 2**64 - 1)}  # fmt: skip


@given(**SMALL)
@settings(deadline=None)
def test_all_ranks_together_see_each_epoch_once(
    length: int, batch: int, world: int, start: int, seed: int
) -> None:
    steps = -(-3 * length // (batch * world)) + 1
    streams = [
        data.stream(Numbers(length), batch=batch, seed=seed, rank=rank, world=world, start=start)
        for rank in range(world)
    ]
    whole = []
    for _ in range(steps):
        for stream in streams:
            whole += taken(stream, 1)
    # From the first epoch that begins after the start, every run of `length` images is a permutation.
    skip = -start % length
    epoch = -(-start // length)
    while skip + length <= len(whole):
        part = whole[skip : skip + length]
        assert [index for index, _ in part] == order(length, seed, epoch).tolist()
        assert sorted(index for index, _ in part) == list(range(length))
        assert len({look for _, look in part}) == 1
        skip, epoch = skip + length, epoch + 1


@given(**SMALL)
@settings(deadline=None)
def test_ranks_cut_the_batch_of_one_process(
    length: int, batch: int, world: int, start: int, seed: int
) -> None:
    alone = taken(data.stream(Numbers(length), batch=batch * world, seed=seed, start=start), 3)
    ranks = [
        taken(data.stream(Numbers(length), batch=batch, seed=seed, rank=rank, world=world, start=start), 3)
        for rank in range(world)
    ]
    joined = [item for step in range(3) for rank in ranks for item in rank[step * batch : (step + 1) * batch]]
    assert joined == alone


@given(**SMALL, steps=st.integers(0, 9), workers=st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_a_stream_resumes_where_it_stopped(
    length: int, batch: int, world: int, start: int, seed: int, steps: int, workers: int
) -> None:
    def opened(start: int, workers: int = 0) -> data.Stream:
        examples = Numbers(length)
        return data.stream(
            examples, batch=batch, seed=seed, world=world, rank=world - 1, start=start, workers=workers
        )

    with opened(start, workers) as stream:
        before = taken(stream, steps)
        consumed = stream.consumed
        after = taken(stream, 4)
    assert consumed == start + steps * batch * world
    with opened(consumed) as resumed:
        assert taken(resumed, 4) == after
    with opened(start) as whole:
        assert taken(whole, steps + 4) == before + after


def test_epochs_and_seeds_differ() -> None:
    assert not np.array_equal(order(50, 1, 0), order(50, 1, 1))
    assert not np.array_equal(order(50, 1, 0), order(50, 2, 0))
    looks = [look for _, look in taken(data.stream(Numbers(5), batch=5, seed=3), 3)]
    assert len(set(looks)) == 3


def test_a_seed_is_more_than_its_digits() -> None:
    assert (
        len({mixed(1, 2), mixed(2, 1), mixed(1 + (2 << 32)), mixed(1, 2, 0), mixed(0, 1, 2), mixed(-1, 2)})
        == 6
    )


def test_the_global_random_numbers_stay_untouched() -> None:
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]  # noqa: NPY002
    examples = data.pairs(
        "synthetic:facades?count=3", "train", augment=True, size=32, jitter=0.2, rotate=True
    )
    with data.stream(examples, batch=2, seed=4, workers=2) as stream:
        for _ in range(4):
            next(stream)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index]  # noqa: NPY002
    assert random.getstate() == before[2]


def test_threads_keep_the_order_even_when_examples_take_random_time() -> None:
    class Uneven(Numbers):
        def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
            time.sleep((index * 7919 % 5) / 2000)
            return super().example(index, seed)

    with data.stream(Uneven(30), batch=2, seed=1, workers=4) as threads:
        assert taken(threads, 30) == taken(data.stream(Numbers(30), batch=2, seed=1), 30)


def test_prefetching_is_bounded_and_hides_the_work() -> None:
    examples = Numbers(1000, slow=0.004)
    with data.stream(examples, batch=1, seed=1, workers=2) as stream:
        next(stream)
        time.sleep(0.15)
        assert len(examples.asked) <= 6
        before = stream.waited
        for _ in range(10):
            next(stream)
            time.sleep(0.008)
        hidden = stream.waited - before
    alone = data.stream(Numbers(1000, slow=0.004), batch=1, seed=1)
    for _ in range(10):
        next(alone)
    assert alone.waited >= 0.04
    assert hidden < alone.waited / 2


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("retouch-data")]


@pytest.mark.parametrize(
    "end", [lambda stream: stream.close(), lambda stream: stream.__exit__(None, None, None)]
)
def test_closing_stops_the_threads(end: Callable[[data.Stream], None]) -> None:
    stream = data.stream(Numbers(10), batch=1, seed=1, workers=2)
    next(stream)
    assert threads()
    end(stream)
    assert not threads()


def test_a_stream_that_nobody_holds_stops_its_threads() -> None:
    stream = data.stream(Numbers(10), batch=1, seed=1, workers=2)
    next(stream)
    del stream
    deadline = time.monotonic() + 5
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not threads()


def test_an_error_in_a_thread_reaches_the_consumer() -> None:
    class Broken(Numbers):
        def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
            raise DataError("the file is broken; get another")

    with (
        data.stream(Broken(3), batch=1, seed=1, workers=1) as stream,
        pytest.raises(DataError, match="broken"),
    ):
        next(stream)


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 0}, {"world": 0}, {"rank": 2, "world": 2}, {"rank": -1}, {"start": -1}, {"workers": -1}],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        data.stream(Numbers(3), **{"batch": 1, "seed": 0, **wrong})  # type: ignore[arg-type]


def test_nothing_is_no_data_set() -> None:
    with pytest.raises(DataError, match="no examples"):
        data.stream(Numbers(0), batch=1, seed=0)


def test_ordered_gives_each_example_once_without_augmentation() -> None:
    examples = data.pairs("synthetic:facades?count=7", "train", augment=True, size=32)
    plain = data.pairs("synthetic:facades?count=7", "train", augment=False, size=32)
    batches = list(data.ordered(examples, 3))
    assert [len(batch["input"]) for batch in batches] == [3, 3, 1]
    together = torch.cat([batch["target"] for batch in batches])
    assert torch.equal(together, torch.stack([plain.example(index, 9)["target"] for index in range(7)]))
    with pytest.raises(InputError):
        data.ordered(examples, 0)


def test_ordered_keeps_sizes_apart_and_stream_refuses_to_mix_them() -> None:
    class Sizes(Numbers):
        def example(self, index: int, seed: int) -> dict[str, torch.Tensor]:
            return {"image": torch.zeros(3, 4 + index // 2, 5)}

    assert [tuple(batch["image"].shape) for batch in data.ordered(Sizes(5), 4)] == [
        (2, 3, 4, 5), (2, 3, 5, 5), (1, 3, 6, 5),
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"different sizes.*4×5.*size=256"):
        next(data.stream(Sizes(5), batch=5, seed=0))
