"""How a process inside the sandbox is confined: what `kernel` offers, in the right order."""

import os
import sys

from . import kernel

READABLE = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/urandom",
    "/dev/zero",
)
"""Beside the interpreter's own folders; what of it isn't there is left out."""


class Confinement:
    """What confines a program's process beyond what confines the fork server it comes from."""

    def __init__(self, limits: dict[str, int], calls: kernel.SystemCallFilter | None) -> None:
        self._limits, self._calls = limits, calls

    def apply(self) -> None:
        """Confine this process from now on; there is no way back.

        Raises:
            OSError: the kernel refuses.
        """
        kernel.limit_resources(self._limits)
        if self._calls is not None:
            self._calls.load()


def confine_to_folders(readable: list[str], writable: str, *, landlock: bool) -> None:
    """Take from this process, and all that it forks, its privileges and other folders.

    Raises:
        OSError: the kernel refuses.
    """
    if sys.platform != "linux":
        return
    kernel.drop_privileges()
    if landlock:
        children = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
        kernel.restrict_by_landlock((*READABLE, *readable, children), (writable, os.devnull))


def leave_but(*kept: int) -> None:
    """Begin a new session, with the null device for standard input and output.

    Of the open descriptors only `kept` stay. The process is killed when its parent ends.
    """
    os.setsid()
    kernel.die_with_parent()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    low = 3
    for descriptor in sorted(kept):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, _max_descriptors())


def _max_descriptors() -> int:
    return min(int(os.sysconf("SC_OPEN_MAX")), 65536)
