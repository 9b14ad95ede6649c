"""Why a steered program failed, in words that can be counted.

`FAILURE_MODES` is the one table of them: classification, texts, pictures and page read it, so that
a new failure mode is one function and one entry there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from phase4_5.analysis.repetition import is_degenerate_repetition
from phase4_5.analysis.signatures import defines, signature_of


@dataclass(frozen=True)
class Program:
    """A steered program, as far as its failure can be told from it.

    Attributes:
        code: the program.
        outcome: the sandbox's verdict on it.
        error: the sandbox's one line on it, "Type: message", or None.
        expected_function: the name that the tests call, or None if it isn't known.
        baseline_code: the unsteered program.
        stop_reason: why the generation ended.
    """

    code: str
    outcome: str
    error: str | None
    expected_function: str | None
    baseline_code: str
    stop_reason: str | None


@dataclass(frozen=True)
class Bar:
    """How failures are drawn; modes with the same bar share one."""

    label: str
    colour: str
    """One of `plots.style.COLOURS`."""
    hatch: str = ""


@dataclass(frozen=True)
class FailureMode:
    """A way to fail.

    Attributes:
        name: in the records.
        label: what people call it.
        explanation: why a program flipped, in the texts.
        holds: whether a program that failed, and in none of the ways before, failed in this one.
        bar: how it is drawn.
    """

    name: str
    label: str
    explanation: str
    holds: Callable[[Program], bool]
    bar: Bar


def _stopped(name: str, label: str, explanation: str) -> FailureMode:
    bar = Bar("timeout, memory, exit", "grey", "----")
    return FailureMode(name, label, explanation, lambda program: program.outcome == name, bar)


def _misses_function(program: Program) -> bool:
    name = program.expected_function
    return program.outcome == "exception" and name is not None and not defines(program.code, name)


def _has_other_signature(program: Program) -> bool:
    name = program.expected_function
    if name is None:
        return False
    before, after = signature_of(program.baseline_code, name), signature_of(program.code, name)
    return before is not None and after is not None and before != after


FAILURE_MODES: tuple[FailureMode, ...] = (
    FailureMode(
        "non_finite",
        "numbers overflowed",
        "the model's numbers overflowed",
        # Half precision under strong steering.
        lambda program: program.stop_reason == "non_finite",
        Bar("numbers overflowed", "black"),
    ),
    FailureMode(
        "degenerate_repetition",
        "degenerate repetition",
        "the text repeats itself",
        # Whatever else that leads to.
        lambda program: is_degenerate_repetition(program.code),
        Bar("degenerate repetition", "blue", "xxxx"),
    ),
    FailureMode(
        "empty",
        "empty",
        "no program",
        lambda program: program.outcome == "empty" or not program.code.strip(),
        Bar("empty", "white", "oo"),
    ),
    _stopped("timeout", "timeout", "out of time"),
    _stopped("memory", "memory", "out of memory"),
    _stopped("exited", "exit", "the program ended its own process"),
    FailureMode(
        "parse_error",
        "parse error",
        "syntax error",
        lambda program: program.outcome == "syntax_error",
        Bar("parse error", "red", "||||"),
    ),
    FailureMode(
        "missing_function",
        "missing function",
        "the tests' function isn't defined",
        _misses_function,
        Bar("missing function", "pink", "\\\\\\\\"),
    ),
    FailureMode(
        "changed_signature",
        "changed signature",
        "function signature changed",
        # The tests' function can't be called in the ways in which the baseline's can.
        _has_other_signature,
        Bar("changed signature", "yellow", "...."),
    ),
    FailureMode(
        # In the records with the type, e.g. `exception:NameError`.
        "exception",
        "exception",
        "an exception was raised",
        lambda program: program.outcome == "exception",
        Bar("exception", "orange", "////"),
    ),
    FailureMode(
        "wrong_answer",
        "wrong answer",
        "logic error introduced",
        lambda program: program.outcome == "wrong_answer",
        Bar("wrong answer", "sky"),
    ),
)
"""The first that holds counts."""

PASSED = Bar("passed", "green")
OTHER = Bar("other", "white")

_BY_NAME = {mode.name: mode for mode in FAILURE_MODES}
_EXCEPTION = "exception"


def bars() -> list[Bar]:
    """All bars, from the bottom of a stack to its top: what failed last in its run first."""
    return list(dict.fromkeys([PASSED, *(mode.bar for mode in reversed(FAILURE_MODES)), OTHER]))


def bar_of(failure_mode: str) -> Bar:
    """The bar of a record's failure mode; `OTHER` for one that this table doesn't know."""
    mode = _mode_of(failure_mode)
    return OTHER if mode is None else mode.bar


def label_of(failure_mode: str) -> str:
    """What people call a record's failure mode: of an exception its type."""
    mode = _mode_of(failure_mode)
    if mode is None:
        return failure_mode
    return failure_mode.removeprefix(f"{_EXCEPTION}:") if mode.name == _EXCEPTION else mode.label


def explanation_of(failure_mode: str) -> str:
    """Why a program with this failure mode failed, e.g. `syntax error`, `NameError raised`."""
    mode = _mode_of(failure_mode)
    if mode is None or mode.name == _EXCEPTION:
        return f"{failure_mode.removeprefix(f'{_EXCEPTION}:')} raised"
    return mode.explanation


def is_exception(failure_mode: str) -> bool:
    """Whether a record's failure mode is an exception of some type."""
    return failure_mode.startswith(f"{_EXCEPTION}:")


def _mode_of(failure_mode: str) -> FailureMode | None:
    return _BY_NAME.get(failure_mode.partition(":")[0])


def classify(program: Program) -> str | None:
    """The failure mode of a steered program, None if it passed: the first that holds."""
    if program.outcome == "passed":
        return None
    for mode in FAILURE_MODES:
        if mode.holds(program):
            return _with_type(program.error) if mode.name == _EXCEPTION else mode.name
    return program.outcome


def _with_type(error: str | None) -> str:
    # The class may have any name: a program can define its own.
    name = re.match(r"[^\W\d]\w{0,49}", error or "")
    return f"{_EXCEPTION}:{name.group() if name else 'unknown'}"
