"""What can be asked of a review: the page, the marks, a choice.

Free of HTTP but for the statuses of the answers; several threads may ask at once.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.logging import get_logger
from common.terms import STEERING_TYPES
from phase4_5.records import RunSummary
from phase4_5.report import write_reports
from phase4_5.report.page import render_report
from phase4_5.results.choice import choose, read_choice
from phase4_5.results.run_files import load_run, load_summary
from phase4_5.review.marks import Conflict, Marks

logger = get_logger("phase4_5.review.review")

Answer = tuple[int, dict[str, Any]]


class Review:
    """What can be asked of a review; each method answers with an HTTP status and an object."""

    def __init__(self, folder: Path, reviewer: str) -> None:
        """Read the run.

        Raises:
            InputError: a file of it is missing or damaged.
        """
        self._folder = folder
        self._reviewer = reviewer
        self._run = load_run(folder)
        self._marks = Marks(self._run)
        self._choosing = threading.Lock()
        self._writing = threading.Lock()
        self._writers: list[threading.Thread] = []

    def page(self) -> str:
        """The page, with the choice that is on disk now."""
        run = load_run(self._folder)
        self._require_same_run(run.summary)
        return render_report(run, review=True)

    def state(self) -> Answer:
        """All marks, and the choice."""
        choice = read_choice(self._folder)
        return 200, {
            "marks": self._marks.shown(),
            "selected": choice.dump() if choice else None,
            "reviewer": (choice.reviewer if choice else None) or self._reviewer,
        }

    def mark(self, asked: Mapping[str, Any]) -> Answer:
        """Save a mark and a note; see `review.marks.Marks.put`."""
        try:
            entry = self._marks.put(
                str(asked.get("example")),
                asked.get("mark"),
                asked.get("note"),
                asked.get("version"),
            )
        except Conflict as conflict:
            return 409, {"error": str(conflict), "entry": conflict.entry}
        return 200, {"entry": entry}

    def select(self, asked: Mapping[str, Any]) -> Answer:
        """Save a choice; refused with 409 if somebody has chosen since the choice that was seen."""
        coefficients = {name: _number(asked, name) for name in STEERING_TYPES}
        with self._choosing:
            self._require_same_run(load_summary(self._folder))
            current = read_choice(self._folder)
            if current is not None and current.timestamp != asked.get("seen"):
                return 409, {
                    "error": "somebody has chosen meanwhile; look at it, then save again",
                    "selected": current.dump(),
                }
            choice = choose(
                self._folder,
                coefficients,
                _text(asked, "rationale"),
                _text(asked, "reviewer"),
                self._marks.shown(),
            )
        self._rewrite_reports()
        return 200, {"selected": choice.dump()}

    def _require_same_run(self, summary: RunSummary) -> None:
        if summary.timestamp != self._run.summary.timestamp:
            raise InputError(
                "Phase 4.5 has been run again since this review was started; stop it (Ctrl-C) and "
                "start it again: python3 run.py review"
            )

    def _rewrite_reports(self) -> None:
        """Have the report, the Markdown and the pictures tell the new choice; takes seconds."""

        def rewrite() -> None:
            with self._writing:
                try:
                    write_reports(load_run(self._folder))
                except Exception as error:
                    logger.warning("reports not made anew (%s); python3 run.py report", error)

        self._writers.append(threading.Thread(target=rewrite))
        self._writers[-1].start()

    def finish(self) -> None:
        """Wait until the reports are written."""
        for writer in self._writers:
            writer.join()


def _number(asked: Mapping[str, Any], name: str) -> float | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} {value!r}: a number, or null")
    return float(value)


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} {value!r}: a text")
    return value
