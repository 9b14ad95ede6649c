from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from plot_runs import draw, plot_run
from report_runs import changed

from phase4_5.plots.axes import SideBySide
from phase4_5.plots.direction import directions_of
from phase4_5.plots.log_axis import LogAxis, percent_of

WIDTH = 200.0


def log_axis(folder, coefficients):
    return LogAxis(directions_of(plot_run(folder, coefficients, n_problems=2))[0], WIDTH)


def test_equal_ratios_are_equal_distances(tmp_path):
    axis = log_axis(tmp_path, (1, 10, 17, 100))
    assert axis.position(10) - axis.position(1) == pytest.approx(1)
    assert axis.position(100) - axis.position(10) == pytest.approx(1)
    assert axis.position(17) - axis.position(10) == pytest.approx(0.2304, abs=1e-4)
    left, right = axis.limits
    assert left < axis.position(1) < axis.position(100) < right


def test_zero_stands_left_behind_a_break_and_negative_ones_are_mirrored(tmp_path):
    axis = log_axis(tmp_path, (-10, -1, 0, 1, 10))
    positions = [axis.position(value) for value in (-10, -1, 0, 1, 10)]
    assert positions == sorted(positions)
    assert positions[0] == -positions[-1]
    broken = [axis.is_broken_between(*pair) for pair in pairwise((-10, -1, 0, 1, 10))]
    assert broken == [False, True, True, False]


def test_what_is_side_by_side_stays_with_its_coefficient(tmp_path):
    axis = log_axis(tmp_path, (1, 10, 11, 100))
    for coefficient, neighbour in ((10, 11), (11, 10)):
        gap = abs(axis.position(neighbour) - axis.position(coefficient))
        shifts = [axis.shift(coefficient, place, 4) for place in range(4)]
        assert shifts == sorted(shifts)
        assert shifts[-1] - shifts[0] < gap
    assert axis.shift(100, 0, 2) == -axis.shift(100, 1, 2) != 0
    assert axis.shift(100, 0, 1) == 0


def painted(figure):
    """What painted the figure; only then the labels have their places."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def labels_of(axis):
    return [label for label in axis.get_ticklabels() if label.get_text()]


GRID = (0, 0.5, 1, 2, 3, 5, 7, 10, 12.5, 15, 20, 25, 30, 40, 60, 100, 150, 300, 600, 1000)


@pytest.mark.parametrize("name", ["flip_rate", "failure_modes"])
def test_labels_do_not_overlap(tmp_path, name):
    run = plot_run(tmp_path, GRID, n_problems=2)
    figure = draw(run, name, "correct")
    renderer, panel = painted(figure), figure.axes[0]
    axes = [panel.xaxis, *(child.xaxis for child in panel.child_axes)]
    assert len(axes) == (2 if name == "flip_rate" else 1)
    for axis in axes:
        boxes = [label.get_window_extent(renderer) for label in labels_of(axis)]
        assert len(boxes) > 8
        ordered = sorted(boxes, key=lambda box: box.x0)
        assert all(left.x1 < right.x0 for left, right in pairwise(ordered))


def test_the_selected_coefficient_keeps_its_label_and_refined_ones_give_way(tmp_path):
    run = plot_run(tmp_path, (1, 9, 9.5, 10, 10.5, 11, 100), n_problems=2)
    for number, row in enumerate(run.summary.results["correct"]):
        refined = row.coefficient not in (1, 10, 100)
        run = changed(run, "results", "correct", number, refined=refined)

    def labels(run):
        figure = draw(run, "flip_rate", "correct")
        painted(figure)
        return [label.get_text() for label in labels_of(figure.axes[0].xaxis)]

    for direction in ("recommended", "selected_coefficients"):
        run = changed(run, direction, "correct", coefficient=1.0)
    assert labels(run) == ["1", "10", "100"]
    assert "9.5" in labels(changed(run, "selected_coefficients", "correct", coefficient=9.5))


def test_the_upper_axis_tells_the_strength_where_it_is_known(tmp_path):
    run = plot_run(tmp_path, (1, 10, 100), n_problems=2)
    for number, strength in enumerate((0.0013, None, 0.13)):
        run = changed(run, "results", "correct", number, relative_strength=strength)
        run = changed(run, "results", "incorrect", number, relative_strength=None)
    left, right = draw(run, "flip_rate").axes
    ticks = left.child_axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks if tick.get_text()] == ["0.13", "13"]
    assert right.child_axes == []


def test_side_by_side_labels_are_upright_where_they_need_to_be(tmp_path):
    def rotation(coefficients):
        run = plot_run(tmp_path, coefficients, n_problems=2)
        panel = draw(run, "failure_modes", "correct").axes[0]
        (angle,) = {label.get_rotation() for label in panel.get_xticklabels()}
        return angle

    assert rotation((1, 3, 10)) == 0
    assert rotation(GRID) == 90


def test_side_by_side_all_have_the_same_room(tmp_path):
    axis = SideBySide(directions_of(plot_run(tmp_path, (0, 1, 1000), n_problems=2))[0], WIDTH)
    assert [axis.position(value) for value in (0, 1, 1000)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0"),
        (0.0013, "0.13"),
        (0.01, "1"),
        (0.0104, "1"),
        (0.39, "39"),
        (1.3, "130"),
        (-0.13, "-13"),
        (0.1 + 0.2, "30"),
        (2e-7, "2e-05"),
    ],
)
def test_percent_to_two_digits(fraction, text):
    assert percent_of(fraction) == text
