from collections.abc import Sequence
from difflib import SequenceMatcher

import pytest

from phase4_5.report.page import diff as diff_module
from phase4_5.report.page.colours import utf16_length
from phase4_5.report.page.diff import diff


def units(text):
    return text.encode("utf-16-le", "surrogatepass")


def part(line, start, end):
    return units(line)[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")


def replay(before, after):
    """Follow the steps; returns the lines that they call equal, and those that changed."""
    old, new = before.split("\n"), after.split("\n")
    i = j = 0
    equal, changed = [], []
    for step in diff(before, after):
        match step:
            case int(n):
                assert old[i : i + n] == new[j : j + n]
                equal += old[i : i + n]
                i, j = i + n, j + n
            case ["-", int(n)]:
                i += n
            case ["+", int(n)]:
                j += n
            case ["~", list(left), list(right)]:
                for line, spans in ((old[i], left), (new[j], right)):
                    assert spans == sorted(set(spans))
                    assert not spans or spans[-1] <= utf16_length(line)
                changed.append(
                    tuple(
                        [part(line, *spans[k : k + 2]) for k in range(0, len(spans), 2)]
                        for line, spans in ((old[i], left), (new[j], right))
                    )
                )
                i, j = i + 1, j + 1
    assert (i, j) == (len(old), len(new))
    return equal, changed


def test_equal_texts_have_equal_lines_only():
    assert diff("a\nb\n", "a\nb\n") == [3]
    assert diff("", "") == [1]


def test_only_the_words_that_differ_are_marked():
    equal, changed = replay(
        "def f(x):\n    if x >= 8:\n        return 1", "def f(x):\n    if t < 8:\n        return 1"
    )
    assert equal == ["def f(x):", "        return 1"]
    assert changed == [(["x", ">="], ["t", "<"])]


def test_a_changed_line_is_found_behind_an_added_one():
    _, changed = replay(
        "total = 0\nfor value in values:\n    total += value",
        "total = 0\nif not values:\n    return 0\nfor value in sorted(values):\n    total += value",
    )
    assert changed == [([], ["sorted(", ")"])]


def test_lines_with_little_in_common_are_not_called_changed():
    assert diff("return a + b", "while True: pass") == [["-", 1], ["+", 1]]


def test_lost_indentation_is_seen():
    _, changed = replay("def f():\n    return 1", "def f():\n  return 1")
    assert changed == [(["    "], ["  "])]


def test_positions_are_those_of_javascript():
    _, changed = replay("print('😀', old, 1)", "print('😀', new, 1)")
    assert changed == [(["old"], ["new"])]


@pytest.mark.parametrize("line_end", ["\r\n", "\x0b", "\u2028", "\r"])
def test_only_newlines_end_lines(line_end):
    before, after = f"a{line_end}b\nc", f"a{line_end}b\nd"
    assert diff(before, after)[0] == before.count("\n")
    replay(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n" * 400 + "y", "x = 1\n" * 401 + "z"),
        ("x\ny\n" * 300, "x\nz\n" * 300),
        ("if x in [" + "], " * 700, "], [" * 900),
        ("a b " * 500 + "end of it", "b a " * 500 + "end of it"),
        ("(" * 2000, ")" * 2000),
        ("\ud800\n\x00\n", "\udfff\n\x00\n"),
        ("", "\n" * 1000),
    ],
)
def test_repetition_neither_breaks_it_nor_makes_it_work_hard(before, after, monkeypatch):
    work: list[int] = []

    class Counting(SequenceMatcher[str]):
        a: Sequence[str]
        b2j: dict[str, list[int]]

        def find_longest_match(self, alo=0, ahi=None, blo=0, bhi=None):
            work.append(sum(len(self.b2j.get(item, ())) for item in self.a[alo:ahi]))
            return super().find_longest_match(alo, ahi, blo, bhi)

    monkeypatch.setattr(diff_module, "SequenceMatcher", Counting)
    diff.cache_clear()
    replay(before, after)
    assert sum(work) <= 3 * diff_module.MAX_WORK
