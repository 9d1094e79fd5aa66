"""From the catalog's options to the form of a request's body, and from a body to a job's order."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, ValidationError, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from retouch.catalog import Edit, Kind, Option
from retouch.errors import RetouchError, UnknownName
from retouch.image.drawing import Drawing
from retouch.studio.documents import DrawingDocument, EditDocument, OptionDocument
from retouch.studio.failures import Gone
from retouch.studio.problems import Problem
from retouch.studio.weights import checked as checked_weights

SEVERAL = 64
"""Files in a list, at most."""

_LONGEST = 1000  # characters of a text
_FARTHEST = 2**31  # pixels of a place; beyond that, no edit has anything to do
_LARGEST = 2**53

Handle = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="the id of an uploaded file, or of a result")
]


class Drawn:
    """A drawing in a body: read by :class:`retouch.image.Drawing`, and here only described."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(DrawingDocument.__pydantic_core_schema__)


_Whole = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
_Place = Annotated[int, Field(ge=-_FARTHEST, le=_FARTHEST)]
_Words = Annotated[str, Field(max_length=_LONGEST)]

_TYPES: dict[Kind, Any] = {
    "picture": Handle,
    "mask": Handle | Annotated[dict[str, Any], Drawn],
    "latent": Handle,
    "pictures": Annotated[list[Handle], Field(max_length=SEVERAL)],
    "masks": Annotated[list[Handle | Annotated[dict[str, Any], Drawn]], Field(max_length=SEVERAL)],
    "latents": Annotated[list[Handle], Field(max_length=SEVERAL)],
    "point": Annotated[list[_Place], Field(min_length=2, max_length=2, description="[x, y] in pixels")],
    "number": float,
    "integer": _Whole,
    "flag": bool,
    "weights": _Words,
    "text": _Words,
}
_WANTED: dict[Kind, str] = {
    "picture": "the id of a picture",
    "mask": "the id of a picture, or a drawing",
    "latent": "the id of a picture or of a latent file",
    "pictures": f"a list of at most {SEVERAL} ids of pictures",
    "masks": f"a list of at most {SEVERAL} ids of pictures, or drawings",
    "latents": f"a list of at most {SEVERAL} ids of pictures or of latent files",
    "point": f"two whole numbers [x, y] within ±{_FARTHEST}",
    "number": "a finite number",
    "integer": f"a whole number within ±{_LARGEST}",
    "flag": "true or false",
    "weights": f"a name or a path of at most {_LONGEST} characters",
    "text": f"words of at most {_LONGEST} characters",
}
_FITTING = {
    "picture": ("picture", "animation"),
    "mask": ("picture", "animation", "drawing"),
    "latent": ("picture", "animation", "latent"),
}
"""What kinds of files an option takes."""

_FORBIDDEN = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def options_of(edit: Edit, devices: Sequence[str]) -> tuple[Option, ...]:
    """List what an edit can be told here.

    Args:
        edit: of the catalog.
        devices: where this studio computes; the first is the default.

    Returns:
        The catalog's options, the device among them as a menu.
    """
    return tuple(
        replace(option, kind="choice", default=devices[0], choices=tuple(devices))
        if option.name == "device" and option.kind == "text"
        else option
        for option in edit.options()
    )


def described(edit: Edit, devices: Sequence[str]) -> EditDocument:
    """Describe an edit to a client.

    Args:
        edit: of the catalog.
        devices: where this studio computes.
    """
    options = [
        OptionDocument(
            name=option.name,
            kind=option.kind,
            required=option.required,
            default=_plain(option.default),
            choices=list(option.choices),
            suggestions=_suggestions(edit.task)
            if option.kind == "weights" and option.name == "model"
            else [],
            help=option.help,
        )
        for option in options_of(edit, devices)
    ]
    return EditDocument(
        name=edit.name,
        task=edit.task,
        summary=edit.summary,
        companions=list(edit.companions),
        moving=edit.moving,
        options=options,
    )


def body_of(edit: Edit, devices: Sequence[str]) -> type[BaseModel]:
    """Make the form of the body that an edit takes.

    Args:
        edit: of the catalog.
        devices: where this studio computes.

    Returns:
        A model that refuses unknown members, wrong types and numbers that are not finite.
    """
    # The members have names of their own, because an option may be called like something of the model's.
    fields: dict[str, Any] = {
        f"option_{option.name}": (
            _type(option),
            Field(
                default=... if option.required else _plain(option.default),
                alias=option.name,
                description=option.help,
            ),
        )
        for option in options_of(edit, devices)
    }
    name = "".join(part.capitalize() for part in edit.name.split("_")) + "Options"
    return create_model(name, __config__=_FORBIDDEN, __doc__=edit.summary, **fields)


def checked(edit: Edit, body: type[BaseModel], devices: Sequence[str], plain: object) -> dict[str, Any]:
    """Check the body of a request against an edit's form.

    Args:
        edit: of the catalog.
        body: what :func:`body_of` made of it.
        devices: where this studio computes.
        plain: what a client sent, as JSON is read.

    Returns:
        Option → value, of those that were given.

    Raises:
        Problem: It does not fit; the message names the option and what is wanted.
    """
    if not isinstance(plain, dict):
        wanted = f"an object with the options of {edit.name}"
        raise Problem(422, f"the body is {_said(plain)}; send {wanted}", field="body")
    options = {option.name: option for option in options_of(edit, devices)}
    try:
        read = body.model_validate(plain)
    except ValidationError as error:
        raise _refused(edit, options, plain, error) from None
    values = {name: getattr(read, f"option_{name}") for name in options if name in plain}
    return {name: value for name, value in values.items() if value is not None}


def order_of(
    edit: Edit,
    values: dict[str, Any],
    devices: Sequence[str],
    kind_of: Callable[[str], object],
    allowed: Sequence[Any],
) -> dict[str, Any]:
    """Turn checked values into what the queue hands to a worker.

    Args:
        edit: of the catalog.
        values: as :func:`checked` gives them.
        devices: where this studio computes.
        kind_of: says of a handle what its file is: "picture", "animation" or "latent".
        allowed: folders from which weights may be named.

    Returns:
        Option → a plain value, ``{"file": handle}``, ``{"drawing": …}`` or a list of these.

    Raises:
        Problem: A file is not there or of the wrong kind, a drawing cannot be read, or weights may not be
            opened.
    """
    options = {option.name: option for option in options_of(edit, devices)}
    order: dict[str, Any] = {}
    for name, value in values.items():
        option = options[name]
        try:
            order[name] = _ordered(option, value, kind_of, allowed)
        except RetouchError as error:
            status = 410 if isinstance(error, Gone) else 422
            raise Problem(status, f"{name}: {error}", name=type(error).__name__, field=name) from None
    return order


def _ordered(option: Option, value: Any, kind_of: Callable[[str], object], allowed: Sequence[Any]) -> Any:
    if option.kind == "weights":
        return checked_weights(option.name, value, allowed)
    if option.kind in ("pictures", "masks", "latents"):
        return [_file(option, item, kind_of) for item in value]
    if option.kind in ("picture", "mask", "latent"):
        return value if value in option.choices else _file(option, value, kind_of)
    return value


def _file(option: Option, value: str | dict[str, Any], kind_of: Callable[[str], object]) -> dict[str, Any]:
    if isinstance(value, dict):
        Drawing.parse(value)
        return {"drawing": value}
    kind = str(kind_of(value))
    if kind not in _FITTING[option.kind.removesuffix("s")]:
        said = {"latent": "a latent file", "drawing": "a drawing"}.get(kind, f"of kind {kind}")
        raise Problem(
            422, f"{option.name} takes {_WANTED[option.kind]}, and {value} is {said}", field=option.name
        )
    return {"file": value}


def _type(option: Option) -> Any:
    kind: Any
    if option.kind == "choice":
        kind = Literal[option.choices]
    else:
        kind = _TYPES[option.kind]
        if option.choices:
            kind = Literal[option.choices] | kind
    return kind | None if option.default is None and not option.required else kind


def _refused(
    edit: Edit, options: dict[str, Option], plain: dict[str, Any], error: ValidationError
) -> Problem:
    """Put the first complaint in the library's words."""
    found = error.errors(include_url=False, include_context=False)
    # A misspelt name first: the one that is missing is what it was meant to be.
    first = min(found, key=lambda each: each["type"] != "extra_forbidden")
    if not first["loc"]:
        return Problem(422, "the body has a member whose name is no text; send names in UTF-8", field="body")
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        unknown = UnknownName(f"option of {edit.name}", name[:80], options)
        return Problem(422, str(unknown), name="UnknownName", field=name[:80])
    option = options[name]
    wanted = _WANTED.get(option.kind, "")
    if option.choices:
        wanted = ", ".join([*map(repr, option.choices), *([wanted] if wanted else [])])
    if first["type"] == "missing":
        return Problem(422, f"{edit.name} needs {name}; give it {wanted}", field=name)
    given = plain[name]
    if option.kind == "choice" and isinstance(given, str):
        return Problem(
            422, str(UnknownName(name, given[:80], option.choices)), name="UnknownName", field=name
        )
    return Problem(422, f"{name} of {edit.name} is {_said(given)}; give {wanted}", field=name)


def _said(value: object) -> str:
    """Say what was sent, shortly."""
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"[{', '.join(map(_said, value))}]"[:80] if len(value) <= 3 else f"a list of {len(value)}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is not finite"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of very many digits"
    return repr(value)[:80]


def _plain(default: object) -> Any:
    return list(default) if isinstance(default, tuple) else default


@functools.cache
def _suggestions(task: str) -> list[str]:
    """The weights that came with retouch for a task; by their files, as to read them would import torch."""
    folder = resources.files("retouch.tasks") / task / "weights"
    if not folder.is_dir():
        return []
    names = sorted(item.name for item in folder.iterdir())
    return [name.removesuffix(".safetensors") for name in names if name.endswith(".safetensors")]
