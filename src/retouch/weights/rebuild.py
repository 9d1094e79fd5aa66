"""What the calls in a pickle of tensors stand for, said without making them.

Everything else that a pickle would call stays a :class:`~retouch.weights.values.Call`, which is
only a note. The names are those that torch and numpy write into pickles.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from retouch.weights.values import Budget, Call, Malformed, Name, Storage, View, Window

STORAGES: Mapping[str, str] = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
    "_UntypedStorage": "uint8",
}
"""The class of a storage → the type of its numbers."""

DTYPES: Mapping[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "complex64",
        "complex128",
        "float8_e4m3fn",
        "float8_e5m2",
        "uint16",
        "uint32",
        "uint64",
    )
}

NUMPY = {
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "i1": "int8",
    "i2": "int16",
    "i4": "int32",
    "i8": "int64",
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "u8": "uint64",
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128",
}
"""numpy's short names of number types → torch's."""

SCALARS = {
    "f2": "e",
    "f4": "f",
    "f8": "d",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "b1": "?",
}
"""numpy's short names of real number types → those of :mod:`struct`."""

MAX_DIMENSIONS = 16
_ARRAYS = ("numpy.core.multiarray.", "numpy._core.multiarray.")


def item_size(dtype: str) -> int:
    """Bytes of one number of a type that :data:`DTYPES` has."""
    return DTYPES[dtype].itemsize


def storage_of(ident: object) -> Storage:
    """Read the persistent id that torch writes for a storage.

    Args:
        ident: ``("storage", class, key, device, count, …)``; untyped storages count bytes.

    Raises:
        Malformed: It is anything else.
    """
    if not (isinstance(ident, tuple) and len(ident) >= 5 and ident[0] == "storage"):
        raise Malformed("its pickle refers to something that is no tensor storage")
    _, kind, key, _, count = ident[:5]
    name = kind.text.rpartition(".")[2] if isinstance(kind, Name) else ""
    dtype = STORAGES.get(name)
    if dtype is None:
        raise Malformed(f"it has tensors of the kind {name or 'unknown'}, which retouch does not read")
    if not isinstance(key, str | int) or isinstance(key, bool) or not is_size(count):
        raise Malformed("its pickle describes a tensor storage with a size or a name of the wrong kind")
    if isinstance(key, int) and key.bit_length() > 64:
        raise Malformed("its pickle numbers a tensor storage with more than 64 bits")
    return Storage(dtype, key, count)


def is_size(value: object) -> bool:
    """Tell whether a value is a whole number that can count something in memory."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60


class Rebuilder:
    """Says what calls stand for.

    Args:
        budget: shared by everything that is read from one file.
        nested: reads bytes that are a torch file themselves.
    """

    def __init__(self, budget: Budget, nested: Callable[[Window], object]) -> None:
        self._budget = budget
        self._nested = nested
        self._table: Mapping[str, Callable[[tuple[object, ...]], object]] = {
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_with_dtype,
            "torch._utils._rebuild_parameter": lambda args: args[0],
            "torch._utils._rebuild_parameter_with_state": lambda args: args[0],
            "torch._tensor._rebuild_from_type_v2": self._with_class,
            "torch.nn.parameter.Parameter": self._wrapped,
            "torch.nn.parameter.Buffer": self._wrapped,
            "torch.autograd.variable.Variable": self._wrapped,
            "torch.storage._load_from_bytes": lambda args: self._nested(self.bytes_of(args[0])),
            "torch.Size": lambda args: args[0],
            "collections.OrderedDict": self._dictionary,
            "_codecs.encode": self._encoded,
            "builtins.bytearray": lambda args: args[0],
            "__builtin__.bytearray": lambda args: args[0],
            "builtins.set": _listed,
            "__builtin__.set": _listed,
            **{f"{module}scalar": self._scalar for module in _ARRAYS},
        }

    def __call__(self, name: str, args: tuple[object, ...]) -> object:
        """Say what a call stands for.

        Args:
            name: what the pickle would have called.
            args: and with what.

        Returns:
            Plain data, or a :class:`~retouch.weights.values.Call` when the name is not known.

        Raises:
            Malformed: A known function is given what it cannot take.
        """
        known = self._table.get(name)
        if known is None:
            return Call(name, args)
        try:
            return known(args)
        except (IndexError, TypeError, AttributeError, ValueError, struct.error):
            raise Malformed(f"its pickle gives {name} what it cannot take") from None

    def bytes_of(self, value: object) -> Window:
        """Find the bytes that a value stands for."""
        if isinstance(value, Window):
            return value
        data = value.encode("latin-1") if isinstance(value, str) else value
        if not isinstance(data, bytes):
            raise TypeError
        self._budget.spend(len(data))
        return Window(bytearray(data), 0, len(data))

    def _tensor(self, args: tuple[object, ...]) -> View:
        storage, offset, size, stride = args[:4]
        if not isinstance(storage, Storage):
            raise TypeError
        return View(storage, offset, size, stride, storage.dtype)

    def _tensor_with_dtype(self, args: tuple[object, ...]) -> View:
        storage, offset, size, stride, _, _, kind = args[:7]
        dtype = kind.text.removeprefix("torch.") if isinstance(kind, Name) else ""
        if not isinstance(storage, Storage) or storage.dtype != "uint8":
            raise TypeError
        if dtype not in DTYPES:
            raise Malformed(
                f"it has tensors of the type {dtype[:80] or 'unknown'}, which retouch does not read"
            )
        return View(storage, offset, size, stride, dtype)

    def _with_class(self, args: tuple[object, ...]) -> object:
        function, _, given = args[:3]
        # Only to a tensor: calls in calls in calls could be nested without end.
        if not (
            isinstance(function, Name) and "_rebuild_tensor" in function.text and isinstance(given, tuple)
        ):
            raise TypeError
        return self(function.text, given)

    def _wrapped(self, args: tuple[object, ...]) -> object:
        if args and isinstance(args[0], View):
            return args[0]
        return Call("torch.nn.parameter.Parameter", args)

    def _dictionary(self, args: tuple[object, ...]) -> dict[object, object]:
        found: dict[object, object] = {}
        pairs = args[0] if args else []
        if not isinstance(pairs, list):
            raise TypeError
        self._budget.spend(100 * len(pairs))
        found.update((key, value) for key, value in pairs if isinstance(key, str))
        return found

    def _scalar(self, args: tuple[object, ...]) -> object:
        kind, data = args[:2]
        name = kind.args[0] if isinstance(kind, Call) and kind.target == "numpy.dtype" and kind.args else None
        if not isinstance(name, str) or name.startswith("O"):
            raise Malformed("a numpy scalar in it holds an object, not a number")
        form = SCALARS.get(name)
        if form is None:  # a text or a date, which nothing needs
            return Call("numpy.scalar")
        _, big_endian = _numpy_type(kind)
        where = self.bytes_of(data)
        if len(where) != struct.calcsize(form):
            raise Malformed(f"a numpy scalar in it has {len(where):,} bytes")
        number: int | float | bool = struct.unpack((">" if big_endian else "<") + form, where.copied())[0]
        return number

    def _encoded(self, args: tuple[object, ...]) -> object:
        text, encoding = args[0], args[1] if len(args) > 1 else "utf-8"
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8"):
            raise TypeError
        self._budget.spend(len(text))
        return text.encode("latin-1" if encoding != "utf-8" else "utf-8")


def _listed(args: tuple[object, ...]) -> object:
    return args[0] if args else []


def is_array(value: object) -> bool:
    """Tell whether a value is a numpy array of numbers, as :func:`array_from` reads it."""
    return (
        isinstance(value, Call)
        and value.target.startswith(_ARRAYS)
        and value.target.endswith("._reconstruct")
    )


def array_from(call: Call, rebuild: Rebuilder) -> View:
    """Read a numpy array.

    Args:
        call: for which :func:`is_array` is true.
        rebuild: finds its bytes.

    Returns:
        A view of its numbers.

    Raises:
        Malformed: It holds no numbers, or is described inconsistently.
    """
    state = call.states[-1] if call.states else None
    if not (isinstance(state, tuple) and len(state) == 5):
        raise Malformed("a numpy array in it is not described as numpy does")
    _, shape, kind, fortran, data = state
    dtype, big_endian = _numpy_type(kind)
    if not isinstance(shape, tuple) or not all(is_size(side) for side in shape):
        raise Malformed("a numpy array in it has no proper shape")
    try:
        where = rebuild.bytes_of(data)
    except TypeError:
        raise Malformed("a numpy array in it holds objects, not numbers") from None
    order = range(len(shape)) if fortran else reversed(range(len(shape)))
    stride, step = [0] * len(shape), 1
    for axis in order:
        stride[axis] = step
        step *= max(shape[axis], 1)
        if step >= 1 << 60:
            raise Malformed("a numpy array in it announces more numbers than memory has")
    storage = Storage(dtype, "array", len(where) // item_size(dtype), big_endian, where)
    return View(storage, 0, shape, tuple(stride), dtype)


def _numpy_type(kind: object) -> tuple[str, bool]:
    name = kind.args[0] if isinstance(kind, Call) and kind.target == "numpy.dtype" and kind.args else None
    dtype = NUMPY.get(name) if isinstance(name, str) else None
    if dtype is None:
        raise Malformed("a numpy array in it holds something other than plain numbers")
    state = kind.states[-1] if isinstance(kind, Call) and kind.states else None
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"
    return dtype, order == ">"


def tensor_from(view: View, budget: Budget) -> Tensor:
    """Make the tensor that a view describes.

    Args:
        view: every number in it may be a lie.
        budget: what may be allocated; a tensor in place costs its size too, so that many views
            of one storage cannot claim many times the file.

    Returns:
        A tensor that lies in the file's bytes where it can.

    Raises:
        Malformed: It would reach outside its storage, or repeat it.
    """
    size, stride = _sides(view.size, "size"), _sides(view.stride, "stride")
    storage, width = view.storage, item_size(view.dtype)
    if len(size) != len(stride) or not isinstance(view.offset, int) or not is_size(view.offset):
        raise Malformed("a tensor in it is described inconsistently")
    if storage.where is None:
        raise Malformed("the bytes of a tensor are missing")
    here = len(storage.where) // width
    offset = view.offset + storage.shift
    numbers = 1
    for side in size:
        numbers *= side
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if numbers and last >= here:
        raise Malformed(f"a tensor {list(size)} would reach number {last:,} of a storage of {here:,}")
    if numbers > here:
        raise Malformed(f"a tensor {list(size)} would repeat a storage of {here:,} numbers")
    dtype = DTYPES[view.dtype]
    if numbers == 0:
        if max(size) >= 1 << 31:
            raise Malformed(f"an empty tensor in it has the size {list(size)}")
        return torch.empty(size, dtype=dtype)
    budget.spend(numbers * width)
    return _flat(storage, storage.where, dtype, budget).as_strided(size, stride, offset)


def _flat(storage: Storage, where: Window, dtype: torch.dtype, budget: Budget) -> Tensor:
    made = storage.flat.get(str(dtype))
    if not isinstance(made, Tensor):
        made = storage.flat[str(dtype)] = _numbers(
            where, dtype, budget, swapped=storage.big_endian and dtype.itemsize > 1
        )
    return made


def _numbers(where: Window, dtype: torch.dtype, budget: Budget, *, swapped: bool) -> Tensor:
    width = dtype.itemsize
    count = len(where) // width
    # Tensors want their numbers aligned and in this machine's order, and bool only 0 and 1.
    if where.start % width == 0 and not swapped and dtype is not torch.bool:
        return torch.frombuffer(where.buffer, dtype=dtype, count=count, offset=where.start)
    budget.spend(count * width)
    plain = torch.frombuffer(where.buffer, dtype=torch.uint8, count=count * width, offset=where.start)
    if dtype is torch.bool:
        return plain != 0
    if swapped:
        part = width // 2 if dtype.is_complex else width
        return plain.view(-1, part).flip(1).reshape(-1).view(dtype)
    return plain.clone().view(dtype)


def _sides(value: object, what: str) -> tuple[int, ...]:
    sides = tuple(value) if isinstance(value, tuple | list) and len(value) <= MAX_DIMENSIONS else None
    if sides is None or not all(is_size(side) for side in sides):
        raise Malformed(f"a tensor in it has a {what} of the wrong kind")
    return tuple(int(side) for side in sides)
