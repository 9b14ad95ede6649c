"""Programs that signal other processes, or change them."""

from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import LINUX, Hostile, group_of, name_of, provable
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "signals",
        {
            "the process of the run": """
import os, signal
numbers = (signal.SIGURG, signal.SIGUSR1, signal.SIGTERM)
attack(*[lambda n=n: os.kill(PARENT, n) for n in numbers])
""",
            "its own parent": """
import os, signal
number = signal.SIGTERM if os.getppid() == PARENT else signal.SIGKILL
attack(lambda: os.kill(os.getppid(), number))
""",
            "kills": "import os\nattack(lambda: os.kill(VICTIM, 9))",
            "stops": "import os, signal\nattack(lambda: os.kill(VICTIM, signal.SIGSTOP))",
            "groups": """
import os, signal
attack(
    lambda: os.killpg(os.getpgid(PARENT), signal.SIGURG),
    lambda: os.killpg(os.getpgid(VICTIM), signal.SIGTERM),
)
""",
            "by a descriptor of a process": """
import os, signal
attack(
    lambda: signal.pidfd_send_signal(os.pidfd_open(VICTIM), signal.SIGTERM),
    lambda: signal.pidfd_send_signal(os.open(f"/proc/{VICTIM}", os.O_RDONLY), signal.SIGTERM),
)
""",
            "by other calls": """
value = ctypes.c_void_p(0)
attack(
    lambda: ok(libc.sigqueue(VICTIM, 15, value)),
    lambda: ok(libc.tgkill(VICTIM, VICTIM, 15)),
)
""",
            "by a pipe that belongs to another": """
import fcntl, os, signal
def strike(owner):
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETOWN, owner)
    fcntl.fcntl(read, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(write, b"x")
attack(lambda: strike(VICTIM), lambda: strike(PARENT))
""",
            "priority of another": """
import os
attack(
    lambda: os.setpriority(os.PRIO_PROCESS, VICTIM, 19),
    lambda: os.sched_setscheduler(VICTIM, os.SCHED_IDLE, os.sched_param(0)),
)
""",
            "limits of another": """
import resource
attack(lambda: resource.prlimit(VICTIM, resource.RLIMIT_NOFILE, (9, 9)))
""",
        },
        provable=True,
    ),
    *group_of(
        "signals",
        {
            "its keepers, by a pipe that belongs to them": """
import fcntl, os, signal
def strike(owner, number):
    read, write = os.pipe()
    try:
        fcntl.fcntl(read, fcntl.F_SETOWN, owner)
        fcntl.fcntl(read, fcntl.F_SETSIG, number)
        fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        os.write(write, b"x")
    finally:
        os.close(read)
        os.close(write)
try: strike(PARENT, signal.SIGURG)
except ProcessLookupError: owners = set(range(1, 500)) - {os.getpid()}  # only the sandbox's own
else: owners = {os.getppid()} - {PARENT}
attack(*[lambda owner=owner: strike(owner, signal.SIGKILL) for owner in owners])
""",
            "everyone": """
import os, signal
def strike():
    # To all who could be killed as well; who doesn't wait for it never notices it.
    os.kill(-1, signal.SIGURG)
    try: os.kill(VICTIM, 0)
    except ProcessLookupError: os.kill(-1, signal.SIGKILL)  # only the sandbox's own can be seen
attack(strike)
""",
            "its own group": """
import os
if os.getpgrp() != os.getpid(): raise Exception("BREACH: in the group of another")
os.kill(0, 9)
""",
        },
        expects=("exited", "exception"),
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
