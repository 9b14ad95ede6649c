"""Programs that read, change and leave files outside their folder, or too many in it."""

from pathlib import Path

import pytest
from hostile_checks import assert_it_gets_nowhere, assert_it_succeeds_unheld
from hostile_programs import HALF_A_SECOND, LINUX, LITTLE_DISK, Hostile, group_of, name_of, provable
from sentinels import Sentinels

PROGRAMS = [
    *group_of(
        "files",
        {
            "writes": "attack(*[lambda path=path: open(path, 'w') for path in CANARIES])",
            "appends": """
attack(*[lambda path=path: open(path, "a").write("x") for path in CANARIES])
""",
            "changes in place": """
import mmap
def change(path):
    with open(path, "r+b") as file: mmap.mmap(file.fileno(), 0)[:1] = b"x"
attack(*[lambda path=path: change(path) for path in CANARIES])
""",
            "truncates by name": """
import os
attack(*[lambda path=path: os.truncate(path, 0) for path in CANARIES])
""",
            "opens by another call": """
how = (ctypes.c_uint64 * 3)(0o1001)  # write only, truncate
attack(
    *[lambda p=p: ok(libc.open(p.encode(), 0o1001)) for p in CANARIES],
    *[lambda p=p: call(437, -100, p.encode(), ctypes.byref(how), 24) for p in CANARIES],
)
""",
            "removes": """
import os
attack(*[lambda path=path: os.unlink(path) for path in CANARIES])
""",
            "removes a whole folder": """
import shutil
attack(*[lambda room=room: shutil.rmtree(room) for room in ROOMS])
""",
            "renames": """
import os
attack(*[lambda path=path: os.rename(path, path + MARKER) for path in CANARIES])
""",
            "replaces": """
import os
open("own", "w").write("x")
attack(*[lambda path=path: os.replace("own", path) for path in CANARIES])
""",
            "changes the mode": """
import os
attack(*[lambda path=path: os.chmod(path, 0o777) for path in (*CANARIES, *ROOMS)])
""",
            "changes the times": """
import os
attack(*[lambda path=path: os.utime(path, (0, 0)) for path in CANARIES])
""",
            "a symbolic link to write through": """
import os
for number, path in enumerate(CANARIES): os.symlink(path, str(number))
attack(*[lambda n=n: open(str(n), "w") for n in range(len(CANARIES))])
""",
            "a hard link": """
import os
attack(*[lambda n=n, path=path: os.link(path, str(n)) for n, path in enumerate(CANARIES)])
""",
            "links in a foreign folder": """
import os
attack(*[lambda room=room: os.symlink("/", room + "/" + MARKER) for room in ROOMS])
""",
            "mkfifo": """
import os
attack(*[lambda room=room: os.mkfifo(room + "/" + MARKER) for room in ROOMS])
""",
            "a database": """
import sqlite3
def make(room):
    with sqlite3.connect(room + "/" + MARKER) as base: base.execute("create table t (x)")
attack(*[lambda room=room: make(room) for room in ROOMS])
""",
            "climbs out of its folder": """
import os
attack(*[lambda n=n: open("../" * n + ROOMS[0] + "/" + MARKER, "w") for n in range(9)])
""",
            "shared memory": """
import os
attack(lambda: open("/dev/shm/" + MARKER, "w"), lambda: os.mkdir("/dev/shm/" + MARKER + "x"))
""",
            "reads a secret": "attack(*[lambda path=path: open(path).read() for path in SECRETS])",
            "reads a secret by a link": """
import os
for number, path in enumerate(SECRETS): os.symlink(path, str(number))
attack(*[lambda n=n: open(str(n)).read() for n in range(len(SECRETS))])
""",
            "reads a secret around corners": """
import os
roots = ("/proc/self/root", f"/proc/{PARENT}/root", f"/proc/{VICTIM}/root", "/proc/1/root")
attack(*[lambda r=r, path=path: open(r + path).read() for r in roots for path in SECRETS])
""",
            "lists a folder": """
import glob, os
attack(
    *[lambda room=room: sorted(os.listdir(room))[0] for room in ROOMS],
    *[lambda room=room: sorted(glob.glob(room + "/*"))[0][-40:] for room in ROOMS],
)
""",
            "writes to a terminal": """
import os
attack(lambda: os.write(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY), MARKER.encode()))
""",
        },
        expects=("exception",),
        provable=True,
    ),
    *group_of(
        "files",
        {
            "plants a file in every folder": """
import os
attack(*[lambda path=path: open(path + "/" + MARKER, "w") for path in (*WATCHED, "..", "../..")])
""",
            "plants a folder in every folder": """
import os
attack(*[lambda path=path: os.mkdir(path + "/" + MARKER) for path in (*WATCHED, "..", "../..")])
""",
            "types into a terminal": """
import fcntl, os
attack(lambda: fcntl.ioctl(os.open(TERMINAL, os.O_RDWR), 0x5412, b"x"))  # TIOCSTI
""",
            "extended attributes": """
import os
attack(*[lambda path=path: os.setxattr(path, "user.x", b"x") for path in CANARIES])
""",
            "changes the owner": """
import os
attack(*[lambda path=path: os.chown(path, 65534, 65534) for path in CANARIES])
""",
            "reads the accounts": """
import pwd
attack(lambda: open("/etc/passwd").read(), lambda: pwd.getpwall()[0], forbidden=True)
""",
            "opens the interpreter and the sandbox": """
import os
attack(*[lambda path=path: open(path, "ab") for path in HARNESS], forbidden=True)
""",
            "opens the machine's settings": """
import os
paths = ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/power/state", "/dev/kmsg")
attack(*[lambda path=path: os.open(path, os.O_WRONLY) for path in paths], forbidden=True)
""",
            "reads the disk": """
import os, stat
def read(path): return os.read(os.open(path, os.O_RDONLY), 512)
def make():
    os.mknod("disk", 0o600 | stat.S_IFBLK, DISK)
    return read("disk")
own = "/dev/block/%d:%d" % (os.major(DISK), os.minor(DISK))
attack(make, lambda: read(own), lambda: open("/dev/mem", "rb"), forbidden=True)
""",
            "opens by a file's handle": """
handle = (ctypes.c_uint32 * 4)(8, 1, 2, 0)
attack(
    lambda: reached(lambda: ok(libc.open_by_handle_at(-100, ctypes.byref(handle), 0))),
    forbidden=True,
)
""",
        },
        expects=("exception",),
    ),
    *group_of(
        "files",
        {
            "a link in place of its folder": """
import os
own = os.getcwd()
os.chdir("/")
def swap():
    os.rmdir(own)
    os.symlink(ROOMS[0], own)
attack(swap)
""",
            "links for the one who tidies up": """
import os
for n, room in enumerate(ROOMS): os.symlink(room, str(n))
os.mkdir("a")
os.symlink(ROOMS[0], "a/b")
os.chmod("a", 0)
""",
            "too large a file": """
with open("x", "wb") as file:
    for _ in range(3): file.write(bytes(2**20))
raise Exception("BREACH")
""",
        },
        expects=("exception",),
        limits=LITTLE_DISK,
    ),
    *group_of(
        "files",
        {
            "too many files": """
for n in range(512):
    with open(str(n), "wb") as file: file.write(bytes(2**20))
raise Exception("BREACH")
""",
        },
        expects=("exception",),
        limits=LITTLE_DISK,
        needs_bubblewrap=True,
    ),
    *group_of(
        "files",
        {
            "ever more files": """
import itertools
for n in itertools.count(): open(str(n), "w").close()
""",
            "ever deeper folders": """
import os
while True:
    os.mkdir("x" * 200)
    os.chdir("x" * 200)
""",
        },
        limits=HALF_A_SECOND,
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
