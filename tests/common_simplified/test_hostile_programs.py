"""Programs that mean harm: none passes, outstays its time or leaves a trace.

Each tries one thing and then ends in an error or a wrong answer. Whether it got anywhere is seen
by `Sentinels`: files, sockets, processes and secrets that belong to the test. What a program could
read comes back in its error, behind BREACH where success alone is the harm. All of them are
bounded: should the sandbox fail, they harm nothing but these tests.
"""

import contextlib
import ctypes
import json
import os
import platform
import pty
import random
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from common.config import REPOSITORY_ROOT
from common_simplified.sandbox import SandboxLimits, isolation, run_program

LINUX = sys.platform == "linux"
PORTABLE_GROUPS = ("time", "forgeries", "parser")
GRACE_SECONDS = 1.0
SETTLE_SECONDS = 3.0
MOST_PARENT_BYTES = 64 * 2**20

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


def _group(group: str, programs: dict[str, str], **common: object) -> list[Hostile]:
    return [Hostile(name, group, code.lstrip("\n"), **common) for name, code in programs.items()]


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

TIME = [
    *_group(
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
    *_group(
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
    *_group(
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

MEMORY = [
    *_group(
        "memory",
        {
            "list": """
x = []
for _ in range(1024): x.append("x" * 2**20)
raise Exception("BREACH")
""",
            "small objects": """
x = []
for _ in range(2**24): x.append([0])
raise Exception("BREACH")
""",
            "bytearray": "x = bytearray(2**30)\nraise Exception('BREACH')",
            "string doubling": """
x = "x"
while len(x) < 2**30: x += x
raise Exception("BREACH")
""",
            "big number": "x = 1 << 2**33\nraise Exception('BREACH')",
            "mmap": """
import mmap
x = [mmap.mmap(-1, 2**24) for _ in range(64)]
raise Exception("BREACH")
""",
            "memory files": """
import os
def fill(number):
    memory = os.memfd_create(str(number))
    return sum(os.write(memory, bytes(2**20)) for _ in range(15))
if sum(fill(number) for number in range(50)) > 2**29: raise Exception("BREACH")
""",
            "limits raised": """
import resource
for name in ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CPU"):
    try: resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY,) * 2)
    except (ValueError, OSError): pass
x = bytearray(2**30)
raise Exception("BREACH")
""",
        },
        expects=("memory", "exception"),
        limits=LITTLE_MEMORY,
    ),
    *_group(
        "memory",
        {
            "errors out of memory swallowed": """
x = []
while True:
    try: x.append("x" * 2**20)
    except MemoryError: pass
""",
            "recursion without a limit": """
import sys
sys.setrecursionlimit(2**30)
def f(x): return [f(x)]
""",
            "recursion in C": """
x = []
for _ in range(10**6): x = [x]
def f(_): return repr(x)
""",
            "many threads": """
import threading, time
threading.stack_size(2**16)
for _ in range(2000): threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
""",
            "huge answer": "def f(x): return 'x' * 2**27",
            "huge list for an answer": "def f(x): return [0] * 2**24",
            "long number for an answer": "def f(x): return 7 ** 10**6",
            "deep answer": """
def f(x):
    for _ in range(10**5): x = [x]
    return x
""",
            "answer that holds itself": "def f(x):\n    x = []\n    x.append(x)\n    return x",
            "huge message of an error": "raise ValueError('x' * 2**27)",
            "huge name of an error": "raise type('E' * 2**26, (Exception,), {})('x')",
            "a long chain of errors": """
error = None
for number in range(10**5):
    cause, error = error, ValueError(number)
    error.__cause__ = error.__context__ = cause
raise error
""",
            "nested groups of errors": """
error = ValueError()
for _ in range(10**4): error = ExceptionGroup("x", [error])
raise error
""",
            "flood of output": """
import sys
for _ in range(100): sys.stdout.write("x" * 2**20) + sys.stderr.write("x" * 2**20)
def f(x): return 7
""",
        },
        limits=replace(LITTLE_MEMORY, timeout_seconds=1),
    ),
]

PROCESSES = [
    *_group(
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
    *_group(
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
    *_group(
        "processes",
        {
            "becomes another program": "import os\nos.execv('/bin/sleep', ['sleep', '20'])",
        },
    ),
]

FILES = [
    *_group(
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
    *_group(
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
    *_group(
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
    *_group(
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
    *_group(
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

NETWORK = [
    *_group(
        "network",
        {
            "TCP": """
import socket
attack(*[lambda address=address: socket.create_connection(address, 0.3) for address in TCP])
""",
            "TCP without connecting first": """
import socket
def send(kind, address):
    with socket.socket(kind, socket.SOCK_STREAM) as s:
        s.settimeout(0.3)
        s.sendto(b"x", socket.MSG_FASTOPEN, address)
attack(*[lambda address=address: send(2 if "." in address[0] else 10, address) for address in TCP])
""",
            "UDP": """
import socket
def send(address):
    kind = socket.AF_INET if "." in address[0] else socket.AF_INET6
    with socket.socket(kind, socket.SOCK_DGRAM) as s: s.sendto(b"x", address)
attack(*[lambda address=address: send(address) for address in UDP])
""",
            "a name server of its own": """
import socket
query = bytes.fromhex("1234 0100 0001 0000 0000 0000")
query += b"\\x06secret\\x07example\\x00" + bytes.fromhex("0001 0001")
def look_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(UDP[0])
        s.send(query)
attack(look_up)
""",
            "asyncio": """
import asyncio
async def talk(): await asyncio.wait_for(asyncio.open_connection(*TCP[0]), 0.3)
attack(lambda: asyncio.run(talk()))
""",
            "a UNIX socket": """
import socket
def send(kind, path):
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.connect(path)
        s.send(b"x")
attack(
    lambda: send(socket.SOCK_STREAM, UNIX),
    lambda: send(socket.SOCK_DGRAM, UNIX_DATAGRAM),
)
""",
            "an abstract UNIX socket": """
import socket
def send():
    with socket.socket(socket.AF_UNIX) as s: s.connect(ABSTRACT)
attack(send)
""",
            "urllib": """
import urllib.request
attack(lambda: urllib.request.urlopen("http://%s:%d" % TCP[0], timeout=0.3).read())
""",
            "serves": """
import socket
def serve():
    with socket.create_server(("127.0.0.1", LISTEN)) as s:
        s.settimeout(0.3)
        return s.accept()
attack(serve)
""",
        },
        expects=("exception",),
        provable=True,
    ),
    *_group(
        "network",
        {
            "TCP on many paths": """
import socket
def send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
        s.settimeout(0.3)
        s.connect(address)
attack(lambda: send(TCP[0]))
""",
            "raw": """
import socket, struct
def send():
    port = UDP[0][1]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as s:
        s.sendto(struct.pack("!4H", port, port, 9, 0) + b"x", ("127.0.0.1", 0))
attack(send)
""",
            "packets": """
import socket
attack(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300), forbidden=True)
""",
            "netlink": """
import socket, struct
def interfaces():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as s:
        s.settimeout(0.3)
        s.sendto(struct.pack("IHHIIBxHiII", 32, 18, 0x301, 1, 0, 0, 0, 0, 0, 0), (0, 0))
        heard = s.recv(2**16)
    found = [name for name in INTERFACES if name.encode() in heard]
    return ["BREACH", *found] if found else "nothing"
attack(interfaces)
""",
            "vsock": "import socket\nattack(lambda: socket.socket(40), forbidden=True)",
            "every other family": """
import socket
known = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
def make(family, kind): return socket.socket(family, kind).family
attack(
    *[lambda f=f, k=k: make(f, k) for f in range(1, 50) if f not in known for k in (1, 2, 3, 5)],
    forbidden=True,
)
""",
            "names": """
import socket
attack(lambda: socket.getaddrinfo("example.com", 80), forbidden=True)
""",
        },
        expects=("exception",),
    ),
]

SIGNALS = [
    *_group(
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
    *_group(
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

SECRETS = [
    *_group(
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
    *_group(
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

DESCRIPTORS = [
    *_group(
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

KERNEL = [
    *_group(
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
    *_group(
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

ANY = """
class Any{base}:
    def yes(self, *_): return True
    __eq__ = __ge__ = __le__ = __lt__ = __gt__ = __contains__ = __bool__ = yes
    def __ne__(self, _): return False
    __hash__ = None
def f(x): return {value}
"""
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

FORGERIES = [
    *_group(
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
            "equals everything": ANY.format(base="", value="Any()"),
            "a number that equals everything": ANY.format(base="(int)", value="Any(7)"),
            "a text that equals everything": ANY.format(base="(str)", value="Any(7)"),
            "a list that equals everything": ANY.format(base="(list)", value="Any([7])"),
            "a class that equals everything": ANY.format(
                base="(type)", value="Any('B', (), {})"
            ).replace("__hash__ = None", "__hash__ = object.__hash__"),
        },
        provable=True,
    ),
    *_group(
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
    *_group(
        "forgeries",
        {"ends well half-way": "import os\ndef f(x): return 2 if x == 1 else os._exit(0)"},
        tests=("assert f(1) == 2", "assert f(2) == 3"),
        expects=("exited",),
        provable=True,
    ),
    *[
        Hostile(f"equals everything: {test}", "forgeries", code, (test,), provable=True)
        for test, code in {
            "assert 2 == f(1)": ANY.format(base="(int)", value="Any(7)"),
            "assert f(1) in (2, 3)": ANY.format(base="", value="Any()"),
            "assert not f(1) != 2": ANY.format(base="", value="Any()"),
            "assert f(1) > 1 and f(1) < 3": ANY.format(base="", value="Any()"),
            "assert f(1) == (2, 3)": ANY.format(base="", value="(Any(), Any())"),
            "assert f(1) == {'a': [2]}": ANY.format(base="(str)", value="{'a': [Any()]}"),
            "assert sorted(f(1)) == [2, 3]": ANY.format(base="", value="[Any(), Any()]"),
            "assert abs(f(1) - 2) < 0.1": "class Any:\n    def __sub__(self, _): return 0\n"
            "def f(x): return Any()",
            "assert abs(2 - f(1)) < 0.1": "class Any:\n    def __rsub__(self, _): return 0\n"
            "def f(x): return Any()",
            "assert f(1).__eq__(2)": ANY.format(base="", value="Any()"),
        }.items()
    ],
    *[
        Hostile(f"redefines: {test}", "forgeries", code, (test,), provable=True)
        for test, code in {
            "assert abs(f(1) - 2) < 0.1": "def f(x): return 9\nabs = lambda x: 0",
            "assert sorted(f(1)) == [2]": "def f(x): return [9]\n"
            "class L(list):\n    __eq__ = lambda *_: True\nsorted = L",
            "assert all(x == 2 for x in f(1))": "def f(x): return [9]\nall = lambda _: True",
            "assert len(f(1)) == 2": "def f(x): return [9]\n"
            "import builtins\nbuiltins.len = lambda _: 2",
            "assert math.isclose(f(1), 2)": "def f(x): return 9\n"
            "import math\nmath.isclose = lambda *_: True",
            "assert math.isclose(f(1), 2.0)": "def f(x): return 9\n"
            "class math: isclose = lambda *_: True",
        }.items()
    ],
    *_group(
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
    *_group(
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

SYNTAX = ("syntax_error", "memory", "exception", "exited", "timeout")
PARSER = [
    *_group(
        "parser",
        {
            "null character": "x = 1\0\n" + HONEST,
            "lone surrogate": "x = '\ud800'\n" + HONEST,
            "open parentheses": "(" * 20_000,
            "nested parentheses": "x = " + "(" * 20_000 + ")" * 20_000,
            "nested lists": "x = " + "[" * 20_000 + "]" * 20_000,
            "nested calls": "x = " + "f(" * 20_000 + ")" * 20_000,
            "nested lambdas": "x = " + "lambda: " * 20_000 + "0",
            "nested not": "x = " + "not " * 20_000 + "0",
            "nested minus": "x = " + "-" * 200_000 + "1",
            "nested conditions": "x = " + "0 if 1 else " * 20_000 + "0",
            "nested f-strings": "x = " + "f'{" * 200 + "1" + "}'" * 200,
            "long format of an f-string": "x = f'{1" + ":{1" * 5_000 + "}" * 5_001 + "'",
            "nested blocks": "\n".join(" " * n + "if 1:" for n in range(500))
            + "\n"
            + " " * 500
            + "x",
            "nested functions": "\n".join(" " * n + f"def f{n}():" for n in range(90)),
            "long sum": "x = " + "1 + " * 100_000 + "1",
            "long chain of attributes": "x = 1" + " .real" * 100_000,
            "long chain of calls": "f = lambda: f\nf" + "()" * 100_000,
            "long chain of elif": "if 0: pass\n" + "elif 0: pass\n" * 20_000,
            "many decorators": "@f\n" * 50_000 + HONEST,
            "wrong long line": "x = '" + "a" * 1_000_000,
            "long number": "x = " + "9" * 1_000_000 + "\n" + HONEST,
            "byte order mark inside": "x = 1\n\ufeffy = 2\n" + HONEST,
            "wrong indentation": "def f(x):\n\treturn 2\n        return 3\n",
            "patterns": "match 1:\n case " + "[" * 20_000 + "]" * 20_000 + ": pass",
        },
        expects=SYNTAX,
    ),
    *_group(
        "parser",
        {
            "line of a million characters": "x = '" + "a" * 1_000_000 + "'\n" + WRONG,
            "hundred thousand statements": "x = 1\n" * 100_000 + WRONG,
            "million empty lines": "\n" * 1_000_000 + WRONG,
            "strange line ends": WRONG.replace("\n", "\r\n") + "\f\r\v = 1",
            "byte order mark": "\ufeff" + WRONG,
            "unknown encoding": "# -*- coding: no-such -*-\n" + WRONG,
            "encoding that hides a program": "# coding: utf-7\n"
            + WRONG
            + "#+AAo-def f(x): return 2",
            "numbers that fold": "x = ((((2**60)**60)**60)**60)**60 if 0 else 'a' * 10**5\n"
            + WRONG,
        },
    ),
]

PROGRAMS = [
    *TIME,
    *MEMORY,
    *PROCESSES,
    *FILES,
    *NETWORK,
    *SIGNALS,
    *SECRETS,
    *DESCRIPTORS,
    *KERNEL,
    *FORGERIES,
    *PARSER,
]


# What a naive harness does: it runs the program and its tests in its own process, and believes.
NAIVE = """
import json, os, sys
with open(sys.argv[1]) as file: code, tests = json.load(file)
def report(*words):
    sys.modules["os"].write(1, sys.modules["json"].dumps(words).encode())
def judge():
    namespace, passed = {"__name__": "__main__"}, 0
    exec(compile(code, "<program>", "exec"), namespace)
    for test in tests:
        exec(compile(test, "<test>", "exec"), namespace)
        passed += 1
    return passed
try:
    judge()
except Exception:
    import traceback
    traceback.print_exc()
    report("failed")
else:
    report("passed")
"""

VICTIM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # Yama: any may look in here.
secret = ctypes.create_string_buffer(os.environ["HF_TOKEN"].encode())
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGURG):
    signal.signal(number, lambda number, _: os.write(1, b"%d " % number))
print(ctypes.addressof(secret), os.open(sys.argv[1], os.O_RDONLY), flush=True)
while os.read(0, 1): pass
"""


class _Victim:
    """Another process of this user, with a secret, that notes the signals it gets."""

    def __init__(self, secret_file: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", VICTIM, secret_file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.address, self.descriptor = map(int, self.process.stdout.readline().split())
        os.set_blocking(self.process.stdout.fileno(), False)
        self._before = self._state()

    def _state(self) -> tuple[object, ...]:
        pid = self.process.pid
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        priority = os.getpriority(os.PRIO_PROCESS, pid)
        return state in "RSD", limit, priority, os.sched_getscheduler(pid)

    def traces(self) -> list[str]:
        assert self.process.stdout is not None
        if self.process.poll() is not None:
            return ["the victim is dead"]
        traces = [] if self._state() == self._before else ["the victim has changed"]
        if signals := self.process.stdout.read():
            traces.append(f"signals to the victim: {signals!r}")
        return traces

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class _Rooms:
    """Folders, in the user's home and elsewhere, whose content must stay as it is."""

    def __init__(self, parents: list[Path], secret: str) -> None:
        self._secret = secret
        self.paths: list[str] = []
        for parent in parents:
            with contextlib.suppress(OSError):
                self.paths.append(tempfile.mkdtemp(prefix=".hostile-", dir=parent))
        self.fill()

    def fill(self) -> None:
        for room in self.paths:
            shutil.rmtree(room, ignore_errors=True)
            os.mkdir(room, 0o700)
            Path(room, "canary").write_text("canary")
            Path(room, "secret").write_text(self._secret)
            Path(room, self._secret).touch()
        self._before = self._look()

    def _look(self) -> dict[str, tuple[object, ...]]:
        seen: dict[str, tuple[object, ...]] = {}
        for room in self.paths:
            if not os.path.isdir(room):
                continue
            seen[room] = (os.stat(room).st_mode, os.stat(room).st_uid)
            for name in sorted(os.listdir(room)):
                path = os.path.join(room, name)
                status = os.lstat(path)
                regular = name in ("canary", "secret") and os.path.isfile(path)
                seen[path] = (
                    *(status.st_mode, status.st_ino, status.st_nlink, status.st_uid),
                    *(status.st_gid, status.st_size, status.st_mtime_ns, status.st_ctime_ns),
                    Path(path).read_bytes() if regular else None,
                )
        return seen

    def traces(self) -> list[str]:
        now = self._look()
        paths = {path for path in (*now, *self._before) if now.get(path) != self._before.get(path)}
        return [f"changed: {path.replace(self._secret, '...')}" for path in sorted(paths)]

    def remove(self) -> None:
        for room in self.paths:
            shutil.rmtree(room, ignore_errors=True)


class _Ears:
    """Sockets on which nothing may arrive, and a knock on a port on which nothing may listen."""

    def __init__(self, folder: Path) -> None:
        self._sockets: list[socket.socket] = []
        self.unix, self.datagram = str(folder / "stream"), str(folder / "datagram")
        self.abstract = "\0" + secrets.token_hex(8)
        stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
        for address in (self.unix, self.abstract):
            self._open(socket.AF_UNIX, stream, address)
        self._open(socket.AF_UNIX, datagram, self.datagram)
        self.tcp, self.udp = self._open_both(stream), self._open_both(datagram)
        self._answered = threading.Event()
        self._closing = threading.Event()
        self.listen = self._free_port()
        self._knocking = threading.Thread(target=self._knock, daemon=True)
        self._knocking.start()

    def _open(self, family: int, kind: int, address: object) -> socket.socket:
        ear = socket.socket(family, kind)
        self._sockets.append(ear)
        ear.bind(address)
        if kind == socket.SOCK_STREAM:
            ear.listen()
        ear.setblocking(False)
        return ear

    def _open_both(self, kind: int) -> list[tuple[str, int]]:
        addresses = [self._open(socket.AF_INET, kind, ("127.0.0.1", 0)).getsockname()]
        with contextlib.suppress(OSError):  # not every machine has IPv6
            addresses.append(self._open(socket.AF_INET6, kind, ("::1", 0)).getsockname()[:2])
        return addresses

    def _free_port(self) -> int:
        while True:
            # Below the ports that connections get, or a knock could reach itself.
            port = random.SystemRandom().randrange(20_000, 30_000)
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
                return port

    def _knock(self) -> None:
        while not self._closing.wait(0.01):
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.listen), 0.1),
            ):
                self._answered.set()

    def traces(self) -> list[str]:
        traces = []
        for ear in self._sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    if ear.type == socket.SOCK_STREAM:
                        ear.accept()[0].close()
                    else:
                        ear.recv(4096)
                    traces.append(f"heard on {ear.family.name} {ear.type.name}")
        if self._answered.is_set():
            self._answered.clear()
            traces.append("a program served this machine")
        return traces

    def close(self) -> None:
        self._closing.set()
        self._knocking.join()
        for ear in self._sockets:
            ear.close()


class Sentinels:
    """All that must stay as it is, and the names by which programs know it."""

    def __init__(self, folder: Path, undo: contextlib.ExitStack) -> None:
        self.secret = "SECRET" + secrets.token_hex(8)
        self.marker = "hx" + secrets.token_hex(5)
        self.key = secrets.randbits(30) + 1
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._undo = undo
        patch = undo.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("HF_TOKEN", self.secret)
        # Descendants whose own parents have ended become this process's children.
        self._libc.prctl(36, 1, 0, 0, 0)
        undo.callback(self._libc.prctl, 36, 0, 0, 0, 0)
        self.rooms = _Rooms([folder, Path.home()], self.secret)
        undo.callback(self.rooms.remove)
        sockets = undo.enter_context(tempfile.TemporaryDirectory())
        self.ears = _Ears(Path(sockets))
        undo.callback(self.ears.close)
        self._master, slave = pty.openpty()
        self.terminal = os.ttyname(slave)
        os.set_blocking(self._master, False)
        for descriptor in (self._master, slave):
            undo.callback(os.close, descriptor)
        self._open_secrets()
        self._old_keys: set[int] = set()
        self.signals: list[int] = []
        for number in (signal.SIGURG, signal.SIGUSR1, signal.SIGTERM):
            before = signal.signal(number, lambda number, _: self.signals.append(number))
            undo.callback(signal.signal, number, before)
        self.victim = _Victim(self._in_rooms("secret")[0])
        undo.callback(lambda: self.victim.end())
        self.watched = self._watched(folder)
        self._warm_up()

    def _in_rooms(self, name: str) -> list[str]:
        return [os.path.join(room, name) for room in self.rooms.paths]

    def _open_secrets(self) -> None:
        """Descriptors of a secret that a careless start of a process would pass on."""
        secret = os.open(self._in_rooms("secret")[0], os.O_RDONLY)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        for number in (57, 300, 900):
            if number < most:
                os.dup2(secret, number, inheritable=True)
                self._undo.callback(os.close, number)
        os.close(secret)

    def _watched(self, folder: Path) -> list[str]:
        """Folders in which no new name may appear."""
        folders = [folder, Path.home(), Path.cwd(), REPOSITORY_ROOT, Path(tempfile.gettempdir())]
        folders += map(Path, ("/", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/etc"))
        folders += [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
        folders += [Path(sysconfig.get_paths()["purelib"]), *map(Path, sys.path)]
        folders += map(Path, self.rooms.paths)
        return sorted({str(path.resolve()) for path in folders if path.is_dir()})

    def _warm_up(self) -> None:
        """What the sandbox keeps ready for later programs is no trace of one."""
        for _ in range(2):
            assert run_program(HONEST, TESTS).passed
            run_program("while True: pass", TESTS, limits=HALF_A_SECOND)
        time.sleep(0.2)

    def begin(self) -> None:
        """From now on, all counts that there is more of."""
        self._before = self._processes()
        self._n_descriptors = len(os.listdir("/proc/self/fd"))
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # The peak of memory starts anew.
        self._begin_bytes = self._peak_bytes()

    def source(self, program: Hostile) -> str:
        """The program, with the definitions of what it mentions."""
        words = set(re.findall(r"\w+", program.code))
        constants = {name: value for name, value in self._targets().items() if name in words}
        helpers = [text for names, text in HELPERS.items() if words & set(names.split())]
        lines = [f"{name} = {value!r}\n" for name, value in constants.items()]
        return "".join([*lines, *helpers]).lstrip("\n") + program.code

    def _targets(self) -> dict[str, object]:
        sandbox = [str(path) for path in REPOSITORY_ROOT.glob("common_simplified/sandbox*/**/*.py")]
        return {
            "MARKER": self.marker,
            "ROOMS": self.rooms.paths,
            "CANARIES": self._in_rooms("canary"),
            "SECRETS": self._in_rooms("secret"),
            "WATCHED": self.watched,
            "HARNESS": [*sandbox, __file__, os.__file__, os.path.realpath(sys.executable)],
            "TERMINAL": self.terminal,
            "TCP": self.ears.tcp,
            "UDP": self.ears.udp,
            "UNIX": self.ears.unix,
            "UNIX_DATAGRAM": self.ears.datagram,
            "ABSTRACT": self.ears.abstract,
            "LISTEN": self.ears.listen,
            "PARENT": os.getpid(),
            "VICTIM": self.victim.process.pid,
            "VICTIM_ADDRESS": self.victim.address,
            "VICTIM_DESCRIPTOR": self.victim.descriptor,
            "INTERFACES": [name for _, name in socket.if_nameindex() if name != "lo"],
            "KEY": self.key,
            "CALLS": SYSTEM_CALLS.get(platform.machine(), {}),
            "DISK": os.stat("/").st_dev,
        }

    def traces(self, error: str | None, settle_seconds: float = SETTLE_SECONDS) -> list[str]:
        """What a program has left or learnt; processes get some time to end."""
        looks: list[Callable[[], list[str]]] = [
            self.rooms.traces,
            self.ears.traces,
            self.victim.traces,
            lambda: [f"new: {path}" for path in self._planted()],
            self._kept_by_the_kernel,
            self._memory,
            lambda: self._left_behind(settle_seconds),
            lambda: [f"signal {number} to this process" for number in self.signals],
        ]
        traces = [trace for look in looks for trace in look()]
        with contextlib.suppress(BlockingIOError):
            traces.append(f"on the terminal: {os.read(self._master, 4096)!r}")
        for word, meaning in ((self.secret, "a secret"), ("BREACH", "a success")):
            if word in (error or ""):
                traces.append(f"tells {meaning}: {(error or '').replace(self.secret, '...')}")
        return traces

    def _planted(self) -> list[Path]:
        """What bears the marker in the watched folders."""
        return [
            Path(folder, name)
            for folder in self.watched
            if os.path.isdir(folder)
            for name in os.listdir(folder)
            if self.marker in name
        ]

    def _kept_by_the_kernel(self) -> list[str]:
        found = [f"new: {kind} {number}" for kind, number in self._ipc()]
        found += [f"new: key {number}" for number in self._keys()]
        if self._libc.mq_unlink(b"/" + self.marker.encode()) == 0:
            found.append("new: message queue")
        return found

    def _ipc(self) -> list[tuple[str, int]]:
        return [
            (kind, int(line.split()[1]))
            for kind in ("shm", "sem", "msg")
            for line in Path("/proc/sysvipc", kind).read_text().splitlines()[1:]
            if int(line.split()[0]) == self.key
        ]

    def _keys(self) -> list[int]:
        with contextlib.suppress(OSError):
            lines = Path("/proc/keys").read_text().splitlines()
            found = [int(line.split()[0], 16) for line in lines if self.marker in line]
            return [number for number in found if number not in self._old_keys]
        return []

    @staticmethod
    def _peak_bytes() -> int:
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
        return int(found[1]) * 1024 if found else 0

    def _memory(self) -> list[str]:
        more = self._peak_bytes() - self._begin_bytes
        return [f"{more} bytes more in this process"] if more > MOST_PARENT_BYTES else []

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _left_behind(self, settle_seconds: float) -> list[str]:
        deadline = time.monotonic() + settle_seconds
        while True:
            processes = len(self._processes()) - len(self._before)
            descriptors = len(os.listdir("/proc/self/fd")) - self._n_descriptors
            if processes <= 0 and descriptors <= 0:
                return []
            if time.monotonic() >= deadline:
                return [f"{processes} more processes, {descriptors} more descriptors"]
            time.sleep(0.01)

    def restore(self) -> None:
        """Undo what a program has done."""
        self.signals.clear()
        self._end_processes()
        self.rooms.fill()
        self.victim.end()
        self.victim = _Victim(self._in_rooms("secret")[0])
        for path in self._planted():
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
        for kind, number in self._ipc():
            control = getattr(self._libc, f"{kind}ctl")
            control(number, 0, 0, 0) if kind == "sem" else control(number, 0, 0)
        for number in self._keys():
            calls = SYSTEM_CALLS[platform.machine()]
            self._libc.syscall(calls["keyctl"], 21, number)
        # One made as another user can't be removed from here; it ends with its namespace.
        self._old_keys.update(self._keys())
        run_program(HONEST, TESTS)  # If the sandbox's own has been ended with the rest.

    def _end_processes(self) -> None:
        new = set(self._processes()) - set(self._before)
        for process in new:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(new, timeout=SETTLE_SECONDS)


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels | None]:
    """Nothing where the sandbox can't isolate either."""
    if not LINUX:
        yield None
        return
    with contextlib.ExitStack() as undo:
        yield Sentinels(tmp_path_factory.mktemp("hostile"), undo)


def _name(program: Hostile) -> str:
    return f"{program.group}: {program.name}"


@pytest.mark.parametrize("program", PROGRAMS, ids=_name)
def test_a_hostile_program_gets_nowhere(program: Hostile, sentinels: Sentinels | None) -> None:
    if program.needs_bubblewrap and not isolation().bubblewrap:
        pytest.skip("without bubblewrap only each file is bounded, and the time")
    if sentinels is None:
        if program.group not in PORTABLE_GROUPS:
            pytest.skip("nothing but Linux can hold it")
        code, traces = program.code, []
    else:
        code = sentinels.source(program)
        sentinels.begin()
    begin = time.monotonic()
    result = run_program(code, program.tests, limits=program.limits)
    seconds = time.monotonic() - begin
    # The run goes on, and what a program has broken in the sandbox has been replaced.
    next_ones = run_program(HONEST, TESTS).outcome, run_program(WRONG, TESTS).outcome
    if sentinels is not None:
        traces = sentinels.traces(result.error)
        if traces:
            sentinels.restore()
    assert not result.passed
    assert not traces
    assert seconds < program.limits.timeout_seconds + GRACE_SECONDS
    assert not program.expects or result.outcome in program.expects, result.error
    error = result.error or ""
    assert len(error) <= 200 and error.isprintable()
    assert next_ones == ("passed", "wrong_answer")


def run_unheld(code: str, tests: tuple[str, ...], folder: Path) -> tuple[bool, str]:
    """Run a program as a naive harness would; whether it passes, and what it said."""
    job, output = folder / "job", folder / "output"
    job.write_text(json.dumps([code, tests]))
    (folder / "own").mkdir()
    with output.open("wb") as file:
        # No pipe: what the program leaves behind would keep it open.
        status = subprocess.run(
            [sys.executable, "-I", "-c", NAIVE, str(job)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=folder / "own",
            close_fds=False,
            timeout=8,
        ).returncode
    said = output.read_text(errors="replace")
    return status == 0 and '"failed"' not in said, said


@pytest.mark.skipif(not LINUX, reason="nothing but Linux can hold them")
@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.provable], ids=_name)
def test_it_succeeds_where_nothing_holds_it(
    program: Hostile, sentinels: Sentinels, tmp_path: Path
) -> None:
    sentinels.begin()
    passed, said = run_unheld(sentinels.source(program), program.tests, tmp_path)
    traces = sentinels.traces(said, settle_seconds=0.1)
    if traces:
        sentinels.restore()
    assert passed if program.group == "forgeries" else traces


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
        input=json.dumps([sentinels.source(program) for program in SECRETS]),
        capture_output=True,
        text=True,
        cwd=REPOSITORY_ROOT,
        close_fds=False,
        check=True,
    )
    assert len(done.stdout.splitlines()) == len(SECRETS)
    assert sentinels.traces(done.stdout) == []
