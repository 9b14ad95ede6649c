"""Records of the fit of a curve to a direction's coefficients."""

from typing import Annotated, Literal

from pydantic import Field

from common.typed_files import FileModel, Text
from phase4_5.records.program import Count, Interval

NoPeak = Literal[
    "no problems", "few coefficients", "few problems", "few effects", "separated", "none", "edge"
]
"""Why a fit names no strength: nothing can show the effect; too few coefficients, problems or
effects; outcomes that jump between two coefficients; no effect; a best strength that may lie
beyond the grid."""


class DosePoint(FileModel):
    """The effect wanted at a coefficient, with its 95 % interval: observed, or of the curve."""

    coefficient: float
    effect: float
    interval: Interval


class DoseResponse(FileModel):
    """The curve of the effect wanted over the coefficients (`analysis.dose_response`).

    Effects are in percent of the baseline's solved problems for incorrect-steering, and points of
    the baseline's pass rate for correct-steering. `best` is None where the fit can't tell, and
    `no_peak` then says why; the curve is empty where nothing could be fitted.
    """

    n_problems: Count
    n_effects: Count
    """Programs that show the effect wanted, over all coefficients."""
    best: Annotated[float, Field(gt=0)] | None
    interval: Interval | None
    no_peak: NoPeak | None
    observed: list[DosePoint]
    curve: list[DosePoint]
    statement: Text
