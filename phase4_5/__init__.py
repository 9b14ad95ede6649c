"""Phase 4.5: steering coefficient selection; this is the face that Phase 4.8 sees."""

from common_simplified.steering import create_steering_hook, steering
from phase4_5.metrics import calculate_flip_rate, calculate_generation_divergence
from phase4_5.selected import SelectedCoefficient, load_selected_coefficients
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
