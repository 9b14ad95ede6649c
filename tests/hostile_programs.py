"""Programs that mean harm: none passes, outstays its time or leaves a trace.

Each tries one thing and then ends in an error or a wrong answer. Whether it got anywhere is seen
by `Sentinels`: files, sockets, processes and secrets that belong to the test. What a program could
read comes back in its error, behind BREACH where success alone is the harm. All of them are
bounded: should the sandbox fail, they harm nothing but these tests.
"""

import sys
from dataclasses import dataclass
from typing import Any

from common_simplified.sandbox import SandboxLimits

LINUX = sys.platform == "linux"

ONE_SECOND = SandboxLimits(timeout_seconds=1)
HALF_A_SECOND = SandboxLimits(timeout_seconds=0.5)
LITTLE_MEMORY = SandboxLimits(timeout_seconds=3, memory_bytes=2**28)
LITTLE_DISK = SandboxLimits(timeout_seconds=3, output_bytes=2**20)

HONEST = "def f(x):\n    return x + 1\n"
WRONG = "def f(x):\n    return x + 2\n"
TESTS = ("assert f(1) == 2",)


@dataclass(frozen=True)
class Hostile:
    """One program, and the outcomes that are as good as any (all but "passed" where none is named).

    `provable`: that it works outside a sandbox is harmless, and a test here. `needs_bubblewrap`:
    nothing else bounds what it uses in sum.
    """

    name: str
    group: str
    code: str
    tests: tuple[str, ...] = TESTS
    expects: tuple[str, ...] = ()
    limits: SandboxLimits = ONE_SECOND
    provable: bool = False
    needs_bubblewrap: bool = False


def group_of(group: str, programs: dict[str, str], **common: Any) -> list[Hostile]:
    """Programs of one group, by their names, that have `common` in common."""
    return [Hostile(name, group, code.lstrip("\n"), **common) for name, code in programs.items()]


def name_of(program: Hostile) -> str:
    """Its name among the tests."""
    return f"{program.group}: {program.name}"


def provable(programs: list[Hostile]) -> list[Hostile]:
    """Those that may be seen to succeed where nothing holds them."""
    return [program for program in programs if program.provable]


# What programs may call; a program gets those parts whose names it mentions.
HELPERS = {
    "attack": """
def attack(*steps, forbidden=False):
    done, failed = [], []
    for step in steps:
        try:
            done.append(str(step())[:60])
        except BaseException as error:
            failed.append(type(error).__name__)
    raise RuntimeError(" ".join([*["BREACH"] * (forbidden and bool(done)), *done, *failed]))
""",
    "libc ok call": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def ok(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result
def call(number, *args):
    args = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return ok(libc.syscall(ctypes.c_long(number), *args))
""",
    "reached": """
def reached(step):
    # The kernel has looked at the arguments, so it would do it with better ones.
    try:
        return step()
    except OSError as error:
        if error.errno in (1, 13, 38):  # not permitted, access denied, not implemented
            raise
        return error
""",
    "live_on": """
def live_on():
    import os, signal, time
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    time.sleep(20)
    os._exit(0)
""",
}
# Of calls that the C library has no function for.
SYSTEM_CALLS = {
    "x86_64": {
        "bpf": 321,
        "perf_event_open": 298,
        "userfaultfd": 323,
        "add_key": 248,
        "keyctl": 250,
    },
    "aarch64": {
        "bpf": 280,
        "perf_event_open": 241,
        "userfaultfd": 282,
        "add_key": 217,
        "keyctl": 219,
    },
}
