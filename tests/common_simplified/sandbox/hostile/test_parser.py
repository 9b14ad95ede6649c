"""Programs that are hard to parse."""

import pytest
from hostile_checks import assert_it_gets_nowhere
from hostile_programs import HONEST, WRONG, Hostile, group_of, name_of
from sentinels import Sentinels

SYNTAX = ("syntax_error", "memory", "exception", "exited", "timeout")
PROGRAMS = [
    *group_of(
        "parser",
        {
            "null character": "x = 1\0\n" + HONEST,
            "lone surrogate": "x = '\ud800'\n" + HONEST,
            "open parentheses": "(" * 20_000,
            "nested parentheses": "x = " + "(" * 20_000 + ")" * 20_000,
            "nested lists": "x = " + "[" * 20_000 + "]" * 20_000,
            "nested calls": "x = " + "f(" * 20_000 + ")" * 20_000,
            "nested lambdas": "x = " + "lambda: " * 20_000 + "0",
            "nested not": "x = " + "not " * 20_000 + "0",
            "nested minus": "x = " + "-" * 200_000 + "1",
            "nested conditions": "x = " + "0 if 1 else " * 20_000 + "0",
            "nested f-strings": "x = " + "f'{" * 200 + "1" + "}'" * 200,
            "long format of an f-string": "x = f'{1" + ":{1" * 5_000 + "}" * 5_001 + "'",
            "nested blocks": "\n".join(" " * n + "if 1:" for n in range(500))
            + "\n"
            + " " * 500
            + "x",
            "nested functions": "\n".join(" " * n + f"def f{n}():" for n in range(90)),
            "long sum": "x = " + "1 + " * 100_000 + "1",
            "long chain of attributes": "x = 1" + " .real" * 100_000,
            "long chain of calls": "f = lambda: f\nf" + "()" * 100_000,
            "long chain of elif": "if 0: pass\n" + "elif 0: pass\n" * 20_000,
            "many decorators": "@f\n" * 50_000 + HONEST,
            "wrong long line": "x = '" + "a" * 1_000_000,
            "long number": "x = " + "9" * 1_000_000 + "\n" + HONEST,
            "byte order mark inside": "x = 1\n\ufeffy = 2\n" + HONEST,
            "wrong indentation": "def f(x):\n\treturn 2\n        return 3\n",
            "patterns": "match 1:\n case " + "[" * 20_000 + "]" * 20_000 + ": pass",
        },
        expects=SYNTAX,
    ),
    *group_of(
        "parser",
        {
            "line of a million characters": "x = '" + "a" * 1_000_000 + "'\n" + WRONG,
            "hundred thousand statements": "x = 1\n" * 100_000 + WRONG,
            "million empty lines": "\n" * 1_000_000 + WRONG,
            "strange line ends": WRONG.replace("\n", "\r\n") + "\f\r\v = 1",
            "byte order mark": "\ufeff" + WRONG,
            "unknown encoding": "# -*- coding: no-such -*-\n" + WRONG,
            "encoding that hides a program": "# coding: utf-7\n"
            + WRONG
            + "#+AAo-def f(x): return 2",
            "numbers that fold": "x = ((((2**60)**60)**60)**60)**60 if 0 else 'a' * 10**5\n"
            + WRONG,
        },
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)
