"""Pickle, read as data.

A pickle is a program for a small stack machine. This runs the part of it that arranges data, and
where the program would import or call something, it writes down what (:class:`Name`,
:class:`Call`) instead. Nothing in the file can make Python do anything else.

Source: the opcodes are documented in Python's own ``pickletools``.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable

from retouch.weights.values import Budget, Call, Malformed, Name, Window

MAX_OPCODES = 1_500_000
"""A checkpoint with ten thousand tensors has about 400,000."""

MAX_INTEGER_BYTES = 128
INLINE = 256
"""Longer byte strings stay where they are, as a :class:`Window`."""

_ALLOCATED = 64

Rebuild = Callable[[str, tuple[object, ...]], object]
"""``(name, arguments)`` of a call → the plain value it stands for, or a :class:`Call`."""


class Machine:
    """The stack machine.

    Args:
        window: where the pickle starts; it may end before the window does.
        rebuild: says what a call stands for.
        persistent: says what a persistent id stands for.
        budget: shared by everything that is read from one file.
    """

    def __init__(
        self,
        window: Window,
        rebuild: Rebuild,
        persistent: Callable[[object], object],
        budget: Budget,
    ) -> None:
        self.window = window
        self.position = window.start
        self.names: dict[str, None] = {}
        self.called: dict[str, None] = {}
        self._rebuild = rebuild
        self._persistent = persistent
        self._budget = budget
        self._stack: list[object] = []
        self._below: list[list[object]] = []
        self._memo: dict[int, object] = {}

    def run(self) -> object:
        """Read one pickle.

        Returns:
            Its value. ``position`` is then the byte after it.

        Raises:
            Malformed: It is truncated, not a pickle, or larger than any checkpoint's.
        """
        buffer, stop = self.window.buffer, self.window.stop
        table = _TABLE
        try:
            for _ in range(MAX_OPCODES):
                if self.position >= stop:
                    raise Malformed(f"it ends in the middle of a pickle, at byte {self.position:,}")
                code = buffer[self.position]
                self.position += 1
                if code == _STOP:
                    return self._pop()
                step = table.get(code)
                if step is None:
                    raise Malformed(f"byte {self.position - 1:,} is no pickle opcode ({code:#04x})")
                step(self)
        except (IndexError, KeyError):
            raise Malformed(f"its pickle is inconsistent at byte {self.position:,}") from None
        except (ValueError, OverflowError, struct.error, RecursionError) as error:
            raise Malformed(f"its pickle is broken at byte {self.position:,} ({error!s:.80})") from None
        raise Malformed(f"its pickle has more than {MAX_OPCODES:,} steps")

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if size < 0 or end > self.window.stop:
            raise Malformed(
                f"it ends in the middle of a pickle; {size:,} bytes are missing at {self.position:,}"
            )
        data = bytes(self.window.buffer[self.position : end])
        self.position = end
        return data

    def _line(self) -> bytes:
        end = self.window.buffer.find(b"\n", self.position, self.window.stop)
        if end < 0:
            raise Malformed(f"it ends in the middle of a pickle, at byte {self.position:,}")
        data = self._take(end - self.position)
        self.position += 1
        return data

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _pop(self) -> object:
        return self._stack.pop()

    def _marked(self) -> list[object]:
        found, self._stack = self._stack, self._below.pop()
        return found

    # Text, bytes and numbers

    def _push_text(self, size: int) -> None:
        self._push(self._take(size).decode("utf-8", "surrogatepass"))

    def _push_old_text(self, size: int) -> None:
        self._push(self._take(size).decode("latin-1"))

    def _push_bytes(self, size: int) -> None:
        if size <= INLINE:
            self._push(self._take(size))
        else:
            self._push(self.window.part(self.position - self.window.start, size))
            self.position += size

    def _push_integer(self, size: int) -> None:
        if size > MAX_INTEGER_BYTES:
            raise Malformed(f"its pickle has an integer of {size:,} bytes")
        self._push(int.from_bytes(self._take(size), "little", signed=True))

    def _push_decimal(self) -> None:
        line = self._line().rstrip(b"L")
        if len(line) > 2 * MAX_INTEGER_BYTES:
            raise Malformed(f"its pickle has an integer of {len(line):,} digits")
        self._push({b"01": True, b"00": False}.get(line, int(line)))

    def _push_quoted(self) -> None:
        line = self._line()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise Malformed(f"its pickle has a text without quotes at byte {self.position:,}")
        self._push(codecs.escape_decode(line[1:-1])[0].decode("latin-1"))

    # Containers

    def _push_dict(self, items: list[object]) -> None:
        found: dict[object, object] = {}
        _store(found, items)
        self._push(found)

    def _add(self, items: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Call):
            target.elements.extend(items)
        else:
            raise Malformed("its pickle appends to something that is no list")

    def _set(self, items: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            _store(target, items)
        elif isinstance(target, Call):
            _store(target.entries, items)
        else:
            raise Malformed("its pickle stores an item in something that is no dictionary")

    def _set_one(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _add_one(self) -> None:
        value = self._pop()
        self._add([value])

    def _tuple_of(self, size: int) -> None:
        items = tuple(self._stack[-size:])
        if len(items) < size:
            raise IndexError
        del self._stack[-size:]
        self._push(items)

    def _mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop_one(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._marked()

    # The memo

    def _remember(self, place: int) -> None:
        if place < 0:
            raise Malformed("its pickle has a negative memo number")
        self._memo[place] = self._stack[-1]

    def _recall(self, place: int) -> None:
        self._push(self._memo[place])

    # What would have been code

    def _push_name(self, module: object, name: object) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise Malformed("its pickle names something by what is no text")
        text = f"{module}.{name}"
        if len(text) > 1000:
            raise Malformed("its pickle has a name of more than 1000 characters")
        self.names[text] = None
        self._push(Name(text))

    def _push_name_lines(self) -> None:
        module = self._line().decode("utf-8")
        self._push_name(module, self._line().decode("utf-8"))

    def _push_name_from_stack(self) -> None:
        name, module = self._pop(), self._pop()
        self._push_name(module, name)

    def _call(self, target: object, args: object) -> None:
        self._budget.spend(_ALLOCATED)
        given = args if isinstance(args, tuple) else (args,)
        if isinstance(target, Name):
            self.called[target.text] = None
            self._push(self._rebuild(target.text, given))
        else:
            self._push(Call("", (target, *given[:1])))

    def _reduce(self) -> None:
        args, target = self._pop(), self._pop()
        self._call(target, args)

    def _reduce_with_keywords(self) -> None:
        keywords, args, target = self._pop(), self._pop(), self._pop()
        self._call(target, args)
        made = self._stack[-1]
        if isinstance(made, Call):
            made.states.append(keywords)

    def _inst(self) -> None:
        self._push_name_lines()
        target = self._pop()
        self._call(target, tuple(self._marked()))

    def _obj(self) -> None:
        items = self._marked()
        self._call(items[0], tuple(items[1:]))

    def _build(self) -> None:
        state = self._pop()
        target = self._stack[-1]
        if isinstance(target, Call):
            target.states.append(state)
        # A state on plain data is an attribute of a dictionary, such as a state dict's _metadata.

    def _refuse(self) -> None:
        raise Malformed(f"its pickle uses an extension, at byte {self.position - 1:,}")


def _store(target: dict[object, object], items: list[object]) -> None:
    if len(items) % 2:
        raise IndexError
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[_key(key)] = value


def _key(key: object) -> object:
    """Make a key that is cheap to hash: nested tuples and huge integers can be made not to be."""
    if key is None or isinstance(key, str | bytes | bool):
        return key
    if isinstance(key, int) and abs(key) < 1 << 60:
        return key
    return Call("", (key,))


_STOP = ord(".")

_TABLE: dict[int, Callable[[Machine], object]] = {
    0x80: lambda m: m._take(1),
    0x95: lambda m: m._take(8),
    ord("("): Machine._mark,
    ord("0"): Machine._pop_one,
    ord("1"): Machine._marked,
    ord("2"): lambda m: m._push(m._stack[-1]),
    ord("N"): lambda m: m._push(None),
    0x88: lambda m: m._push(True),
    0x89: lambda m: m._push(False),
    ord("I"): Machine._push_decimal,
    ord("L"): Machine._push_decimal,
    ord("J"): lambda m: m._push_integer(4),
    ord("K"): lambda m: m._push(m._number(1)),
    ord("M"): lambda m: m._push(m._number(2)),
    0x8A: lambda m: m._push_integer(m._number(1)),
    0x8B: lambda m: m._push_integer(m._number(4)),
    ord("F"): lambda m: m._push(float(m._line())),
    ord("G"): lambda m: m._push(struct.unpack(">d", m._take(8))[0]),
    ord("S"): Machine._push_quoted,
    ord("T"): lambda m: m._push_old_text(m._number(4)),
    ord("U"): lambda m: m._push_old_text(m._number(1)),
    ord("V"): lambda m: m._push(m._line().decode("raw-unicode-escape")),
    ord("X"): lambda m: m._push_text(m._number(4)),
    0x8C: lambda m: m._push_text(m._number(1)),
    0x8D: lambda m: m._push_text(m._number(8)),
    ord("B"): lambda m: m._push_bytes(m._number(4)),
    ord("C"): lambda m: m._push_bytes(m._number(1)),
    0x8E: lambda m: m._push_bytes(m._number(8)),
    0x96: lambda m: m._push_bytes(m._number(8)),
    ord("]"): lambda m: m._push([]),
    ord("a"): Machine._add_one,
    ord("e"): lambda m: m._add(m._marked()),
    ord("l"): lambda m: m._push(m._marked()),
    ord(")"): lambda m: m._push(()),
    ord("t"): lambda m: m._push(tuple(m._marked())),
    0x85: lambda m: m._tuple_of(1),
    0x86: lambda m: m._tuple_of(2),
    0x87: lambda m: m._tuple_of(3),
    ord("}"): lambda m: m._push({}),
    ord("d"): lambda m: m._push_dict(m._marked()),
    ord("s"): Machine._set_one,
    ord("u"): lambda m: m._set(m._marked()),
    # Sets become lists: hashing what a stranger put into one can take for ever.
    0x8F: lambda m: m._push([]),
    0x90: lambda m: m._add(m._marked()),
    0x91: lambda m: m._push(m._marked()),
    ord("g"): lambda m: m._recall(int(m._line()[:20])),
    ord("h"): lambda m: m._recall(m._number(1)),
    ord("j"): lambda m: m._recall(m._number(4)),
    ord("p"): lambda m: m._remember(int(m._line()[:20])),
    ord("q"): lambda m: m._remember(m._number(1)),
    ord("r"): lambda m: m._remember(m._number(4)),
    0x94: lambda m: m._remember(len(m._memo)),
    ord("c"): Machine._push_name_lines,
    0x93: Machine._push_name_from_stack,
    ord("R"): Machine._reduce,
    ord("b"): Machine._build,
    ord("i"): Machine._inst,
    ord("o"): Machine._obj,
    0x81: Machine._reduce,
    0x92: Machine._reduce_with_keywords,
    ord("P"): lambda m: m._push(m._persistent(m._line().decode("utf-8"))),
    ord("Q"): lambda m: m._push(m._persistent(m._pop())),
    0x82: Machine._refuse,
    0x83: Machine._refuse,
    0x84: Machine._refuse,
    0x97: Machine._refuse,
    0x98: Machine._refuse,
}
"""Opcode → what it does to the machine."""
