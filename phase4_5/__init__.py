"""Phase 4.5: steering coefficient selection; this is the face that Phase 4.8 sees.

Names are loaded when they are first used, so that reading a choice costs no import of torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common_simplified.steering import create_steering_hook, steering
    from phase4_5.analysis.divergence import calculate_generation_divergence
    from phase4_5.analysis.metrics import calculate_flip_rate
    from phase4_5.results.selected_coefficients import (
        SelectedCoefficient,
        load_selected_coefficients,
    )
    from phase4_5.steering_coefficient_selector import SteeringCoefficientSelector

__all__ = [
    "SelectedCoefficient",
    "SteeringCoefficientSelector",
    "calculate_flip_rate",
    "calculate_generation_divergence",
    "create_steering_hook",
    "load_selected_coefficients",
    "steering",
]

_HOME = {
    "SelectedCoefficient": "phase4_5.results.selected_coefficients",
    "SteeringCoefficientSelector": "phase4_5.steering_coefficient_selector",
    "calculate_flip_rate": "phase4_5.analysis.metrics",
    "calculate_generation_divergence": "phase4_5.analysis.divergence",
    "create_steering_hook": "common_simplified.steering",
    "load_selected_coefficients": "phase4_5.results.selected_coefficients",
    "steering": "common_simplified.steering",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
