"""Programs that look for secrets: environments, descriptors and memory of others."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import LINUX, Hostile, group_of, name_of, provable
from sentinels import Sentinels

from common.config import REPOSITORY_ROOT

PROGRAMS = [
    *group_of(
        "secrets",
        {
            "own environment": """
import os
names = [name for name in os.environ if "TOKEN" in name]
attack(*[lambda name=name: os.environ[name] for name in names])
""",
            "own environment, from the kernel": """
import re
attack(lambda: re.search(b"HF_TOKEN=.*?\\0", open("/proc/self/environ", "rb").read()).group())
""",
            "own environment, from the C library": """
libc.getenv.restype = ctypes.c_char_p
attack(lambda: libc.getenv(b"HF_TOKEN"))
""",
            "environment of others": """
import glob, re
def look(path):
    return re.search(b"HF_TOKEN=.*?\\0", open(path, "rb").read()).group()
paths = [f"/proc/{VICTIM}/environ", *sorted(glob.glob("/proc/[0-9]*/environ"))]
attack(*[lambda path=path: look(path) for path in paths])
""",
            "descriptors of others": """
import glob, os
paths = [path for pid in (PARENT, VICTIM) for path in glob.glob(f"/proc/{pid}/fd/*")]
def look(path):
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        text = file.read(32)
    return text if text.startswith(b"SECRET") else 1 / 0
attack(*[lambda path=path: look(path) for path in paths])
""",
            "descriptors inherited": """
import os
def look(number):
    text = os.pread(number, 32, 0)
    return text if text.startswith(b"SECRET") else 1 / 0
attack(*[lambda n=n: look(n) for n in range(1024)])
""",
        },
        expects=("exception",),
        provable=True,
    ),
    *group_of(
        "secrets",
        {
            "memory of another, as a file": """
def look():
    with open(f"/proc/{VICTIM}/mem", "rb", 0) as memory:
        memory.seek(VICTIM_ADDRESS)
        return memory.read(32)
attack(look)
""",
            "memory of another, by a call": """
def look():
    got = ctypes.create_string_buffer(32)
    mine = (ctypes.c_size_t * 2)(ctypes.addressof(got), 32)
    theirs = (ctypes.c_size_t * 2)(VICTIM_ADDRESS, 32)
    ok(libc.process_vm_readv(VICTIM, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0))
    return got.raw
attack(look)
""",
            "memory of another, as a debugger": """
import os
def look():
    libc.ptrace.restype = ctypes.c_long
    ok(libc.ptrace(16, VICTIM, None, None))  # PTRACE_ATTACH
    os.waitpid(VICTIM, 0x40000000)
    words = [libc.ptrace(1, VICTIM, ctypes.c_void_p(VICTIM_ADDRESS + n), None) for n in (0, 8, 16)]
    libc.ptrace(17, VICTIM, None, None)
    return b"".join(word.to_bytes(8, "little", signed=True) for word in words)
attack(look)
""",
            "descriptor of another, taken over": """
import os
attack(lambda: os.pread(call(438, os.pidfd_open(VICTIM), VICTIM_DESCRIPTOR, 0), 32, 0))
""",
        },
        expects=("exception",),
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


ASK = """
import json, sys
from common_simplified.sandbox import run_program
for code in json.load(sys.stdin):
    print(run_program(code, ["assert f(1) == 2"]).error)
"""


@pytest.mark.skipif(not LINUX, reason="nothing but Linux can hold them")
def test_secrets_that_the_run_was_started_with_stay_secret(sentinels: Sentinels) -> None:
    """Unlike here, where the sandbox may have been warm before there was a secret."""
    sentinels.begin()
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps([sentinels.source(program) for program in PROGRAMS]),
        capture_output=True,
        text=True,
        cwd=REPOSITORY_ROOT,
        close_fds=False,
        check=True,
    )
    assert len(done.stdout.splitlines()) == len(PROGRAMS)
    assert sentinels.traces(done.stdout) == []
