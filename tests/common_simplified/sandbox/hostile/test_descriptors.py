"""Programs that break what they find open."""

import pytest
from hostile_checks import assert_it_gets_nowhere
from hostile_programs import HALF_A_SECOND, Hostile, group_of, name_of
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "descriptors",
        {
            "writes to every one": """
import os
for number in range(1024):
    try: os.write(number, b"\\0\\xffgarbage\\n")
    except OSError: pass
def f(x): return 7
""",
            "floods every one": """
import os
for number in range(1024):
    try: os.set_blocking(number, False)
    except OSError: pass
for _ in range(100):
    for number in range(1024):
        try: os.write(number, b"x" * 2**16)
        except OSError: pass
def f(x): return 7
""",
            "says that endless data follow": """
import os
for number in range(1024):
    try: os.write(number, b"\\x7f" + b"\\xff" * 7)
    except OSError: pass
import time
time.sleep(0.2)
def f(x): return 7
""",
            "closes every one": "import os\nos.closerange(0, 1024)\ndef f(x): return 7",
            "makes all the same": """
import os
def still_open(number):
    try: return os.fstat(number)
    except OSError: return None
numbers = [number for number in range(1024) if still_open(number)]
for a in numbers:
    for b in numbers: os.dup2(a, b)
def f(x): return 7
""",
            "hears what others are told": """
import os
heard = []
for number in range(1024):
    try:
        os.set_blocking(number, False)
        heard.append(os.read(number, 4096))
    except OSError: pass
def f(x): return 7
""",
            "shuts every connection": """
import socket
for number in range(1024):
    try:
        with socket.socket(fileno=number) as s: s.shutdown(2)
    except OSError: pass
def f(x): return 7
""",
            "uses all up": """
import os
kept = []
try:
    while True: kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError: pass
def f(x): return 7
""",
        },
        limits=HALF_A_SECOND,
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)
