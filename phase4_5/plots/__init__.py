"""The pictures of a run: files of them, for the eye and for print, and panels for the page.

A picture is a function with the decorator `pictures.picture`, in a module imported here.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from phase4_5.plots import (  # noqa: F401
    damage,
    failure_modes,
    outcome_map,
    quality,
    rates,
    wanted_effect,
)
from phase4_5.plots.direction import directions_of
from phase4_5.plots.page import COLUMN, WHOLE_WIDTH, draw_page, save_page
from phase4_5.plots.pictures import all_pictures
from phase4_5.plots.style import drawing_settings

if TYPE_CHECKING:
    from phase4_5.results.run_files import Run

OVERVIEW = "coefficient_analysis_plots"
SINGLE_PICTURES = "plots"


def save_plots(run: "Run") -> list[Path]:
    """Write all pictures into the run's folder.

    All on one page, 1400 pixels wide, with a column for each direction, as PNG and PDF; and
    each by itself, as wide as a column of a paper, as PDF and SVG.

    Returns:
        the files.

    Raises:
        InputError: a file can't be written.
    """
    pictures, directions = all_pictures(), directions_of(run)
    files = []
    with drawing_settings():
        page = draw_page(pictures, directions, WHOLE_WIDTH, len(directions))
        for kind in ("png", "pdf"):
            files.append(run.folder / f"{OVERVIEW}.{kind}")
            save_page(page, files[-1])
        for picture in pictures:
            page = draw_page([picture], directions, COLUMN, 1)
            for kind in ("pdf", "svg"):
                files.append(run.folder / SINGLE_PICTURES / f"{picture.name}.{kind}")
                save_page(page, files[-1])
    return files
