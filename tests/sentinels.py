"""Whether a hostile program got anywhere: all that must stay as it is is looked at afterwards."""

import contextlib
import ctypes
import fcntl
import os
import platform
import pty
import re
import resource
import secrets
import signal
import socket
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psutil
import pytest
from hostile_programs import HALF_A_SECOND, HELPERS, HONEST, SYSTEM_CALLS, TESTS, Hostile
from sentinel_things import Ears, Rooms, Victim

from common.config import REPOSITORY_ROOT
from common_simplified.sandbox import run_program

SETTLE_SECONDS = 3.0
MAX_PARENT_BYTES = 64 * 2**20


@cache
def _warm_up() -> None:
    """What the sandbox keeps ready for later programs is no trace of one."""
    for _ in range(2):
        assert run_program(HONEST, TESTS).passed
        run_program("while True: pass", TESTS, limits=HALF_A_SECOND)
    time.sleep(0.2)


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
        self.rooms = Rooms([folder, Path.home()], self.secret)
        undo.callback(self.rooms.remove)
        sockets = undo.enter_context(tempfile.TemporaryDirectory())
        self.ears = Ears(Path(sockets))
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
        self.victim = Victim(self._in_rooms("secret")[0])
        undo.callback(lambda: self.victim.end())
        self.watched = self._watched(folder)
        _warm_up()

    def _in_rooms(self, name: str) -> list[str]:
        return [os.path.join(room, name) for room in self.rooms.paths]

    def _open_secrets(self) -> None:
        """Descriptors of a secret that a careless start of a process would pass on."""
        secret = os.open(self._in_rooms("secret")[0], os.O_RDONLY)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        for number in (57, 300, 900):
            if number < most:
                # From there on the first that is free: a worker of the tests has many open.
                given = fcntl.fcntl(secret, fcntl.F_DUPFD, number)
                self._undo.callback(os.close, given)
        os.close(secret)

    def _watched(self, folder: Path) -> list[str]:
        """Folders in which no new name may appear."""
        folders = [folder, Path.home(), Path.cwd(), REPOSITORY_ROOT, Path(tempfile.gettempdir())]
        folders += map(Path, ("/", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/etc"))
        folders += [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
        folders += [Path(sysconfig.get_paths()["purelib"]), *map(Path, sys.path)]
        folders += map(Path, self.rooms.paths)
        return sorted({str(path.resolve()) for path in folders if path.is_dir()})

    def begin(self) -> None:
        """From now on, all counts that there is more of."""
        self.signals.clear()
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
        definitions = "".join([*lines, *helpers]).lstrip("\n")
        return f"{definitions}{program.code}"

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
        return [f"{more} bytes more in this process"] if more > MAX_PARENT_BYTES else []

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
        self.victim = Victim(self._in_rooms("secret")[0])
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
