"""What Phase 4.8 reads: the selected coefficients as typed values."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.config import Config, load_config
from common.errors import InputError
from common.files import read_json
from common.terms import STEERING_TYPES, ResidualSite, SteeringType
from common.utils import require_phase_file
from phase4_5.records import ChosenCoefficient, FinalEvaluation, SelectionMethod, Verdict
from phase4_5.results.choice import SELECTED_FILE

if TYPE_CHECKING:
    import torch


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
    """Whether the rule of `analysis.recommendation` would take it: its word alone."""
    verdict: Verdict
    """What is known of it: `supported` where the rule's bounds, the held-out problems and the
    random directions agree; else `unproven` or `contradicted`."""
    verdict_reason: str
    rationale: str
    selection_method: SelectionMethod
    """By the rule, or by a person."""
    final_evaluation: FinalEvaluation | None
    """The rates on problems outside the search."""

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
    values = content if isinstance(content, dict) else {}
    selected = {
        steering_type: _select(steering_type, values.get(steering_type), path)
        for steering_type in STEERING_TYPES
    }
    chosen_for = values.get("model_name")
    if model_name is not None and chosen_for not in (None, model_name):
        raise InputError(
            f"{path}: chosen for model {chosen_for!r}, but {model_name!r} is set; set "
            f"PVA_SAE_MODEL_NAME={chosen_for}, or choose another PVA_SAE_DATA_DIR"
        )
    return selected


def _select(steering_type: SteeringType, value: Any, path: Path | str) -> SelectedCoefficient:
    entry = ChosenCoefficient.parse(
        value,
        f"{path}: no whole choice for {steering_type!r} in it",
        "make it anew: python3 run.py phase 4.5",
    )
    return SelectedCoefficient(
        steering_type=steering_type,
        coefficient=entry.coefficient,
        layer=entry.layer,
        feature_idx=entry.feature_idx,
        residual_site=entry.residual_site,
        flip_rate=entry.flip_rate,
        qualifies=entry.qualifies,
        verdict=entry.verdict,
        verdict_reason=entry.verdict_reason,
        rationale=entry.rationale,
        selection_method=entry.selection_method,
        final_evaluation=entry.final_evaluation,
    )
