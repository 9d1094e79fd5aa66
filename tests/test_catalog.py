from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest

from retouch import catalog
from retouch.catalog import Option, arguments_in, edit_named
from retouch.errors import UnknownName
from tests.cli import made_up

if TYPE_CHECKING:
    from retouch.image import MaskLike, PictureLike, Point
    from retouch.image.facts import PicturePath
    from retouch.weights.find import WeightsName


@pytest.fixture
def darken() -> Iterator[catalog.Edit]:
    with made_up.in_catalog():
        yield edit_named("darken")


def test_options_are_read_from_the_signature(darken: catalog.Edit) -> None:
    assert darken.options() == (
        Option("photo", "picture", True, None, (), "the picture."),
        Option("mask", "mask", True, None, (), "where."),
        Option("at", "point", False, (0, 0), (), "a place."),
        Option("gradients", "choice", False, "source", ("source", "mixed"), "which gradients."),
        Option("strength", "number", False, 0.5, (), "how much darker, 0 … 1, over two lines of text."),
        Option("tolerance", "number", False, "visual", ("visual", "exact"), "how exact."),
        Option("steps", "integer", False, 3, (), "how many steps to take, 10 ms each."),
        Option("linear_light", "flag", False, False, (), "work in linear light."),
        Option(
            "note",
            "text",
            False,
            "",
            (),
            'words; "silent" reports no progress, "pictures" shows the photo in it.',
        ),
        Option("edges", "mask", False, None, (), "another mask."),
    )
    assert darken.options()[7].flag == "--linear-light"


@pytest.mark.parametrize(
    "annotation",
    [
        list[int],
        dict[str, int],
        Literal["a"] | int,
        Literal[1, 2],
        int | str,
        tuple[int, int, int],
        object,
        None,
    ],
)
def test_an_annotation_without_a_control_is_refused(
    darken: catalog.Edit, annotation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(photo: PictureLike, *, odd: int = 1) -> None: ...

    verb.__annotations__["odd"] = annotation
    monkeypatch.setattr(catalog.Edit, "load", lambda _: verb)
    with pytest.raises(
        TypeError, match=r"darken\(odd\) is annotated .*no surface has a control for.*add a kind"
    ):
        darken.options()


def test_a_picture_is_not_a_mask_and_both_may_be_left_out(
    darken: catalog.Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(
        photo: PictureLike | None = None, mask: MaskLike | None = None, at: Point | None = None
    ) -> None: ...

    monkeypatch.setattr(catalog.Edit, "load", lambda _: verb)
    assert [(option.kind, option.required) for option in darken.options()] == [
        ("picture", False),
        ("mask", False),
        ("point", False),
    ]


def test_any_number_of_pictures_or_masks_is_a_kind_of_its_own(
    darken: catalog.Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(*, styles: tuple[PictureLike, ...] = (), masks: tuple[MaskLike, ...] = ()) -> None: ...

    monkeypatch.setattr(catalog.Edit, "load", lambda _: verb)
    assert [(option.kind, option.required, option.default) for option in darken.options()] == [
        ("pictures", False, ()),
        ("masks", False, ()),
    ]


def test_a_file_that_is_no_picture_and_a_picture_that_words_may_stand_for_are_told_from_words(
    darken: catalog.Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(
        *, model: WeightsName = "small", start: Literal["noise"] | PicturePath = "noise", words: str = ""
    ) -> None: ...

    monkeypatch.setattr(catalog.Edit, "load", lambda _: verb)
    assert [(option.name, option.kind, option.choices) for option in darken.options()] == [
        ("model", "weights", ()),
        ("start", "picture", ("noise",)),
        ("words", "text", ()),
    ]
    assert not any(option.placed for option in darken.options())


def test_an_unknown_edit_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown edit 'blnd'; did you mean blend"):
        edit_named("blnd")


def test_arguments_are_read_to_the_next_section() -> None:
    described = """Do it.

Args:
    one: first
        line: second.

    two: other.

Returns:
    three: nothing.
"""
    assert arguments_in(described) == {"one": "first line: second.", "two": "other."}
    assert arguments_in("Do it.") == {}
