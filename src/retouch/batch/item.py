"""One picture of a batch: an item of the plan, and the row of the ledger that it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from retouch.image.plain import Plain

State = Literal["done", "failed"]

Given = Mapping[str, str | tuple[str, ...]]
"""Option → the address of its file, or of its files where it takes several."""

Stamp = tuple[int, str, str]
"""Of a file that was read: its bytes, what tells that it has not changed since, and its SHA-256."""


@dataclass(frozen=True, slots=True)
class Item:
    """One picture that is to be made.

    Args:
        number: its place in the plan, from 0.
        name: the output, relative to the folder of results, with slashes; no two items share it.
        given: the addresses of its own pictures, masks and latents.
        options: what it alone is told, as plain data, in the place of what all are told.
        ours: files that an earlier run wrote for it, and their SHA-256: they may be replaced.
        refused: why it cannot be done, found out before; empty when it can.
    """

    number: int
    name: str
    given: Given = field(default_factory=dict)
    options: Mapping[str, Plain] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""

    def plain(self) -> dict[str, Any]:
        """Everything as JSON holds it; :meth:`of` makes the item again."""
        return asdict(self)

    @staticmethod
    def of(plain: Mapping[str, Any]) -> Item:
        """Make an item of what :meth:`plain` gave.

        Args:
            plain: perhaps after a way through JSON, which knows no tuples.
        """
        given = {
            name: tuple(files) if isinstance(files, list) else files for name, files in plain["given"].items()
        }
        return Item(**{**plain, "given": given})


@dataclass(frozen=True, slots=True)
class Row:
    """What came of an item.

    Its line in the ledger holds nothing that another run of the same work would say differently: no time, no
    machine, no address.

    Args:
        name: as of the item.
        state: "done" or "failed".
        key: a hash of the edit, its options and the bytes of every file that went in, where one that cannot
            be read counts as nothing; empty for an item that was refused.
        size: of the output in bytes.
        sha256: of the output.
        companions: what belongs beside the output: relative name → (bytes, SHA-256).
        error: the class of what went wrong; empty when nothing did.
        message: the same in a sentence.
        before: files of an earlier run that are still there after a failure, and their SHA-256.
        seconds: what all of it took; not in the ledger.
        edit_seconds: what the edit alone took; likewise.
        inputs: address → stamp of every file that was read; likewise.
        worker: a number of the process that did it; likewise.
    """

    name: str
    state: State
    key: str = ""
    size: int = 0
    sha256: str = ""
    companions: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    error: str = ""
    message: str = ""
    before: Mapping[str, str] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)
    edit_seconds: float = field(default=0.0, compare=False)
    inputs: Mapping[str, Stamp] = field(default_factory=dict, compare=False)
    worker: int = field(default=0, compare=False)

    def line(self) -> str:
        """The row in the ledger: one line of JSON, without its end."""
        said: dict[str, object] = {"name": self.name, "state": self.state, "key": self.key}
        if self.state == "failed":
            said["error"] = {"type": self.error, "message": self.message}
            if self.before:
                said["before"] = dict(sorted(self.before.items()))
        else:
            said |= {"size": self.size, "sha256": self.sha256}
            if self.companions:
                said["companions"] = {name: list(facts) for name, facts in sorted(self.companions.items())}
        return json.dumps(said)

    def told(self, state: str) -> str:
        """What only this run can say of it: one line of JSON for the log beside the ledger.

        Args:
            state: of the row, or "renewed" when nothing was done but its inputs looked at.
        """
        said = {
            "name": self.name,
            "key": self.key,
            "state": state,
            "seconds": round(self.seconds, 5),
            "edit_seconds": round(self.edit_seconds, 5),
            "worker": self.worker,
            "inputs": {address: list(stamp) for address, stamp in self.inputs.items()},
        }
        return json.dumps(said)

    def plain(self) -> dict[str, Any]:
        """Everything as JSON holds it; :meth:`of` makes the row again."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        mappings = {name: dict(plain[name]) for name in ("companions", "before", "inputs")}
        return {**plain, **mappings}

    @property
    def ours(self) -> Mapping[str, str]:
        """The files that lie there of this row or of one before, and their SHA-256."""
        if self.state == "failed":
            return self.before
        return {self.name: self.sha256, **{name: sha256 for name, (_, sha256) in self.companions.items()}}

    @staticmethod
    def of(plain: Mapping[str, Any]) -> Row:
        """Make a row of what :meth:`plain` gave.

        Args:
            plain: perhaps after a way through JSON, which knows no tuples.
        """
        return Row(
            **{
                **plain,
                "companions": {name: (size, sha256) for name, (size, sha256) in plain["companions"].items()},
                "inputs": {
                    address: (size, mark, sha256) for address, (size, mark, sha256) in plain["inputs"].items()
                },
            }
        )

    @staticmethod
    def read(line: bytes | str) -> Row | None:
        """Read a line of the ledger.

        Args:
            line: from a file that anyone may have written.

        Returns:
            The row; None if the line is none, such as a last one cut off.
        """
        try:
            said = json.loads(line)
            error = said.get("error", {})
            beside = {
                name: (int(size), str(sha256)) for name, (size, sha256) in said.get("companions", {}).items()
            }
            before = {name: str(sha256) for name, sha256 in said.get("before", {}).items()}
            row = Row(
                said["name"],
                said["state"],
                said["key"],
                said.get("size", 0),
                said.get("sha256", ""),
                beside,
                error.get("type", ""),
                error.get("message", ""),
                before,
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        words = (row.name, row.key, row.sha256, row.error, row.message)
        fits = all(isinstance(word, str) for word in words) and row.state in ("done", "failed")
        return row if fits and isinstance(row.size, int) else None
