"""Docstrings are reStructuredText's, the site is Markdown: bring the marks of one to the other."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")


class Roles(griffe.Extension):
    """Part of the site's generator, by the name of this file in mkdocs.yml."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of what was just read."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    """Turn roles and double backticks into code."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")
