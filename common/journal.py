"""A journal: each finished piece of work is on disk before the next one starts.

One JSON object a line. The first line holds the settings on which every record depends; a
journal of other settings is refused, so that results are never mixed.
"""

import json
import os
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from common.errors import InputError, RunError
from common.file_lock import FileLock


class Journal:
    """An append-only file of records, each with a `key`.

    Used as a context manager; `get` answers for what an earlier run finished.
    """

    def __init__(self, path: Path, settings: dict[str, Any], fresh: bool = False) -> None:
        """Open or make the journal at `path`; `fresh` drops what is in it.

        Until it is closed, no other process can open it: records of two runs never mix.

        Raises:
            InputError: it was written under other settings, isn't a journal, another process has
                it open, or its folder can't be written.
        """
        self.path = path
        # What is compared has gone through JSON, as what is on disk has.
        self._settings = json.loads(json.dumps(settings))
        self._records: dict[Hashable, dict[str, Any]] = {}
        with self._told_if_not_writable():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_suffix(".lock"))
        try:
            whole_length = self._read() if path.exists() and not fresh else 0
            with self._told_if_not_writable():
                self._file: IO[bytes] = path.open("ab")
            # A line that a killed run left half-written is dropped.
            self._file.truncate(whole_length)
            if whole_length == 0:
                self._append({"settings": self._settings})
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._lock.release()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, *key: Any) -> dict[str, Any] | None:
        """The finished record of `key`, or None."""
        return self._records.get(key)

    def finished(self) -> list[tuple[Any, ...]]:
        """The keys of all finished records, in their order."""
        return [key for key in self._records if isinstance(key, tuple)]

    def add(self, *key: Any, record: dict[str, Any]) -> None:
        """Write the record of `key` to the disk; a later `get` finds it."""
        self._append({"key": list(key), "record": record})
        self._records[key] = record

    @contextmanager
    def _told_if_not_writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{self.path}: can't be written ({error.strerror}); "
                "choose another output folder with PVA_SAE_DATA_DIR"
            ) from error

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, allow_nan=False) + "\n"
        try:
            self._file.write(line.encode("ascii"))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise RunError(
                f"{self.path}: can't be written ({error.strerror}); "
                "what was finished before is kept, start the same command again"
            ) from error

    def _read(self) -> int:
        """Read the records; return the length in bytes of the whole lines."""
        entries = list(self._entries())
        if entries and not isinstance(entries[0][0], dict):
            raise InputError(f"{self.path}: not a journal; move it away")
        # A journal without records binds nobody: its run failed before it finished anything.
        if len(entries) < 2:
            return 0
        self._check_settings(entries[0][0])
        for entry, _ in entries[1:]:
            self._records[tuple(entry["key"])] = entry["record"]
        return entries[-1][1]

    def _entries(self) -> Iterator[tuple[dict[str, Any], int]]:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self.path}: can't be read ({error.strerror})") from error
        start = 0
        while (end := data.find(b"\n", start)) != -1:
            try:
                entry = json.loads(data[start:end])
                if start > 0:
                    hash(tuple(entry["key"]))
                    if not isinstance(entry["record"], dict):
                        raise TypeError("a record is an object")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise InputError(
                    f"{self.path}: damaged at byte {start}; start over with --fresh"
                ) from error
            yield entry, end + 1
            start = end + 1

    def _check_settings(self, entry: dict[str, Any]) -> None:
        before = entry.get("settings")
        if not isinstance(before, dict):
            raise InputError(f"{self.path}: not a journal; move it away")
        for name in sorted(before.keys() | self._settings.keys()):
            old, new = before.get(name), self._settings.get(name)
            if old != new:
                raise InputError(
                    f"{self.path}: its results were made with {name}={old!r}, now it is {new!r}; "
                    "start over with --fresh, or choose another PVA_SAE_DATA_DIR"
                )
