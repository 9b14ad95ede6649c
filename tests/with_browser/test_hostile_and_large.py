import pytest
from report_runs import big_run, changed, make_record, make_run, save_run

from phase4_5.report.page import write_report

SCRIPT = "window.pwned=1;alert(1)"
HOSTILE = (
    f"</script><script>{SCRIPT}</script><img src=x onerror='{SCRIPT}'><svg onload='{SCRIPT}'>"
    f"<a href='javascript:{SCRIPT}'>x</a> <!-- ]]> ${{{SCRIPT}}} `${{{SCRIPT}}}` \u202e😀\x00"
)


@pytest.mark.parametrize("served", [False, True])
def test_hostile_text_is_shown_and_not_executed(browser, serve, tmp_path, served):
    records = [
        make_record(
            task_id,
            prompt=HOSTILE,
            baseline_code=HOSTILE,
            steered_code=f"x = 1\n{HOSTILE}",
            error=HOSTILE,
            failure_mode=f"exception:{HOSTILE}",
            stop_reason=HOSTILE,
            changes=[HOSTILE],
        )
        for task_id in (1, 2)
    ]
    incorrect = make_record(3, "incorrect")
    chosen = {
        "selection_method": "manual",
        "reviewer": HOSTILE,
        "rationale": HOSTILE,
        "marks": [{"task_id": 1, "mark": "keep", "note": HOSTILE}],
    }
    run = make_run(tmp_path, [*records, incorrect], model_name=HOSTILE)
    run = save_run(changed(run, "selected_coefficients", "correct", **chosen))
    browser.open(serve(run.folder) if served else write_report(run).as_uri())
    browser.wait(lambda: browser.all(".plot svg"))
    modes = "#direction-correct .panel[data-picture=failure_modes]"
    browser.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    browser.js("document.querySelector(arguments[0]).focus()", f"{modes} .target")
    assert browser.texts(f"{modes} .tip dt") == ["passed", HOSTILE]
    browser.open_examples("correct", 30)
    browser.js("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    assert len(browser.all("script")) == 2
    assert not browser.all("img, a[href^=javascript], svg[onload]")
    assert browser.text(".card .rationale") == HOSTILE
    assert browser.text("#subtitle .model") == HOSTILE
    assert browser.text(".prompt pre") == HOSTILE
    assert browser.text(".error") == HOSTILE
    assert browser.texts(".line.before:not(.title) code") == [HOSTILE]
    assert browser.texts(".line.after:not(.title) code") == ["x = 1", HOSTILE]


def test_lines_that_came_and_went_keep_their_places(browser, tmp_path):
    before = (
        "import re\n\ndef f(a):\n    one(a)\n    two(a)\n    if a:\n        return 1\n    return a"
    )
    after = "def f(a):\n    x = 'eins'\n    if a > 3:\n        return 1\n    # new\n    return a"
    run = make_run(
        tmp_path,
        [
            make_record(1, baseline_code=before, steered_code=after),
            make_record(2, baseline_code=after, steered_code=before),
            make_record(3, "incorrect"),
        ],
    )
    browser.open(write_report(run).as_uri())
    for task_id, programs in ((1, (before, after)), (2, (after, before))):
        browser.link(f"correct|30|{task_id}")
        for side, code in zip(("before", "after"), programs, strict=True):
            lines = f".line.{side}:not(.title)"
            assert "\n".join(browser.texts(f"{lines} code")) == code
            numbers = browser.js(
                "return [...document.querySelectorAll(arguments[0])].map((e) => e.dataset.number)",
                f"{lines} .gutter",
            )
            assert numbers == [str(n + 1) for n in range(code.count("\n") + 1)]
        assert browser.all(".line.before.removed, .line.after.added")
        assert browser.all(".line.before.changed") and browser.all(".line.before.same")


def test_1400_examples_stay_usable(browser, tmp_path, record_testsuite_property):
    path = write_report(big_run(tmp_path))
    assert path.stat().st_size < 15e6
    browser.open(path.as_uri())
    paint = browser.wait(
        lambda: browser.js(
            "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        )
    )
    step = browser.js(
        "const start = performance.now();"
        "for (let n = 0; n < 50; n += 1) {"
        "  document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'n', bubbles: true}));"
        "  document.body.offsetHeight;"
        "}"
        "return (performance.now() - start) / 50"
    )
    search = browser.js(
        "const e = document.getElementById('filter-text'); e.value = 'solve_77(';"
        "const start = performance.now(); e.dispatchEvent(new Event('input'));"
        "document.body.offsetHeight; return performance.now() - start"
    )
    assert browser.text("#count").startswith("1 of 14 ")
    whole = browser.js(
        "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    )
    measured = {"first_paint": paint, "whole_page": whole, "next": step, "search": search}
    for name, milliseconds in measured.items():
        record_testsuite_property(f"{name}_ms", round(milliseconds, 1))
    assert paint < 2000
    assert whole < 2000
    assert step < 100
    assert search < 1000
