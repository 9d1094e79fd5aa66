"""What retouch can do, in order: the one list that every surface reads.

An edit is listed here by hand; nothing registers itself and nothing scans folders. Its options
are read from the verb's signature and docstring, so that the command line, the studio, the HTTP
schema, the batch plan and the documentation cannot disagree.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, cast, get_args, get_origin

from retouch.errors import InputError, UnknownName

if TYPE_CHECKING:
    from retouch.training import Recipe
    from retouch.weights import Architecture, Layout

Kind = Literal[
    "picture",
    "mask",
    "latent",
    "pictures",
    "masks",
    "latents",
    "point",
    "choice",
    "number",
    "integer",
    "flag",
    "weights",
    "text",
]
"""What a surface asks a person for: a file, a region, a photo or the latent file that was made of one, any
number of these, a place, a menu, a figure, a switch, the name or the path of a file that is no picture,
words. Words are never a path: no verb opens a file that a text names."""

SEVERAL: tuple[Kind, ...] = ("pictures", "masks", "latents")
"""The kinds whose value is any number of files."""

FILES: tuple[Kind, ...] = ("picture", "mask", "latent", *SEVERAL)
"""The kinds whose values are files."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing an edit can be told.

    Args:
        name: the parameter's name in the verb.
        kind: what is asked for; every surface has one control per kind.
        required: the edit cannot run without it.
        default: the value when it is not given; None when it is required.
        choices: the names that are accepted. For a number they are accepted beside any number, for a picture
            beside any picture.
        help: the parameter's line in the verb's docstring.
    """

    name: str
    kind: Kind
    required: bool
    default: object
    choices: tuple[str, ...]
    help: str

    @property
    def placed(self) -> bool:
        """Whether it is a file that the edit needs, and so is known by its place."""
        return self.required and self.kind in ("picture", "latent")

    @property
    def flag(self) -> str:
        """The option on the command line: ``--source-weight``."""
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Edit:
    """One verb of one task.

    Args:
        name: the verb's name, in Python and on the command line.
        task: the slice it lives in, a folder of ``retouch.tasks``.
        summary: the first line of the verb's docstring; repeated here so that a menu of all
            edits can be shown without importing any of them.
        companions: how the names end of files that it writes beside its picture.
        moving: whether its picture has an animation.
    """

    name: str
    task: str
    summary: str
    companions: tuple[str, ...] = ()
    moving: bool = False

    @property
    def home(self) -> str:
        """The module that defines the verb."""
        return f"retouch.tasks.{self.task}.edit"

    def load(self) -> Callable[..., Any]:
        """Import the verb.

        Returns:
            The function ``(*pictures, mask, *, options…) -> Picture``.
        """
        return cast("Callable[..., Any]", getattr(importlib.import_module(self.home), self.name))

    def options(self) -> tuple[Option, ...]:
        """Read everything the verb can be told from its signature.

        Returns:
            The options in the order of the signature. ``progress`` is not one of them: it is how
            a surface listens, not something a person chooses.

        Raises:
            TypeError: A parameter has an annotation that no surface has a control for, or none.
        """
        verb = self.load()
        described = arguments_in(inspect.getdoc(verb) or "")
        annotations = inspect.get_annotations(verb, locals=_NAMED, eval_str=True)
        return tuple(
            _option(self.name, parameter, annotations.get(name), described.get(name, ""))
            for name, parameter in inspect.signature(verb).parameters.items()
            if name != "progress"
        )

    def option(self, name: str) -> Option:
        """Find an option.

        Args:
            name: with hyphens or underscores.

        Raises:
            UnknownName: The edit has no such option.
        """
        options = {option.name: option for option in self.options()}
        found = options.get(name.replace("-", "_"))
        if found is None:
            raise UnknownName(f"option of {self.name}", name, options)
        return found

    def checked(self, option: Option, value: object) -> object:
        """Check a value against what an option takes, and give it the form that is sent on.

        Args:
            option: one of the edit's options.
            value: as a caller gave it.

        Returns:
            The value; the name of a picture file as a path.

        Raises:
            UnknownName: It is not one of the option's choices.
            InputError: It is of the wrong kind.
        """
        if value is None and not option.required:
            return None
        if option.kind in FILES:
            return _checked_file(self.name, option, value)
        if option.kind == "choice" or (option.choices and isinstance(value, str)):
            if value not in option.choices:
                raise UnknownName(option.name, value, option.choices)
            return value
        wanted = {
            "flag": (isinstance(value, bool), "True or False"),
            "integer": (isinstance(value, Integral) and not isinstance(value, bool), "a whole number"),
            "number": (_is_number(value), "a number"),
            "weights": (isinstance(value, str), "a name or a path, as words"),
            "text": (isinstance(value, str), "words"),
        }
        fits, kind = wanted.get(option.kind, (True, ""))
        if not fits:
            raise _unfit(self.name, option, value, kind)
        return value


EDITS: tuple[Edit, ...] = (
    Edit("blend", "blend", "Clone a region of one photo into another so that no seam shows."),
    Edit("flatten", "blend", "Wash out the texture of a region and keep its strong edges."),
    Edit("relight", "blend", "Even out the light of a region: lift its shadows, calm its highlights."),
    Edit(
        "recolor", "blend", "Change the colour of an object, or take the colour out of everything around it."
    ),
    Edit("tile", "blend", "Make a picture that repeats without a visible seam."),
    Edit("fill", "blend", "Fill a hole with the smoothest surface through its rim."),
    Edit(
        "inpaint",
        "inpaint",
        "Take something out of a photo and fill the hole with what could be behind it.",
    ),
    Edit(
        "translate",
        "translate",
        "Translate a photo into another kind of picture, as a network was trained to.",
    ),
    Edit("restore", "restore", "Take the noise out of a photo."),
    Edit("upscale", "restore", "Enlarge a photo, four times or to any size."),
    Edit("stylize", "stylize", "Paint a photo in the manner of another picture."),
    Edit("repaint", "stylize", "Paint a photo in the style that a network was trained for, in one pass."),
    Edit("texture", "stylize", "Make more of a texture, of any size."),
    Edit(
        "reconstruct",
        "stylize",
        "Show what a layer of a network knows of a photo, by making it anew from that alone.",
    ),
    Edit(
        "invert",
        "invert",
        "Find the latent of a photo: what a generator makes the same picture of, ready to be edited.",
        companions=(".latent.safetensors",),
    ),
    Edit("morph", "invert", "Make a film from one photo to another.", moving=True),
    Edit("vary", "invert", "Change a photo along a direction that a generator knows.", moving=True),
    Edit(
        "draw",
        "invert",
        "Make a picture of a coloured scribble, such as a generator was trained to make.",
        companions=(".latent.safetensors",),
    ),
    Edit("sample", "invert", "Make pictures of noise, as a generator was trained to."),
)
"""Every edit, in the order in which menus show them."""


def edit_named(name: str) -> Edit:
    """Find an edit.

    Args:
        name: a verb, as in :data:`EDITS`.

    Returns:
        Its entry.

    Raises:
        UnknownName: No edit is called that; the message names the nearest three.
    """
    for edit in EDITS:
        if edit.name == name:
            return edit
    raise UnknownName("edit", name, [edit.name for edit in EDITS])


def architectures() -> tuple[Architecture, ...]:
    """List every network that a weights file can hold.

    Returns:
        The architectures of all tasks, and the judge of the FCN-score.
    """
    from retouch import features
    from retouch.metrics import SEGMENTER
    from retouch.tasks.inpaint import upstream as inpaint
    from retouch.tasks.invert import upstream as invert
    from retouch.tasks.restore import upstream as restore
    from retouch.tasks.stylize import upstream as stylize
    from retouch.tasks.translate import upstream as translate

    return (
        *translate.ARCHITECTURES,
        *inpaint.ARCHITECTURES,
        *restore.ARCHITECTURES,
        *stylize.ARCHITECTURES,
        *invert.ARCHITECTURES,
        *features.ARCHITECTURES,
        SEGMENTER,
    )


def layouts() -> tuple[Layout, ...]:
    """List the foreign weights files that retouch reads, in the order in which they are tried.

    Returns:
        The layouts of all tasks.
    """
    from retouch import features
    from retouch.tasks.inpaint import upstream as inpaint
    from retouch.tasks.invert import upstream as invert
    from retouch.tasks.restore import upstream as restore
    from retouch.tasks.stylize import upstream as stylize
    from retouch.tasks.translate import upstream as translate

    return (
        *translate.LAYOUTS,
        *inpaint.LAYOUTS,
        *restore.LAYOUTS,
        *stylize.LAYOUTS,
        *invert.LAYOUTS,
        *features.LAYOUTS,
    )


def recipes() -> tuple[type[Recipe], ...]:
    """List the recipes that networks can be trained by.

    Returns:
        The recipes of all tasks.
    """
    from retouch.tasks.inpaint import recipe as inpaint
    from retouch.tasks.invert import recipe as invert
    from retouch.tasks.restore import recipe as restore
    from retouch.tasks.stylize import recipe as stylize
    from retouch.tasks.translate import recipe as translate

    return (*translate.RECIPES, *inpaint.RECIPES, *restore.RECIPES, *stylize.RECIPES, *invert.RECIPES)


def arguments_in(docstring: str) -> dict[str, str]:
    """Read the ``Args`` section of a Google-style docstring.

    Args:
        docstring: as :func:`inspect.getdoc` returns it, without common indentation.

    Returns:
        Parameter name → its description on one line, in the order of the docstring.
    """
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", docstring, re.MULTILINE)
    found: dict[str, str] = {}
    name = ""
    for line in section.group(1).splitlines() if section else ():
        entry = re.match(r" {4}(\w+):\s*(.*)", line)
        if entry:
            name = entry.group(1)
            found[name] = entry.group(2).strip()
        elif name and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


_NAMED = {
    name: type(name, (), {})
    for name in (
        "LatentLike",
        "MaskLike",
        "Picture",
        "PictureLike",
        "PicturePath",
        "Point",
        "ProgressCallback",
        "WeightsName",
    )
}
"""What these names mean in a signature while it is read. An option's kind is the *name* that the
verb's author wrote: a mask, too, may be a path or an array, so the types alone do not tell them apart."""

_KINDS: dict[frozenset[object], Kind] = {
    frozenset({_NAMED["PictureLike"]}): "picture",
    frozenset({_NAMED["MaskLike"]}): "mask",
    frozenset({_NAMED["LatentLike"]}): "latent",
    frozenset({types.GenericAlias(tuple, (_NAMED["PictureLike"], ...))}): "pictures",
    frozenset({types.GenericAlias(tuple, (_NAMED["MaskLike"], ...))}): "masks",
    frozenset({types.GenericAlias(tuple, (_NAMED["LatentLike"], ...))}): "latents",
    frozenset({_NAMED["Point"]}): "point",
    frozenset({bool}): "flag",
    frozenset({int}): "integer",
    frozenset({float}): "number",
    frozenset({_NAMED["WeightsName"]}): "weights",
    frozenset({str}): "text",
}

_BESIDE_NAMES: dict[frozenset[object], Kind] = {
    frozenset(): "choice",
    frozenset({float}): "number",
    frozenset({_NAMED["PicturePath"]}): "picture",
}
"""What a menu's names may stand beside."""


def _checked_file(edit: str, option: Option, value: object) -> object:
    if option.kind == "picture" and option.choices:
        # What may be a picture's path or a word stays as it is typed; the verb tells them apart.
        if not isinstance(value, str | Path):
            raise _unfit(edit, option, value, f"the path of a picture, or {' or '.join(option.choices)}")
        return str(value)
    if option.kind in SEVERAL:
        given = (value,) if isinstance(value, str | Path) else value
        if not isinstance(given, Sequence):
            raise _unfit(edit, option, value, "files")
        return tuple(Path(item) if isinstance(item, str) else item for item in given)
    if value is None:
        raise _unfit(edit, option, value, "a file")
    return Path(value) if isinstance(value, str) else value


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _unfit(edit: str, option: Option, value: object, kind: str) -> InputError:
    return InputError(f"{option.name} of {edit} takes {kind}, got {value!r:.80}; give {kind}")


def _option(edit: str, parameter: inspect.Parameter, annotation: object, described: str) -> Option:
    kind, choices = _kind(f"{edit}({parameter.name})", annotation)
    required = parameter.default is inspect.Parameter.empty
    return Option(
        name=parameter.name,
        kind=kind,
        required=required,
        default=None if required else parameter.default,
        choices=choices,
        help=described,
    )


def _kind(where: str, annotation: object) -> tuple[Kind, tuple[str, ...]]:
    union = get_origin(annotation) in (Union, types.UnionType)
    members = [item for item in (get_args(annotation) if union else (annotation,)) if item is not type(None)]
    literals = [item for item in members if get_origin(item) is Literal]
    rest = frozenset(item for item in members if get_origin(item) is not Literal)
    choices = tuple(name for item in literals for name in get_args(item))
    if choices and all(isinstance(name, str) for name in choices) and rest in _BESIDE_NAMES:
        return _BESIDE_NAMES[rest], choices
    if not choices and rest in _KINDS:
        return _KINDS[rest], ()
    raise TypeError(
        f"{where} is annotated {annotation!r}, which no surface has a control for; use PictureLike, "
        "MaskLike, LatentLike, a tuple of any number of one of these, Point, Literal[...], "
        "Literal[...] | float, Literal[...] | PicturePath, bool, int, float, WeightsName or str, each with "
        "| None where it may be left out, or add a kind to retouch.catalog"
    )
