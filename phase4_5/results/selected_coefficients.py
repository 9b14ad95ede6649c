"""What Phase 4.8 reads: the selected coefficients as typed values."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from common.config import Config, load_config
from common.errors import InputError
from common.files import read_json
from common.terms import STEERING_TYPES, ResidualSite, SteeringType
from common.utils import require_phase_file
from phase4_5.results.choice import SELECTED_FILE

if TYPE_CHECKING:
    import torch

SelectionMethod = Literal["recommended", "manual"]


@dataclass(frozen=True)
class SelectedCoefficient:
    """The strength chosen for one direction, and where that direction is read and written."""

    steering_type: SteeringType
    coefficient: float
    layer: int
    feature_idx: int
    residual_site: ResidualSite
    flip_rate: float
    """In percent, on the problems of the search."""
    qualifies: bool
    """Whether the rule of `analysis.recommendation` would take it."""
    rationale: str
    selection_method: SelectionMethod
    """By the rule, or by a person."""
    final_evaluation: dict[str, Any] | None
    """The rates on problems outside the search (`analysis.final_summary.summarise_final`)."""

    def load_direction(self, config: Config, device: str = "cpu") -> "torch.Tensor":
        """The latent's decoder direction [d_model].

        Raises:
            InputError: the SAE can't be loaded, or has no such latent.
        """
        # Here, so that reading a choice costs no import of torch.
        from phase2_5_simplified.sae_analyzer import load_decoder_direction

        return load_decoder_direction(self.layer, self.feature_idx, device, config)


def load_selected_coefficients(
    path: Path | str | None = None, config: Config | None = None
) -> dict[SteeringType, SelectedCoefficient]:
    """Read `selected_coefficients.json`: of Phase 4.5's output folder, or at `path`.

    Raises:
        InputError: the file is missing or damaged, a value in it is wrong, or it was made for
            another model than the configured one (not asked where `path` is given).
    """
    model_name = None
    if path is None:
        config = config or load_config()
        path, model_name = require_phase_file("4.5", SELECTED_FILE, config), config.model_name
    content = read_json(Path(path))
    selected = {}
    for steering_type in STEERING_TYPES:
        try:
            selected[steering_type] = _parse(steering_type, content[steering_type])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: no whole choice for {steering_type!r} in it ({error!r}); "
                "make it anew: python3 run.py phase 4.5"
            ) from error
    chosen_for = content.get("model_name")
    if model_name is not None and chosen_for not in (None, model_name):
        raise InputError(
            f"{path}: chosen for model {chosen_for!r}, but {model_name!r} is set; set "
            f"PVA_SAE_MODEL_NAME={chosen_for}, or choose another PVA_SAE_DATA_DIR"
        )
    return selected


def _parse(steering_type: SteeringType, raw: dict[str, Any]) -> SelectedCoefficient:
    site, method = raw["residual_site"], raw.get("selection_method", "recommended")
    if site not in get_args(ResidualSite):
        raise ValueError(f"residual_site {site!r}")
    if method not in get_args(SelectionMethod):
        raise ValueError(f"selection_method {method!r}")
    coefficient = float(raw["coefficient"])
    if not math.isfinite(coefficient):
        raise ValueError(f"coefficient {coefficient}")
    return SelectedCoefficient(
        steering_type=steering_type,
        coefficient=coefficient,
        layer=int(raw["layer"]),
        feature_idx=int(raw["feature_idx"]),
        residual_site=site,
        flip_rate=float(raw["flip_rate"]),
        qualifies=bool(raw["qualifies"]),
        rationale=str(raw["rationale"]),
        selection_method=method,
        final_evaluation=raw.get("final_evaluation"),
    )
