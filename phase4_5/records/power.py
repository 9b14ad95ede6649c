"""Records of what a comparison with random directions can show."""

from typing import Literal

from common.typed_files import FileModel, Text
from phase4_5.records.program import Count


class Detectable(FileModel):
    """The smallest effect that so many held-out problems show with 80 % power.

    `of_all` is in percent of these problems, `of_those` of the ones that can show it: failed ones
    for correct-steering, solved ones for incorrect-steering. Both are None where even all of them
    wouldn't be enough.
    """

    n_problems: Count
    n_that_can: Count
    of_all: float | None
    of_those: float | None


class PowerReport(FileModel):
    """What the held-out problems and random directions of a run could show.

    `between` and `residual` are standard deviations in points, as in `DirectionTest`: those of
    this run (`measured`), or those of an earlier one.
    """

    basis: Literal["planned", "measured"]
    n_directions: Count
    n_per_problem: Count
    between: float
    residual: float
    detectable: list[Detectable]
    """With the problems that there are, then with more."""
    calm: Detectable | None = None
    """The first of them if random directions change few programs; None where that was measured."""
    statement: Text
