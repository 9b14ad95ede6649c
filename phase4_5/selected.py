"""What Phase 4.8 reads: the selected coefficients as typed values."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.config import Config, load_config
from common.errors import InputError
from common.files import read_json
from common.utils import require_phase_file
from common_simplified.residual_stream import ResidualSite
from phase2_5_simplified.features import STEERING_TYPES, SteeringType
from phase4_5.outputs import SELECTED_FILE


@dataclass(frozen=True)
class SelectedCoefficient:
    """The strength chosen for one direction, and where that direction is read and written."""

    coefficient: float
    layer: int
    feature_idx: int
    residual_site: ResidualSite
    flip_rate: float
    """In percent, on the problems of the search."""
    rationale: str


def load_selected_coefficients(
    path: Path | str | None = None, config: Config | None = None
) -> dict[SteeringType, SelectedCoefficient]:
    """Read `selected_coefficients.json`: of Phase 4.5's output folder, or at `path`.

    Raises:
        InputError: the file is missing or damaged, or a value in it is wrong.
    """
    if path is None:
        path = require_phase_file("4.5", SELECTED_FILE, config or load_config())
    content = read_json(Path(path))
    selected = {}
    for steering_type in STEERING_TYPES:
        try:
            selected[steering_type] = _parse(content[steering_type])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: no whole choice for {steering_type!r} in it ({error!r}); "
                "make it anew: python3 run.py phase 4.5"
            ) from error
    return selected


def _parse(raw: dict[str, Any]) -> SelectedCoefficient:
    site = raw["residual_site"]
    if site not in ("resid_pre", "resid_post"):
        raise ValueError(f"residual_site {site!r}")
    coefficient = float(raw["coefficient"])
    if not math.isfinite(coefficient):
        raise ValueError(f"coefficient {coefficient}")
    return SelectedCoefficient(
        coefficient=coefficient,
        layer=int(raw["layer"]),
        feature_idx=int(raw["feature_idx"]),
        residual_site=site,
        flip_rate=float(raw["flip_rate"]),
        rationale=str(raw["rationale"]),
    )
