"""Programs that use up memory."""

from dataclasses import replace

import pytest
from hostile_checks import assert_it_gets_nowhere
from hostile_programs import LITTLE_MEMORY, Hostile, group_of, name_of
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "memory",
        {
            "list": """
x = []
for _ in range(1024): x.append("x" * 2**20)
raise Exception("BREACH")
""",
            "bytearray": "x = bytearray(2**30)\nraise Exception('BREACH')",
            "string doubling": """
x = "x"
while len(x) < 2**30: x += x
raise Exception("BREACH")
""",
            "big number": "x = 1 << 2**33\nraise Exception('BREACH')",
            "mmap": """
import mmap
x = [mmap.mmap(-1, 2**24) for _ in range(64)]
raise Exception("BREACH")
""",
            "memory files": """
import os
def fill(number):
    memory = os.memfd_create(str(number))
    return sum(os.write(memory, bytes(2**20)) for _ in range(15))
if sum(fill(number) for number in range(50)) > 2**29: raise Exception("BREACH")
""",
            "limits raised": """
import resource
for name in ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CPU"):
    try: resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY,) * 2)
    except (ValueError, OSError): pass
x = bytearray(2**30)
raise Exception("BREACH")
""",
        },
        expects=("memory", "exception"),
        limits=LITTLE_MEMORY,
    ),
    *group_of(
        "memory",
        {
            "small objects": """
x = []
for _ in range(2**24): x.append([0])
raise Exception("BREACH")
""",
        },
        expects=("memory", "exception"),
        # Python looks through them again and again: a quarter of the memory takes a sixth of the
        # processor's time (0.25 s), and is reached in time on a busy machine too.
        limits=replace(LITTLE_MEMORY, memory_bytes=2**26),
    ),
    *group_of(
        "memory",
        {
            "errors out of memory swallowed": """
x = []
while True:
    try: x.append("x" * 2**20)
    except MemoryError: pass
""",
            "recursion without a limit": """
import sys
sys.setrecursionlimit(2**30)
def f(x): return [f(x)]
""",
            "recursion in C": """
x = []
for _ in range(10**6): x = [x]
def f(_): return repr(x)
""",
            "many threads": """
import threading, time
threading.stack_size(2**16)
for _ in range(2000): threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
""",
            "huge answer": "def f(x): return 'x' * 2**27",
            "huge list for an answer": "def f(x): return [0] * 2**24",
            "long number for an answer": "def f(x): return 7 ** 10**6",
            "deep answer": """
def f(x):
    for _ in range(10**5): x = [x]
    return x
""",
            "answer that holds itself": "def f(x):\n    x = []\n    x.append(x)\n    return x",
            "huge message of an error": "raise ValueError('x' * 2**27)",
            "huge name of an error": "raise type('E' * 2**26, (Exception,), {})('x')",
            "a long chain of errors": """
error = None
for number in range(10**5):
    cause, error = error, ValueError(number)
    error.__cause__ = error.__context__ = cause
raise error
""",
            "nested groups of errors": """
error = ValueError()
for _ in range(10**4): error = ExceptionGroup("x", [error])
raise error
""",
            "flood of output": """
import sys
for _ in range(100): sys.stdout.write("x" * 2**20) + sys.stderr.write("x" * 2**20)
def f(x): return 7
""",
        },
        limits=replace(LITTLE_MEMORY, timeout_seconds=1),
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)
