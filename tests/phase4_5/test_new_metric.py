"""A new metric is one entry in one table; summary, rule, texts, pictures and page have it."""

import re

import pytest
from plot_runs import draw
from report_runs import make_record, make_run

from phase4_5.analysis.metrics import METRICS, Curve, Metric, Share
from phase4_5.plots.direction import directions_of
from phase4_5.plots.pictures import all_pictures
from phase4_5.report.markdown import markdown_report
from phase4_5.report.page.data import page_data
from phase4_5.report.text import analysis_text

SHORT = Metric(
    name="short_rate",
    label="short texts",
    meaning="programs of fewer than 30 tokens",
    unit="%",
    better=None,
    compute=lambda records: Share(sum(one.n_new_tokens < 30 for one in records), len(records)),
    bound=90.0,
    in_rationale=True,
    in_text="Short texts",
    in_table="short",
    curve=Curve("share of short texts", "pink", "X", "-"),
)


@pytest.fixture
def run(tmp_path):
    """Half of the texts are short."""
    METRICS.append(SHORT)
    records = [
        make_record(task_id, direction, 30, n_new_tokens=20 + 20 * (task_id % 2))
        for direction in ("correct", "incorrect")
        for task_id in range(4)
    ]
    yield make_run(tmp_path, records)
    METRICS.remove(SHORT)


def test_the_summary_has_it_with_its_interval(run):
    row = run.summary.dump()["results"]["correct"][0]
    assert row["short_rate"] == 50.0
    low, high = row["short_rate_interval"]
    assert 0 < low < 50 < high < 100


def test_the_recommendation_holds_its_floor_and_tells_it(run):
    assert "short texts 50.0 % is below 90 %" in run.summary.recommended["correct"].rationale


def test_the_texts_tell_it(run):
    markdown = markdown_report(run)
    assert re.search(r"\| +short +\|", markdown)
    assert re.search(r"\| +50\.0 % +\|", markdown)
    rows = run.summary.rows("correct")
    assert "  - Short texts: 50.0%" in analysis_text(
        "correct", rows, {30.0: run.examples["correct", 30.0]}
    )


def test_the_picture_draws_and_tells_it(run):
    labels = [text.get_text() for text in draw(run, "quality").legends[0].texts]
    assert "share of short texts" in labels
    (quality,) = [picture for picture in all_pictures() if picture.name == "quality"]
    told = dict(quality.tell(directions_of(run)[0], 30.0))
    assert told["short texts"].startswith("50.0 % [")


def test_the_page_has_it(run):
    data = page_data(run, False)
    assert "short_rate" in [metric["name"] for metric in data["metrics"]]
    assert data["directions"][0]["results"][0]["short_rate"] == 50.0


def test_where_lower_is_better_the_bound_is_an_upper_one():
    from dataclasses import replace

    from phase4_5.analysis.metrics import summarise_coefficient
    from phase4_5.analysis.recommendation import shortcomings

    long_texts = replace(SHORT, name="long_rate", label="long texts", better="lower", bound=20.0)
    METRICS.append(long_texts)
    try:
        few, many = (
            summarise_coefficient([make_record(task, n_new_tokens=n) for task in range(4)])
            for n in (40, 20)
        )
        assert not any("long texts" in reason for reason in shortcomings(few))
        assert "long texts 100.0 % is above 20 %" in shortcomings(many)
    finally:
        METRICS.remove(long_texts)
