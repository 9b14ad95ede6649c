"""The sandbox's server: it reads jobs from standard input, and writes verdicts to output.

It ends when its input does. It grades by values (`grader`) and never runs a line of a program
itself; that is done by processes which its fork server (`fork_server`) forks.
"""

import json
import os
import signal
import socket
import sys
import time
from typing import Any

from . import grader, kernel, wire
from .clean_up import empty_folder
from .confinement import confine_to_folders
from .fork_server import MESSAGE_BYTES

CLEAN_UP_SECONDS = 0.1
"""How long a verdict waits for the program's folder to be emptied."""
_POLL_SECONDS = 0.005
_MEMORY_BYTES = 2 * 2**30
# Should the first alarm come while an exception is ignored (in a __del__, say).
_ALARM_AGAIN_SECONDS = 0.1


def main(fork_server_command: list[str]) -> None:
    """Serve until the input ends.

    The first frame tells how to confine the processes (see `fork_server.main`).

    Args:
        fork_server_command: the command of the fork server, without the number of its socket.
    """
    jobs = wire.Channel(0, 1)
    settings = jobs.receive()
    fork_server = _ForkServer(fork_server_command, settings)
    confine_to_folders(settings["readable"], settings["folder"], landlock=settings["landlock"])
    server = _Server(settings["folder"], fork_server)
    jobs.send("ready")
    while True:
        try:
            job = jobs.receive()
        except wire.Closed:
            return
        jobs.send(server.run(job))


class _ForkServer:
    """The process that forks programs, seen from here; one program at a time."""

    def __init__(self, command: list[str], settings: dict[str, Any]) -> None:
        self._socket, theirs = socket.socketpair()
        self._unheard = False
        theirs.set_inheritable(True)
        os.posix_spawn(sys.executable, [*command, str(theirs.fileno())], os.environ)
        theirs.close()
        self._ask(json.dumps(settings).encode())

    def start(self, channel: socket.socket, limits: dict[str, int]) -> None:
        """Start a program's process that is served through `channel`."""
        socket.send_fds(self._socket, [json.dumps(limits).encode()], [channel.fileno()])
        self._unheard = True

    def ended(self) -> bool:
        """Whether the program's process has ended by itself."""
        return self._ask(b"ended?") == b"yes"

    def end(self) -> int:
        """Kill the program's process and all that it has started; how it ended."""
        return int(self._ask(b"end"))

    def _ask(self, question: bytes) -> bytes:
        if self._unheard:  # One message at a time: a stream has no bounds between them.
            self._unheard = False
            self._hear()
        self._socket.send(question)
        return self._hear()

    def _hear(self) -> bytes:
        answer = self._socket.recv(MESSAGE_BYTES)
        if not answer:
            raise EOFError("the fork server has ended")
        return answer


class _Server:
    def __init__(self, folder: str, fork_server: _ForkServer) -> None:
        self._folder, self._fork_server = folder, fork_server
        kernel.bound_memory(_MEMORY_BYTES)
        signal.signal(signal.SIGALRM, _too_late)

    def run(self, job: dict[str, Any]) -> list[Any]:
        """The verdict on one job, with its duration and how the program's process ended.

        The last item says whether the folder is as before, so that another program may use it.
        """
        ours, theirs = socket.socketpair()
        start = time.monotonic()
        deadline = start + job["timeout"]
        self._fork_server.start(theirs, job["limits"])
        theirs.close()
        try:
            verdict = self._grade(wire.Channel(ours.fileno(), ours.fileno()), job)
            if verdict[0] == "gone" and not self._ends(deadline):
                verdict[0] = "stopped"
            duration = time.monotonic() - start
        finally:
            status = self._fork_server.end()
            ours.close()
        is_empty = empty_folder(self._folder, CLEAN_UP_SECONDS)
        return [*verdict, duration, status, is_empty]

    def _grade(self, channel: wire.Channel, job: dict[str, Any]) -> list[Any]:
        """The verdict; the alarm stops waiting as well as what a test does with a value."""
        try:
            signal.setitimer(signal.ITIMER_REAL, job["timeout"], _ALARM_AGAIN_SECONDS)
            return grader.verdict_on(channel, job["code"], job["setup"], job["tests"])
        except wire.TooLate:
            return ["stopped", None, None, 0]
        finally:
            _disarm()

    def _ends(self, deadline: float) -> bool:
        """Whether the program's process ends by itself before the deadline."""
        while time.monotonic() < deadline:
            if self._fork_server.ended():
                return True
            time.sleep(_POLL_SECONDS)
        return False


def _too_late(_signal: int, _frame: Any) -> None:
    raise wire.TooLate


def _disarm() -> None:
    """Switch the alarm off, should it also come meanwhile."""
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        except wire.TooLate:
            continue
        return
