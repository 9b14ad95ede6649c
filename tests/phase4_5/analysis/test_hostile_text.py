"""Whatever a broken model writes, comparing and classifying it ends, and harms nothing."""

import json
import subprocess
import sys

import pytest

from common.config import REPOSITORY_ROOT

BASELINE = (
    "def f(x):\n    total = 0\n    for i in range(x):\n        total += i\n    return total\n"
)
TEXTS = {
    "NUL bytes": "def f(x):\n    return '\0'\n",
    "lone surrogates": "def f(x): return '\ud800'",
    "20,000 parentheses": "x = " + "(" * 20_000 + ")" * 20_000,
    "a line of 300,000 characters": "x = '" + "a" * 300_000 + "'",
    "a sum of 100,000": "x = " + "1+" * 100_000 + "1",
    "20,000 statements": "x = 1\n" * 20_000,
    "300,000 spaces": " " * 300_000,
    "5,000 brackets": "[" * 5_000,
    "words": "a b " * 30_000,
    "one name over and over": "total " * 20_000,
    "300 nested blocks": "".join(" " * n + "if 1:\n" for n in range(300)),
    "quotes": '"""' * 50_000,
    "continued lines": "\\\n" * 50_000,
}
# In a process of its own, which a crash would end; the last name that it tells is to blame.
ANALYSE = """
import json, sys
from common.problems import cyclomatic_complexity
from common_simplified.code_text import extract_code, program_is_over
from phase4_5.analysis.changes import what_changed
from phase4_5.analysis.failure_modes import Program, classify
from phase4_5.analysis.signatures import signature_intact
from phase4_5.analysis.syntax import has_valid_syntax
from phase4_5.analysis.divergence import similarity

baseline, texts = json.load(sys.stdin)
for name, text in texts.items():
    print(name, flush=True)
    for other in (baseline, text):
        similarity(other, text)
        what_changed(other, text)
        signature_intact(text, other, "f")
        classify(Program(text, "exception", "NameError: f", "f", other, "eos"))
    has_valid_syntax(text)
    extract_code(text, "# Solution:\\n")
    program_is_over(text, "# Solution:\\n")
    cyclomatic_complexity(text)
print("well")
"""


@pytest.mark.long
def test_analysing_it_neither_crashes_nor_stalls():
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ANALYSE],
        input=json.dumps([BASELINE, TEXTS]),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=REPOSITORY_ROOT,
    )
    assert finished.stdout.splitlines()[-1] == "well", finished.stdout[-200:] + finished.stderr
