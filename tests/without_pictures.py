"""Runs that draw nothing, for tests that don't look at pictures.

Drawing is replaced where the reports call it; all else is real. In a process of its own, from the
root of the repository: `python -m tests.without_pictures phase 4.5` instead of `python run.py`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import run as door
from phase4_5.plots import OVERVIEW, SINGLE_PICTURES
from phase4_5.plots.pictures import all_pictures
from phase4_5.results.run_files import Run


def save_stand_ins(run: Run) -> list[Path]:
    """In place of `save_plots`: files of the same names."""
    singles = run.folder / SINGLE_PICTURES
    files = [run.folder / f"{OVERVIEW}.{kind}" for kind in ("png", "pdf")]
    for picture in all_pictures():
        files += [singles / f"{picture.name}.{kind}" for kind in ("pdf", "svg")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("in place of a picture")
    return files


@contextmanager
def without_drawing() -> Iterator[None]:
    """Reports that are written inside the `with` block have no pictures, nor has the page."""
    with (
        mock.patch("phase4_5.report.written.save_plots", save_stand_ins),
        mock.patch("phase4_5.report.page.data.panels_of", lambda _: []),
    ):
        yield


if __name__ == "__main__":
    with without_drawing():
        sys.exit(door.main())
