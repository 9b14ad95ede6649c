import io
import keyword
import re

import numpy as np
import pytest
from PIL import Image
from plot_runs import NAMES

from phase4_5.plots.direction import directions_of
from phase4_5.plots.page import draw_page, save_page
from phase4_5.plots.pictures import all_pictures
from phase4_5.plots.screen import WIDTH
from phase4_5.plots.style import drawing_settings
from phase4_5.report.text import latent_words
from phase4_5.results.run_files import load_run

KEYWORDS = {*keyword.kwlist, "not in", "is not"}


@pytest.fixture
def run(drawn):
    return load_run(drawn / "phase4_5")


@pytest.fixture
def page(browser, run):
    browser.open((run.folder / "report.html").as_uri())
    browser.wait(lambda: browser.all(".plot svg"))
    return browser


def count(page):
    found = re.search(r"\d+ of (\d+)", page.text("#count"))
    assert found is not None
    return int(found.group(1))


def records(run):
    return [record for column in run.examples.values() for record in column]


def test_each_direction_says_whether_its_latent_may_be_chance(browser, run):
    browser.open((run.folder / "report.html").as_uri())
    browser.wait(lambda: browser.all("#direction-incorrect h2 small"))
    for direction, feature in run.summary.features.items():
        assert feature.separation_p is not None
        told = browser.text(f"#direction-{direction} h2 small")
        assert told.startswith(f"{latent_words(feature)}; wanted: ")


def test_the_noise_floor_stands_before_the_selected_coefficients(browser, run):
    browser.open((run.folder / "report.html").as_uri())
    browser.wait(lambda: browser.all("#noise-floor p"))
    assert browser.text("#noise-floor p") == run.summary.noise_floor.statement
    order = [element.get_attribute("id") for element in browser.all("main > [id]")]
    assert order[:2] == ["noise-floor", "selected"]


PICTURES = NAMES[:-1]
BLACK, ORANGE = "#000000", "#e69f00"


def panel(direction, picture="flip_rate"):
    return f"#direction-{direction} .panel[data-picture={picture}]"


def numbers_of(page, selector, *attributes):
    """The numbers in attributes of elements, in the order of the document."""
    found = page.js(
        "return [...document.querySelectorAll(arguments[0])]"
        ".map((e) => arguments[1].map((name) => e.getAttribute(name)))",
        selector,
        attributes,
    )
    return [[float(n) for n in re.findall(r"-?[\d.]+", " ".join(each))] for each in found]


def test_the_curves_tell_the_rates(page, run):
    for direction, rows in run.summary.results.items():
        rows = sorted(rows, key=lambda row: row.coefficient)
        charts = page.js(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.dataset.picture)",
            f"#direction-{direction} .panel:has(.plot svg)",
        )
        assert charts == PICTURES
        # From the lines of the grid: where 0 % and 100 % are.
        lines = numbers_of(page, f'{panel(direction)} path[stroke="#b0b0b0"]', "d")
        zero, hundred = max(y for _, y, *_ in lines), min(y for _, y, *_ in lines)
        # Markers are uses of the one path that is round; that of the legend is below.
        (circle,) = page.js(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.id)",
            f'{panel(direction)} defs path[d*="C"][stroke="{BLACK}"]',
        )
        places = numbers_of(page, f'{panel(direction)} use[href="#{circle}"]', "x", "y")
        places = [(x, y) for x, y in places if y <= zero + 1]
        assert [x for x, _ in places] == sorted({x for x, _ in places})
        rates = [100 * (zero - y) / (zero - hundred) for _, y in places]
        assert rates == pytest.approx([row.flip_rate for row in rows], abs=0.01)
        whiskers = numbers_of(
            page, f'{panel(direction)} path[stroke="{BLACK}"][stroke-width="0.8"][clip-path]', "d"
        )
        intervals = [
            sorted(100 * (zero - y) / (zero - hundred) for y in (first, last))
            for _, first, _, last in whiskers
        ]
        wanted = [row.flip_rate_interval for row in rows]
        assert len(intervals) == len(wanted)
        for interval, bounds in zip(intervals, wanted, strict=True):
            assert interval == pytest.approx(bounds, abs=0.01)
        assert page.all(f'{panel(direction)} [clip-path] [fill="{ORANGE}"][fill-opacity="0.3"]')


def test_the_panels_look_as_the_paper_has_them(page, run, tmp_path):
    """Matplotlib's own SVG, shown by the same browser, has the same pixels."""
    (flips,) = [each for each in all_pictures() if each.name == "failure_modes"]
    direction = directions_of(run)[0]
    with drawing_settings(svg__fonttype="none"):
        save_page(draw_page([flips], [direction], WIDTH, 1), tmp_path / "own.svg")
    selector = f"{panel('correct', 'failure_modes')} .plot svg"
    inlined = pixels(page, selector)
    address = (tmp_path / "own.svg").as_uri()
    (tmp_path / "own.html").write_text(
        f"<!DOCTYPE html><link rel='icon' href='data:,'><style>body {{ margin: 0 }} "
        f"img {{ width: {inlined.shape[1]}px }}</style><img src='{address}'>"
    )
    page.open((tmp_path / "own.html").as_uri())
    own = pixels(page, "img")
    rows = min(len(own), len(inlined))
    assert abs(len(own) - len(inlined)) <= 2
    differs = (abs(own[:rows] - inlined[:rows]) > 60).any(axis=2)
    # Edges fall on other parts of a pixel, by where on the page the panel stands.
    assert differs.mean() < 0.05
    assert (inlined < 200).any(axis=2).mean() > 0.2


def pixels(page, selector):
    element = page.one(selector)
    page.js("arguments[0].scrollIntoView({block: 'center'})", element)
    image = Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB")
    return np.asarray(image).astype(int)


def test_no_two_panels_share_a_name(page):
    ids = page.js("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids)) > 20
    referred = page.js(
        "return [...document.querySelectorAll('.plot use')].map((e) => e.getAttribute('href'))"
    )
    assert {name.removeprefix("#") for name in referred} <= set(ids)


def focus(page, selector):
    """Give an element the focus, as in a tab that a person has in front."""
    page.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    page.js("document.querySelector(arguments[0]).focus()", selector)


def flip_numbers(row):
    return [
        f"{row.n_flipped} of {row.n_problems}",
        f"{row.flip_rate:.1f} % [{', '.join(f'{x:.1f}' for x in row.flip_rate_interval)}]",
    ]


def row_of(run, direction, coefficient):
    rows = run.summary.results[direction]
    return next(row for row in rows if row.coefficient == coefficient)


def test_pointing_at_a_coefficient_tells_its_numbers(page, run):
    from selenium.webdriver import ActionChains

    target = page.one('#direction-correct .target[data-coefficient="30"]')
    page.js("arguments[0].scrollIntoView({block: 'center'})", target)
    ActionChains(page.driver).move_to_element(target).perform()
    row = row_of(run, "correct", 30)
    assert page.texts(".tip:not([hidden]) dd")[:2] == flip_numbers(row)
    ActionChains(page.driver).move_to_element(page.one("#subtitle")).perform()
    assert not page.all(".tip:not([hidden])")


@pytest.mark.parametrize("key", ["\ue007", " "])
def test_keys_reach_each_coefficient_and_open_its_examples(page, run, key):
    strips = f"{panel('incorrect')} .target"
    assert page.js(
        "return [...document.querySelectorAll(arguments[0])]"
        ".every((e) => e.tabIndex === 0 && e.getAttribute('role') === 'button')",
        strips,
    )
    focus(page, strips)
    coefficients = sorted(row.coefficient for row in run.summary.results["incorrect"])
    for number, coefficient in enumerate(coefficients):
        if number:
            page.driver.switch_to.active_element.send_keys("\ue004")
        row = row_of(run, "incorrect", coefficient)
        assert page.texts(".tip:not([hidden]) strong") == [f"coefficient {coefficient:g}"]
        assert page.texts(".tip:not([hidden]) dd")[:2] == flip_numbers(row)
        label = page.js("return document.activeElement.getAttribute('aria-label')")
        assert label.startswith(f"coefficient {coefficient:g}: flips {flip_numbers(row)[0]}, ")
    page.driver.switch_to.active_element.send_keys(key)
    assert page.example.startswith(f"incorrect|{coefficients[-1]:g}|")
    assert count(page) == len(run.examples["incorrect", coefficients[-1]])


@pytest.mark.parametrize(("width", "smallest"), [(1400, 10), (500, 8)])
def test_texts_in_the_panels_can_be_read_and_none_is_cut(browser, run, width, smallest):
    browser.open((run.folder / "report.html").as_uri(), width)
    browser.wait(lambda: browser.all(".plot svg"))
    for size, inside in browser.js(
        "return [...document.querySelectorAll('.plot text')].map((e) => {"
        "  const svg = e.ownerSVGElement;"
        "  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;"
        "  const [own, all] = [e, svg].map((x) => x.getBoundingClientRect());"
        "  return [scale * parseFloat(e.getAttribute('font-size')), own.left >= all.left"
        "    && own.right <= all.right && own.top >= all.top && own.bottom <= all.bottom];"
        "})"
    ):
        assert size >= smallest
        assert inside


def test_panels_are_dark_in_the_dark_and_as_clear(browser, run):
    def brightness(scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.open((run.folder / "report.html").as_uri())
        browser.wait(lambda: browser.all(".plot svg"))
        image = pixels(browser, f"{panel('correct')} .plot svg").mean(axis=2)
        return np.median(image), image.min(), image.max()

    ground, darkest, _ = brightness("light")
    assert ground > 250 and darkest < 60
    ground, _, lightest = brightness("dark")
    assert ground < 40 and lightest > 200


def test_the_statement_on_controls_is_on_the_page(page, run):
    for direction, controls in run.summary.controls.items():
        shown = page.text(f"#direction-{direction} .controls")
        assert controls.random.statement in shown
        assert controls.opposite.statement in shown
        held_out = run.summary.final_evaluation[direction].directions
        assert held_out.statement in shown
        chosen = run.selected.of(direction)
        card = page.text(f'.card[data-direction="{direction}"] .verdict')
        assert card.endswith(f"{chosen.verdict}: {chosen.verdict_reason}")


def test_every_coefficient_has_a_row_in_the_table(page, run):
    for direction, rows in run.summary.results.items():
        table = f"#direction-{direction} table tbody tr[data-coefficient]"
        assert len(page.all(table)) == len(rows)
        flips = [f"{row.n_flipped} of {row.n_problems}" for row in rows]
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
    flips = [record for record in every if record.flipped]
    assert count(page) == len(flips)
    page.choose("direction", "1")
    assert count(page) == sum(record.steering_type == "incorrect" for record in flips)
    page.click("#reset")
    page.choose("mode", "degenerate_repetition")
    wanted = [record for record in every if record.failure_mode == "degenerate_repetition"]
    assert count(page) == len(wanted) > 0
    page.click("#reset")
    page.choose("text", "RETURN ")
    assert count(page) == sum(
        "return " in (record.baseline_code + "\0" + record.steered_code).lower() for record in every
    )
    page.choose("text", "no program has this text")
    assert page.text("#count") == "No example passes these filters."
    assert page.text("#detail") == ""
    page.keys("n")


def test_the_programs_stand_side_by_side_as_they_are(page, run):
    shown = set()
    for record in records(run)[::7]:
        key = f"{record.steering_type}|{record.coefficient:g}|{record.task_id}"
        page.link(key)
        for side, code in (("before", "baseline_code"), ("after", "steered_code")):
            lines = page.texts(f".line.{side}:not(.title) code")
            assert "\n".join(lines) == getattr(record, code)
        equal = not page.all(".line.removed, .line.added, .line.changed")
        assert equal == (record.baseline_code == record.steered_code)
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
        f"{record.steering_type}|10|{record.task_id}"
        for direction in ("correct", "incorrect")
        for record in run.examples[direction, 10.0]
        if record.flipped
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
    browser.open(f"{url}#example=incorrect%7C100%7C{record.task_id}")
    assert browser.text(".head h3").startswith(f"Task {record.task_id}")
    place = browser.js("return document.getElementById('detail').getBoundingClientRect().top")
    assert 0 <= place < 300


def test_the_list_shows_where_one_is(page, run):
    record = run.examples["incorrect", 100.0][-1]
    page.link(f"incorrect|100|{record.task_id}")
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
        for coefficient in (1, 300, 1000):
            focus(browser, f'{panel(direction)} .target[data-coefficient="{coefficient}"]')
            left, right = browser.js(
                "const tip = document.querySelector('.tip:not([hidden])').getBoundingClientRect();"
                "return [tip.left, tip.right]"
            )
            assert 0 <= left < right <= width
            assert browser.js("return document.documentElement.scrollWidth") <= width
        browser.open_examples(direction, 300)
        assert browser.js("return document.documentElement.scrollWidth") <= width


def test_a_file_says_how_to_review(page):
    assert "python3 run.py review" in page.text("#mode")
    assert not page.all("#review, #choice-form")
