"""Markdown that reads well in a terminal, and in which a stranger's text stays text."""

import re
import textwrap
from collections.abc import Sequence

WIDTH = 98
"""Of lines of prose, in characters; tables and blocks may be wider."""

# What has a meaning anywhere in a line. An underscore has none inside a word.
_MARKUP = re.compile(r"[\\`*\[\]<>|#~&!$]|(?<![^\W_])_|_(?![^\W_])")
# What has one at the start of a line: lists, rules, underlined headings.
_START = re.compile(r"^(\d*)((?<=\d)[.)](?=\s|$)|(?<!\d)[-+=](?=[-+=\s]|$))")


def escape(text: str) -> str:
    """A text in one line, in which nothing is markup or HTML."""
    return _MARKUP.sub(r"\\\g<0>", printable(" ".join(text.split())))


def printable(text: str) -> str:
    """A text without line ends, and whatever else could upset a terminal."""
    return "".join(symbol if symbol.isprintable() else "?" for symbol in text)


def code(text: str) -> str:
    """A text in one line as code."""
    text = printable(text)
    fence = "`" * (_most_backticks(text) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def block(lines: Sequence[str]) -> str:
    """Lines as they are."""
    shown = [printable(line) for line in lines]
    fence = "`" * max(3, _most_backticks("\n".join(shown)) + 1)
    return "\n".join([f"{fence}text", *shown, fence])


def _most_backticks(text: str) -> int:
    """The length of the longest run of them."""
    return max(map(len, re.findall("`+", text)), default=0)


def quote(text: str) -> str:
    """What somebody wrote, paragraph by paragraph."""
    paragraphs = [
        "\n".join(f"> {_START.sub(_escape_start, line)}" for line in _lines(escape(paragraph), 2))
        for paragraph in text.splitlines()
        if paragraph.strip()
    ]
    return "\n>\n".join(paragraphs) or "> (nothing)"


def _escape_start(found: re.Match[str]) -> str:
    return f"{found[1]}\\{found[2]}"


def prose(text: str, indent: str = "") -> str:
    """Text of this project, which may hold markup, in lines; those after the first indented.

    Text in `code` is better not put into lines: a part of it could stand at the start of one.
    """
    first, *others = _lines(text, len(indent))
    return "\n".join([first, *(indent + _START.sub(_escape_start, line) for line in others)])


def _lines(text: str, used: int) -> list[str]:
    # A number isn't parted from its "%".
    text = text.replace(" %", "\N{NO-BREAK SPACE}%")
    lines = textwrap.wrap(text, WIDTH - used, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}%", " %") for line in lines]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned table, its first column at the left, the others at the right.

    Args:
        head: names of the columns.
        rows: their cells, whatever others wrote in them escaped.
    """
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for first, *others in (head, rule, *rows):
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
