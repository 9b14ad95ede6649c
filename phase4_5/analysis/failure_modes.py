"""Why a steered program failed, in words that can be counted."""

import ast
import builtins
import re
from collections.abc import Sequence

import numpy as np

from common.prompt_utils import as_assert
from phase4_5.analysis.syntax import (
    MAX_CHARACTERS,
    Signature,
    defined_names,
    has_valid_syntax,
    parse,
    signatures,
)

__all__ = [
    "classify",
    "expected_function",
    "has_valid_syntax",
    "is_degenerate_repetition",
    "signature_intact",
    "signature_of",
]

STOPPED = ("timeout", "memory", "exited")


def classify(
    steered_code: str,
    outcome: str,
    error: str | None,
    expected_function: str | None,
    baseline_code: str,
    *,
    stop_reason: str | None = None,
) -> str | None:
    """The failure mode of a steered program; None if it passed.

    The first that holds, in this order:

    - `non_finite`: the model's numbers overflowed (half precision under strong steering);
    - `degenerate_repetition`: the text repeats itself (`is_degenerate_repetition`), whatever
      else that leads to;
    - `empty`: no program, at most comments;
    - `timeout`, `memory`, `exited`: what the sandbox saw;
    - `parse_error`: the sandbox couldn't compile it;
    - `missing_function`: an exception, and the tests' function isn't defined;
    - `changed_signature`: an exception or a wrong answer, and the tests' function can't be
      called in the ways in which the baseline's can (`syntax.Signature`);
    - `exception:<Type>`, e.g. `exception:NameError`;
    - `wrong_answer`.

    Args:
        steered_code: the program.
        outcome: the sandbox's verdict on it.
        error: the sandbox's one line on it, "Type: message", or None.
        expected_function: the name that the tests call, or None if it isn't known.
        baseline_code: the unsteered program.
        stop_reason: why the generation ended.
    """
    if outcome == "passed":
        return None
    if stop_reason == "non_finite":
        return "non_finite"
    if is_degenerate_repetition(steered_code):
        return "degenerate_repetition"
    if outcome == "empty" or not steered_code.strip():
        return "empty"
    if outcome in STOPPED:
        return outcome
    if outcome == "syntax_error":
        return "parse_error"
    if expected_function is not None:
        if outcome == "exception" and not _defines(steered_code, expected_function):
            return "missing_function"
        before = signature_of(baseline_code, expected_function)
        after = signature_of(steered_code, expected_function)
        if before is not None and after is not None and before != after:
            return "changed_signature"
    return _exception(error) if outcome == "exception" else outcome


def _exception(error: str | None) -> str:
    # The class may have any name: a program can define its own.
    name = re.match(r"[^\W\d]\w{0,49}", error or "")
    return f"exception:{name.group() if name else 'unknown'}"


def _defines(code: str, name: str) -> bool:
    tree = parse(code)
    return tree is None or name in defined_names(tree)


# Functions that tests wrap around the one they test.
_WRAPPERS = frozenset(dir(builtins)) | {
    "allclose",
    "Counter",
    "Decimal",
    "defaultdict",
    "deque",
    "Fraction",
    "isclose",
    "OrderedDict",
}


def expected_function(test_list: Sequence[str]) -> str | None:
    """The function that the first test calls, or None if it can't be told.

    It is the outermost call by a plain name, leftmost if there are several; built-in functions
    and the like around it (`set(f(x))`, `math.isclose(f(x), y)`) are looked through.
    """
    tree = parse(as_assert(test_list[0])) if test_list else None
    if tree is None:
        return None
    # Breadth first: a call is met before its arguments, the left side before the right.
    called = [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return next((name for name in called if name not in _WRAPPERS), next(iter(called), None))


def signature_of(code: str, name: str) -> Signature | None:
    """How the function `name` of `code` can be called; None if no such function is seen.

    Also found in code that doesn't parse, if its `def` line can be read by itself.
    """
    return signatures(code).get(name)


def signature_intact(code: str, baseline_code: str, name: str | None) -> bool:
    """Whether steering left the signature of the tests' function `name` as it was.

    The parameters must be the same in number and kind; other names for positional ones don't
    matter. A baseline that doesn't define `name` has no such signature to lose: then `name`
    must be there, or all functions that the baseline does define.
    """
    before, after = signatures(baseline_code), signatures(code)
    if name in before:
        return after.get(name) == before[name]
    if name in after:
        return True
    return all(after.get(other) == signature for other, signature in before.items())


MIN_SAME_LINES = 4
MIN_REPEATS = 4
MIN_RUN = 20
MAX_PERIOD = 200
MIN_LONG_LINE = 80
MIN_REPEATS_IN_LINE = 8
MAX_PERIOD_IN_LINE = 20
MAX_RULER = 120


def is_degenerate_repetition(code: str) -> bool:
    """Whether the text of a program repeats itself.

    One of these holds (white space in a line counts as one blank, empty lines don't count):

    - the same line, indentation included, stands `MIN_SAME_LINES` times in a row;
    - one piece of at most `MAX_PERIOD` characters, at least `MIN_REPEATS` times in a row,
      makes up more than half of the text (and at least `MIN_RUN` characters);
    - a line of at least `MIN_LONG_LINE` characters is more than half a piece of at most
      `MAX_PERIOD_IN_LINE` characters, `MIN_REPEATS_IN_LINE` times in a row.

    The last two leave out comments of at most `MAX_RULER` characters: people draw lines in them.
    """
    lines = [line.rstrip() for line in code[:MAX_CHARACTERS].splitlines() if line.strip()]
    same = 1
    for line, following in zip(lines, lines[1:], strict=False):
        same = same + 1 if line == following else 1
        if same >= MIN_SAME_LINES:
            return True
    squeezed = [" ".join(line.split()) for line in lines]
    squeezed = [line for line in squeezed if line[0] != "#" or len(line) > MAX_RULER]
    if _is_mostly_one_piece("\n".join(squeezed), MAX_PERIOD, MIN_REPEATS):
        return True
    return any(
        _is_mostly_one_piece(line, MAX_PERIOD_IN_LINE, MIN_REPEATS_IN_LINE)
        for line in squeezed
        if len(line) >= MIN_LONG_LINE
    )


def _is_mostly_one_piece(text: str, max_period: int, min_repeats: int) -> bool:
    """Whether more than half of `text` is one piece repeated, `min_repeats` times or more."""
    symbols = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    for period in range(1, min(max_period, len(symbols) // min_repeats) + 1):
        differs = np.flatnonzero(symbols[period:] != symbols[:-period])
        edges = np.concatenate(([-1], differs, [len(symbols) - period]))
        run = period + int(np.diff(edges).max()) - 1
        if run >= max(MIN_RUN, min_repeats * period) and 2 * run > len(symbols):
            return True
    return False
