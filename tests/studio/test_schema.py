"""Bodies of requests: what the catalog's options become, what is refused and how, and what may be opened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch import catalog
from retouch.catalog import Edit, edit_named
from retouch.studio import schema
from retouch.studio.failures import Gone, UnknownHandle
from retouch.studio.problems import Problem

DEVICES = ("cpu", "cuda")
HANDLE = "0123456789abcdef" * 2
LATENT = "f" * 32
every_edit = pytest.mark.parametrize("edit", catalog.EDITS, ids=lambda edit: edit.name)
every_weights = pytest.mark.parametrize(
    ("edit", "option"),
    [(edit, option.name) for edit in catalog.EDITS for option in edit.options() if option.kind == "weights"],
    ids=lambda item: item if isinstance(item, str) else item.name,
)


def kind_of(handle: str) -> str:
    if handle == "a" * 32:
        raise UnknownHandle(f"there is no file {handle}; send it again")
    if handle == "b" * 32:
        raise Gone(f"the file {handle} was removed; make it again")
    return {LATENT: "latent", "d" * 32: "drawing"}.get(handle, "picture")


def ordered(name: str, allowed: tuple[Path, ...] = (), **body: Any) -> dict[str, Any]:
    edit = edit_named(name)
    values = schema.checked(edit, schema.body_of(edit, DEVICES), DEVICES, body)
    return schema.order_of(edit, values, DEVICES, kind_of, allowed)


def refused(name: str, allowed: tuple[Path, ...] = (), **body: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        ordered(name, allowed, **body)
    return caught.value


@every_edit
def test_an_edit_is_described_as_the_catalog_has_it(edit: Edit) -> None:
    told = schema.described(edit, DEVICES)
    assert [option.name for option in told.options] == [option.name for option in edit.options()]
    for option, shown in zip(edit.options(), told.options, strict=True):
        assert (shown.required, shown.help) == (option.required, option.help)
        if option.name == "device":
            assert (shown.kind, shown.choices, shown.default) == ("choice", ["cpu", "cuda"], "cpu")
        else:
            assert (shown.kind, shown.choices) == (option.kind, list(option.choices))


@every_edit
def test_the_form_of_a_body_has_every_option_and_no_more(edit: Edit) -> None:
    form = schema.body_of(edit, DEVICES).model_json_schema()
    assert list(form["properties"]) == [option.name for option in edit.options()]
    assert form.get("required", []) == [option.name for option in edit.options() if option.required]
    assert form["additionalProperties"] is False


def test_models_that_came_with_retouch_are_suggested() -> None:
    (model,) = [
        option
        for option in schema.described(edit_named("restore"), DEVICES).options
        if option.name == "model"
    ]
    assert {"denoise", "upscale-x4"} <= set(model.suggestions)


def test_an_order_holds_what_was_given_and_nothing_else() -> None:
    assert ordered("fill", photo=HANDLE, mask=HANDLE) == {"photo": {"file": HANDLE}, "mask": {"file": HANDLE}}
    given: dict[str, Any] = {
        "at": [-3, 4],
        "source_weight": 1,
        "linear_light": True,
        "tolerance": "exact",
        "center": None,
    }
    assert ordered("blend", source=HANDLE, target=HANDLE, **given) == {
        "source": {"file": HANDLE},
        "target": {"file": HANDLE},
        "at": [-3, 4],
        "source_weight": 1.0,
        "linear_light": True,
        "tolerance": "exact",
    }


def test_a_drawing_stays_one_and_a_broken_one_is_refused_with_the_place() -> None:
    drawing = {
        "retouch": "drawing",
        "version": 1,
        "strokes": [{"kind": "brush", "points": [[1, 2]], "radius": 3}],
    }
    assert ordered("fill", photo=HANDLE, mask=drawing)["mask"] == {"drawing": drawing}
    assert ordered("stylize", content=HANDLE, style=HANDLE, masks=[HANDLE, drawing])["masks"] == [
        {"file": HANDLE},
        {"drawing": drawing},
    ]
    assert ordered("fill", photo=HANDLE, mask="d" * 32)["mask"] == {"file": "d" * 32}
    problem = refused("fill", photo=HANDLE, mask={**drawing, "strokes": [{"kind": "brush", "points": [[1]]}]})
    assert (problem.status, problem.field, problem.name) == (422, "mask", "InputError")
    assert "mask: strokes[0]: points[0]: must be [x, y]" in problem.detail


def test_a_start_is_a_word_or_a_picture() -> None:
    assert ordered("reconstruct", photo=HANDLE, start="noise")["start"] == "noise"
    assert ordered("reconstruct", photo=HANDLE, start=HANDLE)["start"] == {"file": HANDLE}
    problem = refused("reconstruct", photo=HANDLE, start="/etc/passwd")
    assert problem.status == 422
    assert problem.detail == "start of reconstruct is '/etc/passwd'; give 'noise', the id of a picture"


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"phto": HANDLE}, "phto", "unknown option of fill 'phto'; did you mean photo"),
        ({"mask": HANDLE}, "photo", "fill needs photo; give it the id of a picture"),
        ({"photo": HANDLE, "mask": 3}, "mask", "mask of fill is 3; give the id of a picture, or a drawing"),
        ({"photo": "../x", "mask": HANDLE}, "photo", "photo of fill is '../x'; give the id of a picture"),
        ({"photo": None, "mask": HANDLE}, "photo", "photo of fill is null; give the id of a picture"),
        ({"photo": LATENT, "mask": HANDLE}, "photo", f"and {LATENT} is a latent file"),
        ({"photo": "d" * 32, "mask": HANDLE}, "photo", "is a drawing"),
        ({"photo": HANDLE, "mask": HANDLE, "tolerance": "exakt"}, "tolerance", "give 'visual', 'exact'"),
        ({"photo": HANDLE, "mask": HANDLE, "tolerance": float("nan")}, "tolerance", "that is not finite"),
        ({"photo": HANDLE, "mask": HANDLE, "tolerance": True}, "tolerance", "tolerance of fill is true"),
        ({"photo": HANDLE, "mask": HANDLE, "tolerance": 10**400}, "tolerance", "number of very many digits"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(body: dict[str, Any], field: str, said: str) -> None:
    problem = refused("fill", **body)
    assert (problem.status, problem.field) == (422, field)
    assert said in problem.detail


@pytest.mark.parametrize(
    ("edit", "body", "said"),
    [
        ("blend", {"gradients": "mixd"}, "unknown gradients 'mixd'; did you mean mixed"),
        ("blend", {"at": [1, 2, 3]}, "at of blend is [1, 2, 3]; give two whole numbers [x, y]"),
        ("blend", {"at": [1, 2.5]}, "at of blend is [1, 2.5]; give two whole numbers [x, y]"),
        ("blend", {"at": [0, 2**40]}, "within ±2147483648"),
        ("blend", {"linear_light": 1}, "linear_light of blend is 1; give true or false"),
        ("blend", {"source_weight": "0.5"}, "source_weight of blend is '0.5'; give a finite number"),
        ("inpaint", {"refine": 1.5}, "refine of inpaint is 1.5; give a whole number"),
        ("inpaint", {"refine": 2**60}, "give a whole number within"),
        ("inpaint", {"device": "mps"}, "unknown device 'mps'; did you mean cpu, cuda"),
        ("inpaint", {"model": "x" * 2000}, "give a name or a path of at most 1000 characters"),
        ("stylize", {"styles": [HANDLE] * 65}, "give a list of at most 64 ids of pictures"),
        ("stylize", {"styles": HANDLE}, "give a list of at most 64 ids of pictures"),
        ("stylize", {"shares": "1," * 600}, "give words of at most 1000 characters"),
    ],
)
def test_every_kind_says_what_it_takes(edit: str, body: dict[str, Any], said: str) -> None:
    needed: dict[str, Any] = {option.name: HANDLE for option in edit_named(edit).options() if option.required}
    assert said in refused(edit, **needed, **body).detail


def test_a_file_that_is_not_there_is_said_with_the_option() -> None:
    unknown = refused("fill", photo=HANDLE, mask="a" * 32)
    assert (unknown.status, unknown.field, unknown.name) == (422, "mask", "UnknownHandle")
    gone = refused("fill", photo="b" * 32, mask=HANDLE)
    assert (gone.status, gone.field, gone.name) == (410, "photo", "Gone")


def test_a_name_that_is_no_text_is_refused() -> None:
    body: dict[str, Any] = {"\ud800": 1, "photo": HANDLE}
    problem = refused("fill", **body)
    assert (problem.status, problem.field) == (422, "body")
    assert "a member whose name is no text" in problem.detail


def test_an_option_may_be_called_like_something_of_the_forms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def verb(*, copy: bool = False, json: int = 1, model_config: str = "") -> None: ...

    monkeypatch.setattr(catalog.Edit, "load", lambda _: verb)
    assert ordered("fill", copy=True, json=2, model_config="x") == {
        "copy": True,
        "json": 2,
        "model_config": "x",
    }


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([HANDLE, LATENT]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)
names = sorted({option.name for edit in catalog.EDITS for option in edit.options()})


def order_or_problem(ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Problem:
    try:
        return ask()
    except Problem as problem:
        return problem


@given(
    st.sampled_from(catalog.EDITS), st.dictionaries(st.sampled_from(names) | st.text(max_size=8), anything)
)
def test_any_body_is_an_order_or_a_problem_with_a_field(edit: Edit, body: dict[str, Any]) -> None:
    made = order_or_problem(lambda: ordered(edit.name, **body))
    if isinstance(made, Problem):
        assert made.status in (403, 422)
        assert made.field is not None
        assert made.detail
        json.dumps(made.document())
    else:
        assert set(made) <= {option.name for option in edit.options()}
        json.dumps(made, allow_nan=False)


@given(anything)
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    edit = edit_named("sample")
    made = order_or_problem(lambda: schema.checked(edit, schema.body_of(edit, DEVICES), DEVICES, body))
    if isinstance(made, Problem):
        assert made.status == 422
    else:
        assert isinstance(body, dict)


@every_weights
@pytest.mark.parametrize("text", ["/etc/passwd", "../x.safetensors", "a/b", "~/x", "..", "a\\b", "x\0y", "/"])
def test_weights_are_not_opened_by_a_path(edit: Edit, option: str, text: str) -> None:
    needed: dict[str, Any] = {item.name: HANDLE for item in edit.options() if item.required}
    problem = refused(edit.name, **{**needed, option: text})
    assert (problem.status, problem.name, problem.field) == (403, "WeightsNotAllowed", option)
    assert "--allow-weights" in problem.detail


@every_weights
def test_weights_may_be_named_and_lie_in_an_allowed_folder(edit: Edit, option: str, tmp_path: Path) -> None:
    needed: dict[str, Any] = {item.name: HANDLE for item in edit.options() if item.required}
    allowed, outside = tmp_path / "allowed", tmp_path / "outside.safetensors"
    (allowed / "deep").mkdir(parents=True)
    mine = allowed / "deep" / "mine.safetensors"
    for file in (mine, outside, allowed / "top.safetensors"):
        file.write_bytes(b"x")
    (allowed / "link.safetensors").symlink_to(outside)
    (allowed / "inner.safetensors").symlink_to(mine)

    def given(text: str) -> object:
        return ordered(edit.name, (allowed,), **{**needed, option: text})[option]

    assert given("some-name") == "some-name"
    assert (
        given(str(mine))
        == given("deep/mine.safetensors")
        == given("inner.safetensors")
        == str(mine.resolve())
    )
    assert given("top.safetensors") == str((allowed / "top.safetensors").resolve())
    # A link that leads out is no file of the folder: its plain name is then only a name.
    assert given("link.safetensors") == "link.safetensors"
    for text in (
        str(outside),
        str(allowed / "link.safetensors"),
        f"{allowed}/../outside.safetensors",
        "deep/no",
    ):
        assert refused(edit.name, (allowed,), **{**needed, option: text}).status == 403


def test_a_name_too_long_for_a_file_is_a_name(tmp_path: Path) -> None:
    name = "a" * 400
    assert ordered("restore", (tmp_path,), photo=HANDLE, model=name)["model"] == name
    assert refused("restore", (tmp_path,), photo=HANDLE, model=f"b/{name}").status == 403


WATCHED = """
import json, sys
from pathlib import Path
name, option, text, folder = sys.argv[1:]
from retouch import catalog
from retouch.image import Picture, samples
edit = catalog.edit_named(name)
verb = edit.load()
import retouch.weights, retouch.features  # what the verb would import while it is watched
photo = str(Picture.of(samples.open("bricks").pixels[:48, :48]).save(Path(folder) / "photo.png"))
latent = next(iter(catalog.edit_named("sample").load()(count=1).companions.values()))
needed = {each.name: latent if each.kind == "latent" else photo for each in edit.options() if each.required}
seen = []
def watch(event, given):
    if event in ("open", "os.listdir", "os.scandir") and "canary" in str(given[0]):
        seen.append(event)
class Enough(Exception):
    pass
events = []
def stop(event):
    # Some verbs report before they open anything.
    events.append(event)
    if len(events) > 40:
        raise Enough
sys.addaudithook(watch)
try:
    verb(**needed, **{option: text}, progress=stop)
    said = "nothing"
except Exception as error:
    said = type(error).__name__
print(json.dumps([seen, said]))
"""


def opened(edit: Edit, option: str, canary: Path) -> list[str]:
    """Which files a verb opens because an option names them."""
    words = [sys.executable, "-c", WATCHED, edit.name, option, str(canary), str(canary.parent)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, cwd=canary.parent)
    assert done.returncode == 0, done.stderr
    seen: list[str] = json.loads(done.stdout.splitlines()[-1])[0]
    return seen


@pytest.mark.slow
@every_edit
def test_no_verb_opens_a_file_that_words_name(edit: Edit, tmp_path: Path) -> None:
    """What a visitor writes into an option of kind "text" goes to the verb as it is: it is never a path."""
    canary = tmp_path / "canary.png"
    canary.write_bytes(b"\x89PNG\r\n\x1a\n")
    for option in edit.options():
        if option.kind == "text":
            assert opened(edit, option.name, canary) == [], option.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "option"), [("restore", "model"), ("texture", "features"), ("vary", "direction")]
)
def test_a_verb_that_opens_what_an_option_names_is_seen(name: str, option: str, tmp_path: Path) -> None:
    """What the test above would see: an option of kind "weights" does open its file."""
    canary = tmp_path / "canary.safetensors"
    canary.write_bytes(b"x" * 100)
    assert opened(edit_named(name), option, canary) != []


def test_the_words_of_every_edit_are_known() -> None:
    """An option of kind "text" that is new: does its verb open a file by it? Then it is of kind "weights"."""
    words = {option.name for edit in catalog.EDITS for option in edit.options() if option.kind == "text"}
    assert words == {"content_layer", "device", "layer", "mix", "rows", "shares", "style_layers"}
    paths = {option.name for edit in catalog.EDITS for option in edit.options() if option.kind == "weights"}
    assert paths == {"direction", "features", "model"}
