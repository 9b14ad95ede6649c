"""The pictures in the page's data."""

import json
from xml.etree.ElementTree import fromstring

import pytest
from plot_runs import NAMES, plot_run

from phase4_5.plots.axes import SideBySide
from phase4_5.plots.direction import directions_of
from phase4_5.plots.outcome_map import OUTCOMES
from phase4_5.plots.pictures import all_pictures, picture
from phase4_5.report.page.data import page_data
from phase4_5.report.page.panels import panels_of, tree

GRID = (0, 1, 3, 10, 30, 100, 300, 1000)
SHOWN = NAMES[:-1]
"""All but the map of outcomes."""


@pytest.fixture
def run(tmp_path):
    return plot_run(tmp_path, GRID)


def names(nodes):
    """All `id`s in trees."""
    for tag, attributes, *children in nodes:
        assert isinstance(tag, str) and "style" not in attributes
        yield from (attributes[key] for key in attributes if key == "id")
        yield from names([child for child in children if not isinstance(child, str)])


def test_each_direction_has_its_panels_in_order_and_no_name_twice(run):
    data = page_data(run, False)
    listed = [direction["panels"] for direction in data["directions"]]
    assert [[panel["name"] for panel in panels] for panels in listed] == [SHOWN, SHOWN]
    ids = list(names(panel["svg"] for panels in listed for panel in panels))
    assert ids and len(ids) == len(set(ids))
    for panel in (panel for panels in listed for panel in panels):
        assert [strip["label"] for strip in panel["strips"]] == [f"{value:g}" for value in GRID]


def test_the_page_stays_light(run):
    sizes = [
        len(json.dumps(direction["panels"])) for direction in page_data(run, False)["directions"]
    ]
    assert sum(sizes) < 400_000


def test_a_new_picture_is_on_the_page(run, monkeypatch):
    monkeypatch.setattr("phase4_5.plots.pictures._PICTURES", all_pictures())

    def tell(_direction, coefficient):
        return [("twice", f"{2 * coefficient:g}")]

    @picture(3, SideBySide, tell=tell)
    def draw_something_new(panel, direction, axis):
        """Nothing yet."""

    panels = panels_of(directions_of(run)[0])
    assert [panel["name"] for panel in panels] == [*SHOWN[:4], "something_new", *SHOWN[4:]]
    assert panels[4]["title"] == "Something new"
    assert panels[4]["strips"][-1]["told"] == [("twice", "2000")]


def test_texts_between_elements_stay_where_they_are():
    element = fromstring('<text x="1">a &lt;b&gt; <tspan>c</tspan> d</text>')
    assert tree(element) == ["text", {"x": "1"}, "a <b> ", ["tspan", {}, "c"], " d"]


def test_signs_and_colours_of_the_map_are_the_pictures(run):
    listed = page_data(run, False)["outcomes"]
    assert {(each["before"], each["after"]): each["colour"] for each in listed} == {
        key: outcome.colour for key, outcome in OUTCOMES.items()
    }
    assert len({each["sign"] for each in listed}) == 4


def test_every_failure_mode_has_its_label(run, monkeypatch):
    # None of what is changed here is looked for in the pictures.
    monkeypatch.setattr("phase4_5.report.page.data.panels_of", lambda _: [])
    records = run.examples["correct", 30.0]
    for number, mode in enumerate(("non_finite", "exception:KeyError")):
        records[number] = records[number].model_copy(update={"failure_mode": mode})
    labels = page_data(run, False)["mode_labels"]
    assert labels == {
        "": "passed",
        "exception:KeyError": "KeyError",
        "non_finite": "numbers overflowed",
        "wrong_answer": "wrong answer",
    }
