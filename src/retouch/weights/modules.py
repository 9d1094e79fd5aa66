"""What a pickled network says of itself: its class, the source it brings along, what it was built with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from retouch.weights.state import attributes_of, children_of, entries_in
from retouch.weights.values import Budget, Call

MAX_VISITS = 200_000
MAX_TEXTS = 500
_LONGEST = 200
_DEEPEST = 4
_DIFFERENT = 8


def said_by(node: object) -> dict[str, str]:
    """Collect what a pickled network says of itself.

    Args:
        node: the network, as it lay in the file.

    Returns:
        ``module.class``, ``module.version`` and ``module.source_sha256`` of a network that brings the
        source of its class, which was not run; ``init.<name>`` for each keyword it was built with, names
        within names joined by dots; and ``modules.<name>`` for each number, text or switch that it or its
        layers hold: all different values, joined by ", ". Nothing for anything else.

    Raises:
        Malformed: It is built to be endless.
    """
    if not isinstance(node, Call):
        return {}
    visits = Budget(MAX_VISITS)
    found: dict[str, str] = {}
    for given in node.args[:1]:
        source = _entry(given, "module_src")
        if isinstance(source, str):
            digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
            found["module.source_sha256"] = digest
            for key, entry in (("module.class", "class_name"), ("module.version", "version")):
                value = _entry(given, entry)
                if isinstance(value, str | int):
                    found[key] = _text(value)
    if not any("_modules" in attributes for attributes in attributes_of(node)):
        return {}
    for attributes in attributes_of(node):
        for name, value in _flat(attributes.get("_init_kwargs"), "init", _DEEPEST, visits):
            if len(found) < MAX_TEXTS:
                found.setdefault(name, value)
    return found | _within(node, visits)


def _within(node: Call, visits: Budget) -> dict[str, str]:
    """Collect the plain attributes of a network and its layers."""
    values: dict[str, dict[str, None]] = {}
    waiting: list[object] = [node]
    while waiting:
        module = waiting.pop()
        visits.spend(entries_in(module))
        if not isinstance(module, Call):
            continue
        for attributes in attributes_of(module):
            for name, value in attributes.items():
                plain = isinstance(name, str) and not name.startswith("_") and name != "training"
                if plain and len(str(name)) <= _LONGEST and _is_plain(value):
                    known = values.setdefault(f"modules.{name}", {})
                    if len(known) < _DIFFERENT:
                        known[_text(value)] = None
            inner = attributes.get("_modules")
            waiting.extend(child for _, child in children_of(inner))
    return {name: ", ".join(known) for name, known in list(values.items())[:MAX_TEXTS]}


def _flat(value: object, name: str, depth: int, visits: Budget) -> Iterator[tuple[str, str]]:
    visits.spend(entries_in(value))
    if _is_plain(value):
        yield name, _text(value)
    elif isinstance(value, dict | list | tuple | Call) and depth and len(name) <= _LONGEST:
        for key, child in children_of(value):
            yield from _flat(child, f"{name}.{key}", depth - 1, visits)


def _entry(node: object, name: str) -> object:
    entries = node.entries if isinstance(node, Call) else node
    return entries.get(name) if isinstance(entries, Mapping) else None


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _text(value: object) -> str:
    return str(value)[:_LONGEST]
