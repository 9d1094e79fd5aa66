"""The one reader of weights files. Nothing in a file is run, whatever it holds.

It reads safetensors, the ZIP archives of ``torch.save`` and of TorchScript, both formats of
``torch.save`` before PyTorch 1.6, and plain pickles of tensors or numpy arrays. The tensors lie in
a private map of the file: only what is used is loaded.
"""

from __future__ import annotations

import io
import mmap
import os
import re
import stat
import struct
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from retouch.errors import UnreadableWeights
from retouch.weights import card as cards
from retouch.weights.card import Card
from retouch.weights.legacy import MAGIC, Names, read_row, read_tar
from retouch.weights.modules import said_by
from retouch.weights.opcodes import Machine
from retouch.weights.rebuild import Rebuilder, array_from, item_size, storage_of, tensor_from
from retouch.weights.state import bare_names, beside, network_in
from retouch.weights.values import Budget, Malformed, Storage, View, Window
from retouch.weights.zipped import entries_of

if TYPE_CHECKING:
    from retouch.weights.state import Leaf

ADVICE = "download it again, or save the network's state dict as safetensors and use that"

_PICKLE_BYTES = 256 << 20
_SPARE_BYTES = 16 << 20
_HEADER_BYTES = 64 << 20

_OTHERS = (
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML text"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file that it stands for"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89hdf", "an HDF5 (Keras) file"),
    (b"gguf", "a GGUF file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"rar!", "a RAR archive"),
    (b"%pdf", "a PDF"),
)

_OLDEST_PICKLES = (b"(", b"}", b"]", b"c")
"""How a pickle starts that does not say its protocol: protocols 0 and 1."""

_EXPECTED = (
    "torch.",
    "collections.",
    "numpy.",
    "_codecs.",
    "builtins.",
    "__builtin__.",
    "copyreg.",
    "copy_reg.",
)
_HARMFUL = re.compile(
    r"(os|posix|nt|subprocess|commands|pty|socket|shutil|sys|runpy|ctypes|importlib|webbrowser"
    r"|multiprocessing|code|pdb|timeit)\..*"
    r"|(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__|breakpoint|input)"
)
"""What only an attack calls. The list need not be complete: nothing is ever called anyway."""


_UNREADABLE = {
    "dnnlib.tflib.network.Network": (
        "it is a pickle of StyleGAN for TensorFlow, and retouch reads those for PyTorch; convert it with "
        "legacy.py of NVlabs' stylegan2-ada-pytorch where you trust it, and use what that writes"
    ),
}
"""What only files of a kind that retouch does not read name, and what to say of them."""


@dataclass(frozen=True)
class Contents:
    """What a weights file holds.

    Args:
        tensors: name in the state dict → tensor, in the file's own types, on the CPU. They lie in
            a map of the file: copy those that must outlive a change of it.
        card: what the file says about itself when retouch wrote it, else None.
        format: ``"safetensors"``, ``"torch zip"``, ``"TorchScript"``, ``"torch legacy"``,
            ``"torch tar"`` or ``"pickle"``.
        options: texts and numbers that lie beside the tensors, as text.
        foreign: names of classes and functions that the file would have imported, for a person.
    """

    tensors: dict[str, Tensor]
    card: Card | None = None
    format: str = ""
    options: dict[str, str] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()


def read(path: str | os.PathLike[str], *, part: str | None = None) -> Contents:
    """Read a weights file as data.

    Args:
        path: the file.
        part: which network, when a checkpoint holds several: ``"G_A"``.

    Returns:
        Its tensors and what it says about them.

    Raises:
        UnreadableWeights: It is missing, damaged, of another kind, holds no tensors, or asks
            Python to do what no weights need.
    """
    file = Path(path)
    window = _mapped(file)
    try:
        head = bytes(window.buffer[: min(512, len(window))])
        # First of all: the length of a header may begin with any byte, that of a pickle too.
        if head[4:9] == b"\0\0\0\0{":
            return _safetensors(file, window, part)
        if head[:4] == b"PK\3\4":
            return _Reading(window, part).by(_Reading.zip)
        if head[:1] == b"\x80":
            return _Reading(window, part).by(_Reading.row)
        if head[257:262] == b"ustar":
            return _Reading(window, part).by(_Reading.tar)
        if head[8:9] == b"{":
            return _safetensors(file, window, part)
        if _other_kind(head) or head[:1] not in _OLDEST_PICKLES:
            raise Malformed(f"it is {_other_kind(head) or 'of no kind that retouch reads'}")
        return _Reading(window, part).by(_Reading.pickle)
    except Malformed as error:
        raise UnreadableWeights(f"{_shown(file)} cannot be used as weights: {error}; {ADVICE}") from None
    except UnreadableWeights as error:
        raise UnreadableWeights(f"{_shown(file)} cannot be used: {error}") from None


def _shown(file: Path) -> str:
    return f"{file!s:.200}"


def _other_kind(head: bytes) -> str:
    start = head.lstrip().lower()
    return next((kind for magic, kind in _OTHERS if start.startswith(magic)), "")


def _mapped(file: Path) -> Window:
    """Map a regular file into memory, copy on write."""
    # A pipe would wait for a writer without O_NONBLOCK; O_BINARY exists on Windows alone.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        opened = os.open(file, flags)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableWeights(
            f"{_shown(file)} cannot be opened ({reason}); give the path of a weights file"
        ) from None
    try:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise UnreadableWeights(f"{_shown(file)} is {kind}; give the path of a weights file")
        if status.st_size == 0:
            raise UnreadableWeights(f"{_shown(file)} is empty (0 bytes); {ADVICE}")
        return Window(mmap.mmap(opened, 0, access=mmap.ACCESS_COPY), 0, status.st_size)
    except (OSError, ValueError, OverflowError) as error:
        if isinstance(error, UnreadableWeights):
            raise
        raise UnreadableWeights(f"{_shown(file)} cannot be read ({error}); {ADVICE}") from None
    finally:
        os.close(opened)


def _safetensors(file: Path, window: Window, part: str | None) -> Contents:
    from safetensors import SafetensorError, safe_open

    (header,) = struct.unpack("<Q", window.part(0, 8).copied())
    if header > min(len(window) - 8, _HEADER_BYTES):
        raise Malformed(f"its header announces {header:,} bytes and the file has {len(window):,}")
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise Malformed(f"its safetensors header is broken ({error!s:.200})") from None
    if not tensors:
        raise Malformed("it holds no tensors")
    if part is not None:
        tensors = {
            name.removeprefix(f"{part}."): value
            for name, value in tensors.items()
            if name.startswith(f"{part}.")
        }
    if not tensors:
        raise Malformed(f"it has no part {part!r}: no name of its tensors begins with it")
    text = metadata.get(cards.KEY)
    return Contents(
        tensors=bare_names(tensors),
        card=None if text is None else Card.from_json(text),
        format="safetensors",
        options={key: value[:1000] for key, value in metadata.items() if key != cards.KEY},
    )


class _Reading:
    """One file of pickles being read."""

    def __init__(self, window: Window, part: str | None) -> None:
        self._window = window
        self._part = part
        self._budget = Budget(4 * len(window) + _SPARE_BYTES)
        self._rebuild = Rebuilder(self._budget, self._nested)
        self._nested_values: dict[tuple[int, int], object] = {}
        self._inside = False
        self._names = Names()

    def by(self, form: Callable[[_Reading], Contents]) -> Contents:
        """Read one form; a file that is damaged and an attack is called an attack."""
        try:
            return form(self)
        except Malformed:
            self._check_names()
            raise

    def zip(self) -> Contents:
        """Read what torch.save or TorchScript wrote."""
        entries = entries_of(self._window)
        places = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(places) != 1:
            raise Malformed("it is a ZIP archive, but not one that torch.save or TorchScript wrote")
        folder = places[0].removesuffix("data.pkl")
        script = f"{folder}constants.pkl" in entries
        order = entries.get(f"{folder}byteorder")
        big_endian = order is not None and order.part(0, min(len(order), 8)).copied().strip() == b"big"
        root = self._zipped_pickle(entries, folder, "data", big_endian)
        if script:
            try:
                return self._contents(root, "TorchScript")
            except Malformed:
                # A frozen module keeps its weights with the constants, without their names.
                frozen = self._zipped_pickle(entries, folder, "constants", big_endian)
                return self._contents({"constants": frozen}, "TorchScript")
        return self._contents(root, "torch zip")

    def row(self) -> Contents:
        """Read what torch.save wrote before 1.6, or a plain pickle."""
        try:
            first = self._machine(self._window.part(0, min(len(self._window), 64))).run()
        except Malformed:
            first = None
        if first != MAGIC:
            return self.pickle()
        value = read_row(self._window, self._rebuild, self._budget, self._names)
        return self._contents(value, "torch legacy")

    def tar(self) -> Contents:
        """Read what torch.save wrote before 2017."""
        members: dict[str, Window] = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(self._window.copied()), mode="r:") as archive:
                for member in archive:
                    if member.isreg() and not member.issparse():
                        members[member.name] = self._window.part(member.offset_data, member.size)
        except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
            raise Malformed(f"it is a damaged tar archive ({error!s:.80})") from None
        value = read_tar(members, self._rebuild, self._budget, self._names)
        return self._contents(value, "torch tar")

    def pickle(self) -> Contents:
        """Read a pickle that torch did not frame."""
        machine = self._machine(self._window)
        try:
            value = machine.run()
        finally:
            self._names.add(machine)
        return self._contents(value, "pickle")

    def _machine(self, window: Window) -> Machine:
        return Machine(window, self._rebuild, storage_of, self._budget)

    def _zipped_pickle(
        self, entries: Mapping[str, Window | None], folder: str, name: str, big_endian: bool
    ) -> object:
        window = entries.get(f"{folder}{name}.pkl")
        if window is None or len(window) > _PICKLE_BYTES:
            raise Malformed(f"its {name}.pkl is missing, compressed, or larger than any checkpoint's")
        storages: dict[object, Storage] = {}

        def persistent(ident: object) -> Storage:
            storage = storage_of(ident)
            known = storages.setdefault((storage.key, storage.dtype), storage)
            if known is storage:
                place = f"{folder}{name}/{storage.key}"
                found = entries.get(place)
                size = storage.count * item_size(storage.dtype)
                if found is None:
                    raise Malformed(f"the bytes of a tensor, {place!r:.80}, are missing or compressed")
                storage.where, storage.big_endian = found.part(0, size), big_endian
            return known

        machine = Machine(window, self._rebuild, persistent, self._budget)
        try:
            return machine.run()
        finally:
            self._names.add(machine)

    def _nested(self, window: Window) -> object:
        """Read bytes inside a pickle that are a torch file themselves: one storage."""
        if self._inside:
            raise Malformed("it nests torch files in torch files")
        place = (id(window.buffer), window.start)
        if place not in self._nested_values:
            self._budget.spend(len(window))
            self._inside = True
            try:
                value = read_row(window, self._rebuild, self._budget, self._names)
            finally:
                self._inside = False
            self._nested_values[place] = value
        return self._nested_values[place]

    def _contents(self, root: object, kind: str) -> Contents:
        self._check_names()
        network, leaves = network_in(root, self._part)
        return Contents(
            tensors={name: self._tensor(leaf) for name, leaf in leaves.items()},
            format=kind,
            options=beside(root) | said_by(network),
            foreign=tuple(name for name in self._names.seen if not name.startswith(_EXPECTED)),
        )

    def _tensor(self, leaf: Leaf) -> Tensor:
        view = leaf if isinstance(leaf, View) else array_from(leaf, self._rebuild)
        return tensor_from(view, self._budget)

    def _check_names(self) -> None:
        for name in self._names.called:
            if _HARMFUL.fullmatch(name):
                raise Malformed(
                    f"it asks Python to call {name[:80]} when it is opened, which no weights need; nothing "
                    "of it was run, and no other program should open it"
                )
        for name in self._names.seen:
            if name in _UNREADABLE:
                raise Malformed(_UNREADABLE[name])
