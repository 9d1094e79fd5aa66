"""Every command and every example of the documentation is run, or at least read by the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cyclopts import App

from retouch.cli.app import _within, build
from tests.docs import parsing
from tests.docs.blocks import COMMANDS, HOUSE, PYTHON, Block, blocks, commands, invocations, name_of, pages
from tests.docs.desk import desk, matches

PAGES = pages()
MOST_MARKED = 0.25
"""Of all commands: how many may not be run by any test."""

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@every_page
def test_a_pages_blocks_run(page: Path, tmp_path: Path) -> None:
    todo = [block for block in blocks(page.read_text(encoding="utf-8")) if not block.mark.slow]
    run(page, todo, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if "<!-- slow -->" in page.read_text(encoding="utf-8")], ids=name_of
)
def test_a_pages_slow_blocks_run(page: Path, tmp_path: Path) -> None:
    run(page, blocks(page.read_text(encoding="utf-8")), tmp_path)


def run(page: Path, todo: list[Block], folder: Path) -> None:
    """Run blocks in a page's order, and lay down the files that it shows when it comes to them."""
    if not any(block.runs for block in todo):
        return
    with desk(folder, page) as place:
        for block in todo:
            if block.mark.file:
                target = folder / block.mark.file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, encoding="utf-8")
            elif block.runs:
                place.run(block)


@every_page
def test_what_is_not_run_is_understood(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.kind in COMMANDS and not block.runs:
            for command in commands(block):
                parsing.check(command.line)
        elif block.kind in PYTHON and not block.runs:
            compile(block.text, name_of(page), "exec")
        if block.mark.test:
            test = HOUSE / block.mark.test
            assert page.name in test.read_text(encoding="utf-8"), (
                f"{block.mark.test} does not name {page.name}"
            )


@every_page
def test_commands_within_sentences_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    app = build()
    for span in re.findall(r"`(retouch [^`]+)`", text):
        words = span.split()[1:]
        if words[0].startswith("-") or words[0].isupper():
            continue
        inner = _within(words[0])
        within = 2 if words[1:2] and words[1] in inner else 1
        # Of a tool that is several commands, an option may be meant of any.
        meant = [words[:2]] if within == 2 else [[words[0], name] for name in inner] or [words[:1]]
        offered = {flag for path in meant for flag in flags(app, path)}
        for word in words[within:]:
            flag = word.split("=")[0].rstrip("…,.")
            open_ended = words[0] == "train" or flag in ("--help", "--version")
            assert not flag.startswith("--") or open_ended or flag in offered, f"`{span}`: no option {flag}"


def flags(app: App, path: list[str]) -> set[str]:
    """The options of a command."""
    for word in path:
        app = app[word]
    return {name for argument in app.assemble_argument_collection() for name in argument.names}


def test_few_commands_are_left_out() -> None:
    all_blocks = [block for page in PAGES for block in blocks(page.read_text(encoding="utf-8"))]
    counted = dict.fromkeys((True, False), 0)
    for block in all_blocks:
        if block.kind in COMMANDS:
            counted[not block.mark.reason] += len(commands(block))
    assert counted[False] <= MOST_MARKED * sum(counted.values()), counted


def test_a_marked_block_is_read_as_it_is_marked() -> None:
    text = (
        "<!-- slow -->\n```sh\na\n```\n\n<!-- not run: GPU memory -->\n"
        "```console\n$ b \\\n  c\nd\n$ e\n```\n```py\nf\n```\n"
    )
    slow, kept, python = blocks(text)
    assert (slow.mark.slow, slow.runs, slow.line) == (True, True, 3)
    assert (kept.mark.reason, kept.runs) == ("GPU memory", False)
    assert [(command.line, command.output) for command in commands(kept)] == [("b \\\n  c", "d\n"), ("e", "")]
    assert (python.kind, python.runs) == ("py", True)


@pytest.mark.parametrize("mark", ["not run: too long", "not run", "Slow", "table: x"])
def test_an_unknown_mark_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match=r"line 3: .* is no mark"):
        blocks(f"<!-- {mark} -->\n```sh\na\n```\n")


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        ("retouch fill a.jpg -o b.png", [["retouch", "fill", "a.jpg", "-o", "b.png"]]),
        ("A=1 retouch x > log 2>&1", [["retouch", "x"]]),
        ("retouch a && retouch b | sort; c", [["retouch", "a"], ["retouch", "b"], ["sort"], ["c"]]),
        ('start="torchrun -m retouch.cli"\n$start train', [["torchrun", "-m", "retouch.cli", "train"]]),
        ("if retouch a; then b; fi", [["retouch", "a"], ["b"], ["fi"]]),
        (
            'retouch train --data "synthetic:x?a=1&b=2"',
            [["retouch", "train", "--data", "synthetic:x?a=1&b=2"]],
        ),
    ],
)
def test_shell_is_taken_apart(line: str, calls: list[list[str]]) -> None:
    assert invocations(line) == calls


@pytest.mark.parametrize(
    "line",
    [
        "retouch fil a.jpg -o b.png",
        "retouch fill a.jpg -o b.png --no-such-flag",
        "retouch fill a.jpg -o b.png --feather much",
        "retouch train pix2pix --data d --out r --engine.imags 3",
        "retouch train pix2pix --data d --out r --engine.images many",
        "retouch train pix2pics --data d --out r",
        "retouch sweep stylize a.jpg b.jpg --vary contents-layer=relu1_1 -o c",
        "torchrun -m retouch.cli train pix2pix --dat d",
        "docker run -v $PWD:/work retouch studio --prt 1",
        "for n in 1 2; do retouch fill $n.jpg -o $n.png --bx 1,2,3,4; done",
        "make tets",
        'pip install ".[studios]"',
        'pip install "retouch[nothing]"',
    ],
)
def test_a_command_that_would_fail_is_not_understood(line: str) -> None:
    with pytest.raises(Exception, match=r"."):  # the parser's, the library's, or an assertion
        parsing.check(line)


@pytest.mark.parametrize(
    "line",
    [
        "retouch fill a.jpg --box 1,2,3,4 -o b.png",
        "retouch train --resume run --engine.images 12",
        "docker run -v $PWD:/work retouch studio --port 1",
        "make test PYTHON=python3.12",
        'pip install -c constraints.txt ".[studio,ray]"',
    ],
)
def test_a_command_that_would_work_is_understood(line: str) -> None:
    parsing.check(line)


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ("a …\n", "a 3.2 s\n", True),
        ("a\n", "b\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd", True),
        ("a.c", "abc", False),
    ],
)
def test_output_is_compared(shown: str, said: str, same: bool) -> None:
    assert matches(shown, said) is same


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "```sh\nretouch fill cat.jpg -o a.png\n```\n",
            "README.md:2: retouch fill cat.jpg -o a.png\nended with 2",
        ),
        ("```console\n$ echo a\nb\n```\n", "README.md:2: echo a\nprinted a"),
        ("```sh\nfalse | cat\n```\n", "ended with 1"),
        ("<!-- exits 3 -->\n```sh\nsh -c 'exit 4'\n```\n", "ended with 4"),
        ("```python\nassert 1 > 2\n```\n", ""),
    ],
)
def test_a_block_that_fails_is_told(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as failure:
        run(HOUSE / "README.md", blocks(text), tmp_path)
    assert message in str(failure.value)
    assert Path.cwd() != tmp_path
    assert (tmp_path / "cat.jpg").is_file()
