import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import pytest

from phase4_5.analysis.syntax import defined_names, has_valid_syntax, parse, signatures

ROOT = Path(__file__).parents[3]

# In a process of its own: where the guard is missing, the interpreter may die of these.
HOSTILE = textwrap.dedent(
    r"""
    import faulthandler
    import threading

    faulthandler.enable()
    N = 20_000
    texts = {
        "nul": "x = 1\0",
        "surrogate": "x = '\ud800'",
        "surrogate name": "\udfff = 1",
        "parentheses": "(" * N + ")" * N,
        "open parentheses": "f(" * N,
        "brackets": "x = " + "[" * N,
        "indentation": "".join(" " * i + "if 1:\n" for i in range(300)) + " " * 300 + "x",
        "long line": "x = '" + "a" * 1_000_000 + "'",
        "minus": "-" * 100_000 + "1",
        "short minus": "-" * 5_000 + "1",
        "minus with blanks": "- \t" * 5_000 + "1",
        "minus on lines": "- \\\n" * 5_000 + "1",
        "lambda": "lambda:" * N,
        "lambda with default": "lambda x=1: " * 3_000 + "1",
        "not": "not " * 50_000 + "1",
        "short not": "not " * 5_000 + "1",
        "attributes": "a" + ".b" * N,
        "sum": "+".join(["1"] * N),
        "power": "1**" * N + "1",
        "conditional": "1 if 1 else " * 5_000 + "1",
        "elif": "if 1: pass\n" + "elif 1: pass\n" * 2_000,
        "digits": "x = " + "1" * 10_000,
        "escapes": "'\\N{' + '\\x'",
        "form feeds": "\f" * N,
        "return": "\r" * N,
        "def lines": "def f(" * N,
        "colons": "def f(a" + ":" * 5_000,
        "def line": "def f(a=(" + "-" * 5_000 + "1): (",
    }

    def use_everything():
        from phase4_5.analysis.changes import what_changed
        from phase4_5.analysis.failure_modes import Program, classify
        from phase4_5.analysis.divergence import similarity
        from phase4_5.analysis.signatures import expected_function, signature_intact
        from phase4_5.analysis.syntax import has_valid_syntax

        good = "def f(a):\n    return a"
        for name, text in texts.items():
            has_valid_syntax(text)
            for pair in ((text, good), (good, text), (text, text)):
                what_changed(*pair)
                signature_intact(*pair, "f")
                signature_intact(*pair, None)
                if "long" not in name:
                    similarity(*(part[:5_000] for part in pair))
                for outcome in ("wrong_answer", "exception", "syntax_error"):
                    classify(Program(pair[0], outcome, text[:200], "f", pair[1], "eos"))
            expected_function([text])
            expected_function(["assert " + text])

    # The stack of a thread on some systems is much smaller than the main one.
    threading.stack_size(512 * 1024)
    failures = []
    threading.excepthook = lambda args: failures.append(args)
    thread = threading.Thread(target=use_everything)
    thread.start()
    thread.join()
    assert not failures, failures
    use_everything()
    print("alive")
    """
)


@pytest.mark.long
def test_no_text_ends_the_process():
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-2000:]


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\0",
        "'\ud800'",
        "f(",
        "x = = 1",
        "1" * 5000,
        "-" * 300 + "1",
        "1 if x else " * 300 + "1",
        "#" * 100_001,
    ],
)
def test_what_does_not_parse_is_none(code):
    assert parse(code) is None
    assert not has_valid_syntax(code)


def test_ordinary_depth_is_parsed():
    assert parse("x = " + "-" * 100 + "1") is not None
    assert parse("x = " + "(" * 90 + "1" + ")" * 90) is not None
    assert parse("x = " + "1 if x else " * 100 + "1") is not None
    assert parse("if x:\n    pass\nelse:\n    pass\n" * 300) is not None
    assert parse("") is not None


def test_no_warning_reaches_the_reader():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse("x = 1 is 1\ny = '\\d'\nassert (x, 'y')") is not None


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n    y = x\nreturn y",
        "if x:\n    break",
        "for x in y:\n    def f():\n        continue",
        "for x in y:\n    pass\nelse:\n    break",
        "class A:\n    return 1",
        "def f():\n    class A:\n        return 1",
        "yield 1",
        "await f()",
    ],
)
def test_a_misplaced_statement_is_no_valid_syntax(code):
    assert parse(code) is not None
    assert not has_valid_syntax(code)
    with pytest.raises(SyntaxError):
        compile(code, "<test>", "exec")


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n    return x",
        "while x:\n    if y:\n        break\n    else:\n        continue",
        "for x in y:\n    for z in x:\n        pass\n    else:\n        break",
        "for x in y:\n    try:\n        pass\n    finally:\n        break",
        "f = lambda: (yield 1)",
        "async def f():\n    await g()",
    ],
)
def test_a_statement_in_its_place_is_valid_syntax(code):
    assert has_valid_syntax(code)
    compile(code, "<test>", "exec")


def test_signatures_are_how_functions_can_be_called():
    found = signatures(
        "def f(a, b=1): pass\n"
        "def g(x, y=2): pass\n"
        "def h(a, /, b, *rest, c, d=1, **options): pass\n"
        "k = lambda a, b: a\n"
        "class A:\n    def method(self): pass\n"
        "if True:\n    async def conditional(): pass\n"
    )
    assert set(found) == {"f", "g", "h", "k", "conditional"}
    assert found["f"] == found["g"] == (2, 1, False, (), False)
    assert found["h"] == (2, 0, True, (("c", False), ("d", True)), True)
    assert found["k"].positional == 2


def test_the_last_definition_counts():
    assert signatures("def f(a): pass\ndef f(a, b): pass")["f"].positional == 2


def test_a_def_line_is_read_where_the_rest_does_not_parse():
    code = "def f(a: int, b: dict = {1: 2}) -> list[int]:\n    return a +\ndef g(:\n    pass"
    assert signatures(code) == {"f": (2, 1, False, (), False)}


def test_names_bound_by_the_module():
    tree = parse(
        "import os.path as p, sys\nfrom a import b as c\nx, (y, *z) = 1, (2, 3)\n"
        "t: int = 1\nclass A:\n    inner = 1\ntry:\n    def f():\n        local = 1\n"
        "except E:\n    g = f\n"
    )
    assert tree is not None
    assert defined_names(tree) == {"p", "sys", "c", "x", "y", "z", "t", "A", "f", "g"}


@pytest.mark.parametrize("nothing", ["", "\n\n", "# only a comment\n"])
def test_a_text_without_a_program_has_no_valid_syntax(nothing):
    assert not has_valid_syntax(nothing)
