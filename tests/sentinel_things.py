"""What hostile programs are after: another process, folders with secrets, open sockets."""

import contextlib
import os
import random
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

VICTIM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # Yama: any may look in here.
secret = ctypes.create_string_buffer(os.environ["HF_TOKEN"].encode())
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGURG):
    signal.signal(number, lambda number, _: os.write(1, b"%d " % number))
print(ctypes.addressof(secret), os.open(sys.argv[1], os.O_RDONLY), flush=True)
while os.read(0, 1): pass
"""


class Victim:
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


class Rooms:
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


class Ears:
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

    def _open(self, family: int, kind: int, address: str | tuple[str, int]) -> socket.socket:
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
