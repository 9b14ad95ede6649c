"""The panels for the page: strips where the coefficients are, and what is told there."""

import copy
import threading
from xml.etree.ElementTree import tostring

import matplotlib
import pytest
from plot_runs import plot_run
from report_runs import changed, make_comparison

from phase4_5.analysis.failure_modes import bars
from phase4_5.plots.direction import directions_of
from phase4_5.plots.pictures import all_pictures
from phase4_5.plots.screen import WIDTH, screen_panel
from phase4_5.plots.style import COLOURS

COEFFICIENTS = (-10, 0, 0.5, 3, 30)


@pytest.fixture
def run(tmp_path):
    return plot_run(tmp_path, COEFFICIENTS)


def picture_of(name):
    (picture,) = [each for each in all_pictures() if each.name == name]
    return picture


def panel(run, name, direction=0):
    return screen_panel(picture_of(name), directions_of(run)[direction])


NAMES = ["flip_rate", "correction_and_corruption", "quality", "failure_modes", "outcomes"]


@pytest.mark.parametrize("name", NAMES)
def test_each_strip_holds_its_coefficient(run, name):
    found = panel(run, name)
    assert [strip.coefficient for strip in found.strips] == list(COEFFICIENTS)
    _, _, width, height = map(float, found.svg.get("viewBox").split())
    assert width == WIDTH
    assert 0 < found.top < found.bottom < height
    tell, direction = picture_of(name).tell, directions_of(run)[0]
    assert [strip.told for strip in found.strips] == [tell(direction, x) for x in COEFFICIENTS]
    # From one edge of the panel to the other, without a gap.
    edges = [found.strips[0].left, *(strip.right for strip in found.strips)]
    assert edges == sorted(edges)
    assert [strip.left for strip in found.strips[1:]] == edges[1:-1]
    assert 0 < edges[0] < edges[-1] < width
    places = [
        (each.text.replace("−", "-"), float(each.get("x")), float(each.get("y")))
        for each in found.svg.iter("text")
    ]
    for strip in found.strips:
        assert any(
            text == f"{strip.coefficient:g}"
            and strip.left < x < strip.right
            and found.top < y < found.bottom
            for text, x, y in places
        ), strip


def told(run, name, coefficient=30):
    """What a strip says, which another test compares; here without drawing the panel."""
    return dict(picture_of(name).tell(directions_of(run)[0], coefficient))


def test_the_numbers_of_the_flips(run):
    rate = {"flip_rate": 6.25, "flip_rate_interval": [1.1, 28.35]}
    run = changed(run, "results", "correct", -1, n_flipped=1, n_problems=16, **rate)
    assert told(run, "flip_rate") == {"flips": "1 of 16", "flip rate": "6.3 % [1.1, 28.4]"}
    random = make_comparison(10.0, 20.0)
    random["coefficients"][0]["wanted_rate"] = 12.5
    controls = {"n_random": 2, "random": random, "opposite": make_comparison(10.0, 20.0)}
    run = changed(run, "controls", correct=controls)
    assert told(run, "flip_rate") == {
        "flips": "1 of 16",
        "flip rate": "6.3 % [1.1, 28.4]",
        "random": "10.0, 20.0 %",
        "opposite": "15.0 %",
    }
    assert set(told(run, "flip_rate", 3)) == {"flips", "flip rate"}
    assert told(run, "correction_and_corruption")["random: correction"] == "12.5 % on average"


def test_the_numbers_of_both_ways_of_flipping(run):
    row = {
        "n_baseline_failed": 0,
        "n_fail_to_pass": 0,
        "correction_rate": None,
        "correction_rate_interval": None,
        "n_baseline_passed": 3,
        "n_pass_to_fail": 2,
        "corruption_rate": 200 / 3,
        "corruption_rate_interval": [20.8, 93.9],
    }
    run = changed(run, "results", "correct", -1, **row)
    assert told(run, "correction_and_corruption") == {
        "fail→pass": "0 of 0: –",
        "pass→fail": "2 of 3: 66.7 % [20.8, 93.9]",
    }


def test_the_numbers_of_the_quality(run):
    row = {
        "mean_token_similarity": 0.125,
        "mean_char_similarity": 0.5,
        "valid_syntax_rate": 50.0,
        "valid_syntax_rate_interval": [18.8, 81.2],
        "signature_intact_rate": 100.0,
        "signature_intact_rate_interval": [72.2, 100.0],
    }
    run = changed(run, "results", "correct", -1, **row)
    assert told(run, "quality") == {
        "token similarity": "0.13",
        "character similarity": "0.50",
        "valid syntax": "50.0 % [18.8, 81.2]",
        "intact signatures": "100.0 % [72.2, 100.0]",
    }


def test_the_numbers_of_the_failure_modes(run):
    modes = {"wrong_answer": 1, "timeout": 1, "exception:Name_Error": 1, "non_finite": 1}
    run = changed(run, "results", "correct", -1, failure_modes=modes)
    assert list(told(run, "failure_modes").items()) == [
        ("passed", "2"),
        ("wrong answer", "1"),
        ("timeout", "1"),
        ("Name_Error", "1"),
        ("numbers overflowed", "1"),
    ]


def test_no_two_bars_look_the_same():
    listed = bars()
    assert {bar.colour for bar in listed} <= set(COLOURS)
    assert len({(bar.colour, bar.hatch) for bar in listed}) == len(listed)


def test_a_panel_is_drawn_once_and_anew_when_something_changes(run):
    first = panel(run, "flip_rate")
    assert panel(copy.deepcopy(run), "flip_rate") is first
    assert panel(run, "quality") is not first
    assert panel(run, "flip_rate", direction=1) is not first
    run = changed(run, "selected_coefficients", "correct", coefficient=3.0)
    assert panel(run, "flip_rate") is not first
    assert tostring(panel(run, "flip_rate").svg) != tostring(first.svg)


def test_threads_draw_as_one_alone_does(tmp_path, monkeypatch):
    """A served page may be asked for while the reports are written."""
    runs = [plot_run(tmp_path, (3, 10 + number), n_problems=1) for number in range(4)]
    monkeypatch.setattr("phase4_5.plots.screen._kept", {})
    alone = [tostring(panel(run, "failure_modes").svg) for run in runs]
    monkeypatch.setattr("phase4_5.plots.screen._kept", {})
    before, found = dict(matplotlib.rcParams), [b""] * len(runs)

    def work(number):
        found[number] = tostring(panel(runs[number], "failure_modes").svg)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone
    assert dict(matplotlib.rcParams) == before


def test_headings_are_the_names_of_the_pictures(run):
    assert panel(run, "correction_and_corruption").title == "Correction and corruption"
