"""Programs that end well before they are tested, or look for what the tests expect."""

from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import LINUX, Hostile, group_of, name_of, provable
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "forgeries",
        {
            "ends well at once": "import os\nos._exit(0)",
            "ends well in the function": "import os\ndef f(x): os._exit(0)",
            "sys.exit at once": "import sys\nsys.exit(0)",
            "an exit handler that ends well": """
import atexit, os
atexit.register(os._exit, 0)
raise SystemExit(0)
""",
            "becomes a program that ends well": "import os\nos.execv('/bin/true', ['true'])",
            "prints what a pass may look like": """
import os
print('{"outcome": "passed"}', flush=True)
os._exit(0)
""",
            "what shows errors ends well": """
import os, sys, threading
sys.excepthook = sys.unraisablehook = threading.excepthook = lambda *_: os._exit(0)
class A:
    def __del__(self): raise Exception
def f(x):
    A()
    return 7
""",
            "builtins that do nothing": """
import builtins
nothing = lambda *args, **named: None
for name in ("exec", "eval", "compile", "isinstance", "__build_class__", "print", "repr", "len"):
    setattr(builtins, name, nothing)
builtins.AssertionError = builtins.BaseException = builtins.Exception = SystemExit
def f(x): return 7
""",
            "an assertion that ends well": """
import ctypes, os
class Quiet(Exception):
    def __init__(self, *_): os._exit(0)
ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyExc_AssertionError").value = id(Quiet)
def f(x): return 7
""",
            "a tracer that ends well": """
import os, sys
def tracer(frame, event, _):
    if "test" in frame.f_code.co_filename: os._exit(0)
def f(x): os._exit(0) if sys.gettrace() else 7
sys.settrace(tracer)
""",
            "a profiler that ends well": """
import os, sys
def f(x): return 7
sys.setprofile(lambda frame, event, _: os._exit(0) if event == "call" else None)
""",
            "a tracer that jumps over tests": """
import dis, sys
def runs(code):
    line = None
    for step in dis.get_instructions(code):
        line = step.starts_line or line
        if step.argval in ("exec", "execute"): yield line
def tracer(frame, event, _):
    if event == "line" and frame.f_lineno in set(runs(frame.f_code)):
        try: frame.f_lineno += 1
        except ValueError: pass
    return tracer
frame = sys._getframe(1)
while frame:
    frame.f_trace = tracer
    frame = frame.f_back
sys.settrace(tracer)
def f(x): return 7
""",
            "an alarm that ends well": """
import os, signal
def ring(*_): os._exit(0)
def f(x):
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while True: pass
""",
            "modules that twist what they write": """
import io, json, os, sys
def twisted(function):
    def write(*args, **named):
        args = [twist(arg) for arg in args]
        return function(*args, **named)
    return write
def twist(value):
    if isinstance(value, dict): return {key: twist(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)): return type(value)(map(twist, value))
    for word in ("failed", "wrong_answer", "exception", "exited", "raised"):
        if isinstance(value, str): value = value.replace(word, "passed")
        if isinstance(value, bytes): value = value.replace(word.encode(), b"passed")
    return value
for name in ("os", "posix", "json", "marshal", "pickle", "struct", "_socket", "sys"):
    module = sys.modules.get(name) or type(sys)(name)
    fake = type(sys)(name)
    fake.__dict__.update(vars(module))
    for verb in ("write", "dumps", "dump", "pack", "send", "sendall"):
        if hasattr(module, verb):
            setattr(fake, verb, twisted(getattr(module, verb)))
            setattr(module, verb, twisted(getattr(module, verb)))
    sys.modules[name] = fake
def f(x): return 7
""",
            "an importer that ends well": """
import builtins, os, sys
class Finder:
    def find_spec(self, *_): os._exit(0)
def f(x):
    sys.meta_path[:] = [Finder()]
    for name in list(sys.modules):
        if name not in ("sys", "builtins", "os"): del sys.modules[name]
    return 7
""",
            "an audit hook that ends well": """
import os, sys
def f(x): return 7
sys.addaudithook(lambda event, _: os._exit(0) if event in ("exec", "compile", "import") else None)
""",
            "a collector that ends well": """
import gc, os
def f(x): return 7
gc.callbacks.append(lambda *_: os._exit(0))
gc.enable()
gc.set_threshold(1)
""",
            "rewrites the tests it finds": """
import ctypes, gc, sys
def is_test(value): return isinstance(value, str) and value.startswith("assert")
def rewrite(thing):
    places = range(len(thing)) if isinstance(thing, list) else list(thing)
    for place in places:
        if is_test(thing[place]): thing[place] = "assert True"
frame = sys._getframe()
while frame:
    spaces = frame.f_locals
    rewrite(spaces)
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    for thing in list(spaces.values()):
        if type(thing) in (list, dict): rewrite(thing)
    frame = frame.f_back
for thing in gc.get_objects():
    if type(thing) in (list, dict): rewrite(thing)
def f(x): return 7
""",
            "calls what reports": """
import gc, os, sys
def things():
    frame = sys._getframe(1)
    while frame:
        yield from list(frame.f_locals.items()) + list(frame.f_globals.items())
        frame = frame.f_back
    for thing in gc.get_objects():
        if callable(thing): yield getattr(thing, "__name__", ""), thing
for name, thing in list(things()):
    if callable(thing) and name in ("report", "send", "_send", "answer", "reply"):
        try:
            thing("test", "1")
            thing("passed")
            os._exit(0)
        except (Exception, SystemExit): pass
        for number in range(64):
            for words in (["passed", None, None, 1], ["value", True], ["ran", []]):
                try: thing(number, words)
                except Exception: pass
def f(x): return 7
""",
        },
        provable=True,
    ),
    *group_of(
        "forgeries",
        {
            "changes the number it is compared with": """
import ctypes
def f(x): return int('212')
ctypes.c_uint32.from_address(id(211) + 24).value = 212
"""
        },
        tests=("assert f(1) == 211",),
        provable=True,
    ),
    *group_of(
        "forgeries",
        {"ends well half-way": "import os\ndef f(x): return 2 if x == 1 else os._exit(0)"},
        tests=("assert f(1) == 2", "assert f(2) == 3"),
        expects=("exited",),
        provable=True,
    ),
    *group_of(
        "forgeries",
        {
            "looks into the code of its caller": """
import sys
def f(x):
    frame = sys._getframe(1)
    while frame:
        for value in frame.f_code.co_consts:
            if isinstance(value, int) and 7000 < value < 8000: return value
        frame = frame.f_back
""",
            "looks for the tests among all objects": """
import gc, re, sys
def texts():
    frame = sys._getframe(1)
    while frame:
        yield repr(frame.f_locals)
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing) in (list, dict, tuple): yield repr(thing)
def f(x):
    for text in texts():
        if found := re.search(r"f\\(1\\) == (7\\d{3})", text): return int(found[1])
""",
            "looks for the tests in all its memory": """
import ctypes, gc, os, re
def memory():
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = ctypes.c_void_p
    read, write = os.pipe()
    regions = {(id(thing) >> 20) + n for thing in gc.get_objects() for n in (-1, 0, 1)}
    regions |= {(libc.sbrk(0) >> 20) - n for n in range(48)}
    for region in sorted(regions):
        parts = []
        for page in range(region << 20, (region + 1) << 20, 4096):
            # The kernel refuses to read where there is nothing.
            if libc.write(write, ctypes.c_void_p(page), 4096) == 4096:
                parts.append(os.read(read, 4096))
        yield b"".join(parts)
def f(x):
    for part in memory():
        if found := re.search(rb"f\\(1\\) == (7\\d{3})", part): return int(found[1])
""",
        },
        tests=("assert f(1) == 7301",),
        provable=True,
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    assert_it_gets_nowhere(program, sentinels)


@pytest.mark.long
@pytest.mark.skipif(not LINUX, reason="nothing but Linux can hold them")
@pytest.mark.parametrize("program", provable(PROGRAMS), ids=name_of)
def test_it_succeeds_where_nothing_holds_it(
    program: Hostile, sentinels: Sentinels, tmp_path: Path
) -> None:
    assert_it_succeeds_unheld(program, sentinels, tmp_path)
