"""The fork server: a process that does nothing but fork the processes of programs, and end them.

What a fork costs is its memory, page by page. It is a fresh interpreter that has imported little
(among it what programs import most), and it writes next to nothing afterwards.
"""

import gc
import json
import os
import sys
from _socket import socket
from contextlib import suppress

from . import kernel, program
from .confinement import Confinement, confine_to_folders

# So that a program that imports them pays nothing; a few more would cost every program more.
PRELOADED = (
    *("bisect", "collections", "copy", "functools", "heapq", "itertools", "math", "operator"),
    *("re", "string", "typing"),
)
MESSAGE_BYTES = 4096
_KILL = 9


def main(descriptor: int) -> None:
    """Serve the server at the other end of a socket until it ends.

    Its first message tells how to confine the processes: `readable` paths, the only `folder` they
    may write to, `landlock` and `seccomp` or not, resource `limits`. A message with a descriptor
    then starts a program's process (the message holds its own limits), "ended?" asks about it,
    "end" ends it and all that it has started.
    """
    kernel.die_with_parent()
    server = socket(fileno=descriptor)
    settings = json.loads(server.recv(MESSAGE_BYTES))
    for name in PRELOADED:
        __import__(name)
    calls = kernel.SystemCallFilter() if settings["seccomp"] else None
    folder = settings["folder"]
    os.environ["TMPDIR"] = folder
    os.chdir(folder)
    kernel.adopt_orphans()
    kernel.limit_resources(settings["limits"])
    confine_to_folders(settings["readable"], folder, landlock=settings["landlock"])
    _hide_modules()
    gc.collect()
    gc.freeze()
    server.send(b"ready")
    process, status = 0, None
    while True:
        message, passed, _, _ = server.recvmsg(MESSAGE_BYTES, 64)
        if passed:
            channel = int.from_bytes(passed[0][2], sys.byteorder)
            process = os.fork()
            if process == 0:
                program.main(channel, Confinement(json.loads(message), calls))
            os.close(channel)
            status = None
            server.send(b"started")
        elif message == b"ended?":
            status = _wait(process, os.WNOHANG) if status is None else status
            server.send(b"no" if status is None else b"yes")
        elif message == b"end":
            if status is None:
                with suppress(ProcessLookupError):
                    os.kill(process, _KILL)
                status = _wait(process, 0)
            if calls is None:
                _sweep(process)
            server.send(b"%d" % (status or 0))
        else:
            return


def _hide_modules() -> None:
    """A program sees the modules that it imports, not those of the sandbox."""
    package = __name__.rpartition(".")[0]
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


def _wait(process: int, options: int) -> int | None:
    """How a process ended; None if it hasn't."""
    ended, status = os.waitpid(process, options)
    return os.waitstatus_to_exitcode(status) if ended else None


def _sweep(process: int) -> None:
    """Kill what a program has started and left behind, where no filter forbids it to."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, _KILL)
    while children := _children():
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, _KILL)
        for child in children:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    """This process's children, adopted orphans among them; only Linux tells."""
    with suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as children:
        return [int(number) for number in children.read().split()]
    return []
