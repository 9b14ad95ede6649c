"""Programs that answer in the place of what runs them."""

import pytest
from hostile_checks import assert_it_gets_nowhere
from hostile_programs import Hostile, group_of, name_of
from sentinels import Sentinels

REPORTS = """
import json, marshal, pickle
said = ["passed", {"outcome": "passed", "passed": True}, {"passed": True}, [["passed"]], ["passed"]]
said += [["test", "1"], ["passed", None, None, 1], ["raised", "passed", "", ""], ["value", True]]
bodies = [write(s) for s in said for write in (lambda s: json.dumps(s).encode(), pickle.dumps)]
bodies += [marshal.dumps(s) for s in said]
reports = [body + b"\\n" for body in bodies]
for order in ("big", "little"):
    reports += [len(body).to_bytes(size, order) + body for body in bodies for size in (4, 8)]
"""

PROGRAMS = [
    *group_of(
        "forgeries",
        {
            "sends every descriptor a pass": REPORTS
            + """
import os
for number in range(1, 1024):
    for report in reports:
        try: os.write(number, report)
        except OSError: break
def f(x): return 7
""",
            "answers of its own making": """
import json, os
answers = [{"fraction": "1e999999999"}, {"decimal": "1e999999999"}, {"range": [0, 10**18, 1]}]
answers += [{"held": [0, "module", False]}, {"held": [10**9, "x", True]}, {"no such": 1}, [[]] * 9]
answers += [{"dict": [[{"held": [0, "x", False]}, 1]]}, {"int": "f" * 10**6}, {"set": [[1]]}, 1e999]
def f(x):
    for answer in answers:
        body = json.dumps(["value", answer]).encode()
        for number in range(3, 64):
            try: os.write(number, len(body).to_bytes(8, "big") + body)
            except OSError: pass
    return 7
""",
            "an answer that takes long to read": """
import json, os
body = json.dumps(["value", {"set": [{"int": "%x" % (n * (2**61 - 1))} for n in range(300000)]}])
body = body.encode()
def f(x):
    for number in range(3, 64):
        try: os.write(number, len(body).to_bytes(8, "big") + body)
        except OSError: pass
    return 7
""",
            "a thread that answers for it": REPORTS
            + """
import os, threading, time
def answer():
    while True:
        for number in range(3, 64):
            for report in reports:
                try: os.write(number, report)
                except OSError: break
threading.Thread(target=answer, daemon=True).start()
def f(x):
    time.sleep(0.1)
    return 7
""",
            "a copy that answers for it": REPORTS
            + """
import os
if not os.fork():
    for number in range(1, 1024):
        for report in reports:
            try: os.write(number, report)
            except OSError: break
os._exit(0)
""",
            "replaces all functions it finds": """
import gc, types
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType):
        try: thing.__code__ = (lambda *args, **named: "passed").__code__
        except (ValueError, AttributeError): pass
def f(x): return 7
""",
            "what unpickles it writes": """
class Bomb:
    def __reduce__(self): return open, (CANARIES[0], "w")
def f(x): return [Bomb()]
""",
            "an error that unpickles": """
class Bomb(Exception):
    def __reduce__(self): return open, (CANARIES[0], "w")
raise Bomb
""",
            "an error named passed": """
class Meta(type):
    __name__ = property(lambda _: "passed")
class Error(BaseException, metaclass=Meta):
    __class__ = property(lambda _: bool)
    def __str__(self): return "passed"
raise Error
""",
            "an error with no name": """
class Meta(type):
    @property
    def __name__(cls): raise SystemExit(0)
class Error(BaseException, metaclass=Meta): pass
raise Error
""",
            "too little recursion": """
import sys
def f(x):
    for limit in range(1, 1000):
        try: return sys.setrecursionlimit(limit)
        except RecursionError: pass
""",
            "crashes": "import ctypes\nctypes.string_at(0)",
            "clears all modules": """
import sys
for module in list(sys.modules.values()):
    if module is not sys: vars(module).clear()
sys.modules.clear()
""",
        },
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)
