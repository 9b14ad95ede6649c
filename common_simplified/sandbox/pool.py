"""The servers of the sandbox, seen from the run: starting them, giving them jobs, ending them."""

import atexit
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from common.errors import RunError
from common_simplified.sandbox.inside import wire
from common_simplified.sandbox.inside.clean_up import empty_folder
from common_simplified.sandbox.inside.server import CLEAN_UP_SECONDS
from common_simplified.sandbox.isolation import (
    isolation,
    readable_folders,
    server_command,
    server_environment,
)

_START_SECONDS = 60.0
# How much longer than a program's own limit an answer may take, before its server is given up.
_GRACE_SECONDS = 0.6
# For the folder of a program that has left more than can be removed at once.
_SLOW_REMOVALS, _SLOW_REMOVAL_SECONDS = 3, 20.0
_MAX_ANSWER_BYTES = 2**17
_PIPE_PART = 2**16
_LIMITS_OF_ALL = {"RLIMIT_NOFILE": 64, "RLIMIT_CORE": 0, "RLIMIT_NPROC": 4096}


class Gone(Exception):
    """The server has ended; the job may be given to another."""


class Late(Exception):
    """The server doesn't answer in time."""


class _Server:
    """One process of `inside.server`, with the folder in which its programs run.

    `is_clean` says whether nothing is left there; another server takes the place of one that isn't.
    With bubblewrap the kernel drops what is left with the server's mounts.
    """

    def __init__(self) -> None:
        self.is_clean = True
        found = isolation()
        self._folder = None if found.bubblewrap else tempfile.mkdtemp(prefix="sandbox-")
        try:
            self._process = subprocess.Popen(
                server_command(found),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._folder or "/",
                env=server_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise Gone(f"{error.strerror}") from error
        settings = {
            "readable": readable_folders(),
            "landlock": found.landlock > 0,
            "seccomp": found.seccomp,
            "folder": self._folder or "/tmp",
            "limits": _LIMITS_OF_ALL,
        }
        try:
            if self.ask(settings, _START_SECONDS) != "ready":
                raise Gone("it answers strangely")
        except BaseException:
            self.end()
            raise

    def ask(self, message: Any, seconds: float) -> Any:
        """Send one frame and wait for the answer.

        Raises:
            Gone: the server has ended.
            Late: there is none in time.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        deadline = time.monotonic() + seconds
        try:
            unsent = memoryview(wire.json_frame(message))
        except ValueError as error:
            raise Gone(f"it takes no such job ({error})") from error
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            selector.register(self._process.stdin, selectors.EVENT_WRITE)
            os.set_blocking(self._process.stdin.fileno(), False)
            while (patience := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(patience):
                    if key.fileobj is self._process.stdin:
                        unsent = _send_part(key.fd, unsent)
                        if not unsent:
                            selector.unregister(self._process.stdin)
                        continue
                    part = os.read(key.fd, _PIPE_PART)
                    answer += part
                    if not part or len(answer) > _MAX_ANSWER_BYTES:
                        raise Gone(f"it ended with status {self._process.wait()}")
                    if wire.is_whole(answer):
                        return wire.frame_content(answer)
        raise Late

    def end(self, patience: float = 0.0) -> None:
        """End the server with all that it has started, and remove its folder.

        Args:
            patience: seconds that it gets to end by itself.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        # Closed, its input tells the server to end.
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.stdout.close()
        self._process.wait()
        if self._folder is not None and not _remove(self._folder, CLEAN_UP_SECONDS):
            with suppress(RuntimeError):  # No thread can be started (any more).
                threading.Thread(target=_remove_slowly, args=[self._folder]).start()


def _remove(folder: str, seconds: float) -> bool:
    """Remove a folder, for `seconds` at most; whether it is gone."""
    if not empty_folder(folder, seconds):
        return False
    with suppress(OSError):
        os.rmdir(folder)
    return not os.path.lexists(folder)


def _remove_slowly(folder: str) -> None:
    """Remove what takes long to remove, beside the run; a program may still be ending in it."""
    for _ in range(_SLOW_REMOVALS):
        if _remove(folder, _SLOW_REMOVAL_SECONDS):
            return
        time.sleep(CLEAN_UP_SECONDS)


def _send_part(pipe: int, unsent: memoryview) -> memoryview:
    try:
        return unsent[os.write(pipe, unsent[:_PIPE_PART]) :]
    except BlockingIOError:
        return unsent
    except BrokenPipeError as error:
        raise Gone("it has ended") from error


class Pool:
    """Servers that wait for jobs: as many as have been used at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Server] = []
        self._owner = os.getpid()

    def ask(self, job: Any, seconds: float) -> Any:
        """Give a job to a server and return its answer; once more if the server is gone.

        A job that ends two servers is answered as if its program had ended itself.

        Raises:
            RunError: no server can be started.
        """
        start = time.monotonic()
        for _ in range(2):
            with suppress(Gone):
                try:
                    with self._server() as server:
                        *answer, server.is_clean = server.ask(job, seconds + _GRACE_SECONDS)
                        return answer
                except Late:
                    return ["stopped", None, None, 0, time.monotonic() - start, 0]
        return ["nonsense", None, None, 0, time.monotonic() - start, 0]

    @contextmanager
    def _server(self) -> Iterator[_Server]:
        with self._lock:
            if self._owner != os.getpid():  # A fork's copy of the pool has no servers.
                self._idle, self._owner = [], os.getpid()
            server = self._idle.pop() if self._idle else None
        if server is None:
            try:
                server = _Server()
            except (Gone, Late) as error:
                command = server_command(isolation())[0]
                raise RunError(
                    f"the sandbox can't be started ({error or 'no answer'}); check that "
                    f"`{command}` runs, and the limits on memory and processes"
                ) from error
        try:
            yield server
        except BaseException:
            server.end()
            raise
        if not server.is_clean:
            server.end()
            return
        with self._lock:
            self._idle.append(server)

    def close(self) -> None:
        """End all servers that wait."""
        with self._lock:
            servers, self._idle = self._idle, []
            if self._owner != os.getpid():
                return
        for server in servers:
            server.end(patience=0.5)


POOL = Pool()
atexit.register(POOL.close)
