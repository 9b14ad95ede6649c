import pytest
from report_runs import make_record

from phase4_5.analysis.metrics import summarise_coefficient
from phase4_5.records import FeatureSummary
from phase4_5.report.text import analysis_text


def record(task_id, baseline_passed, mode, changes, error=None, coefficient=30.0, **other):
    return make_record(
        task_id,
        coefficient=coefficient,
        baseline_passed=baseline_passed,
        steered_passed=mode is None,
        failure_mode=mode,
        changes=changes,
        error=error,
        valid_syntax=mode != "parse_error",
        **{"token_similarity": 0.62, "char_similarity": 0.71, "length_ratio": 1.5, **other},
    )


def text_of(records):
    return analysis_text("correct", [summarise_coefficient(records)], {30.0: records})


def test_a_coefficient_as_text():
    records = [
        record(1, True, "wrong_answer", ["operators"]),
        record(5, False, None, ["names", "control_flow"]),
        record(12, True, "parse_error", ["syntax"], "SyntaxError: invalid syntax (line 3)"),
        record(13, True, None, ["names"]),
    ]
    assert text_of(records) == (
        "Correct-steering\n"
        "================\n"
        "\n"
        "Coefficient: 30\n"
        "Flip Rate: 75.0% (3 of 4 problems)\n"
        "Corrected: 1 of 1 baseline failures\n"
        "Corrupted: 2 of 3 baseline passes\n"
        "Examples of flips:\n"
        "  - Task 001: Pass→Fail (logic error introduced; changed: operators)\n"
        "  - Task 005: Fail→Pass (passes now; changed: names, control flow)\n"
        "  - Task 012: Pass→Fail (syntax error: invalid syntax (line 3))\n"
        "\n"
        "Generation Quality:\n"
        "  - Average token similarity: 0.62\n"
        "  - Average character similarity: 0.71\n"
        "  - Average length ratio: 1.50\n"
        "  - Valid syntax: 75.0%\n"
        "  - Signatures intact: 100.0%\n"
        "  - Failure modes: parse_error 1, wrong_answer 1\n"
        "  - Most changes: names, control flow, operators\n"
    )


@pytest.mark.parametrize(
    ("mode", "error", "reason"),
    [
        ("exception:NameError", "NameError: name 'q'", "NameError: name 'q'; changed: names"),
        ("exception:Odd", None, "Odd raised"),
        ("missing_function", "NameError: name 'f'", "the tests' function isn't defined"),
        ("changed_signature", "TypeError: f()", "function signature changed"),
        ("parse_error", None, "syntax error"),
        ("timeout", None, "out of time"),
        ("memory", None, "out of memory"),
        ("exited", None, "the program ended its own process"),
        ("empty", None, "no program"),
        ("non_finite", None, "the model's numbers overflowed"),
        ("degenerate_repetition", None, "the text repeats itself"),
    ],
)
def test_the_reason_of_a_flip(mode, error, reason):
    text = text_of([record(7, True, mode, ["names"], error)])
    assert f"  - Task 007: Pass→Fail ({reason})\n" in text


def test_an_error_message_can_not_upset_the_page():
    error = "E: \x1b[31m\u202e" + "x" * 150
    line = next(
        line
        for line in text_of([record(7, True, "exception:E", [], error)]).splitlines()
        if "Task" in line
    )
    assert "E: ?[31m?xxx" in line
    assert "x…; the same syntax tree)" in line
    assert len(line) < 150


def test_a_ratio_that_does_not_exist():
    records = [record(1, True, None, [], length_ratio=None)]
    assert "  - Average length ratio: none\n" in text_of(records)


def test_without_flips_it_says_so_and_many_are_cut():
    assert "Examples of flips: none\n" in text_of([record(1, True, None, [])])
    text = text_of([record(number, True, "timeout", []) for number in range(13)])
    assert "Task 009" in text
    assert "Task 010" not in text
    assert "  - and 3 more\n" in text


def test_each_coefficient_in_the_order_given():
    records = {value: [record(1, True, None, [], coefficient=value)] for value in (1.0, 0.5, 100.0)}
    summaries = [summarise_coefficient(listed) for listed in records.values()]
    lines = analysis_text("incorrect", summaries, records).splitlines()
    assert lines[0] == "Incorrect-steering"
    assert [line for line in lines if line.startswith("Coefficient")] == [
        "Coefficient: 1",
        "Coefficient: 0.5",
        "Coefficient: 100",
    ]
    assert "  - Most changes: none" in lines


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.2198, " (separation 0.200, p = 0.22 against shuffled verdicts: may be chance)"),
        (0.05, " (separation 0.200, p = 0.05 against shuffled verdicts: may be chance)"),
        (0.0123, " (separation 0.200, p = 0.0123 against shuffled verdicts)"),
        (None, ""),
    ],
)
def test_the_latent_and_whether_it_may_be_chance(p, words):
    feature = FeatureSummary(layer=3, feature_idx=14, separation_score=0.2, separation_p=p)
    records = [record(1, True, None, [])]
    text = analysis_text("correct", [summarise_coefficient(records)], {30.0: records}, feature)
    assert text.split("\n\n")[1] == f"Latent: layer 3, latent 14{words}"
