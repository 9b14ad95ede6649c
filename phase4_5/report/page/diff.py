"""What steering changed in a program, line by line, with the changed parts of a line."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from phase4_5.report.page.colours import utf16_length

Step = int | list[str | int | list[int]]
"""`n`: n equal lines; `["-", n]`: n lines only before; `["+", n]`: n lines only after;
`["~", spans before, spans after]`: a line that changed in these parts."""

MIN_ALIKE = 0.5
"""Lines with a smaller share of common words are two lines, not one that changed."""

# Bounds of what is compared: text that repeats itself makes every part match every other.
MAX_WORK = 400_000
MAX_PAIRS = 2_500

# One problem's programs share most of their lines, so lines are compared once; so many are kept.
_KEPT_LINES = 8192

_WORD = re.compile(r"\w+|\s+|([^\w\s])\1*")


@lru_cache(maxsize=8192)
def diff(before: str, after: str) -> list[Step]:
    """The steps from one program to the other, in order.

    Lines end at "\\n" only. Spans are start and end by turns, in UTF-16 code units. Texts that
    would take too long to compare are told apart more coarsely: as one block of lines, or as
    lines that changed as a whole.
    """
    old, new = before.split("\n"), after.split("\n")
    steps: list[Step] = []
    for tag, a, b, c, d in _opcodes(old, new):
        if tag == "equal":
            steps.append(b - a)
        else:
            steps += _changed_lines(old[a:b], new[c:d])
    return steps


Opcode = tuple[str, int, int, int, int]


def _opcodes(old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """`SequenceMatcher.get_opcodes` without its heuristic, within `MAX_WORK`."""
    counts = Counter(old), Counter(new)
    pairs = sum(count * counts[1][item] for item, count in counts[0].items())
    if pairs * min(len(old), len(new)) <= MAX_WORK:
        return list(SequenceMatcher(None, old, new, autojunk=False).get_opcodes())
    start = _common_start(old, new)
    rest = min(len(old), len(new)) - start
    end = min(rest, _common_start(old[::-1], new[::-1]))
    a, b = len(old) - end, len(new) - end
    opcodes = [
        ("equal", 0, start, 0, start),
        ("replace", start, a, start, b),
        ("equal", a, len(old), b, len(new)),
    ]
    return [code for code in opcodes if code[1] < code[2] or code[3] < code[4]]


def _common_start(old: Sequence[str], new: Sequence[str]) -> int:
    for number, (left, right) in enumerate(zip(old, new, strict=False)):
        if left != right:
            return number
    return min(len(old), len(new))


def _changed_lines(old: list[str], new: list[str]) -> list[Step]:
    """A block of differing lines: those that are alike as one that changed."""
    steps: list[Step] = []
    at = [0, 0]
    for left, right in [*_pairs(old, new), (len(old), len(new))]:
        steps += [["-", left - at[0]]] if left > at[0] else []
        steps += [["+", right - at[1]]] if right > at[1] else []
        if left < len(old):
            steps.append(["~", *_changed_parts(old[left], new[right])])
        at = [left + 1, right + 1]
    return steps


def _pairs(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Which line became which: in order, with the most words in common."""
    if not old or not new or len(old) * len(new) > MAX_PAIRS:
        return []
    words = [_words(line) for line in old], [_words(line) for line in new]
    alike = [[_alike(left, right) for right in words[1]] for left in words[0]]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], alike[i][j] + best[i + 1][j + 1])
    pairs = []
    i = j = 0
    while i < len(old) and j < len(new):
        if alike[i][j] and best[i][j] == alike[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


@lru_cache(_KEPT_LINES)
def _words(line: str) -> Counter[str]:
    """How often each word is in a line."""
    return Counter(part for part in _parts(line) if not part.isspace())


def _parts(line: str) -> list[str]:
    return [match.group() for match in _WORD.finditer(line)]


def _alike(left: Counter[str], right: Counter[str]) -> float:
    both = left.total() + right.total()
    share = 2 * (left & right).total() / both if both else 0.0
    return share if share >= MIN_ALIKE else 0.0


@lru_cache(_KEPT_LINES)
def _changed_parts(old: str, new: str) -> tuple[list[int], list[int]]:
    words = _parts(old), _parts(new)
    edges = _edges(words[0]), _edges(words[1])
    spans: tuple[list[int], list[int]] = [], []
    for tag, a, b, c, d in _opcodes(*words):
        if tag != "equal":
            for side, (first, last) in enumerate(((a, b), (c, d))):
                if first < last:
                    spans[side].extend((edges[side][first], edges[side][last]))
    return spans


def _edges(words: list[str]) -> list[int]:
    edges = [0]
    for word in words:
        edges.append(edges[-1] + utf16_length(word))
    return edges
