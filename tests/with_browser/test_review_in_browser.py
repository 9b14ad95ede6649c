import json

import pytest

# A page that isn't told of what happens elsewhere, until it saves.
DEAF = (
    "const real = window.fetch;"
    "const silence = new Promise(() => {});"
    "window.fetch = (path, ...rest) => path === 'state' ? silence : real(path, ...rest)"
)
REFUSED = "the server responded with a status of"
GONE = "net::ERR_INTERNET_DISCONNECTED"


@pytest.fixture
def page(browser, serve, run_folder):
    browser.url = serve(run_folder)
    browser.open(browser.url)
    browser.wait(lambda: browser.js("return document.getElementById('reviewer').value") == "Ada")
    return browser


def marks(folder):
    path = folder / "review_marks.json"
    return json.loads(path.read_text(encoding="utf-8"))["marks"] if path.exists() else {}


def saved(page):
    page.wait(lambda: page.text("#note-state") == "Saved")


def note(page):
    return page.js("return document.getElementById('note').value")


def choose(page, direction, label):
    page.click(f'input[name="choose-{direction}"][value="{label}"]')


def post(page, action, body):
    """As another tab does; gives the status."""
    return page.js(
        "return fetch(arguments[0], {method: 'POST', body: JSON.stringify(arguments[1]),"
        "headers: {'Content-Type': 'application/json'}}).then((answer) => answer.status)",
        action,
        body,
    )


def write_note(page, text):
    """All at once, as pasting does."""
    page.js(
        "const e = document.getElementById('note'); e.value = arguments[0];"
        "e.dispatchEvent(new Event('input'))",
        text,
    )


def reload(page):
    page.driver.refresh()
    page.wait(lambda: page.js("return document.readyState") == "complete")
    page.wait(lambda: page.text("#now-correct"))


def test_mark_note_choose_save_reload(page, run_folder):
    page.open_examples("correct", 30)
    key = page.example
    page.keys("1")
    write_note(page, "kept 😀 </script><script>window.pwned=1</script>")
    saved(page)
    page.keys("n")
    other = page.example
    page.keys("2")
    saved(page)
    choose(page, "correct", "30")
    rationale = "30, not 100: </script><script>window.pwned=1</script> \"'&lt; 😀\nsecond line"
    # Emoji can't be typed by the driver.
    page.js(
        "const e = document.getElementById('rationale'); e.value = arguments[0];"
        "e.dispatchEvent(new Event('input'))",
        rationale,
    )
    page.click("#save-choice")
    page.wait(lambda: page.text("#choice-state").startswith("Saved"))

    on_disk = json.loads((run_folder / "selected_coefficients.json").read_text(encoding="utf-8"))
    assert on_disk["selection_method"] == "manual"
    assert on_disk["reviewer"] == "Ada"
    assert on_disk["correct"]["coefficient"] == 30
    assert on_disk["correct"]["rationale"] == rationale
    assert [entry["mark"] for entry in on_disk["correct"]["marks"]] == ["keep", "broken"]
    assert on_disk["incorrect"]["selection_method"] == "recommended"
    entry = marks(run_folder)[key]
    assert (entry["mark"], entry["note"].startswith("kept 😀 </script>")) == ("keep", True)
    assert marks(run_folder)[other]["mark"] == "broken"

    for _ in range(2):
        assert page.text('.card[data-direction="correct"] .big').startswith("30chosen by Ada")
        assert page.text('.card[data-direction="correct"] .rationale') == rationale
        assert page.text('.card[data-direction="incorrect"] .badge').startswith(
            "recommended by the rule"
        )
        reload(page)
    page.link(key)
    page.wait(lambda: note(page).startswith("kept 😀 </script>"))
    assert page.one('[data-mark="keep"]').get_attribute("aria-pressed") == "true"
    page.choose("mark", "keep")
    assert page.text("#count").startswith("1 of 1")


def test_a_note_typed_just_before_the_choice_goes_with_it(page, run_folder):
    page.open_examples("correct", 30)
    choose(page, "correct", "30")
    page.keys("because", "#rationale")
    page.js(
        "const e = document.getElementById('note'); e.value = 'last words';"
        "e.dispatchEvent(new Event('input')); document.getElementById('save-choice').click()"
    )
    page.wait(lambda: page.text("#choice-state").startswith("Saved"))
    on_disk = json.loads((run_folder / "selected_coefficients.json").read_text(encoding="utf-8"))
    assert [entry["note"] for entry in on_disk["correct"]["marks"]] == ["last words"]


def test_the_report_made_after_the_choice_tells_it(page, run_folder):
    choose(page, "incorrect", "100")
    page.keys("because", "#rationale")
    page.click("#save-choice")
    page.wait(lambda: page.text("#choice-state").startswith("Saved"))
    report = run_folder / "report.html"
    page.wait(lambda: '"rationale":"because"' in report.read_text(encoding="utf-8"))
    page.open(report.as_uri())
    assert page.text('.card[data-direction="incorrect"] .big').startswith("100chosen by Ada")


def test_keys_mark_and_unmark(page, run_folder):
    page.open_examples("correct", 10)
    key = page.example
    for pressed, mark in (("3", "interesting"), ("2", "broken"), ("0", None)):
        page.keys(pressed)
        page.wait(lambda mark=mark: marks(run_folder).get(key, {}).get("mark", 0) == mark)
    page.keys("1123", "#note")
    saved(page)
    assert marks(run_folder)[key] | {"mark": None, "note": "1123"} == marks(run_folder)[key]


def test_two_tabs_lose_nothing(page, run_folder):
    page.expected_failures = (REFUSED,)
    first = page.driver.current_window_handle
    page.open_examples("correct", 30)
    key = page.example
    second = page.new_tab()
    page.open(page.url + "#example=" + key)
    page.wait(lambda: page.text("#now-correct"))
    page.js(DEAF)
    page.switch(first)
    page.keys("from the first", "#note")
    saved(page)
    # The second tab, which hasn't seen it, writes too.
    page.switch(second)
    page.keys("from the second", "#note")
    page.wait(lambda: marks(run_folder)[key]["version"] == 2)
    assert marks(run_folder)[key]["note"] == "from the first\nfrom the second"
    assert note(page) == "from the first\nfrom the second"
    assert "both are kept" in page.text("#note-told")
    page.keys("!", "#note")
    page.wait(lambda: marks(run_folder)[key]["note"] == "from the first\nfrom the second!")
    # The first one sees it when it is looked at again.
    page.switch(first)
    page.js("dispatchEvent(new Event('focus'))")
    page.wait(lambda: note(page) == "from the first\nfrom the second!")


def test_a_mark_and_a_note_from_two_tabs_need_no_merging(page, run_folder):
    page.expected_failures = (REFUSED,)
    page.open_examples("correct", 30)
    key = page.example
    # Another tab marks.
    assert post(page, "mark", {"example": key, "mark": "broken", "note": "", "version": 0}) == 200
    page.keys("mine", "#note")
    page.wait(lambda: marks(run_folder)[key]["version"] == 2)
    assert marks(run_folder)[key] | {"mark": "broken", "note": "mine"} == marks(run_folder)[key]
    assert page.text("#note-told") == ""


def test_without_a_network_text_stays_and_is_saved_later(page, run_folder):
    page.expected_failures = (GONE,)
    page.open_examples("correct", 30)
    key = page.example
    with page.offline():
        page.keys("written on a train", "#note")
        page.wait(lambda: "Not saved" in page.text("#note-state"))
        assert page.text("#save-state") == "1 not saved"
        page.keys("n")
        page.keys("p")
        assert note(page) == "written on a train"
        page.click(".retry")
        page.wait(lambda: "Not saved" in page.text("#note-state"))
        assert key not in marks(run_folder)
    saved(page)
    assert marks(run_folder)[key]["note"] == "written on a train"
    assert page.text("#save-state") == "All saved"


def test_text_outlives_the_server_and_the_page(browser, review, run_folder):
    browser.expected_failures = ("net::ERR_CONNECTION_RE", "net::ERR_EMPTY_RESPONSE", REFUSED)
    url, stop = review(run_folder.parent)
    browser.open(url)
    browser.open_examples("correct", 30)
    key = browser.example
    stop()
    browser.keys("rescued", "#note")
    browser.wait(lambda: "Not saved" in browser.text("#note-state"))
    # A new server has a new token; with the port of the old one the tab remembers.
    url, _ = review(run_folder.parent, "--port", url.split(":")[2].split("/")[0])
    browser.open(url)
    browser.wait(lambda: marks(run_folder).get(key, {}).get("note") == "rescued")
    browser.link(key)
    assert note(browser) == "rescued"


@pytest.mark.parametrize("way", ["reload", "next", "leave"])
def test_what_was_typed_a_moment_ago_is_saved(page, run_folder, way):
    page.open_examples("correct", 30)
    key = page.example
    write_note(page, "a moment ago")
    if way == "next":
        page.keys("n")
    elif way == "reload":
        page.driver.refresh()
    else:
        page.driver.get("about:blank")
    page.wait(lambda: marks(run_folder).get(key, {}).get("note") == "a moment ago")


def test_a_choice_made_meanwhile_is_shown_and_can_be_replaced(page, run_folder):
    page.expected_failures = (REFUSED,)
    page.js(DEAF)
    seen = json.loads((run_folder / "selected_coefficients.json").read_text(encoding="utf-8"))
    grace = {"correct": 100, "rationale": "Grace says so", "reviewer": "Grace"}
    assert post(page, "select", grace | {"seen": seen["timestamp"]}) == 200
    choose(page, "correct", "3")
    page.keys("Ada says so", "#rationale")
    page.click("#save-choice")
    page.wait(lambda: page.all("#clash:not([hidden])"))
    assert "100, chosen by Grace" in page.text("#clash")
    assert "Grace says so" in page.text("#clash")
    page.click("#replace-theirs")
    page.wait(lambda: page.text("#choice-state").startswith("Saved"))
    on_disk = json.loads((run_folder / "selected_coefficients.json").read_text(encoding="utf-8"))
    assert (on_disk["reviewer"], on_disk["correct"]["coefficient"]) == ("Ada", 3)


def test_what_the_server_refuses_is_told_as_it_says_it(page):
    page.expected_failures = (REFUSED,)
    choose(page, "correct", "3")
    page.keys("   ", "#rationale")
    page.click("#save-choice")
    page.wait(lambda: page.text("#choice-state").startswith("Not saved: the rationale is missing"))
    assert page.js("return document.querySelector('[name=choose-correct]:checked').value") == "3"


def test_a_draft_outlives_a_reload(page):
    choose(page, "incorrect", "3")
    page.keys("half a thou", "#rationale")
    reload(page)
    assert page.js("return document.getElementById('rationale').value") == "half a thou"
    assert page.js("return document.querySelector('[name=choose-incorrect]:checked').value") == "3"
