"""Programs that use parts of the kernel that no computation needs."""

from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import LINUX, Hostile, group_of, name_of, provable
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "kernel",
        {
            "what outlives a process": """
attack(
    lambda: ok(libc.shmget(KEY, 4096, 0o1600)),
    lambda: ok(libc.semget(KEY, 1, 0o1600)),
    lambda: ok(libc.msgget(KEY, 0o1600)),
)
""",
            "a message queue": """
attack(lambda: ok(libc.mq_open(b"/" + MARKER.encode(), 0o102, 0o600, None)))
""",
        },
        expects=("exception",),
        provable=True,
    ),
    *group_of(
        "kernel",
        {
            "a kept key": """
attack(lambda: call(CALLS["add_key"], b"user", MARKER.encode(), b"x", 1, -4))
""",
            "namespaces of its own": """
user, mount = 0x10000000, 0x20000
attack(
    lambda: ok(libc.unshare(user)), lambda: ok(libc.unshare(mount)),
    lambda: reached(lambda: ok(libc.setns(-1, 0))), forbidden=True,
)
""",
            "other roots": """
import os
attack(
    lambda: os.chroot("/"),
    lambda: reached(lambda: ok(libc.mount(b"none", b"/no such place", b"tmpfs", 0, None))),
    lambda: reached(lambda: ok(libc.umount2(b"/no such place", 2))),
    forbidden=True,
)
""",
            "parts of the kernel that hold bugs": """
space = (ctypes.c_uint8 * 128)()
steps = [
    lambda: call(425, 1, ctypes.byref(space)),  # io_uring_setup
    lambda: call(CALLS["bpf"], 0, ctypes.byref(space), 128),
    lambda: call(CALLS["perf_event_open"], ctypes.byref(space), 0, -1, -1, 0),
    lambda: call(CALLS["userfaultfd"], 0),
]
attack(*[lambda step=step: reached(step) for step in steps], forbidden=True)
""",
            "the machine itself": """
import socket
attack(
    lambda: socket.sethostname(socket.gethostname()),
    lambda: ok(libc.klogctl(3, ctypes.create_string_buffer(64), 64)),
    lambda: reached(lambda: ok(libc.swapoff(b"/no such place"))),
    lambda: reached(lambda: ok(libc.acct(b"/no such place"))),
    forbidden=True,
)
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
