"""Runs for the tests of the pictures, and single pictures of them."""

from dataclasses import replace
from functools import cache

from report_runs import make_record, make_run

from common.terms import STEERING_TYPES
from phase4_5.plots.direction import directions_of
from phase4_5.plots.page import WHOLE_WIDTH, draw_page
from phase4_5.plots.pictures import all_pictures
from phase4_5.plots.style import drawing_settings

COEFFICIENTS = (0, 3, 30)
NAMES = [
    "flip_rate",
    "correction_and_corruption",
    "wanted_effect",
    "quality",
    "damage",
    "failure_modes",
    "outcomes",
]
"""Of all pictures, in their order."""


def make_records(direction, coefficients=COEFFICIENTS, n_problems=6):
    """The first half passes at baseline; the larger the coefficient, the more of them fail."""
    return [
        make_record(
            task_id,
            direction,
            coefficient,
            baseline_passed=task_id < n_problems / 2,
            steered_passed=place <= task_id < n_problems / 2,
            failure_mode=None if place <= task_id < n_problems / 2 else "wrong_answer",
        )
        for place, coefficient in enumerate(coefficients)
        for task_id in range(n_problems)
    ]


def plot_run(folder, coefficients=COEFFICIENTS, n_problems=6):
    """A run of these, the caller's own: its records may be exchanged."""
    made = _made(tuple(coefficients), n_problems)
    examples = {key: list(records) for key, records in made.examples.items()}
    return replace(
        made, folder=folder, summary=made.summary.model_copy(deep=True), examples=examples
    )


@cache
def _made(coefficients, n_problems):
    """Made once: its statistics take longer than a picture."""
    records = [
        record
        for direction in ("correct", "incorrect")
        for record in make_records(direction, coefficients, n_problems)
    ]
    return make_run(None, records)


def draw(run, name, only=None):
    """The figure of one picture, the directions beside each other, or `only` one in its place."""
    (picture,) = [each for each in all_pictures() if each.name == name]
    directions = [each for each in directions_of(run) if only in (None, each.steering_type)]
    with drawing_settings():
        return draw_page([picture], directions, WHOLE_WIDTH, len(STEERING_TYPES))
