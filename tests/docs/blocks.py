"""The pages of the documentation, taken apart: their blocks of code, and how each is marked."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]

REASONS = ("GPU", "machines", "download", "container", "hours", "files", "install")
"""What may keep a block from being run by a test; the first word after ``not run:``."""

COMMANDS = ("sh", "console", "bash")
PYTHON = ("python", "py")

_BLOCK = re.compile(
    r"(?:^(?P<indent> *)<!-- (?P<mark>[^\n]*?) -->\n)?"
    r"^(?P<inner> *)```(?P<kind>[\w-]+)[^\n]*\n(?P<text>.*?)^(?P=inner)```$",
    re.DOTALL | re.MULTILINE,
)
_MARK = re.compile(
    r"(?P<slow>slow)|not run: (?P<reason>.+)|run by (?P<test>tests/\S+\.py)|file: (?P<file>\S+)"
    r"|exits (?P<code>\d+)"
)
_OPENING = ("exec", "then", "do", "if", "else", "elif", "while", "until", "!", "{")
_STARTERS = ("srun", "nohup", "time", "timeout", "xargs", "sudo")


@dataclass(frozen=True, slots=True)
class Mark:
    """What the comment before a block says of it.

    Args:
        slow: it is run with the slow tests only.
        reason: why no test runs it, or empty.
        test: the test that runs it instead, or empty.
        file: the name under which its text is laid on the desk, or empty.
        code: with which its last command ends.
    """

    slow: bool = False
    reason: str = ""
    test: str = ""
    file: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Args:
        line: of the page, where its text begins.
        kind: the word after the fence.
        text: what is between the fences.
        mark: what the comment before it says.
    """

    line: int
    kind: str
    text: str
    mark: Mark

    @property
    def runs(self) -> bool:
        """Whether it is code that the page's own test runs."""
        return self.kind in COMMANDS + PYTHON and not (self.mark.reason or self.mark.test or self.mark.file)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a block, and what the page says that it prints.

    Args:
        line: the command, its continuations included.
        output: the lines shown below it; empty where the page shows none.
    """

    line: str
    output: str


def pages() -> list[Path]:
    """Every page for users: README and docs, without the decisions and without what is generated."""
    found = sorted((HOUSE / "docs").rglob("*.md"))
    left_out = {HOUSE / "docs" / "decisions", HOUSE / "docs" / "reference"}
    return [HOUSE / "README.md", *(page for page in found if not left_out & set(page.parents))]


def name_of(page: Path) -> str:
    """How a page is called in the list of tests."""
    return page.relative_to(HOUSE).as_posix().removeprefix("docs/")


def blocks(text: str) -> list[Block]:
    """Take the fenced blocks out of a page.

    Args:
        text: Markdown.

    Raises:
        ValueError: A comment directly before a block is none of the marks.
    """
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        body = re.sub(f"^{match['inner']}", "", match["text"], flags=re.MULTILINE)
        found.append(Block(line, match["kind"], body, _marked(match["mark"], line)))
    return found


def _marked(mark: str | None, line: int) -> Mark:
    if mark is None or mark == "end":
        return Mark()
    read = _MARK.fullmatch(mark)
    if read is None or (read["reason"] and not read["reason"].startswith(REASONS)):
        raise ValueError(
            f"line {line}: <!-- {mark} --> is no mark; write slow, not run: REASON (it begins with one of "
            f"{', '.join(REASONS)}), run by tests/FILE.py, file: NAME, or exits CODE"
        )
    return Mark(
        bool(read["slow"]),
        read["reason"] or "",
        read["test"] or "",
        read["file"] or "",
        int(read["code"] or 0),
    )


def commands(block: Block) -> list[Command]:
    """The commands of a block, each with the output that the block shows.

    Args:
        block: of shell commands. Where a line begins with ``$``, only such lines are commands.
    """
    lines = block.text.splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    found: list[Command] = []
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        if prompted and not line.startswith("$ "):
            before = found.pop()
            found.append(Command(before.line, f"{before.output}{line}\n"))
            continue
        line = line.removeprefix("$ ") if prompted else line
        while rest and _goes_on(line):
            line += "\n" + rest.pop(0)
        if line.strip() and not line.lstrip().startswith("#"):
            found.append(Command(line, ""))
    return found


def _goes_on(line: str) -> bool:
    """Whether a command is not complete: a backslash, an open quote, an open loop or condition."""
    if line.rstrip(" ").endswith("\\"):
        return True
    try:
        words = _words(line)
    except ValueError:
        return True
    openings = sum(word in ("do", "then", "case", "{") for word in words)
    heads = sum(word in ("for", "while", "until", "if") for word in words)
    closings = sum(word in ("done", "fi", "esac", "}") for word in words)
    return max(openings, heads) > closings


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(
        line.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars=";&|<>()"
    )
    lexer.whitespace_split = True
    return list(lexer)


def invocations(line: str) -> list[list[str]]:
    """The simple commands in a line of shell, as words.

    Args:
        line: one command, a pipe, a loop; ``name=value`` of the line itself is put in for ``$name``.

    Returns:
        The words of each, without assignments, redirections, and what only starts them.
    """
    found: list[list[str]] = [[]]
    known: dict[str, str] = {}
    redirected = False
    for word in _words(line):
        if redirected:
            redirected = False
        elif set(word) <= set("<>&") and set(word) & set("<>"):
            redirected = True
            if found[-1] and found[-1][-1].isdigit():
                found[-1].pop()
        elif set(word) <= set(";&|()"):
            found.append([])
        elif not found[-1] and (assigned := re.fullmatch(r"(\w+)=(.*)", word, re.DOTALL)):
            known[assigned[1]] = assigned[2]
        elif not found[-1] and word in _OPENING:
            continue
        elif not found[-1] and word.startswith("$") and word[1:] in known:
            found[-1] = shlex.split(known[word[1:]])
        else:
            found[-1].append(word)
    return [words for words in found if words]


def retouch_words(words: list[str]) -> list[str] | None:
    """What follows ``retouch`` in a command, however it is started; None when it is another command.

    Args:
        words: of a simple command: ``retouch fill``, ``torchrun … -m retouch.cli train``,
            ``docker run … retouch serve``, ``python -m retouch.cli``.
    """
    if "retouch.cli" in words:
        return words[words.index("retouch.cli") + 1 :]
    if Path(words[0]).name == "retouch":
        return words[1:]
    starts = words[0] in _STARTERS or words[:2] in (["docker", "run"], ["podman", "run"])
    if starts and "retouch" in words:
        return words[words.index("retouch") + 1 :]
    return None
