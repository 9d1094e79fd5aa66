"""The forms of what the API says: they type the routes and make the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from retouch.catalog import Kind
from retouch.image.drawing import MAX_POINTS, MAX_STROKES, StrokeKind

JSON = None | bool | int | float | str | list[Any] | dict[str, Any]
State = Literal["queued", "running", "done", "failed", "cancelled"]
ServerState = Literal["starting", "ready", "broken", "draining"]


class ProblemDocument(BaseModel):
    """What is answered instead of a result."""

    type: str = Field(
        description="urn:retouch:error:NAME, where NAME is a class of retouch.errors or a state"
    )
    title: str = Field(description="the same in words")
    status: int = Field(description="the status of the answer")
    detail: str = Field(description="what was got, what was wanted, what to do next")
    field: str | None = Field(default=None, description="the option, or the part of the request, to blame")


class OptionDocument(BaseModel):
    """One thing an edit can be told."""

    name: str
    kind: Kind
    required: bool
    default: JSON
    choices: list[str] = Field(description="names that are accepted; for a number or a picture beside any")
    suggestions: list[str] = Field(description="values worth offering; others are accepted, too")
    help: str


class EditDocument(BaseModel):
    """One edit."""

    name: str
    task: str
    summary: str
    companions: list[str] = Field(description="how the names end of files that come beside the result")
    moving: bool = Field(description="the result has an animation")
    options: list[OptionDocument]


class PictureDocument(BaseModel):
    """A file that the studio keeps."""

    id: str
    name: str = Field(description="what the file is called outside")
    kind: str = Field(description="picture, animation, latent, drawing, or file for any other")
    width: int | None = Field(
        description="as it is shown, its orientation applied; null for what is no picture"
    )
    height: int | None
    mode: str | None
    bits: int | None
    format: str | None
    bytes: int
    url: str = Field(description="the file itself")
    view: str | None = Field(description="a picture for the screen; null for what is no picture")
    created: float = Field(description="seconds since 1970")


class CompanionDocument(BaseModel):
    """A file beside a result."""

    suffix: str
    id: str
    url: str
    bytes: int
    name: str


class ResultDocument(BaseModel):
    """What an edit made."""

    picture: PictureDocument
    report: dict[str, Any] = Field(description="what the edit tells of itself")
    companions: list[CompanionDocument] = Field(description="those that were not removed since")
    seconds: float


class ProgressDocument(BaseModel):
    """How far an edit is."""

    stage: str
    done: int
    total: int | None
    fraction: float | None
    facts: dict[str, float | None]
    preview: str | None = Field(description="the address of a picture of the present state")


class JobDocument(BaseModel):
    """An edit that was asked for."""

    id: str
    edit: str
    task: str
    options: dict[str, Any] = Field(description="as they were sent; of a drawing, the handle of its file")
    state: State
    position: int | None = Field(description="0 while it runs, n for the n-th in the queue, null at the end")
    device: str | None
    created: float
    started: float | None
    finished: float | None
    progress: ProgressDocument | None
    error: ProblemDocument | None = Field(
        description="of a job that failed; of one that is done, that its result was removed since"
    )
    result: ResultDocument | None = Field(description="of a job that is done, as long as it is kept")


class SampleDocument(BaseModel):
    """A picture that comes with retouch."""

    name: str
    what: str
    url: str
    width: int
    height: int
    tasks: list[str]


class DeviceDocument(BaseModel):
    """Where edits are computed."""

    name: str
    ready: bool = Field(description="one of its workers can take a job, or does one")
    running: bool
    workers: int = Field(description="its processes")
    working: int = Field(description="those that can take a job, or do one")
    trouble: str | None = Field(description="why none of its workers can be started")


class FormatsDocument(BaseModel):
    """In which formats files can be had."""

    picture: list[str]
    animation: list[str]


class LimitsDocument(BaseModel):
    """How much a visitor may ask of the studio."""

    bytes: int
    pixels: int
    json_bytes: int
    queue: int
    folder: int


class HealthDocument(BaseModel):
    """How the studio is."""

    ready: bool = Field(description="jobs are taken, and every device has a worker")
    state: ServerState = Field(
        description="starting: a device has no worker yet; broken: one cannot be started; draining: the "
        "server ends, and takes no more jobs"
    )
    version: str
    devices: list[DeviceDocument]
    queue: int = Field(description="edits that wait")
    formats: FormatsDocument
    limits: LimitsDocument


class LiveDocument(BaseModel):
    """That the server answers."""

    live: Literal[True]


class ReadyDocument(BaseModel):
    """That the server takes jobs."""

    ready: Literal[True]


class StrokeDocument(BaseModel):
    """An area that is added to a mask, or taken away from it."""

    model_config = ConfigDict(extra="forbid")

    kind: StrokeKind
    points: list[tuple[float, float]] = Field(
        min_length=1, max_length=MAX_POINTS, description="[x, y] in pixels; the first pixel's centre is 0.5"
    )
    radius: float | None = Field(default=None, description="of a brush, in pixels")
    erase: bool = False


class DrawingDocument(BaseModel):
    """A mask as it was drawn."""

    model_config = ConfigDict(extra="forbid")

    retouch: Literal["drawing"]
    version: Literal[1]
    size: tuple[int, int] | None = Field(default=None, description="height, width of the picture")
    strokes: list[StrokeDocument] = Field(max_length=MAX_STROKES)
    invert: bool = False
    grow: float = 0.0
    feather: float = 0.0
