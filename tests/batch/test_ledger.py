"""Records of which only one process is the writer, and of one number of shards in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from retouch.batch import Row, Shard
from retouch.batch import ledger as module
from retouch.batch.ledger import Ledger, path_of
from retouch.errors import InputError


def test_a_record_is_locked_until_it_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []
    unlink = Path.unlink

    def others_try(path: Path, missing_ok: bool = False) -> None:
        with pytest.raises(InputError, match="another process is writing"):
            Ledger(tmp_path / "out", Shard())
        refused.append(path)
        unlink(path, missing_ok)

    ledger = Ledger(tmp_path / "out", Shard())
    monkeypatch.setattr(Path, "unlink", others_try)
    ledger.discard()
    assert len(refused) == 2
    assert not (tmp_path / "out").exists()


def test_a_record_that_was_taken_away_meanwhile_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = module._lock
    befalls = ["gone", "made by another", "gone with its folder"]

    def late(file: object, path: Path) -> None:
        what = befalls.pop() if befalls else ""
        if what:
            path.unlink()
        if what == "made by another":
            path.touch()
        if what == "gone with its folder":
            path.parent.rmdir()
        lock(file, path)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_lock", late)
    with Ledger(tmp_path / "out", Shard()) as ledger:
        assert befalls == []
        ledger.add(Row("a.png", "done", "k"))
    assert path_of(tmp_path / "out", Shard()).read_text() == Row("a.png", "done", "k").line() + "\n"
    with Ledger(tmp_path / "out", Shard(), writing=False) as ledger:
        assert len(ledger) == 1


def test_records_of_another_number_of_shards_are_refused(tmp_path: Path) -> None:
    for number in (1, 3):
        with Ledger(tmp_path, Shard(number, 3)) as ledger:
            ledger.add(Row("a.png", "done", "k"))
    for shard in (Shard(1, 2), Shard()):
        with pytest.raises(InputError, match=r"in 3 shards .* and this is 1/.; give --shard I/3, or another"):
            Ledger(tmp_path, shard)
        assert not path_of(tmp_path, shard).exists()
    with Ledger(tmp_path, Shard(2, 3)) as ledger:
        assert len(ledger) == 0
    with Ledger(tmp_path / "other", Shard(1, 2)):
        pass


def test_the_steps_of_an_array_are_nothing_to_a_count() -> None:
    told = {"ID": "42", "COUNT": "2", "MIN": "17", "MAX": "42", "STEP": "25"}
    environment = {f"SLURM_ARRAY_TASK_{name}": value for name, value in told.items()}
    assert Shard.parse("auto/100", environment) == Shard(42, 100)
    with pytest.raises(InputError, match="has steps"):
        Shard.parse("auto", environment)
