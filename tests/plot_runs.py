"""Runs for the tests of the pictures, and single pictures of them."""

from report_runs import make_record, make_run

from phase4_5.plots.direction import directions_of
from phase4_5.plots.page import WHOLE_WIDTH, draw_page
from phase4_5.plots.pictures import all_pictures
from phase4_5.plots.style import drawing_settings

COEFFICIENTS = (0, 3, 30)


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


def plot_run(folder, coefficients=COEFFICIENTS, n_problems=6, **summary):
    records = [
        record
        for direction in ("correct", "incorrect")
        for record in make_records(direction, coefficients, n_problems)
    ]
    return make_run(folder, records, **summary)


def draw(run, name):
    """The figure of one picture, the directions beside each other."""
    (picture,) = [each for each in all_pictures() if each.name == name]
    directions = directions_of(run)
    with drawing_settings():
        return draw_page([picture], directions, WHOLE_WIDTH, len(directions))
