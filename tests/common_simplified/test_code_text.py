"""Where programs begin and end, on texts of the shapes that small base and chat models write."""

import random
import time

import pytest

from common_simplified.code_text import extract_code, program_is_over

TASK_PROMPT = "Write a function that doubles a number.\n\nassert twice(2) == 4\n\n# Solution:\n"
SIGNATURE_PROMPT = '"""Double a number."""\ndef twice(number):'
SIGNATURE_LINE_PROMPT = SIGNATURE_PROMPT + "\n"

TWICE = "def twice(number):\n    return number * 2"
HELPER = "def half(number):\n    return number // 2"

# What follows a finished function in the model's text, by the way in which it goes on.
ENDINGS = {
    "comment and prints": "\n\n# Test the function\nprint(twice(2)) # Output: 4\nprint(twice(3)",
    "comment right after it": "\n# Test the function\nprint(twice(2))\n",
    "asserts": "\n\nassert twice(2) == 5\nassert twice(3)",
    "variable, then call": "\n\n# Example\nnumbers = [1, 2]\nprint(twice(numbers))",
    "bare call": "\n\ntwice([('a', 1)])\ntwice(4)\n```\n",
    "assigned call": "\n\nresult = twice('a', 3)\nprint(result)",
    "fence and prose": "\n```\n\nIn this solution, we use a helper `twice`: it doubles.",
    "prose": "\n\nThis function doubles its argument.\n\ndef other():\n    pass",
    "prose with a colon": "\n\nOutput: number = 4\n",
    "same name again": f"\n\n{TWICE} + 1\n\n{TWICE}\n",
    "decorated same name": f"\n\n@cache\n{TWICE}\n",
    "main block": '\n\nif __name__ == "__main__":\n    print(twice(int(input())))',
    "loop": "\n\nfor number in range(3):\n    twice(number)",
    "class": "\n\nclass Tester:\n    pass",
    "docstring": '\n\n"""\nThe function above doubles.\n"""',
    "comments without end": "\n\n# \n# \n# \n# \n#",
    "unclosed print": "\n\nprint(twice(2) == 4\nprint(twice(3) == 6)\n",
    "half a word": "\n\nprin",
}

# Programs that are kept to their last line.
WHOLE = {
    "function": TWICE,
    "helpers": f"{HELPER}\n\n{TWICE}",
    "imports": f"import math\nfrom re import sub\n{TWICE}",
    "constants": f"import sys\nsys.setrecursionlimit(3000)\nLIMIT = 3\nA, b[0] = 1, 2\n\n{TWICE}",
    "table between": f"{HELPER}\n\nmemo: dict[int, int] = {{}}\n\n{TWICE}",
    "comment first": f"# A doubling function\n{TWICE}",
    "module docstring": f'"""Doubles\n\nnumbers.\n"""\n{TWICE}',
    "guarded import": f"try:\n    from math import gcd\nexcept ImportError:\n    pass\n{TWICE}",
    "class first": f"class Pair:\n    a = 1\n\nclass Node:\n    b = 1\n\n{TWICE}",
    "decorator": f"from functools import cache\n@cache\n{TWICE}",
    "alias": f"{HELPER}\n\ntwice = lambda number: half(number) * 4",
    "bracket at column 0": "def twice(\n    number,\n):\n    return sum([\nnumber,\nnumber\n])",
    "docstring at column 0": f'def one():\n    """\nGives 1.\n# one\n"""\n    return 1\n\n{TWICE}',
    "quotes in strings": f"def one():\n    return '\"\"\"' + \"it's\" # '''\n\n{TWICE}",
    "backslash": "def one():\n    return 1 + \\\n2\n\n" + TWICE,
    "blank lines": "def twice(number):\n\n    double = number * 2\n\n\n    return double",
    "comment inside": "def twice(number):\n#    return number\n    return number * 2",
    "half a line": "def twice(number):\n    return num",
    "half a function": f"{TWICE}\n\ndef thri",
    "windows lines": TWICE.replace("\n", "\r\n") + "\r\n\r\ndef one():\r\n    return 1 + \\\r\n2",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_cuts_what_follows_the_program(ending: str) -> None:
    assert extract_code(TWICE + ending, TASK_PROMPT) == TWICE


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_cuts_what_follows_a_body(ending: str) -> None:
    text = "\n    return number * 2" + ending
    assert extract_code(text, SIGNATURE_PROMPT) == TWICE


@pytest.mark.parametrize("program", WHOLE.values(), ids=WHOLE)
def test_keeps_the_whole_program(program: str) -> None:
    assert extract_code(program, TASK_PROMPT) == program
    assert extract_code(program + "\n \n", TASK_PROMPT) == program


@pytest.mark.parametrize("program", WHOLE.values(), ids=WHOLE)
def test_keeps_the_whole_program_in_a_fence(program: str) -> None:
    text = f"Sure! Here it is:\n\n```python\n{program}\n```\n\nIt doubles.\n"
    assert extract_code(text, TASK_PROMPT) == program


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{TWICE}\n```",
        f"```\n{TWICE}",
        f"# Doubling\n```py\n{TWICE}\n```\nDone.",
        f"Install it:\n```bash\npip install it\n```\nThen:\n```python\n{TWICE}\n```",
        f"Here is the function:\n\n{TWICE}\n\nIt doubles.",
        f"We set number = 2:\nnumber = 2\n\nThe function is then:\n\n{TWICE}",
        f"assert twice(2) == 4\nassert twice(3) == 6\n\n{TWICE}\n",
        f"```python\n{TWICE}\n\n# Example\nprint(twice(2))\n```",
    ],
)
def test_finds_where_the_program_begins(text: str) -> None:
    assert extract_code(text, TASK_PROMPT) == TWICE


def test_comments_between_functions_belong_to_a_fenced_program() -> None:
    program = f"# Helper\n{HELPER}\n\n# The function\n# itself\n{TWICE}"
    assert extract_code(f"```python\n{program}\n\n# Usage\ntwice(1)\n```", TASK_PROMPT) == program


def test_repetition_ends_the_program_after_its_helpers() -> None:
    program = "\n\n".join(f"def twice{'_again' * n}(n):\n    return n" for n in range(4))
    text = f"{program}\n\ndef twice_again_again(n):\n    return n\n\ndef twice_ag"
    assert extract_code(text, TASK_PROMPT) == program


def test_a_lambda_is_a_program_too() -> None:
    program = "twice = lambda number: number * 2"
    assert extract_code(f"{program}\n\ntwice('a', 'b')\n", TASK_PROMPT) == program


def test_an_open_bracket_does_not_swallow_the_examples() -> None:
    program = "def twice(number):\n    return sum([number, number)"
    text = f"{program}\n\nprint(twice(2))\n"
    assert extract_code(text, TASK_PROMPT) == program
    assert program_is_over(text, TASK_PROMPT)


def test_text_without_a_program_is_kept_as_it_is() -> None:
    text = "I can't write that.\nIt is too hard."
    assert extract_code(text + "\n", TASK_PROMPT) == text
    assert not program_is_over(text + "\n", TASK_PROMPT)
    assert extract_code(" \n", TASK_PROMPT) == ""


@pytest.mark.parametrize(
    ("prompt", "text", "program"),
    [
        (SIGNATURE_PROMPT, "\n    return number * 2\n", TWICE),
        (SIGNATURE_LINE_PROMPT, "    return number * 2\nx = 3\n", TWICE),
        (SIGNATURE_PROMPT, " return number * 2\nx = 3", "def twice(number): return number * 2"),
        (SIGNATURE_PROMPT, "", "def twice(number):"),
        (
            "def a():\n    pass\ndef twice(n: int) -> dict[str, str]:\n",
            '    """\nTwice.\n"""\n    return dict(\nn=n\n)\n\n\ndef a():\n    pass',
            'def twice(n: int) -> dict[str, str]:\n    """\nTwice.\n"""\n    return dict(\nn=n\n)',
        ),
    ],
)
def test_a_body_gets_the_signature_of_the_prompt(prompt: str, text: str, program: str) -> None:
    assert extract_code(text, prompt) == program


@pytest.mark.parametrize("text", [f"{TWICE}\n\nprint(1)", f"\n```python\n{TWICE}\n```\n"])
def test_a_model_that_repeats_the_signature_wrote_a_whole_program(text: str) -> None:
    assert extract_code(text, SIGNATURE_LINE_PROMPT).strip() == TWICE


@pytest.mark.parametrize("ending", ["comment and prints", "asserts", "fence and prose", "prose"])
def test_a_program_is_over_at_the_first_line_after_it(ending: str) -> None:
    lines = (TWICE + ENDINGS[ending]).split("\n")
    first = next(n for n, line in enumerate(lines) if n > 1 and line)
    assert not program_is_over("\n".join(lines[:first]) + "\n", TASK_PROMPT)
    assert not program_is_over("\n".join(lines[: first + 1]), TASK_PROMPT)
    assert program_is_over("\n".join(lines[: first + 1]) + "\n", TASK_PROMPT)


def _sample_texts() -> list[str]:
    texts = [TWICE + ending for ending in ENDINGS.values()]
    texts += [f"{program}\n\n# Test\nprint(1)\n" for program in WHOLE.values()]
    texts += [f"Here:\n```python\n{program}\n# x\n```\nDone" for program in WHOLE.values()]
    return texts + ["\n    return 1" + ending for ending in ENDINGS.values()]


FRAGMENTS = [
    *("\n", "\n", "\n    ", "\n\n", "    ", " ", "\r\n", "def f(x):", "def g", "class A:", "# c"),
    *(
        "```",
        "```python\n",
        '"""',
        "'''",
        "'",
        '"',
        "(",
        ")",
        "[",
        "\\\n",
        "\\",
        "x = f(1)",
        "x = 1",
    ),
    *("print(", "assert ", "import re", "from a import b", "@cache\n", "if x:", "prose is here."),
    *("lambda", "return x", "\0", "\ud800", "x", "else:", "# c\n    y\n", "f = lambda x: x"),
]


@pytest.mark.long
def test_what_is_over_never_changes() -> None:
    """Every prefix of every sample that is over keeps its program, whatever follows."""
    source = random.Random(0)
    prompts = (TASK_PROMPT, SIGNATURE_PROMPT, SIGNATURE_LINE_PROMPT, "")
    texts = _sample_texts()
    texts += ["".join(source.choices(FRAGMENTS, k=source.randrange(1, 30))) for _ in range(800)]
    n_over = 0
    for text in texts:
        prompt = source.choice(prompts)
        final = extract_code(text, prompt)
        for length in range(len(text)):
            prefix = text[:length]
            if not program_is_over(prefix, prompt):
                continue
            n_over += 1
            suffix = "".join(source.choices(FRAGMENTS, k=source.randrange(1, 12)))
            assert extract_code(prefix, prompt) == final
            assert extract_code(prefix + suffix, prompt) == final
            assert program_is_over(prefix + suffix, prompt)
    assert n_over > 2000


# Large enough for a quadratic reading to take far longer than the limit, a linear one far less.
HOSTILE = {
    "deep parentheses": "x = " + "(" * 60_000,
    "long line": "def f():\n    return '" + "a" * 60_000,
    "backslashes": 'x = "' + "\\" * 60_000,
    "quotes": "x = " + "'\"" * 30_000,
    "triple quotes": '"' * 60_000,
    "spaces": "a" + " " * 60_000 + "b",
    "targets": "a , " * 15_000,
    "subscripts": "a[" * 30_000,
    "calls": "def f(): pass\nx = " + "f  " * 20_000,
    "imports": "import " + "a." * 30_000,
    "blank lines": "\n" * 20_000,
    "null characters": "\0" * 60_000,
    "lone surrogates": "\ud800\n" * 10_000,
    "fences": "```\n" * 10_000,
    "functions": "".join(f"def f{n}(): pass\n" for n in range(4_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    begin = time.process_time()
    for prompt in (TASK_PROMPT, SIGNATURE_LINE_PROMPT, "def f(" + text, text + ":"):
        extract_code(text, prompt)
        program_is_over(text, prompt)
    assert time.process_time() - begin < 2
