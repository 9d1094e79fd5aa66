"""What is refused before a decoder runs."""

from __future__ import annotations

from retouch.errors import PictureTooLarge, SizeMismatch, UnreadablePicture


def check_pixels(name: str, width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture that would take too much memory.

    Raises:
        PictureTooLarge: it has more pixels than allowed.
    """
    if width * height > max_pixels:
        raise PictureTooLarge(
            f"{name} has {height}×{width} pixels, more than the limit of {max_pixels:,}; "
            "raise it with Picture.open(path, max_pixels=…) if you trust the file"
        )


def check_frame(name: str, count: int, frame: int | None) -> None:
    """Refuse a file of several pictures unless one that exists was chosen.

    Args:
        name: what to call the file in an error.
        count: how many pictures it holds.
        frame: from 0, or None.

    Raises:
        UnreadablePicture: there are several and none was chosen, or fewer than chosen.
    """
    if frame is None and count > 1:
        raise UnreadablePicture(
            f"{name} holds {count} pictures and one is wanted; take the first with "
            f"Picture.open(path, frame=0), or save one picture as PNG"
        )
    if frame is not None and not 0 <= frame < count:
        raise UnreadablePicture(f"{name} has no picture {frame}; it holds {count}, numbered from 0")


def check_values(name: str, got: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Refuse an array that has not a value for each pixel.

    Args:
        name: what the array is.
        got: its shape.
        wanted: the shape that fits.

    Raises:
        SizeMismatch: they differ.
    """
    if got != wanted:
        sizes = "×".join(map(str, got)), "×".join(map(str, wanted))
        raise SizeMismatch(
            f"{name} is {sizes[0]} but must be {sizes[1]}; give one value per pixel of the box"
        )
