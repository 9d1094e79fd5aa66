"""The two formats of ``torch.save`` before PyTorch 1.6: a row of pickles, and before 2017 a tar.

In both the numbers are little-endian whatever machine wrote them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from retouch.weights.opcodes import Machine
from retouch.weights.rebuild import Rebuilder, is_size, item_size, storage_of
from retouch.weights.values import Budget, Malformed, Name, Storage, View, Window

MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a file."""

PROTOCOL = 1001


@dataclass(slots=True)
class Names:
    """What pickles of one file would have imported.

    Args:
        seen: every name.
        called: those it would also have called.
    """

    seen: dict[str, None] = field(default_factory=dict)
    called: dict[str, None] = field(default_factory=dict)

    def add(self, machine: Machine) -> None:
        """Take over what one pickle named."""
        self.seen |= machine.names
        self.called |= machine.called


class Row:
    """Pickles and raw numbers, one after the other.

    Args:
        window: all of them.
        rebuild: says what calls stand for.
        budget: shared by everything that is read from one file.
        names: collects what the pickles would have imported.
    """

    def __init__(self, window: Window, rebuild: Rebuilder, budget: Budget, names: Names) -> None:
        self._window = window
        self._rebuild = rebuild
        self._budget = budget
        self._names = names
        self._place = 0

    def pickle(self, persistent: Callable[[object], object] | None = None) -> object:
        """Read the next pickle."""
        rest = self._window.part(self._place, len(self._window) - self._place)
        machine = Machine(rest, self._rebuild, persistent or _no_reference, self._budget)
        try:
            value = machine.run()
        finally:
            self._names.add(machine)
        self._place = machine.position - self._window.start
        return value

    def raw(self, size: int) -> Window:
        """Take the next bytes."""
        found = self._window.part(self._place, size)
        self._place += size
        return found

    def integers(self, form: str) -> tuple[int, ...]:
        """Read the next numbers, as :mod:`struct` writes them."""
        values: tuple[int, ...] = struct.unpack(form, self.raw(struct.calcsize(form)).copied())
        return values

    def numbers(self, storage: Storage) -> None:
        """Find the bytes of a storage, which come next after their count."""
        (count,) = self.integers("<q")
        if count != storage.count and storage.count >= 0:
            raise Malformed(f"a storage announces {storage.count:,} numbers and then {count:,}")
        storage.where = self.raw(count * item_size(storage.dtype))


def _no_reference(ident: object) -> object:
    del ident
    raise Malformed("its pickle refers to something outside itself")


def read_row(window: Window, rebuild: Rebuilder, budget: Budget, names: Names) -> object:
    """Read a file of PyTorch 0.1.10 to 1.5.

    Args:
        window: the file, or bytes that are one.
        rebuild: says what calls stand for.
        budget: shared by everything that is read from one file.
        names: collects what the pickles would have imported.

    Returns:
        What was saved.

    Raises:
        Malformed: It is damaged.
    """
    row = Row(window, rebuild, budget, names)
    if row.pickle() != MAGIC or row.pickle() != PROTOCOL:
        raise Malformed("it starts like an old torch file and goes on like none")
    row.pickle()  # facts about the machine that wrote it, which do not matter
    roots: dict[object, Storage] = {}
    parts: list[tuple[Storage, Storage]] = []

    def persistent(ident: object) -> object:
        if isinstance(ident, tuple) and len(ident) >= 2 and ident[0] == "module":
            return ident[1]  # a class, with its source code beside it
        storage = storage_of(ident)
        root = roots.setdefault(storage.key, storage)
        if root.dtype != storage.dtype:
            raise Malformed("two of its tensors disagree about the type of a storage they share")
        view = ident[5] if isinstance(ident, tuple) and len(ident) > 5 else None
        if view is None:
            return root
        part = _part_of(root, view)
        parts.append((part, root))
        return part

    value = row.pickle(persistent)
    keys = row.pickle()
    if not isinstance(keys, list) or len(keys) != len(roots):
        raise Malformed("the list of its storages does not fit its tensors")
    for key in keys:
        storage = roots.get(key) if isinstance(key, str | int) else None
        if storage is None or storage.where is not None:
            raise Malformed("the list of its storages does not fit its tensors")
        row.numbers(storage)
    for part, root in parts:
        part.where = root.where
    return value


def _part_of(root: Storage, view: object) -> Storage:
    if not (isinstance(view, tuple) and len(view) == 3 and is_size(view[1]) and is_size(view[2])):
        raise Malformed("a part of a storage in it is described inconsistently")
    _, shift, count = view
    if shift + count > root.count:
        raise Malformed(f"a part of a storage in it ends at {shift + count:,} of {root.count:,} numbers")
    return Storage(root.dtype, root.key, count, shift=shift)


def read_tar(members: dict[str, Window], rebuild: Rebuilder, budget: Budget, names: Names) -> object:
    """Read a file of PyTorch before 0.1.10.

    Args:
        members: ``storages``, ``tensors`` and ``pickle``, the files in the tar archive.
        rebuild: says what calls stand for.
        budget: shared by everything that is read from one file.
        names: collects what the pickles would have imported.

    Returns:
        What was saved.

    Raises:
        Malformed: It is damaged.
    """
    if lacking := [name for name in ("storages", "tensors", "pickle") if name not in members]:
        raise Malformed(f"it is a tar archive without {', '.join(lacking)}, so not one of torch's")
    things: dict[object, Storage | View] = {}
    row = Row(members["storages"], rebuild, budget, names)
    for _ in range(_counted(row)):
        key, _, kind = _triple(row)
        storage = storage_of(("storage", kind, key, "cpu", 0))
        storage.count = -1
        row.numbers(storage)
        things[key] = storage
    views = row.pickle()
    for view in views if isinstance(views, list) else ():
        if not (isinstance(view, tuple) and len(view) == 4 and all(isinstance(item, int) for item in view)):
            raise Malformed("a part of a storage in it is described inconsistently")
        target, root_key, shift, count = view
        root = things.get(root_key)
        if not (isinstance(root, Storage) and is_size(shift) and is_size(count)):
            raise Malformed("a part of a storage in it is described inconsistently")
        things[target] = Storage(root.dtype, target, count, where=root.where, shift=shift)
    row = Row(members["tensors"], rebuild, budget, names)
    for _ in range(_counted(row)):
        key, storage_key, _ = _triple(row)
        found = things.get(storage_key) if isinstance(storage_key, int) else None
        dimensions = row.integers("<q")[0] & 0xFFFFFFFF
        if not isinstance(found, Storage) or dimensions > 64:
            raise Malformed("a tensor in it is described inconsistently")
        size, stride = row.integers(f"<{dimensions}q"), row.integers(f"<{dimensions}q")
        things[key] = View(found, row.integers("<q")[0], size, stride, found.dtype)

    def persistent(ident: object) -> object:
        if isinstance(ident, tuple) and ident:
            return ident[0]
        key = int(ident) if isinstance(ident, str) and len(ident) < 20 else ident
        if not isinstance(key, int) or key not in things:
            raise Malformed("its pickle refers to a tensor that is not there")
        return things[key]

    return Row(members["pickle"], rebuild, budget, names).pickle(persistent)


def _counted(row: Row) -> int:
    count = row.pickle()
    if not isinstance(count, int) or not is_size(count):
        raise Malformed("it does not say how many tensors it has")
    return count


def _triple(row: Row) -> tuple[int, object, object]:
    found = row.pickle()
    if not (isinstance(found, tuple) and len(found) == 3 and isinstance(found[0], int)):
        raise Malformed("a tensor in it is described inconsistently")
    if not isinstance(found[2], Name):
        raise Malformed("a tensor in it is of a kind that is no class")
    return found[0], found[1], found[2]
