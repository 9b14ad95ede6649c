"""What of matplotlib's SVG may stand in a page, and that all that it draws is still there."""

import io
import re
from functools import cache
from xml.etree import ElementTree

import pytest
from plot_runs import draw, plot_run
from report_runs import changed, make_comparison

from phase4_5.plots.inline_svg import inline_svg
from phase4_5.plots.style import drawing_settings

NAMES = ["flip_rate", "correction_and_corruption", "quality", "failure_modes", "outcomes"]
TAGS = {"svg", "g", "defs", "clipPath", "rect", "path", "use", "pattern", "text", "tspan"}


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    run = plot_run(tmp_path_factory.mktemp("run"), (-10, 0, 3, 30))
    rows = make_comparison(10.0, 20.0, coefficients=(30, 3))
    run = changed(run, "controls", correct={"n_random": 2, "random": rows, "opposite": rows})
    # One direction each, as on the page.
    return {name: draw(run, name, "correct") for name in NAMES}


def written(figure, prefix="a"):
    with drawing_settings(svg__fonttype="none"):
        return inline_svg(figure, prefix)


@cache
def inline(figure, prefix="a"):
    """For all tests that read it."""
    return written(figure, prefix)


@cache
def own(figure):
    """Matplotlib's SVG as it is, its name spaces taken away."""
    stream = io.BytesIO()
    with drawing_settings(svg__fonttype="none"):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(stream.getvalue())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {name.rpartition("}")[2]: v for name, v in element.attrib.items()}
    return root


def referred(element):
    values = [v for name, v in element.attrib.items() if name != "href"]
    found = [match for value in values for match in re.findall(r"url\(#(.*)\)", value)]
    return found + ([element.get("href")[1:]] if "href" in element.attrib else [])


@pytest.mark.parametrize("name", NAMES)
def test_no_style_and_no_foreign_name(figures, name):
    root = inline(figures[name])
    for element in root.iter():
        assert element.tag in TAGS
        assert not [key for key in element.attrib if key == "style" or ":" in key or "{" in key]
        assert not [key for key in element.attrib if key.startswith("on")]
    assert set(root.attrib) == {"viewBox", "stroke-linejoin", "stroke-linecap"}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_referred_to_is_there_once_under_the_prefix(figures, name):
    first, second = inline(figures[name], "a"), inline(figures[name], "b")
    ids = [element.get("id") for element in first.iter() if "id" in element.attrib]
    used = {reference for element in first.iter() for reference in referred(element)}
    assert ids and len(ids) == len(set(ids))
    assert used == set(ids)
    assert all(each.startswith("a-") for each in ids)
    assert not set(ids) & {element.get("id") for element in second.iter()}


@pytest.mark.parametrize("name", NAMES)
def test_all_that_matplotlib_draws_is_drawn_with_its_style(figures, name):
    before, after = own(figures[name]), inline(figures[name])
    numbers_in_box = [
        [float(each) for each in root.get("viewBox").split()] for root in (before, after)
    ]
    assert numbers_in_box[1] == pytest.approx(numbers_in_box[0], abs=0.0006)
    for tag in ("path", "use", "text", "rect", "pattern", "clipPath"):
        for old, new in zip(before.iter(tag), after.iter(tag), strict=True):
            style = old.get("style", "").split(";")
            wanted = dict(each.strip().split(": ", 1) for each in style if each.strip())
            for key, value in wanted.items():
                if key != "font-family":
                    same = new.get(key) == value or "url(" in value
                    assert same, (tag, key, value, new.attrib)
            for key in ("d", "x", "y", "width", "height"):
                numbers = [
                    [float(each) for each in re.findall(r"-?\d+\.?\d*", element.get(key, ""))]
                    for element in (old, new)
                ]
                assert numbers[1] == pytest.approx(numbers[0], abs=0.0006)


def test_texts_are_text(figures):
    texts = [element.text for element in inline(figures["flip_rate"]).iter("text")]
    assert {"correct-steering", "coefficient (log scale)", "flip rate", "30"} <= set(texts)
    assert texts == [element.text for element in own(figures["flip_rate"]).iter("text")]


def test_text_of_others_stays_text(tmp_path):
    """Markup in a label comes out as the characters that it is."""
    figure = draw(plot_run(tmp_path, (3,), n_problems=2), "flip_rate", "correct")
    hostile = "</text><script>alert(1)</script>&amp;\"'"
    figure.axes[0].set_ylabel(hostile)
    root = written(figure)
    assert hostile in [element.text for element in root.iter("text")]
    assert {element.tag for element in root.iter()} <= TAGS


def test_the_same_figure_gives_the_same(figures):
    texts = [ElementTree.tostring(written(figures["failure_modes"])) for _ in range(2)]
    assert texts[0] == texts[1]
