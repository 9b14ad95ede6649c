import base64
import copy
import hashlib
import json
import re
from functools import cache
from html.parser import HTMLParser

import pytest
from report_runs import BASELINE, CHANGED, big_run, changed, make_record, make_run, save_run

from phase4_5.plots.pictures import all_pictures
from phase4_5.report.page import render_report, write_report
from phase4_5.report.page.colours import colours
from phase4_5.results.run_files import load_run

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    "<!-- {{data}} {{script}} ${x} `\\u0041 😀 \u2028 \x00 \ud800 \" ' &lt; ]]>"
)


class Page(HTMLParser):
    """The elements of a page, and what its script and style elements hold."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.inside, self.texts = [], None, {}
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.inside = dict(attributes).get("type", tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside = None

    def handle_data(self, text):
        if self.inside:
            self.texts[self.inside] = self.texts.get(self.inside, "") + text

    @property
    def data(self):
        return json.loads(self.texts["application/json"])


def records(**other):
    return [
        make_record(task_id, direction, coefficient, **other)
        for direction in ("correct", "incorrect")
        for coefficient in (100, 3, 0)
        for task_id in (1, 2)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """For all tests, which only read it."""
    return make_run(tmp_path_factory.mktemp("run"), records())


@pytest.fixture(scope="module")
def html(run):
    """Its page."""
    return render_report(run)


@pytest.fixture
def without_panels(monkeypatch):
    """Pages without pictures, whose drawing takes time, where nothing of the test is in them."""
    monkeypatch.setattr("phase4_5.report.page.data.panels_of", lambda _: [])


def test_the_file_is_in_the_folder_of_the_run_and_read_back(run):
    path = write_report(load_run(save_run(run).folder))
    assert path == run.folder / "report.html"
    assert Page(path.read_text(encoding="utf-8")).data["model"] == "a/model"


def test_the_same_run_gives_the_same_page(run, html):
    assert html == render_report(copy.deepcopy(run))


def test_coefficients_ascend_and_carry_the_rule(html):
    correct = Page(html).data["directions"][0]
    assert [row["label"] for row in correct["results"]] == ["0", "3", "100"]
    assert correct["results"][0]["shortcomings"] == ["flip rate 100.0 % is above 60 %"]


@pytest.mark.usefixtures("without_panels")
def test_each_direction_says_whether_its_latent_may_be_chance(run):
    told = changed(run, "features", "incorrect", separation_p=0.2198)
    assert [direction["latent"] for direction in Page(render_report(told)).data["directions"]] == [
        "layer 3, latent 14",
        "layer 3, latent 14 (separation 0.200, p = 0.22 against shuffled verdicts: may be chance)",
    ]


def test_every_program_and_problem_is_stored_once(html):
    data = Page(html).data
    assert [program["code"] for program in data["programs"]] == [BASELINE, CHANGED]
    assert [problem["task_id"] for problem in data["problems"]] == [1, 2]
    assert len(data["examples"]) == 12
    assert (
        data["examples"][0] | {"key": "correct|0|1", "direction": 0, "coefficient": 0}
        == (data["examples"][0])
    )
    assert {example["program"] for example in data["examples"]} == {1}


@pytest.mark.usefixtures("without_panels")
def test_problems_with_one_name_but_other_programs_stay_apart(tmp_path):
    two = [make_record(1), make_record(1, "incorrect", baseline_code="pass")]
    data = Page(render_report(make_run(tmp_path, two))).data
    codes = [data["programs"][problem["baseline"]]["code"] for problem in data["problems"]]
    assert codes == [BASELINE, "pass"]


@pytest.mark.parametrize("review", [False, True])
def test_nothing_but_its_own_script_and_style_may_run(run, review):
    page = Page(render_report(run, review))
    policy = next(
        attributes["content"]
        for _, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for kind in ("script", "style"):
        digest = hashlib.sha256(page.texts[kind].encode()).digest()
        assert rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert rules.get("connect-src") == ("'self'" if review else None)
    assert page.data["review"] is review


def test_the_page_is_one_file(html):
    page = Page(html)
    loads = [
        attributes[name]
        for _, attributes in page.elements
        for name in ("src", "href", "action", "poster", "data")
        if name in attributes
    ]
    assert loads == ["data:,"]
    assert not re.search(r"url\((?!\$|#)|@import|\bimport\s*\(", page.texts["style"])
    # The only address in it is a name: that of SVG.
    assert set(re.findall(r"https?://[^'\"\s]*", html)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    "other",
    [
        {"steered_code": HOSTILE},
        {"baseline_code": HOSTILE},
        {"prompt": HOSTILE},
        {"error": HOSTILE},
        {"failure_mode": HOSTILE},
        {"stop_reason": HOSTILE},
    ],
)
def test_hostile_text_is_text_and_whole(tmp_path, html, other, monkeypatch):
    # The only picture in which any of it is: that of the same name.
    drawn = [each for each in all_pictures() if each.name.removesuffix("s") in other]
    assert len(drawn) == ("failure_mode" in other)
    monkeypatch.setattr("phase4_5.plots.pictures._PICTURES", drawn)
    harmless = Page(html)
    listed = [record.model_copy(update=other) for record in records()]
    hostile = render_report(make_run(tmp_path, listed, model_name=HOSTILE))
    hostile.encode()
    page = Page(hostile)
    assert page.elements == harmless.elements
    assert page.texts["script"] == harmless.texts["script"]
    assert page.data["model"] == HOSTILE
    key, value = next(iter(other.items()))
    shown = {
        "steered_code": [program["code"] for program in page.data["programs"]],
        "baseline_code": [program["code"] for program in page.data["programs"]],
        "prompt": [problem["prompt"] for problem in page.data["problems"]],
    }
    assert value in shown.get(key, [example.get(key) for example in page.data["examples"]])


def test_rates_that_do_not_exist(tmp_path):
    listed = [
        record.model_copy(update={"length_ratio": None}) for record in records(baseline_code="")
    ]
    page = Page(render_report(make_run(tmp_path, listed)))
    assert page.data["directions"][0]["results"][0]["correction_rate"] is None


@cache
def _colours_of_shape(shape):
    return colours(shape)


def colours_by_shape(code):
    """The colours of a program of `big_run`: they don't hang on the digits of its name."""
    return _colours_of_shape(re.sub(r"(?<=solve_)\d+", lambda name: "0" * len(name[0]), code))


@pytest.mark.long
def test_1400_examples_fit(tmp_path, monkeypatch):
    run = big_run(tmp_path)
    assert sum(map(len, run.examples.values())) == 1400
    for task_id in (7, 42):
        program = run.examples["incorrect", 30.0][task_id].steered_code
        assert colours_by_shape(program) == colours(program) != ""
    # Colouring takes longer than all the rest; the page is the same.
    monkeypatch.setattr("phase4_5.report.page.data.colours", colours_by_shape)
    path = write_report(run)
    assert path.stat().st_size < 15e6
