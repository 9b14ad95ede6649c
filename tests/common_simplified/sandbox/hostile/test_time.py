"""Programs that never end, however they are stopped."""

import pytest
from hostile_checks import assert_it_gets_nowhere
from hostile_programs import HALF_A_SECOND, Hostile, group_of, name_of
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "time",
        {
            "busy loop": "while True: pass",
            "busy loop in the function": "def f(x):\n    while True: pass",
            "sleep": "import time\ntime.sleep(60)",
            "every signal blocked and ignored": """
import signal
for number in signal.valid_signals():
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True: pass
""",
            "an alarm every millisecond": """
import signal, time
signal.signal(signal.SIGALRM, lambda *_: time.sleep(0.0005))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
time.sleep(60)
""",
            "every exception caught": """
def f(x):
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
            "regular expression": "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
            "big power": "x = 9\nx ** x ** x",
            "threads that never end": """
import threading
def forever():
    while True: pass
threads = [threading.Thread(target=forever) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
            "a thread that keeps the interpreter": """
import sys, threading
sys.setswitchinterval(1000)
x = 9
threading.Thread(target=lambda: x ** x ** x).start()
""",
            "blocking read": "import os\nos.read(os.pipe()[0], 1)",
            "finalizer": """
class A:
    def __del__(self):
        while True: pass
A()
""",
            "message of an error": """
class Endless(Exception):
    def __str__(self):
        while True: pass
raise Endless
""",
            "name of an error": """
class Meta(type):
    @property
    def __name__(cls):
        while True: pass
class Endless(Exception, metaclass=Meta): pass
raise Endless
""",
            "recursion that doubles": """
def f(x):
    try: return f(x)
    finally: f(x)
""",
        },
        expects=("timeout",),
        limits=HALF_A_SECOND,
    ),
    *group_of(
        "time",
        {
            "stops itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
            "methods of a value": """
class A:
    def endless(self, *_):
        while True: pass
    __eq__ = __ne__ = __hash__ = __repr__ = __str__ = __iter__ = __len__ = __bool__ = endless
    __reduce__ = __reduce_ex__ = __getattr__ = __del__ = __index__ = __float__ = endless
    __class__ = property(endless)
def f(x): return A()
""",
        },
        limits=HALF_A_SECOND,
    ),
    *[
        Hostile(f"an answer to work on: {test}", "time", code, (test,), limits=HALF_A_SECOND)
        for test, code in {
            "assert list(f(1)) == [1]": "import itertools\ndef f(x): return itertools.count()",
            "assert sum(f(1)) == 1": "def f(x): return range(10**18)",
            "assert set(f(1)) == {1}": "def f(x): return range(10**18)",
            "assert int(f(1)) == 1": "import decimal\n"
            "def f(x): return decimal.Decimal('1e999999999')",
            "assert len(str(f(1))) == 1": "def f(x): return 1 << 10**8",
            "assert f(1) * f(1) == 1": "def f(x): return 1 << 6 * 10**7",
            "assert sorted(f(1)) == [1]": "def f(x): return ['x' * 10**5] * 90",
        }.items()
    ],
    *group_of(
        "time",
        {
            "what runs at the end": """
import atexit, threading, time
class A:
    def __del__(self):
        while True: pass
keep = A()
atexit.register(time.sleep, 60)
threading.Thread(target=time.sleep, args=(60,)).start()
def f(x): return 7
"""
        },
        expects=("wrong_answer",),
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)
