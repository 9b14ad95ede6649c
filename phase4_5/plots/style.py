"""How all pictures look: colours and sizes, those on paper."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# Colours of Okabe and Ito (2008), told apart with any colour vision; markers, line styles and
# hatches tell the same without colour.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, RED, PINK = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#999999"
COLOURS = {
    "black": BLACK,
    "orange": ORANGE,
    "sky": SKY,
    "green": GREEN,
    "yellow": YELLOW,
    "blue": BLUE,
    "red": RED,
    "pink": PINK,
    "grey": GREY,
    "white": "#FFFFFF",
}
"""By the names under which tables elsewhere know them."""

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 8.0, 7.5, 6.5
"""In points."""

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": TEXT_SIZE,
    "axes.linewidth": 0.6,
    "axes.titlesize": TITLE_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "axes.labelpad": 2,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.alpha": 0.3,
    "grid.linewidth": 0.4,
    "hatch.linewidth": 0.4,
    "legend.fontsize": SMALL_SIZE,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "pdf.fonttype": 42,  # TrueType, which publishers take
    "svg.hashsalt": "phase4.5",  # the same names inside the file each time
}

_DRAWING = threading.RLock()


@contextmanager
def drawing_settings(**more: Any) -> Iterator[None]:
    """Matplotlib's own settings and those of all pictures, not those that a person has at home.

    They are the process's, so one thread draws at a time.

    Args:
        more: further settings, with `__` for the dot in a name.
    """
    # Only here: importing matplotlib takes time.
    from matplotlib import style

    added = {name.replace("__", "."): value for name, value in more.items()}
    with _DRAWING, style.context(["default", SETTINGS, added]):
        yield


@cache
def text_width(text: str, size: float) -> float:
    """The width of a text in points."""
    from matplotlib.textpath import TextPath

    return TextPath((0, 0), text, size=size).get_extents().width if text.strip() else 0.0
