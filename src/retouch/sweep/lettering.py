"""Words in a drawn picture, in the font that Pillow brings."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

_SPOKEN = {"×": "x", "–": "-", "—": "-", "−": "-", "≤": "<=", "≥": ">=", "“": '"', "”": '"', "’": "'"}
_LEADING = 1.3


@dataclass(frozen=True, slots=True)
class Lettering:
    """One size and colour of letters.

    Args:
        size: in pixels.
        colour: of the letters.
    """

    size: int
    colour: Colour

    @property
    def leading(self) -> int:
        """From one line to the next, in pixels."""
        return round(self.size * _LEADING)

    def lines(self, text: str, width: int, most: int = 6) -> list[str]:
        """Break a text into lines.

        Args:
            text: any; what the font lacks is spelt in ASCII.
            width: of the lines in pixels.
            most: lines; what is beyond is cut off with an ellipsis.

        Returns:
            The lines; a line breaks at spaces, behind commas and the like, and else within a word.
        """
        font = self._font()
        made = [""]
        for piece in _pieces(in_ascii(text)):
            if font.getlength(made[-1] + piece.rstrip()) <= width:
                made[-1] += piece
                continue
            made.append("")
            for letter in piece:
                if font.getlength(made[-1] + letter.rstrip()) > width and made[-1]:
                    made.append("")
                made[-1] += letter
        lines = [line.strip() for line in made if line.strip()]
        if len(lines) > most:
            kept = lines[most - 1]
            while kept and font.getlength(f"{kept}...") > width:
                kept = kept[:-1]
            lines = [*lines[: most - 1], f"{kept}..."]
        return lines

    def height(self, lines: int) -> int:
        """What some lines take, in pixels."""
        return lines * self.leading

    def width(self, lines: list[str]) -> int:
        """What the longest of some lines takes, in pixels."""
        font = self._font()
        return round(max((font.getlength(line) for line in lines), default=0))

    def write(self, image: Image.Image, place: tuple[int, int], lines: list[str], *, width: int = 0) -> int:
        """Draw lines.

        Args:
            image: is changed.
            place: x and y of the top left corner.
            lines: as :meth:`lines` gives them.
            width: centre the lines in so many pixels; 0: none.

        Returns:
            The y below them.
        """
        draw, font = ImageDraw.Draw(image), self._font()
        x, y = place
        for line in lines:
            aside = int((width - font.getlength(line)) / 2) if width else 0
            draw.text((x + max(aside, 0), y), line, font=font, fill=self.colour)
            y += self.leading
        return y

    def _font(self) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(self.size)


def in_ascii(text: str) -> str:
    """Spell a text with the letters that the font has.

    Args:
        text: any.

    Returns:
        Accents are dropped; other letters become question marks.
    """
    plain = "".join(_SPOKEN.get(letter, letter) for letter in " ".join(text.split()))
    bare = "".join(
        letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter)
    )
    return "".join(letter if " " <= letter <= "~" else "?" for letter in bare)


def _pieces(text: str) -> list[str]:
    """Parts of a text between which a line may break."""
    return re.findall(r"[^\s,;/|=_-]*[\s,;/|=_-]+|[^\s,;/|=_-]+", text)
