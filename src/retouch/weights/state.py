"""Where in a checkpoint the tensors of a network are, and what lies beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from retouch.weights.rebuild import is_array
from retouch.weights.values import Budget, Call, Malformed, View

WRAPPERS = (
    "params_ema",
    "G_ema",
    "g_ema",
    "ema",
    "model_ema",
    "state_dict_ema",
    "state_dict",
    "model_state_dict",
    "model_state",
    "network_state_dict",
    "params",
    "model",
    "generator",
    "netG",
    "net_G",
    "gen",
    "G",
    "network",
    "net",
    "module",
    "weights",
)
"""Names under which checkpoints keep the network; the first that holds tensors is taken.

Smoothed (EMA) weights come first: they are what their authors publish results with.
"""

MAX_DEPTH = 64
MAX_TENSORS = 100_000
MAX_VISITS = 2_000_000
_MODULE = ("_parameters", "_buffers", "_modules")

COMPANIONS = ("latent_avg",)
"""Tensors that checkpoints keep beside the network and not in it, which belong to it all the same."""

Leaf = View | Call
"""A tensor, or a numpy array that stands for one."""

T = TypeVar("T")


def network_in(root: object, part: str | None = None) -> tuple[object, dict[str, Leaf]]:
    """Find the network in a checkpoint, and its tensors.

    Args:
        root: what was read from the file.
        part: names from the outside in, joined by dots, when the file holds several networks:
            ``"G_A"``. One that begins the names of a flat state dict is a part, too:
            ``"discriminator"``.

    Returns:
        The network, as it lay in the file; and name in the state dict → tensor. Prefixes that wrappers
        put before every name (``module.``, ``_orig_mod.``) are taken off.

    Raises:
        Malformed: It holds no tensors, several networks to choose from, or is built to be
            endless.
    """
    node = root
    for name in part.split(".") if part else ():
        node = _part(node, name)
    visits = Budget(MAX_VISITS)
    if not _holds_tensors(node, visits):
        raise Malformed("it holds no tensors")
    if part is None:
        node = _unwrapped(node, visits)
    found: dict[str, Leaf] = {}
    for name, leaf in _leaves(node, visits):
        found[name] = leaf
        if len(found) > MAX_TENSORS:
            raise Malformed(f"it holds more than {MAX_TENSORS:,} tensors")
    found = bare_names(found)
    if isinstance(root, dict) and node is not root:
        for name in COMPANIONS:
            if isinstance(beside_it := root.get(name), View):
                found.setdefault(name, beside_it)
    return node, found


def bare_names(tensors: Mapping[str, T]) -> dict[str, T]:
    """Take off what wrappers of a network put into the names of its tensors.

    Args:
        tensors: by name; ``torch.compile`` adds ``_orig_mod``, parallel and averaging wrappers
            put ``module.`` before every name.

    Returns:
        The same, under the names that the network itself gives them.

    Raises:
        Malformed: Two tensors would have one name.
    """
    found = {
        ".".join(part for part in name.split(".") if part != "_orig_mod"): tensor
        for name, tensor in tensors.items()
    }
    wrapped = [name for name in found if name != "n_averaged"]
    while wrapped and all(name.startswith("module.") for name in wrapped):
        found = {name.removeprefix("module."): found[name] for name in wrapped}
        wrapped = list(found)
    if len(found) < len(tensors) - ("n_averaged" in tensors and "n_averaged" not in found):
        raise Malformed("two of its tensors have the same name once the wrappers' prefixes are off")
    return found


def beside(root: object) -> dict[str, str]:
    """Collect what a checkpoint says besides its tensors.

    Args:
        root: what was read from the file.

    Returns:
        Texts, numbers and switches of the outermost dictionary, and of namespaces and
        dictionaries directly in it (their entries alone, without the outer name), as text.
    """
    found: dict[str, str] = {}
    if not isinstance(root, dict | Call):
        return found
    visits = Budget(MAX_VISITS)
    for name, value in children_of(root):
        visits.spend(entries_in(value))
        inner = children_of(value) if isinstance(value, dict | Call) and not _is_module(value) else ()
        for key, item in [(name, value), *inner]:
            if len(found) < 1000 and (item is None or isinstance(item, str | int | float)):
                found.setdefault(key, str(item)[:1000])
    return found


def _part(node: object, name: str) -> object:
    children = dict(children_of(node))
    if name in children:
        return children[name]
    for place in (children, *(dict(children_of(children[key])) for key in WRAPPERS if key in children)):
        start = f"{name}."
        inside = {key.removeprefix(start): child for key, child in place.items() if key.startswith(start)}
        if inside:
            return inside
    raise Malformed(f"it has no part {name!r}; at this place it has {_some(children)}")


def _unwrapped(node: object, visits: Budget) -> object:
    for _ in range(MAX_DEPTH):
        if _is_leaf(node) or _is_module(node):
            return node
        children = {name: child for name, child in children_of(node) if _holds_tensors(child, visits)}
        if any(_is_leaf(child) for name, child in children.items() if "." in name):
            return node
        wrapper = next((name for name in WRAPPERS if name in children and not _is_leaf(children[name])), None)
        if wrapper is None and len(children) == 1:
            wrapper = next(name for name in children)
        if wrapper is None or _is_leaf(children[wrapper]):
            return node
        node = children[wrapper]
    raise Malformed(f"its tensors lie more than {MAX_DEPTH} levels deep")


def _leaves(node: object, visits: Budget) -> Iterator[tuple[str, Leaf]]:
    """Walk through the tensors, with the names that a state dict gives them."""
    waiting: list[tuple[str, object, int]] = [("", node, 0)]
    while waiting:
        name, value, depth = waiting.pop()
        visits.spend(entries_in(value))
        if depth > MAX_DEPTH or len(name) > 2000:
            raise Malformed("its tensors are nested without end")
        if isinstance(value, View) or (isinstance(value, Call) and is_array(value)):
            yield name or "tensor", value
        else:
            inside = [
                (f"{name}.{key}" if name else key, child, depth + 1) for key, child in children_of(value)
            ]
            waiting.extend(reversed(inside))


def children_of(node: object) -> Iterator[tuple[str, object]]:
    """Name what a node holds, as far as it may hold tensors or options.

    Args:
        node: anything that was read from a file.

    Returns:
        Name → value; of a module, its tensors and modules alone.
    """
    if isinstance(node, dict):
        yield from ((str(key), value) for key, value in node.items() if isinstance(key, str | int))
    elif isinstance(node, list | tuple):
        yield from ((str(index), value) for index, value in enumerate(node))
    elif isinstance(node, Call) and not is_array(node):
        for attributes in attributes_of(node):
            hidden = attributes.get("_non_persistent_buffers_set")
            skipped = (
                {name for name in hidden if isinstance(name, str)} if isinstance(hidden, list) else set()
            )
            for group in _MODULE:
                inner = attributes.get(group)
                if isinstance(inner, dict):
                    for key, value in children_of(inner):
                        if group != "_buffers" or key not in skipped:
                            yield key, value
            if not _is_module(node):
                yield from children_of(attributes)
        yield from children_of(node.entries)
        yield from children_of(node.elements)


def attributes_of(call: Call) -> Iterator[dict[object, object]]:
    """Give what would have been set on an object, from the forms in which pickle keeps it.

    Args:
        call: that would have built it.

    Returns:
        Names → values, as a rule once.
    """
    for state in call.states:
        for piece in state if isinstance(state, tuple) else (state,):
            if isinstance(piece, dict):
                yield piece
    # StyleGAN's own persistence calls a function with everything in one dictionary.
    for given in call.args[:1]:
        entries = given.entries if isinstance(given, Call) else given
        inner = entries.get("state") if isinstance(entries, dict) else None
        if isinstance(inner, dict):
            yield inner


def _is_module(node: object) -> bool:
    return isinstance(node, Call) and any("_modules" in attributes for attributes in attributes_of(node))


def _is_leaf(node: object) -> bool:
    return isinstance(node, View) or is_array(node)


def _holds_tensors(node: object, visits: Budget) -> bool:
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        value = waiting.pop()
        visits.spend(entries_in(value))
        if _is_leaf(value):
            return True
        if isinstance(value, dict | list | tuple | Call) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(child for _, child in children_of(value))
    return False


def entries_in(node: object) -> int:
    """Say how much work looking through a node is, of everything that may be shared without end.

    Args:
        node: anything that was read from a file.
    """
    if isinstance(node, dict | list | tuple):
        return 1 + len(node)
    if isinstance(node, Call):
        inner = (len(part) for part in attributes_of(node))
        return 1 + len(node.states) + len(node.entries) + len(node.elements) + sum(inner)
    return 1


def _some(names: Mapping[str, object]) -> str:
    shown = ", ".join(repr(name[:60]) for name in list(names)[:8])
    return (shown or "nothing") + (", …" if len(names) > 8 else "")
