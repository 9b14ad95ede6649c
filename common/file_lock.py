"""A lock that one process at a time holds; the kernel takes it back when the process ends."""

import errno
import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO

from common.errors import InputError
from common.logging import get_logger

logger = get_logger("common.file_lock")

# What file systems answer that know no such locks (some of those in a network).
_UNSUPPORTED = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL}


class FileLock:
    """A lock file, held from its making until `release` or the end of the process.

    What a killed process leaves is a file that nobody holds: the next one takes it.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock, and write into the file who holds it.

        Where the file system has no locks, a warning says so and nothing is locked.

        Raises:
            InputError: another process holds it, which is named.
            OSError: the file can't be made.
        """
        self._path = path
        self._file = self._taken()
        while not self._is_in_place():  # Its holder has removed it meanwhile.
            self._file.close()
            self._file = self._taken()
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}")
        self._file.flush()

    def release(self) -> None:
        """Give the lock back; the file goes."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _taken(self) -> IO[str]:
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise InputError(
                f"{self._path.parent}: {holder} is at work in this folder; wait for it or end it, "
                "or choose another folder with PVA_SAE_DATA_DIR"
            ) from error
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                file.close()
                raise
            logger.warning(
                "%s: can't be locked here (%s); start no second run in this folder",
                self._path,
                error.strerror,
            )
        return file

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False
