"""Removing what a program left in its folder: in bounded time, and nothing outside it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

# No link is followed: what has become one isn't opened.
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ALL_FOR_THE_OWNER = 0o700


def empty_folder(folder: str, seconds: float) -> bool:
    """Remove what a program left, for `seconds` at most; whether nothing is left.

    However deep folders are, only one is open beside the first: those inside are moved to the top
    (shutil.rmtree would need a descriptor for each level, and a path can be too long to name).
    Every step starts from an open folder, so a program that still runs can't lead it elsewhere.
    """
    deadline = time.monotonic() + seconds
    try:
        with _opened(folder, None) as top:
            return _emptied(top, deadline)
    except OSError:
        return False


def _emptied(top: int, deadline: float) -> bool:
    # A prefix that no program can have guessed.
    prefix = os.urandom(8).hex()
    names = (f"{prefix}-{number}" for number in count())
    waiting: list[str] = []
    whole = _unpack(top, top, waiting, names, deadline)
    while waiting and time.monotonic() < deadline:
        name = waiting.pop()
        try:
            with _opened(name, top) as folder:
                whole &= _unpack(folder, top, waiting, names, deadline)
            os.rmdir(name, dir_fd=top)
        except OSError:
            whole = False
    return whole and not waiting


def _unpack(
    folder: int, top: int, waiting: list[str], names: Iterator[str], deadline: float
) -> bool:
    """Remove the files of an open folder, and move its folders to the top, where they wait.

    Returns:
        Whether it is empty now (but for what waits).
    """
    whole = True
    with os.scandir(folder) as entries:
        for entry in entries:
            if time.monotonic() >= deadline:
                return False
            try:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=folder)
                elif folder == top:
                    waiting.append(entry.name)
                else:
                    name = next(names)
                    _move(entry.name, folder, name, top)
                    waiting.append(name)
            except OSError:
                whole = False
    return whole


def _move(name: str, folder: int, new_name: str, top: int) -> None:
    """Move a folder to the top; one that can't be written to must be made so before."""
    with suppress(PermissionError):
        os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=top)
        return
    _give_to_owner(name, folder)
    os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=top)


@contextmanager
def _opened(name: str, parent: int | None) -> Iterator[int]:
    """A folder, open, in which this user may do everything.

    Raises:
        OSError: it is no folder (any more), or another user's.
    """
    try:
        folder = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        _give_to_owner(name, parent)
        folder = os.open(name, _FOLDER, dir_fd=parent)
    try:
        if os.fstat(folder).st_mode & _ALL_FOR_THE_OWNER != _ALL_FOR_THE_OWNER:
            os.fchmod(folder, _ALL_FOR_THE_OWNER)
        yield folder
    finally:
        os.close(folder)


def _give_to_owner(name: str, parent: int | None) -> None:
    try:
        os.chmod(name, _ALL_FOR_THE_OWNER, dir_fd=parent, follow_symlinks=False)
    except (NotImplementedError, ValueError) as error:  # So an older C library without /proc.
        raise PermissionError from error
