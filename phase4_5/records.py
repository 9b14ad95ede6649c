"""What a record is, and what it is found by."""

from typing import Any

Record = dict[str, Any]
"""A program that was written under steering, with its verdict and what it changed."""

OPPOSITE = "opposite"
_RANDOM = "random_"


def control_names(n_random: int, opposite: bool) -> list[str]:
    """The names of the controls: `random_1`, ..., `opposite`."""
    names = [f"{_RANDOM}{number}" for number in range(1, n_random + 1)]
    return [*names, OPPOSITE] if opposite else names


def example_key(steering_type: str, coefficient: float, task_id: int) -> str:
    """What a person finds an example by, e.g. `correct|30|123`."""
    return f"{steering_type}|{coefficient:g}|{task_id}"
