"""What can go wrong in the studio beyond what can go wrong in an edit, and how errors cross processes."""

from __future__ import annotations

from collections.abc import Mapping

from retouch import errors
from retouch.errors import RetouchError


class StudioError(RetouchError):
    """Something that only the studio raises."""


class UnknownHandle(StudioError, LookupError):
    """No file or job has this handle."""


class Gone(UnknownHandle):
    """The file or the job was here, and was removed."""


class StoreFull(StudioError, OSError):
    """There is no room for another file."""


class QueueFull(StudioError):
    """Too many jobs wait already.

    Args:
        message: for the person who asked.
        retry_after: seconds after which it is worth asking again.
    """

    def __init__(self, message: str, retry_after: int = 10) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(StudioError):
    """The studio ends, or has too much to do to answer now."""


class TimedOut(StudioError, TimeoutError):
    """A file took longer to decode than the studio allows."""


class ReaderDied(StudioError):
    """The process that decodes files ended while it read one."""


class WorkerDied(StudioError):
    """The process that does the edits ended in the middle of one, or could not be started."""


class OutOfMemory(StudioError):
    """There was not enough memory for an edit."""


class InternalError(StudioError):
    """A bug in retouch; what is known of it is in the server's log."""


_CLASSES = {
    name: value
    for home in (vars(errors), globals())
    for name, value in home.items()
    if isinstance(value, type) and issubclass(value, RetouchError)
}


def plain(error: RetouchError) -> dict[str, str]:
    """Give an error as plain data.

    Args:
        error: any of retouch.

    Returns:
        ``type``, the name of its class, and ``detail``, its message.
    """
    # A class that another module derives is known outside by the nearest one that everybody knows.
    known = (each.__name__ for each in type(error).__mro__ if _CLASSES.get(each.__name__) is each)
    return {"type": next(known, "RetouchError"), "detail": " ".join(str(error).split("\n")).strip()}


def raised(said: Mapping[str, str]) -> RetouchError:
    """Make an error of plain data.

    Args:
        said: as :func:`plain` gives it.

    Returns:
        An error of the same class with the same message, to be raised.
    """
    kind = _CLASSES.get(said["type"], InternalError)
    # Not by the class's own arguments: an UnknownName is made of the names, and these are in the message.
    error = kind.__new__(kind, said["detail"])
    Exception.__init__(error, said["detail"])
    if isinstance(error, QueueFull):
        error.retry_after = 10
    return error
