import json
import time
from difflib import SequenceMatcher

import pytest
from report_runs import make_record

from phase4_5.analysis.divergence import calculate_generation_divergence, similarity
from phase4_5.analysis.metrics import calculate_flip_rate, summarise_coefficient, wanted_rate
from phase4_5.analysis.statistics import wilson_interval


def record(baseline_passed, steered_passed, **other):
    codes = {"baseline_code": "a b c d", "steered_code": "a b c d", "changes": []}
    return make_record(
        baseline_passed=baseline_passed, steered_passed=steered_passed, **(codes | other)
    )


# Four passed before, of which one fails now; six failed, of which three pass now.
RESULTS = (
    [record(True, True)] * 3
    + [record(True, False)]
    + [record(False, True)] * 3
    + [record(False, False)] * 3
)


def test_flip_rate_is_in_percent():
    assert calculate_flip_rate(RESULTS) == 40.0
    assert calculate_flip_rate([{"flipped": True}]) == 100.0
    assert calculate_flip_rate([{"flipped": False}, {"flipped": True}, {"flipped": False}]) == (
        pytest.approx(33.3333, abs=1e-4)
    )


def test_correction_and_corruption_are_shares_of_what_could_flip():
    assert wanted_rate(RESULTS, "correct") == 50.0
    assert wanted_rate(RESULTS, "incorrect") == 25.0
    assert wanted_rate([record(True, False)], "correct") is None
    assert wanted_rate([record(False, True)], "incorrect") is None


@pytest.mark.parametrize(
    "metric", [calculate_flip_rate, calculate_generation_divergence, summarise_coefficient]
)
def test_no_results_have_no_metrics(metric):
    with pytest.raises(ValueError, match="no results"):
        metric([])


def test_similarity_worked_by_hand():
    # Tokens: a b c d / a b x d have a, b and d in common: 2 * 3 / (4 + 4).
    # Characters: "a b " and " d" of seven each: 2 * 6 / 14.
    assert similarity("a b c d", "a b x d") == {
        "token_similarity": 0.75,
        "char_similarity": pytest.approx(12 / 14),
        "length_ratio": 1.0,
    }
    assert similarity("ab cd", "ab cd ab cd")["length_ratio"] == 11 / 5


def test_similarity_is_difflibs_in_this_order_of_arguments():
    first, second = "tide", "diet"
    ratio = SequenceMatcher(None, first, second).ratio()
    assert ratio != SequenceMatcher(None, second, first).ratio()
    assert similarity(first, second)["char_similarity"] == ratio


def test_similarity_of_empty_programs():
    assert similarity("", "") == {
        "token_similarity": 1.0,
        "char_similarity": 1.0,
        "length_ratio": 1.0,
    }
    assert similarity("", "x") == {
        "token_similarity": 0.0,
        "char_similarity": 0.0,
        "length_ratio": None,
    }
    assert similarity("x", "")["length_ratio"] == 0.0


def test_similarity_of_long_repetitions_takes_no_time():
    start = time.perf_counter()
    for steered in ("a" * 5000, "a" * 199, "ab " * 2000, "x = 1\n" * 1000):
        similarity("a" * 5000, steered)
        similarity("x = 1\n" * 1000, steered)
    assert time.perf_counter() - start < 10


def test_divergence_from_the_code_or_from_what_is_stored():
    computed = [
        {"baseline_code": "a b c d", "steered_code": "a b c d"},
        {"baseline_code": "a b c d", "steered_code": "a b x d"},
    ]
    expected = {
        "mean_token_similarity": 0.875,
        "mean_char_similarity": pytest.approx(13 / 14),
        "mean_length_ratio": 1.0,
    }
    assert calculate_generation_divergence(computed) == expected
    stored = {"token_similarity": 0.5, "char_similarity": 0.25, "length_ratio": None}
    assert calculate_generation_divergence([*computed[:1], stored]) == {
        "mean_token_similarity": 0.75,
        "mean_char_similarity": 0.625,
        "mean_length_ratio": 1.0,
    }
    assert calculate_generation_divergence([stored])["mean_length_ratio"] is None


def test_summary_of_a_coefficient():
    results = [
        record(True, True, changes=["names"]),
        record(False, True),
        record(True, False, failure_mode="parse_error", changes=["syntax"], valid_syntax=False),
        record(False, True, changes=["literals", "names"]),
        record(False, False, steered_code="a b x d", signature_intact=False),
    ]
    # Of some programs not everything is known.
    results = [each.model_copy(update={"repetition": None}) for each in results]
    results[0] = results[0].model_copy(update={"log_probability": -3.0, "kl_divergence": None})
    summary = summarise_coefficient(results).dump()
    intervals = {
        "flip_rate": wilson_interval(3, 5),
        "correction_rate": wilson_interval(2, 3),
        "corruption_rate": wilson_interval(1, 2),
        "valid_syntax_rate": wilson_interval(4, 5),
        "signature_intact_rate": wilson_interval(4, 5),
    }
    for name, interval in intervals.items():
        assert interval is not None
        assert summary.pop(f"{name}_interval") == pytest.approx(list(interval))
    assert summary == {
        "steering_type": "correct",
        "refined": False,
        "relative_strength": None,
        "weighted": None,
        "mcnemar_p": 1.0,
        "mcnemar_p_holm": None,
        "coefficient": 30.0,
        "n_problems": 5,
        "n_baseline_passed": 2,
        "n_baseline_failed": 3,
        "n_flipped": 3,
        "n_pass_to_fail": 1,
        "n_fail_to_pass": 2,
        "flip_rate": 60.0,
        "correction_rate": pytest.approx(200 / 3),
        "corruption_rate": 50.0,
        "mean_token_similarity": 0.95,
        "mean_char_similarity": pytest.approx((4 + 12 / 14) / 5),
        "mean_length_ratio": 1.0,
        "valid_syntax_rate": 80.0,
        "signature_intact_rate": 80.0,
        "mean_log_probability": pytest.approx((4 * -0.5 - 3) / 5),
        "mean_kl_divergence": 0.25,
        "mean_repetition": None,
        "bounds": {},
        "failure_modes": {"parse_error": 1, "wrong_answer": 1},
        "changes": {"names": 2, "literals": 1, "syntax": 1},
    }
    assert list(summary["changes"]) == ["names", "literals", "syntax"]
    json.dumps(summary, allow_nan=False)


def test_a_rate_of_nothing_has_no_interval():
    summary = summarise_coefficient([record(True, True)])
    assert summary.correction_rate is None
    assert summary.correction_rate_interval is None
