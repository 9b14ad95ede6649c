"""How strongly this machine can confine a generated program, and the command that begins it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from common.errors import InputError
from common.logging import get_logger
from common_simplified.sandbox.inside import kernel
from common_simplified.sandbox.inside.confinement import READABLE

logger = get_logger("common_simplified.sandbox")

SandboxMode = Literal["auto", "strict"]
INSIDE = Path(__file__).with_name("inside")
# What -I means, but for PYTHONHASHSEED, so that the order of a set is the same in every run.
# -S: only the standard library.
_PYTHON_OPTIONS = ("-s", "-P", "-S", "-B", "-X", "utf8")
# An interpreter that was started with these may not start without them.
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
# The parent of `inside`, and the module to begin with, are put into it.
_BEGIN = (
    "import sys; sys.path.insert(0, {parent!r}); "
    "from inside.{module} import main; del sys.path[0]; main({argument})"
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_MOUNTED_AT = "/sandbox"
_TEMPORARY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Isolation:
    """What of each kind there is: `bubblewrap` its path, `landlock` the version of its ABI."""

    bubblewrap: str | None
    landlock: int
    seccomp: bool

    @property
    def full(self) -> bool:
        """Whether programs can reach neither files, processes nor networks of this machine."""
        return self.seccomp and (self.bubblewrap is not None or self.landlock > 0)

    def __str__(self) -> str:
        means = [
            "bubblewrap" if self.bubblewrap else "",
            f"Landlock {self.landlock}" if self.landlock else "",
            "seccomp" if self.seccomp else "",
            "resource limits",
        ]
        return f"{'full' if self.full else 'partial'} ({', '.join(filter(None, means))})"


@cache
def isolation() -> Isolation:
    """Find out, once, by trying."""
    if sys.platform != "linux":
        return Isolation(None, 0, False)
    try:
        kernel.SystemCallFilter()
        seccomp = True
    except OSError:
        seccomp = False
    return Isolation(_working_bubblewrap(), kernel.landlock_version(), seccomp)


def require_isolation(mode: SandboxMode) -> Isolation:
    """Say once if programs can't be isolated fully here.

    Raises:
        InputError: `mode` is "strict" and they can't.
    """
    found = isolation()
    if not found.full:
        remedy = "on Linux, install bubblewrap and libseccomp (apt install bubblewrap libseccomp2)"
        if mode == "strict":
            raise InputError(
                f"PVA_SAE_SANDBOX=strict, but here the sandbox is {found}; {remedy}, or set "
                "PVA_SAE_SANDBOX=auto to run generated programs as well as it goes"
            )
        _warn_once(f"generated programs run in a sandbox that is {found}; {remedy}")
    return found


@cache
def _warn_once(line: str) -> None:
    logger.warning("%s", line)


def readable_folders() -> tuple[str, ...]:
    """The interpreter's own folders."""
    return tuple(sorted({os.path.realpath(_interpreter()), sys.base_prefix, sys.base_exec_prefix}))


def server_command(found: Isolation) -> list[str]:
    """The command that starts a server (`inside.server`), inside bubblewrap if there is one."""
    parent = _MOUNTED_AT if found.bubblewrap else str(INSIDE.parent)
    python = [_interpreter(), *_PYTHON_OPTIONS, "-c"]
    begin_fork_server = _BEGIN.format(
        parent=parent, module="fork_server", argument="int(sys.argv[1])"
    )
    fork_server = [*python, begin_fork_server]
    server = [*python, _BEGIN.format(parent=parent, module="server", argument=repr(fork_server))]
    return [*_wrap(found.bubblewrap), *server] if found.bubblewrap else server


def server_environment() -> dict[str, str]:
    """The whole environment of a server, and so of every program."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _interpreter() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _wrap(bubblewrap: str) -> list[str]:
    binds = [
        part
        for path in (*READABLE, *readable_folders())
        if not path.startswith("/dev/")
        for part in ("--ro-bind-try", path, path)
    ]
    devices = [part for path in _DEVICES for part in ("--dev-bind", path, path)]
    return [
        bubblewrap,
        # No session of its own: it is in that of the server, which is killed as a group.
        *("--unshare-all", "--cap-drop", "ALL", "--hostname", "sandbox"),
        *binds,
        *devices,
        *("--ro-bind", str(INSIDE), f"{_MOUNTED_AT}/inside"),
        *("--size", str(_TEMPORARY_BYTES), "--tmpfs", "/tmp"),
        *("--chdir", "/tmp"),
    ]


def _working_bubblewrap() -> str | None:
    """The path of bubblewrap, if there is one and it may make namespaces here."""
    path = shutil.which("bwrap")
    if path is None:
        return None
    command = [*_wrap(path), _interpreter(), *_PYTHON_OPTIONS, "-c", "import math"]
    try:
        subprocess.run(
            command,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return path
