"""Whether files have changed: a hash of all that is in them.

Hashing weights of many GiB takes seconds at each start, so the hash of a large file is kept, by
its device, inode, size and times of change; a file that is edited has another time of change,
which nobody but the kernel sets.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from common.errors import InputError
from common.files import write_text

LARGE = 16 * 2**20
"""In bytes: below this a file is hashed each time."""
SETTLED = 2.0
"""Seconds: a file that has changed since may change once more within one tick of its clock."""
_MAX_KEPT = 500


def fingerprint(path: Path) -> str:
    """A short hash of a file, or of all files in a folder with their names.

    Raises:
        InputError: a file can't be read.
    """
    folder = path if path.is_dir() else path.parent
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    try:
        for file in files:
            name = file.relative_to(folder).as_posix()
            digest.update(f"{name}\0{_digest_of(file)}\n".encode())
    except OSError as error:
        raise InputError(f"{error.filename}: can't be read ({error.strerror})") from error
    return digest.hexdigest()[:16]


def _digest_of(file: Path) -> str:
    before = file.stat()
    if before.st_size < LARGE:
        return _hash(file)
    key = "-".join(
        str(number)
        for number in (
            before.st_dev,
            before.st_ino,
            before.st_size,
            before.st_mtime_ns,
            before.st_ctime_ns,
        )
    )
    kept = _kept()
    if key not in kept:
        found = _hash(file)
        if time.time() - before.st_ctime < SETTLED:
            return found
        kept = {**kept, key: found}
        _keep(dict(list(kept.items())[-_MAX_KEPT:]))
    return kept[key]


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _cache_file() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pva-steering" / "digests.json"


def _kept() -> dict[str, str]:
    """The hashes that are kept; none if that can't be read: they are only taken once more."""
    with suppress(OSError, ValueError, RecursionError, RuntimeError):
        content = json.loads(_cache_file().read_text(encoding="utf-8"))
        return dict(_hashes(content))
    return {}


def _hashes(content: object) -> Iterator[tuple[str, str]]:
    for key, value in content.items() if isinstance(content, dict) else ():
        if isinstance(value, str) and len(value) == 64:
            yield key, value


def _keep(hashes: dict[str, str]) -> None:
    with suppress(InputError, OSError, RuntimeError):
        write_text(_cache_file(), json.dumps(hashes, indent=0) + "\n")
