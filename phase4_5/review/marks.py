"""A reviewer's marks and notes on examples, on disk as soon as they are made.

Each is bound to the program that it was made for: if a later run has another program in its place,
the old mark is kept in the file, apart, and not shown. Each has a version, so that of two tabs
the slower one is told and neither's words are lost.
"""

import fcntl
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from common.errors import InputError
from common.logging import get_logger
from common.typed_files import FileModel, Text, read_model, write_model
from phase4_5.records import ProgramRecord
from phase4_5.results.choice import MAX_CHARACTERS
from phase4_5.results.run_files import Run

logger = get_logger("phase4_5.review.marks")

MARKS_FILE = "review_marks.json"
LOCK_FILE = "review.lock"
MarkName = Literal["keep", "broken", "interesting"]
MARKS: tuple[MarkName, ...] = get_args(MarkName)

Entry = dict[str, Any]
"""What a reviewer sees of a mark: `mark`, `note` and `version`."""


class Mark(FileModel):
    """A mark and a note on one example."""

    mark: MarkName | None
    note: Annotated[Text, Field(max_length=MAX_CHARACTERS)]
    version: Annotated[int, Field(ge=0)]
    """How often it was changed."""
    program: str
    """A digest of the prompt and the program that it was made for."""

    def shown(self) -> Entry:
        """What a reviewer sees of it."""
        return {"mark": self.mark, "note": self.note, "version": self.version}


class MarksFile(FileModel):
    """The content of `review_marks.json`."""

    marks: dict[str, Mark]
    """By `records.example_key`."""
    of_other_programs: list[dict[str, Any]]
    """Those for programs that a later run has replaced, with their `example`."""


_NOT_YET = Mark(mark=None, note="", version=0, program="")


class Conflict(Exception):
    """Somebody else has changed the mark meanwhile; `entry` is what is saved."""

    def __init__(self, entry: Entry) -> None:
        super().__init__("changed in another tab meanwhile")
        self.entry = entry


class Marks:
    """The marks of a run's examples."""

    def __init__(self, run: Run) -> None:
        """Read those that are on disk.

        Raises:
            InputError: the file is damaged.
        """
        self._path = run.folder / MARKS_FILE
        self._lock = threading.Lock()
        self._programs = {
            record.example_key: _digest(record)
            for records in run.examples.values()
            for record in records
        }
        self._entries, self._apart = self._read()

    def _read(self) -> tuple[dict[str, Mark], list[dict[str, Any]]]:
        if not self._path.exists():
            return {}, []
        content = read_model(self._path, MarksFile, "mend it, or move it away")
        apart = list(content.of_other_programs)
        entries = {}
        for key, entry in content.marks.items():
            if entry.program == self._programs.get(key, entry.program):
                entries[key] = entry
            else:
                apart.append({"example": key, **entry.dump()})
        return entries, apart

    def shown(self) -> dict[str, Entry]:
        """`mark`, `note` and `version` of each example of this run that has one."""
        with self._lock:
            return {
                key: entry.shown() for key, entry in self._entries.items() if key in self._programs
            }

    def put(self, key: str, mark: Any, note: Any, version: Any) -> Entry:
        """Save a mark and a note; returns the entry with its new version.

        Args:
            key: the example, from `example_key`.
            mark: one of `MARKS`, or None.
            note: free text.
            version: the one that was seen; 0 for none yet.

        Raises:
            ValueError: the run has no such example, or a value is of the wrong kind.
            Conflict: `version` isn't the newest; nothing is changed.
        """
        if key not in self._programs:
            raise ValueError(f"example {key!r}: this run has none of that name")
        _check(mark, note, version)
        with self._lock:
            entry = self._entries.get(key, _NOT_YET)
            if version != entry.version:
                raise Conflict(entry.shown())
            changed = Mark.model_validate(
                {
                    "mark": mark,
                    "note": note,
                    "version": version + 1,
                    "program": self._programs[key],
                    "time": datetime.now(UTC).isoformat(timespec="seconds"),
                }
            )
            entries = {**self._entries, key: changed}
            write_model(self._path, MarksFile(marks=entries, of_other_programs=self._apart))
            self._entries = entries
        return changed.shown()


@contextmanager
def only_reviewer(folder: Path) -> Iterator[None]:
    """Be the one process that reviews a run.

    Raises:
        InputError: another process reviews it.
    """
    with (folder / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{folder}: a review of this run is open already; use its address, or stop it "
                "(Ctrl-C)"
            ) from error
        except OSError as error:  # Some file systems know no such locks.
            logger.warning(
                "%s: can't be locked (%s); open no second review", folder, error.strerror
            )
        yield


def _check(mark: Any, note: Any, version: Any) -> None:
    if mark is not None and mark not in MARKS:
        raise ValueError(f"mark {mark!r}: one of {', '.join(MARKS)}, or null")
    if not isinstance(note, str) or len(note) > MAX_CHARACTERS:
        raise ValueError(f"a note is a text of at most {MAX_CHARACTERS} characters")
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise ValueError(f"version {version!r}: a whole number of at least 0")


def _digest(record: ProgramRecord) -> str:
    text = record.prompt + "\0" + record.steered_code
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
