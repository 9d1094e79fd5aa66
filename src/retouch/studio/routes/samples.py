"""Pictures to start with, which come with retouch."""

from __future__ import annotations

import asyncio
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.datastructures import State

from retouch.catalog import EDITS
from retouch.errors import UnknownName
from retouch.image import samples
from retouch.studio.answers import media_type, picture_document
from retouch.studio.documents import PictureDocument, SampleDocument
from retouch.studio.parts import Parts, made, parts_of
from retouch.studio.problems import Problem, declared
from retouch.studio.reading import Reader

router = APIRouter(prefix="/v1/samples", tags=["samples"])

_WHAT = {
    "astronaut": "Portrait of an astronaut",
    "bricks": "Brick wall",
    "cameraman": "Man with a camera, gray",
    "cat": "Cat",
    "coffee": "Cup of coffee",
    "galaxies": "Deep sky, full of galaxies",
    "grass": "Grass, gray",
    "gravel": "Gravel, gray",
    "rocket": "Rocket at its launch",
    "grainy": "Photo with grain",
    "grainy-thumbnail": "Small photo with grain",
    "thumbnail": "Small photo",
    "great-wave": "The Great Wave off Kanagawa, Hokusai",
    "starry-night": "The Starry Night, van Gogh",
    "sketch": "Sketch of a face",
    "scribble": "Coloured scribble of a face",
    "drawn-face": "Painted face",
}


@dataclass(frozen=True, slots=True)
class _Sample:
    name: str
    path: Path
    tasks: tuple[str, ...]


@router.get("", responses=declared())
async def listed(request: Request) -> list[SampleDocument]:
    """List the pictures."""
    found = list(_samples().values())
    facts = await _looked_at(request.app.state, parts_of(request))
    return [
        SampleDocument(
            name=item.name,
            what=_WHAT.get(item.name, item.name.replace("-", " ").capitalize()),
            url=f"/v1/samples/{item.name}/file",
            width=int(str(fact["width"])),
            height=int(str(fact["height"])),
            tasks=list(item.tasks),
        )
        for item, fact in zip(found, facts, strict=True)
    ]


@router.get(
    "/{name}/file",
    response_class=Response,
    responses={
        **declared(404, 422),
        200: {
            "description": "The file",
            "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
def download(name: str) -> Response:
    """Give out a picture's file."""
    path = _sample(name).path
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(path.read_bytes(), media_type=media_type(path.suffix[1:]), headers=headers)


@router.post("/{name}", status_code=201, responses=declared(404, 422, 507))
async def take(request: Request, name: str) -> PictureDocument:
    """Take a picture as if it had been uploaded."""
    parts = parts_of(request)
    path = _sample(name).path
    with parts.store.begin(path.name) as incoming:
        incoming.write(path.read_bytes())
        facts = await made(parts.reader.inspect(incoming.path, path.name))
        return picture_document(incoming.finish(facts))


async def _looked_at(state: State, parts: Parts) -> list[Mapping[str, object]]:
    """Have the pictures' sizes read: once, however many ask for them at once."""
    looking: asyncio.Task[list[Mapping[str, object]]] | None = getattr(state, "samples", None)
    if looking is None or (looking.done() and (looking.cancelled() or looking.exception())):
        looking = state.samples = asyncio.create_task(_facts(parts.reader))
    # One visitor who leaves must not stop it for all others.
    return await asyncio.shield(looking)


async def _facts(reader: Reader) -> list[Mapping[str, object]]:
    paths = [item.path for item in _samples().values()]
    return await asyncio.gather(*(made(reader.inspect(path, path.name)) for path in paths))


def _sample(name: str) -> _Sample:
    known = _samples()
    if name not in known:
        raise Problem(404, str(UnknownName("sample", name[:80], known)), name="UnknownName")
    return known[name]


@functools.cache
def _samples() -> dict[str, _Sample]:
    """The photos of the library and of the tasks, with the tasks whose examples use them."""
    places = {name: samples.path(name) for name in samples.names()}
    used: dict[str, list[str]] = {}
    for task in dict.fromkeys(edit.task for edit in EDITS):
        folder = resources.files("retouch.tasks") / task / "samples"
        if not isinstance(folder, Path) or not folder.is_dir():
            continue
        own = [path for path in sorted(folder.iterdir()) if path.suffix in (".jpg", ".png", ".webp", ".avif")]
        places |= {path.stem: path for path in own}
        cases = folder / "cases.toml"
        told = tomllib.loads(cases.read_text(encoding="utf-8")) if cases.is_file() else {}
        commands = " ".join(_strings(told)).split()
        for name, path in places.items():
            if path in own or path.name in commands:
                used.setdefault(name, []).append(task)
    return {name: _Sample(name, path, tuple(used.get(name, ()))) for name, path in places.items()}


def _strings(plain: object) -> list[str]:
    if isinstance(plain, dict):
        return [text for item in plain.values() for text in _strings(item)]
    if isinstance(plain, list):
        return [text for item in plain for text in _strings(item)]
    return [plain] if isinstance(plain, str) else []
