"""What is in the pictures, by what changes in them."""

from functools import cache

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from plot_runs import NAMES, draw, plot_run
from report_runs import changed, make_comparison, make_final, make_floor


def painted(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def pixels(run, name, only=None):
    return painted(draw(run, name, only))


@cache
def pixels_before(name):
    """A picture of the run of these tests as it is."""
    return pixels(plot_run(None), name)


def halves(image):
    middle = image.shape[1] // 2
    return image[:, :middle], image[:, middle:]


@pytest.fixture
def run(tmp_path):
    return plot_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("flip_rate", {"flip_rate": 90.0}),
        ("flip_rate", {"flip_rate_interval": [0.0, 100.0]}),
        ("flip_rate", {"relative_strength": 0.77}),
        ("correction_and_corruption", {"correction_rate": 90.0}),
        ("correction_and_corruption", {"correction_rate_interval": [0.0, 100.0]}),
        ("correction_and_corruption", {"corruption_rate": 20.0}),
        ("correction_and_corruption", {"corruption_rate_interval": [0.0, 100.0]}),
        ("correction_and_corruption", {"corruption_rate": None, "corruption_rate_interval": None}),
        ("quality", {"mean_token_similarity": 0.1}),
        ("quality", {"mean_char_similarity": 0.1}),
        ("quality", {"valid_syntax_rate": 10.0}),
        ("quality", {"signature_intact_rate": 10.0}),
        ("quality", {"mean_repetition": 0.9}),
        ("damage", {"mean_log_probability": -9.0}),
        ("damage", {"mean_kl_divergence": 9.0}),
        ("damage", {"mean_kl_divergence": None}),
        ("failure_modes", {"failure_modes": {"wrong_answer": 1}}),
    ],
)
def test_every_metric_is_in_its_picture(run, name, other):
    left, right = halves(pixels_before(name))
    run = changed(run, "results", "incorrect", -1, **other)
    new_left, new_right = halves(pixels(run, name))
    assert (new_right != right).any()
    # The other direction has its own panel.
    assert (new_left == left).all()


def comparison(flip_rate, flip_rates):
    return make_comparison(*flip_rates, coefficients=(30, 3), flip_rate=flip_rate)


def test_controls_are_drawn_where_there_are_any(run):
    def with_controls(**controls):
        other = changed(run, "controls", correct={"n_random": 2, **controls})
        figure = draw(other, "flip_rate")
        return painted(figure), [text.get_text() for text in figure.legends[0].texts]

    _, neither = with_controls()
    random, labels = with_controls(random=comparison(15.0, [10.0, 20.0]))
    assert set(labels) - set(neither) == {"random directions: mean, range"}
    wider, _ = with_controls(random=comparison(15.0, [0.0, 30.0]))
    higher, _ = with_controls(random=comparison(18.0, [10.0, 20.0]))
    for other in (wider, higher):
        assert (halves(other)[0] != halves(random)[0]).any()
        assert (halves(other)[1] == halves(random)[1]).all()
    _, labels = with_controls(opposite=comparison(15.0, [15.0]))
    assert set(labels) - set(neither) == {"opposite direction"}


def test_the_held_out_rates_stand_at_their_coefficient(run):
    name = "correction_and_corruption"
    final = make_final(run.summary.results["correct"][-1], coefficient=30.0, correction_rate=50.0)
    run = changed(run, "final_evaluation", correct=final)
    before = pixels(run, name)
    higher = pixels(changed(run, "final_evaluation", "correct", correction_rate=70.0), name)
    assert (halves(higher)[0] != halves(before)[0]).any()
    assert (halves(higher)[1] == halves(before)[1]).all()
    # One that wasn't in the search has no place.
    run = changed(run, "final_evaluation", "correct", coefficient=31.0)
    labels = [text.get_text() for text in draw(run, name).legends[0].texts]
    assert not any("held-out" in label for label in labels)


@pytest.mark.parametrize("name", NAMES)
def test_the_selected_coefficient_is_marked(run, name):
    # One that is recommended beside it has a mark, too.
    run = changed(run, "recommended", "correct", coefficient=0.0)

    def without_title(coefficient):
        figure = draw(select(run, coefficient), name, "correct")
        figure.axes[0].set_title("", loc="right")
        return painted(figure)

    assert (without_title(3.0) != without_title(30.0)).any()


def select(run, coefficient, method="manual", qualifies=True):
    entry = {"coefficient": coefficient, "selection_method": method, "qualifies": qualifies}
    for direction in ("correct", "incorrect"):
        run = changed(run, "selected_coefficients", direction, **entry)
    return run


def test_it_says_who_has_selected(run):
    def titles(**choice):
        run_of = select(run, 30.0, **choice)
        return {panel.get_title("right") for panel in draw(run_of, "flip_rate").axes}

    assert titles() == {"30: chosen by hand, unproven"}
    assert titles(method="recommended") == {"30: recommended, unproven"}
    assert titles(method="recommended", qualifies=False) == {"30: named, none qualifies, unproven"}


def test_what_the_rule_recommends_is_marked_beside_another_choice(run):
    def labels(coefficient):
        figure = draw(select(run, coefficient), "quality", "incorrect")
        return [text.get_text() for text in figure.legends[0].texts]

    recommended = run.summary.recommended["correct"]
    run = changed(run, "recommended", incorrect=recommended.dump())
    assert labels(recommended.coefficient)[-1] == "selected coefficient"
    other = 30.0 if recommended.coefficient != 30 else 3.0
    assert labels(other)[-2:] == ["selected coefficient", "recommended by the rule"]


def bars(run):
    """Label -> heights of the bars of correct-steering."""
    panel = draw(run, "failure_modes", "correct").axes[0]
    return {
        container.get_label(): [bar.get_height() for bar in container]
        for container in panel.containers
    }


def test_each_program_is_in_a_bar(run):
    modes = {"timeout": 1, "memory": 1, "exited": 1, "exception:NameError": 1, "non_finite": 1}
    run = changed(run, "results", "correct", -1, failure_modes=modes)
    assert bars(run) == {
        "passed": [3, 2, 1],
        "wrong answer": [3, 4, 0],
        "exception": [0, 0, 1],
        "timeout, memory, exit": [0, 0, 3],
        "numbers overflowed": [0, 0, 1],
    }
    run = changed(run, "results", "correct", -1, failure_modes={"of_tomorrow": 6})
    assert bars(run)["other"] == [0, 0, 6]


def cells(run):
    """Label -> number of cells of correct-steering, and their shade of grey, 0 to 1."""
    panel = draw(run, "outcomes", "correct").axes[0]
    labels = [container.get_label() for container in panel.containers]
    found = {}
    for label, collection in zip(labels, panel.collections, strict=True):
        grey = collection.get_facecolor()[0][:3] @ [0.299, 0.587, 0.114]
        found[label] = len(collection.get_paths()), grey
    return found


def test_each_problem_has_its_cell(run):
    last = run.examples["correct", 30.0][-1]
    assert not last.baseline_passed
    run.examples["correct", 30.0][-1] = last.model_copy(update={"steered_passed": True})
    found = cells(run)
    assert {label: number for label, (number, _) in found.items()} == {
        "stayed right": 6,
        "corrupted": 3,
        "stayed wrong": 8,
        "corrected": 1,
    }
    # Told apart without colour.
    shades = sorted(grey for _, grey in found.values())
    assert all(lighter - darker > 0.15 for darker, lighter in zip(shades, shades[1:], strict=False))


def test_problems_are_named_while_that_is_legible(run, tmp_path):
    def labels(run):
        panel = draw(run, "outcomes", "correct").axes[0]
        headings = [text.get_text() for text in panel.texts]
        return [label.get_text() for label in panel.get_yticklabels()], headings

    few = labels(run)
    assert few == (list("012345"), ["passed at baseline: 3", "failed at baseline: 3"])
    many, headings = labels(plot_run(tmp_path, (3,), n_problems=100))
    assert many == []
    assert headings == ["passed at baseline: 50", "failed at baseline: 50"]


def test_a_page_of_many_problems_still_fits_a_page(tmp_path):
    run = plot_run(tmp_path, range(1, 21), n_problems=100)
    height = draw(run, "outcomes", "correct").get_size_inches()[1]
    assert height < 4.5


def test_the_noise_floor_is_a_line_at_its_rate(tmp_path):
    floor = make_floor(rate=12.5, n_verdicts=5, n_problems=40)
    run = changed(plot_run(tmp_path), noise_floor=floor)
    figure = draw(run, "flip_rate", "correct")
    lines = [line for line in figure.axes[0].lines if "noise floor" in str(line.get_label())]
    assert [set(line.get_ydata()) for line in lines] == [{12.5}]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "noise floor 12.5 % (5 of 40)" in legend


@pytest.mark.parametrize("coefficients", [(30,), (0, 3), (-10, 0, 10), (-3,)])
def test_few_and_odd_coefficients(tmp_path, coefficients):
    run = plot_run(tmp_path, coefficients, n_problems=1)
    # The only problem passes at baseline.
    assert run.summary.results["correct"][0].correction_rate is None
    for name in (
        "flip_rate",
        "correction_and_corruption",
        "quality",
        "damage",
        "failure_modes",
        "outcomes",
    ):
        image = pixels(run, name, "correct")
        assert (image != image[0, 0]).any()
