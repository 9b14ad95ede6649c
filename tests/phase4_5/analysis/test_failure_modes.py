import time

import pytest

from phase4_5.analysis import failure_modes
from phase4_5.analysis.failure_modes import Program
from phase4_5.analysis.repetition import is_degenerate_repetition
from phase4_5.analysis.signatures import expected_function, signature_intact, signature_of
from phase4_5.analysis.syntax import has_valid_syntax


def classify(code, outcome, error, expected, baseline_code, stop_reason="eos"):
    return failure_modes.classify(
        Program(code, outcome, error, expected, baseline_code, stop_reason)
    )


BASELINE = "def area(width, height):\n    return width * height"


@pytest.mark.parametrize(
    ("code", "outcome", "error", "expected"),
    [
        (BASELINE, "passed", None, None),
        ("", "empty", None, "empty"),
        (" \n", "syntax_error", None, "empty"),
        ("def area(w, h):\n    return w * (", "syntax_error", "SyntaxError: x", "parse_error"),
        ("def area(w, h):\n    x = 1\nreturn x", "syntax_error", None, "parse_error"),
        (
            "def surface(w, h):\n    return w * h",
            "exception",
            "NameError: name 'area' is not defined",
            "missing_function",
        ),
        (
            "class Shape:\n    def area(self, w, h):\n        return w * h",
            "exception",
            "NameError: name 'area' is not defined",
            "missing_function",
        ),
        (
            "def area(width):\n    return width ** 2",
            "exception",
            "TypeError: area() takes 1 positional argument but 2 were given",
            "changed_signature",
        ),
        ("def area(w, h, d=1):\n    return d", "wrong_answer", None, "changed_signature"),
        ("def area(w, h):\n    return w + h", "wrong_answer", "AssertionError", "wrong_answer"),
        (
            "def area(w, h):\n    return w * q",
            "exception",
            "NameError: name 'q' is not defined",
            "exception:NameError",
        ),
        (
            "def area(w, h):\n    1 / 0",
            "exception",
            "ZeroDivisionError",
            "exception:ZeroDivisionError",
        ),
        ("area = 3", "exception", "TypeError: 'int' object", "exception:TypeError"),
        ("def area(w, h):\n    raise E", "exception", None, "exception:unknown"),
        ("def area(w, h):\n    while 1: w += 1", "timeout", None, "timeout"),
        ("def area(w):\n    while 1: w += 1", "timeout", None, "timeout"),
        ("globals()['area'] = max", "wrong_answer", None, "wrong_answer"),
        ("def area(w, h):\n    return [w] * 10**10", "memory", "MemoryError", "memory"),
        ("def area(w, h):\n    exit()", "exited", None, "exited"),
        (
            "def area(w, h):\n    return " + "w + " * 100,
            "syntax_error",
            None,
            "degenerate_repetition",
        ),
        ("while 1: pass\n" * 9, "timeout", None, "degenerate_repetition"),
    ],
)
def test_failure_mode(code, outcome, error, expected):
    assert classify(code, outcome, error, "area", BASELINE) == expected


def test_a_program_that_passes_has_no_failure_mode_however_it_looks():
    assert classify("x = 1\n" * 9, "passed", None, "area", BASELINE) is None


def test_without_an_expected_function_the_error_decides():
    code = "def surface(w):\n    return w"
    error = "NameError: name 'area' is not defined"
    assert classify(code, "exception", error, None, BASELINE) == "exception:NameError"


def test_a_baseline_without_the_function_has_no_signature_to_change():
    assert classify("def area(w): pass", "wrong_answer", None, "area", "x = 1") == "wrong_answer"


def test_the_type_of_an_exception_is_one_short_word():
    long = classify(BASELINE, "exception", "E" * 150 + ": x", "area", BASELINE)
    assert long == "exception:" + "E" * 50
    assert classify(BASELINE, "exception", "\x1b[31m", "area", BASELINE) == "exception:unknown"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("assert area(2, 3) == 6", "area"),
        ("assert set(shared((1, 2), (2, 3))) == set((2,))", "shared"),
        ("assert math.isclose(volume(3), 14.1, rel_tol=0.01)", "volume"),
        ("assert isclose(volume(3), 14.1)", "volume"),
        ("assert longest([Pair(5, 24), Pair(15, 25)], 4) == 3", "longest"),
        ("assert not is_odd(2)", "is_odd"),
        ("assert 6 == area(2, 3)", "area"),
        ("assert sorted(list(uniques([1, 1])))[0] == 1", "uniques"),
        ("area(2, 3) == 6", "area"),
        ("assert sum([1, 2]) == 3", "sum"),
        ("assert x == 3", None),
        ("assert area(2, 3 == 6", None),
    ],
)
def test_the_function_that_the_tests_call(test, expected):
    assert expected_function([test, "assert other(1)"]) == expected


def test_no_tests_call_no_function():
    assert expected_function([]) is None


def test_signature_intact():
    assert signature_intact("def area(a, b):\n    return a", BASELINE, "area")
    assert not signature_intact("def area(a):\n    return a", BASELINE, "area")
    assert not signature_intact("def area(a, b=1):\n    return a", BASELINE, "area")
    assert not signature_intact("def surface(width, height): pass", BASELINE, "area")
    assert not signature_intact("", BASELINE, "area")


def test_a_signature_survives_a_broken_body():
    broken = "def area(width, height):\n    return width * ("
    assert not has_valid_syntax(broken)
    signature = signature_of(broken, "area")
    assert signature is not None and signature.positional == 2
    assert signature_intact(broken, BASELINE, "area")
    assert not signature_intact("def area(width, height\n    return", BASELINE, "area")


def test_steering_is_not_blamed_for_a_name_that_the_baseline_had_wrong():
    baseline = "def surface(w, h):\n    return w * h"
    assert signature_intact("def surface(w, h):\n    return w", baseline, "area")
    assert signature_intact("def area(w):\n    return w", baseline, "area")
    assert not signature_intact("def surfaces(w, h):\n    return w", baseline, "area")
    assert signature_intact("def surface(w, h):\n    return w", baseline, None)
    assert not signature_intact("def surface(w):\n    return w", baseline, None)


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n" + "    x += 1\n" * 4,
        "def f(x):\n" + "    x += 1\n\n" * 4,
        "def f(first, second):\n    total = first * second\n"
        + "    total += 1\n" * 4
        + "    for item in range(total):\n        second -= item * first\n    return second",
        "def f(x):\n    return " + "max(x, " * 30,
        "def f(x):\n    return x\n" + "f(1)\nf(2)\n" * 8,
        "set_" * 40,
        "#" * 500,
        # The rest of the program is longer than what is repeated, but not its line.
        "".join(f"def f{i}(x):\n    return x * {i} + {i * i}\n" for i in range(30))
        + "x = "
        + "1, 2, " * 30,
    ],
)
def test_degenerate_repetition(code):
    assert is_degenerate_repetition(code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "x",
        BASELINE,
        "def f(x):\n" + "    x += 1\n" * 3 + "    return x * 2 - 1",
        "def f(x):\n    # " + "-" * 90 + "\n    return x",
        "def f(n):\n" + "".join(f"    if n == {i}:\n        return 'item{i}'\n" for i in range(12)),
        "def f(x):\n" + " " * 80 + "return x",
        "x=00000",
        "def f(first, second):\n    table = [0, 0, 0, 0, 0, 0, 0, 0]\n"
        "    for item in range(first):\n        table[item] = second * item\n    return table",
    ],
)
def test_no_degenerate_repetition(code):
    assert not is_degenerate_repetition(code)


def test_repetition_is_found_in_long_texts_in_good_time():
    start = time.perf_counter()
    assert is_degenerate_repetition("abc\ndef " * 1_000_000)
    assert not is_degenerate_repetition("".join(map(str, range(1_000_000))))
    assert time.perf_counter() - start < 5


def test_comments_without_end_are_a_repetition_and_a_few_are_an_empty_program():
    assert classify("#" * 160, "empty", "no code", "f", "def f(): pass") == "degenerate_repetition"
    assert classify("# nothing", "empty", "no code", "f", "def f(): pass") == "empty"
