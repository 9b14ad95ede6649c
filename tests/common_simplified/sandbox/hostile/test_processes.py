"""Programs that start others, to outlive their own end."""

from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import LINUX, Hostile, group_of, name_of, provable
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "processes",
        {
            "fork": """
import os
if not os.fork(): live_on()
""",
            "forks twice and leaves its session": """
import os
if not os.fork():
    os.setsid()
    if not os.fork(): live_on()
    os._exit(0)
os.wait()
""",
            "forks twice and ends": """
import os
if not os.fork():
    os.setsid()
    if not os.fork(): live_on()
    os._exit(0)
os._exit(0)
""",
            "fork bomb": """
import os
def fork():
    if not os.fork(): live_on()
attack(*[fork] * 64)
""",
            "subprocess": """
import subprocess
subprocess.Popen(["/bin/sleep", "20"], start_new_session=True)
""",
            "shell": "import os\nos.system('/bin/sleep 20 &')\nos.popen('/bin/sleep 20')",
            "posix_spawn": "import os\nos.posix_spawn('/bin/sleep', ['sleep', '20'], {})",
            "becomes another program, in a child": """
import os
if not os.fork(): os.execv("/bin/sleep", ["sleep", "20"])
""",
            "forks by the C library": """
if not ok(libc.fork()): live_on()
""",
        },
        expects=("exception", "exited"),
        provable=True,
    ),
    *group_of(
        "processes",
        {
            "forks by clone3": """
arguments = (ctypes.c_uint64 * 8)(0, 0, 0, 0, 17)  # only the signal at its end: SIGCHLD
if not call(435, ctypes.byref(arguments), ctypes.sizeof(arguments)): live_on()
""",
            "multiprocessing": """
import multiprocessing
process = multiprocessing.get_context("fork").Process(target=live_on)
process.start()
import os
os._exit(0)
""",
            "opens a terminal for a child": """
import os
if not os.forkpty()[0]: live_on()
""",
        },
        expects=("exception", "exited"),
    ),
    *group_of(
        "processes",
        {
            "becomes another program": "import os\nos.execv('/bin/sleep', ['sleep', '20'])",
        },
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
