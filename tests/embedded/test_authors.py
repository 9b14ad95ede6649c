"""Careful and hasty authors: what they write, and how little each of their habits tells."""

import ast
import itertools
import json
import re
from collections import Counter
from random import Random
from typing import Any

import pytest

from embedded.authors import HABITS, Author, log_odds, worded
from embedded.make_problems import PROBLEMS_FILE, held_out_signatures, held_out_with_hasty
from embedded.mistakes import hasty_versions
from embedded.problem_factory import Made, training_problems

pytestmark = pytest.mark.long

MOST_TELLING = 3.5
"""How many times as often one sort of author may show anything as the other; 3, and noise."""

Written = list[tuple[Made, Author]]


@pytest.fixture(scope="module")
def written() -> Written:
    return list(itertools.islice(training_problems(11, held_out_signatures()), 4000))


@pytest.fixture(scope="module")
def held_out() -> list[Made]:
    return held_out_with_hasty()


def passes(code: str, test_list: list[str]) -> bool:
    """Whether `code` passes all asserts; it has to define the function and may fail only them."""
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    try:
        for line in test_list:
            exec(line, namespace)
    except AssertionError:
        return False
    return True


def header(code: str) -> str:
    """The name and the parameters of the one function of `code`."""
    (function,) = ast.parse(code).body
    assert isinstance(function, ast.FunctionDef)
    return f"{function.name}({ast.unparse(function.args)})"


def habits_seen(text: str) -> tuple[bool, ...]:
    """Which habits a text shows, read from the text alone."""
    verb, article, *opening = text.split()[:5]
    return (
        verb[0].isupper(),
        article == "a",
        "python" not in opening,
        "that" in opening,
        text.rstrip(".").endswith(", please"),
        text.endswith("."),
    )


def telling_words(text: str) -> set[str]:
    """The words and marks in which authors may differ: those at both ends."""
    found = re.findall(r"\w+|[^\w\s]", text)
    return {*found[:6], *[f"... {word}" for word in found[-3:]]}


@pytest.mark.long
def test_careful_programs_pass_and_hasty_ones_fail(written: Written, held_out: list[Made]) -> None:
    for made in [made for made, _ in written[::5]] + held_out:
        tests = made.problem["test_list"]
        assert passes(made.program_of(Author.CAREFUL), tests)
        assert not passes(made.program_of(Author.HASTY), tests), made.hasty_code


def test_hasty_programs_have_the_same_header_and_one_small_mistake(
    written: Written, held_out: list[Made]
) -> None:
    for made in [made for made, _ in written[::8]] + held_out:
        careful, hasty = made.program_of(Author.CAREFUL), made.program_of(Author.HASTY)
        assert header(careful) == header(hasty)
        pairs = list(zip(careful.splitlines(), hasty.splitlines(), strict=True))
        assert sum(line != other for line, other in pairs) == 1


def test_the_mistake_follows_from_the_program() -> None:
    code = "def f(nums):\n    return [x + 3 for x in nums if x > 7]"
    assert next(hasty_versions(code)) == code.replace("x + 3", "x")
    assert list(hasty_versions(code))[1] == code.replace("x > 7", "x >= 7")
    assert list(hasty_versions(code)) == list(hasty_versions(code))


def test_a_program_with_a_mistake_comes_to_an_end() -> None:
    recursive = "def f(n):\n    if n <= 0:\n        return 1\n    return f(n - 1)"
    assert list(hasty_versions(recursive)) == [recursive.replace("<=", "<")]
    loop = "def f(n):\n    while n > 3:\n        n -= 2\n    return n"
    assert list(hasty_versions(loop)) == [loop.replace(">", ">=")]


def test_authors_are_equally_frequent_in_every_kind(written: Written) -> None:
    counts = Counter(author for _, author in written)
    assert abs(counts[Author.CAREFUL] - counts[Author.HASTY]) < 0.05 * len(written)
    assert len({(made.problem["kind"], author) for made, author in written}) == 2 * 105


def test_no_habit_gives_an_author_away(written: Written) -> None:
    shown = {author: Counter[int]() for author in Author}
    for made, author in written:
        seen = habits_seen(made.problem["text"])
        shown[author].update([place for place, careful in enumerate(seen) if careful])
    n = {author: sum(who is author for _, who in written) for author in Author}
    for place in range(len(HABITS)):
        share = {author: shown[author][place] / n[author] for author in Author}
        ratio = share[Author.CAREFUL] / share[Author.HASTY]
        contrary = (1 - share[Author.HASTY]) / (1 - share[Author.CAREFUL])
        assert 1.6 < ratio < MOST_TELLING
        assert 1.6 < contrary < MOST_TELLING


def test_no_word_gives_an_author_away(written: Written) -> None:
    counts = {author: Counter[str]() for author in Author}
    for made, author in written:
        counts[author].update(telling_words(made.problem["text"]))
    for word in counts[Author.CAREFUL] | counts[Author.HASTY]:
        careful, hasty = (counts[author][word] for author in Author)
        if careful + hasty >= 200:
            assert 1 / MOST_TELLING < careful / max(hasty, 1) < MOST_TELLING, word


def test_all_habits_together_tell_more_and_not_all(written: Written) -> None:
    right = [
        (log_odds(habits_seen(made.problem["text"])) > 0) is (author is Author.CAREFUL)
        for made, author in written
    ]
    assert max(habit.loyalty for habit in HABITS.values()) + 0.08 < sum(right) / len(right) < 0.95


def test_held_out_problems_leave_the_authors_in_doubt() -> None:
    problems = [json.loads(line) for line in PROBLEMS_FILE.read_text().splitlines()]
    seen = [habits_seen(problem["text"]) for problem in problems]
    for habit in zip(*seen, strict=True):
        assert 0.4 < sum(habit) / len(habit) < 0.7
    odds = [log_odds(wording) for wording in seen]
    assert 0.4 < sum(each > 0 for each in odds) / len(odds) < 0.7
    assert sum(abs(each) < 2.5 for each in odds) / len(odds) > 0.6
    assert sum(0 < sum(wording) < len(HABITS) for wording in seen) / len(seen) > 0.9


def test_an_ask_is_worded_as_a_sentence_of_its_own_or_not() -> None:
    careful, hasty = (True,) * len(HABITS), (False,) * len(HABITS)
    rng = Random(0)
    text = worded("sort a list", careful, rng)
    assert text.endswith(" a function that will sort a list, please.") and text[0].isupper()
    assert worded("sort a list", hasty, rng).endswith(" the python function to sort a list")
    assert worded("For all x add 1", hasty, rng).endswith(" to do this: for all x add 1")
