import keyword
import re

import pytest

from phase4_5.results.run_files import load_run

KEYWORDS = {*keyword.kwlist, "not in", "is not"}


@pytest.fixture
def run(whole):
    return load_run(whole / "phase4_5")


@pytest.fixture
def page(browser, run):
    browser.open((run.folder / "report.html").as_uri())
    browser.wait(lambda: browser.all(".plot svg"))
    return browser


def count(page):
    return int(re.search(r"\d+ of (\d+)", page.text("#count")).group(1))


def records(run):
    return [record for column in run.examples.values() for record in column]


def test_the_curves_tell_the_rates(page, run):
    for direction, rows in run.summary["results"].items():
        rows = sorted(rows, key=lambda row: row["coefficient"])
        charts = page.all(f"#direction-{direction} .plot svg")
        assert len(charts) == 4
        marks = page.js(
            "return [...arguments[0].querySelectorAll('.series.ink .marker')]"
            ".map((e) => e.getAttribute('transform'))",
            charts[0],
        )
        places = [tuple(map(float, re.findall(r"[\d.]+", mark))) for mark in marks]
        assert [x for x, _ in places] == sorted({x for x, _ in places})
        # From the labels of the axis: where 0 % and 100 % are.
        lines = page.js(
            "return [...arguments[0].querySelectorAll('.grid')].map((e) => +e.getAttribute('y1'))",
            charts[0],
        )
        zero, hundred = max(lines), min(lines)
        rates = [100 * (zero - y) / (zero - hundred) for _, y in places]
        assert rates == pytest.approx([row["flip_rate"] for row in rows], abs=0.01)
        assert len(page.all(f"#direction-{direction} .chart:first-child .series.ink .whisker")) == (
            len(rows)
        )
        assert page.all(f"#direction-{direction} .chart:first-child .area.pink")


def test_pointing_at_a_coefficient_tells_its_numbers(page, run):
    from selenium.webdriver import ActionChains

    target = page.one('#direction-correct .target[data-coefficient="30"]')
    page.js("arguments[0].scrollIntoView({block: 'center'})", target)
    ActionChains(page.driver).move_to_element(target).perform()
    row = next(row for row in run.summary["results"]["correct"] if row["coefficient"] == 30)
    assert page.texts(".tip:not([hidden]) dd")[:2] == [
        f"{row['n_flipped']} of {row['n_problems']}",
        f"{row['flip_rate']:.1f} % [{', '.join(f'{x:.1f}' for x in row['flip_rate_interval'])}]",
    ]


def test_the_statement_on_controls_is_on_the_page(page, run):
    for direction, controls in run.summary["controls"].items():
        shown = page.text(f"#direction-{direction} .controls")
        assert controls["random"]["statement"] in shown
        assert controls["opposite"]["statement"] in shown
        held_out = run.summary["final_evaluation"][direction]["control"]
        assert held_out["statement"] in shown


def test_every_coefficient_has_a_row_in_the_table(page, run):
    for direction, rows in run.summary["results"].items():
        table = f"#direction-{direction} table tbody tr[data-coefficient]"
        assert len(page.all(table)) == len(rows)
        flips = [f"{row['n_flipped']} of {row['n_problems']}" for row in rows]
        assert all(any(words in row for row in page.texts(table)) for words in flips)


def test_a_click_on_a_point_shows_its_examples(page, run):
    page.open_examples("incorrect", 30)
    assert count(page) == len(run.examples["incorrect", 30.0])
    assert page.example.startswith("incorrect|30|")
    assert page.text(".head h3").endswith("incorrect-steering, coefficient 30")


def test_a_cell_of_the_map_opens_its_example(page):
    page.click("#direction-correct .map [role=row]:nth-child(4) button")
    direction, coefficient, task_id = page.example.split("|")
    assert (direction, coefficient) == ("correct", "30")
    assert page.text(".head h3").startswith(f"Task {task_id}")


def test_filters_agree_with_the_records(page, run):
    every = records(run)
    assert count(page) == len(every)
    page.choose("flip", "flips")
    flips = [record for record in every if record["flipped"]]
    assert count(page) == len(flips)
    page.choose("direction", "1")
    assert count(page) == sum(record["steering_type"] == "incorrect" for record in flips)
    page.click("#reset")
    page.choose("mode", "degenerate_repetition")
    wanted = [record for record in every if record["failure_mode"] == "degenerate_repetition"]
    assert count(page) == len(wanted) > 0
    page.click("#reset")
    page.choose("text", "RETURN ")
    assert count(page) == sum(
        "return " in (record["baseline_code"] + "\0" + record["steered_code"]).lower()
        for record in every
    )
    page.choose("text", "no program has this text")
    assert page.text("#count") == "No example passes these filters."
    assert page.text("#detail") == ""
    page.keys("n")


def test_the_programs_stand_side_by_side_as_they_are(page, run):
    shown = set()
    for record in records(run)[::7]:
        key = f"{record['steering_type']}|{record['coefficient']:g}|{record['task_id']}"
        page.link(key)
        for side, code in (("before", "baseline_code"), ("after", "steered_code")):
            lines = page.texts(f".line.{side}:not(.title) code")
            assert "\n".join(lines) == record[code]
        equal = not page.all(".line.removed, .line.added, .line.changed")
        assert equal == (record["baseline_code"] == record["steered_code"])
        assert set(page.texts(".diff .k-k")) <= KEYWORDS
        shown |= {"different" if not equal else "equal"}
        shown |= set(page.texts(".diff .k-k"))
    assert shown >= {"different", "equal", "def", "return"}


def test_keys_go_through_the_list_but_not_while_typing(page):
    page.choose("direction", "0")
    page.choose("coefficient", "30")
    page.click("#list li:first-child button")
    places = []
    for key in ["n", "j", "\ue014", "p", "k", "\ue012"]:
        page.keys(key)
        places.append(int(page.text("#count").split(" of ")[0]))
    first = places[5]
    assert places == [first + n for n in (1, 2, 3, 2, 1, 0)]
    page.keys("pjnkn", "#filter-text")
    assert page.js("return document.getElementById('filter-text').value") == "pjnkn"
    page.click("#reset")


def test_f_finds_the_next_flip(page, run):
    page.choose("coefficient", "10")
    page.click("#list li:first-child button")
    flips = [
        f"{record['steering_type']}|10|{record['task_id']}"
        for direction in ("correct", "incorrect")
        for record in run.examples[direction, 10.0]
        if record["flipped"]
    ]
    assert flips
    seen = [page.example]
    for _ in flips:
        page.keys("f")
        seen.append(page.example)
    assert [key for key in dict.fromkeys(seen) if key in flips] == flips
    page.keys("f")
    assert page.text("#count") == "No further flip in this list."


def test_a_link_opens_its_example(browser, run):
    record = run.examples["incorrect", 100.0][-1]
    url = (run.folder / "report.html").as_uri()
    browser.open(f"{url}#example=incorrect%7C100%7C{record['task_id']}")
    assert browser.text(".head h3").startswith(f"Task {record['task_id']}")
    place = browser.js("return document.getElementById('detail').getBoundingClientRect().top")
    assert 0 <= place < 300


def test_the_list_shows_where_one_is(page, run):
    record = run.examples["incorrect", 100.0][-1]
    page.link(f"incorrect|100|{record['task_id']}")
    list_, item = page.js(
        "return [document.getElementById('list'), document.querySelector('[aria-current]')]"
        ".map((e) => [e.getBoundingClientRect().top, e.getBoundingClientRect().bottom])"
    )
    assert list_[0] <= item[0] < item[1] <= list_[1]


def test_help_tells_the_keys(page):
    page.keys("?")
    assert page.js("return document.getElementById('help').open")
    page.keys("n", "#help button")
    page.click("#help button")
    assert not page.js("return document.getElementById('help').open")


@pytest.mark.parametrize("width", [400, 700, 1280])
def test_the_page_never_scrolls_sideways(browser, run, width):
    browser.open((run.folder / "report.html").as_uri(), width)
    browser.wait(lambda: browser.all(".plot svg"))
    for direction in ("correct", "incorrect"):
        browser.open_examples(direction, 300)
        assert browser.js("return document.documentElement.scrollWidth") <= width


def test_a_file_says_how_to_review(page):
    assert "python3 run.py review" in page.text("#mode")
    assert not page.all("#review, #choice-form")
